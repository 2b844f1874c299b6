package source

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// overlay is where objects go that are made here, outside of the repository:
// git finds those of the repository too. The first call makes it and has later
// reading see it.
func (l *Local) overlay() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.scratch != "" {
		return nil
	}
	scratch, err := os.MkdirTemp("", "loktar-objects-")
	if err != nil {
		return fmt.Errorf("make a folder for objects: %w", err)
	}
	l.scratch = scratch
	dir := cmp.Or(l.made, scratch)
	also := quoteAlternate(cmp.Or(os.Getenv("GIT_OBJECT_DIRECTORY"), filepath.Join(l.m.dir, "objects")))
	if more := os.Getenv("GIT_ALTERNATE_OBJECT_DIRECTORIES"); more != "" {
		also += ":" + more
	}
	g := l.m.src.git
	g.env = append(g.env, "GIT_OBJECT_DIRECTORY="+dir, "GIT_ALTERNATE_OBJECT_DIRECTORIES="+also)
	if l.objects != nil {
		err = l.objects.Close()
		l.objects = nil
	}
	return err
}

// MakeIn has objects that are made here stay in the folder dir, which git
// finds its objects in. Call it before anything is asked.
func (l *Local) MakeIn(dir string) { l.made = dir }

// Objects is the folder with the repository's objects.
func (l *Local) Objects() string {
	return cmp.Or(os.Getenv("GIT_OBJECT_DIRECTORY"), filepath.Join(l.m.dir, "objects"))
}

// GitDir is the folder with what all working trees of the repository share.
func (l *Local) GitDir() string { return l.m.dir }

// Left counts what is in the working tree and not committed, but for files
// that are ignored; 0 for a bare repository.
func (l *Local) Left(ctx context.Context) (n int, err error) {
	if l.top == "" {
		return 0, nil
	}
	index := filepath.Join(l.gitDir, "index")
	c := call{args: []string{"status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--ignore-submodules=none"}}
	cmd := l.m.src.git.command(ctx, c)
	cmd.Dir = l.top
	cmd.Env = append(cmd.Env, "GIT_INDEX_FILE="+index)
	out, errs := &bounded{max: maxOutput}, &bounded{max: maxStderr, cut: true}
	cmd.Stdout, cmd.Stderr = out, errs
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("look at the working tree: %w", failure(ctx, c, err, errs))
	}
	return bytes.Count(out.Bytes(), []byte{0}), nil
}

// quoteAlternate is a path as git reads it in a list that colons part.
func quoteAlternate(path string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(path) + `"`
}

// Merged is the tree of head merged into base, as a pull request is tested;
// conflicts are the paths that git could not merge, and there is no tree then.
// Trees and commits from before the first call of this or Uncommitted are read
// no more after it. Nothing is written to the repository.
func (l *Local) Merged(ctx context.Context, base, head string) (tree string, conflicts []string, err error) {
	if err := l.overlay(); err != nil {
		return "", nil, err
	}
	return l.m.merge(ctx, base, head)
}

// Uncommitted is the tree that `git add --all` and a commit would make now:
// what is in the working tree, but for files that are ignored. See Merged for
// what it leaves behind.
func (l *Local) Uncommitted(ctx context.Context) (tree string, err error) {
	if l.top == "" {
		return "", checks.Errorf(checks.KindRefused, nil, "This repository is bare: there is no working tree to look at. Leave --uncommitted away.")
	}
	if err := l.overlay(); err != nil {
		return "", err
	}
	index := filepath.Join(l.scratch, "index")
	if err := copyFile(filepath.Join(l.gitDir, "index"), index); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("copy the index: %w", err)
	}
	for _, args := range [][]string{{"add", "--all", "--", "."}, {"write-tree"}} {
		cmd := l.m.src.git.command(ctx, call{dir: l.gitDir, args: args, env: []string{"GIT_INDEX_FILE=" + index, "GIT_WORK_TREE=" + l.top}})
		cmd.Dir = l.top
		var out strings.Builder
		errs := &bounded{max: maxStderr, cut: true}
		cmd.Stdout, cmd.Stderr = &out, errs
		if err := cmd.Run(); err != nil {
			return "", checks.Errorf(checks.KindRefused, failure(ctx, call{args: args}, err, errs), "Git could not look at the working tree.")
		}
		tree = strings.TrimSpace(out.String())
	}
	if !isObjectName(tree) {
		return "", fmt.Errorf("write the working tree: git printed %q", tree)
	}
	return tree, nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

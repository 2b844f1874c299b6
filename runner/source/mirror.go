package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/dudesons/loktar/checks"
)

// refRoot is where the mirrors' refs are: refRoot/DATE/NAME. Nothing else
// keeps objects from being collected, and the date says when they may be.
const refRoot = "refs/loktar/"

// mirror is the bare repository of one repository id.
type mirror struct {
	src *Source
	dir string
	// turn holds one token; who has it may fetch, make or replace the mirror.
	turn chan struct{}

	linkMemory linkMemory
	// tagged are heads that the tags were fetched for; who has the turn may
	// use it.
	tagged map[string]bool

	mu sync.Mutex
	// kept tells the day on which an object that is complete here was last
	// anchored, as far as this process knows.
	kept map[string]string
	// users are who works in the mirror now. unused is closed when the last of
	// them is gone; evicting is closed when new ones may come. Both are nil
	// when nobody waits for that.
	users            map[*user]bool
	readers          int // open Objects
	unused, evicting chan struct{}
}

func newMirror(s *Source, id int64) *mirror {
	m := &mirror{
		src: s, dir: filepath.Join(s.opts.Dir, "mirrors", strconv.FormatInt(id, 10)+".git"),
		turn: make(chan struct{}, 1), kept: map[string]string{}, users: map[*user]bool{},
	}
	m.turn <- struct{}{}
	return m
}

func noMirror(repo checks.Repo) error {
	return checks.Errorf(checks.KindNotFound, nil, "The server has no copy of %s. It has to be fetched first.", repo.FullName())
}

// lock waits for the mirror's turn; the caller gives it back with unlock.
func (m *mirror) lock(ctx context.Context) error {
	select {
	case <-m.turn:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the mirror: %w", context.Cause(ctx))
	}
}

func (m *mirror) unlock() { m.turn <- struct{}{} }

func (m *mirror) run(ctx context.Context, args ...string) ([]byte, error) {
	return m.src.git.run(ctx, call{dir: m.dir, args: args})
}

// exists reports whether the folder is a repository by its looks.
func (m *mirror) exists() bool {
	for _, name := range []string{"HEAD", "config", "objects", "refs"} {
		if _, err := os.Stat(filepath.Join(m.dir, name)); err != nil {
			return false
		}
	}
	return true
}

// ensure makes the mirror when it is not there or not whole. The caller holds
// the turn.
func (m *mirror) ensure(ctx context.Context) error {
	if m.exists() {
		return nil
	}
	return m.recreate(ctx)
}

// recreate puts an empty mirror in the place of what is there. The caller
// holds the turn.
func (m *mirror) recreate(ctx context.Context) error {
	m.distrust()
	m.tagged = nil
	fresh := m.dir + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("make mirror: %w", err)
	}
	init := call{args: []string{"init", "--quiet", "--bare", "--template=", "--object-format=sha1", "--initial-branch=none", "--", fresh}}
	if _, err := m.src.git.run(ctx, init); err != nil {
		return fmt.Errorf("make mirror: %w", diskFault(err))
	}
	if err := m.src.trash.discard(m.dir); err != nil {
		return err
	}
	if err := os.Rename(fresh, m.dir); err != nil {
		return fmt.Errorf("make mirror: %w", err)
	}
	return nil
}

// replace is recreate for who does not hold the turn.
func (m *mirror) replace(ctx context.Context) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.unlock()
	return m.recreate(ctx)
}

func (m *mirror) shallow() bool {
	_, err := os.Stat(filepath.Join(m.dir, "shallow"))
	return err == nil
}

func (m *mirror) today() string { return m.src.now().UTC().Format(time.DateOnly) }

// ref is the ref of today for name.
func (m *mirror) ref(name string) string { return refRoot + m.today() + "/" + name }

func (m *mirror) remember(ids ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.kept) > 50_000 {
		clear(m.kept)
	}
	for _, id := range ids {
		m.kept[id] = m.today()
	}
}

// complete reports whether the commit and all that it reaches are here.
func (m *mirror) complete(ctx context.Context, sha string) (bool, error) {
	if m.keptOn(sha) != "" {
		return true, nil
	}
	_, err := m.run(ctx, "rev-list", "--quiet", "--objects", sha+"^{commit}", "--not", "--all")
	switch {
	case err == nil:
		return true, nil
	case exitOf(err) > 0:
		return false, nil
	}
	return false, err
}

// anchor keeps commits that are complete here, and what they reach, from
// being collected.
func (m *mirror) anchor(ctx context.Context, shas ...string) error {
	var in bytes.Buffer
	var todo []string
	for _, sha := range shas {
		if m.keptOn(sha) != m.today() {
			todo = append(todo, sha)
			fmt.Fprintf(&in, "update %s\x00%s\x00\x00", m.ref(sha), sha)
		}
	}
	if len(todo) == 0 {
		return nil
	}
	update := call{dir: m.dir, args: []string{"update-ref", "--stdin", "-z"}, stdin: in.Bytes()}
	if _, err := m.src.git.run(ctx, update); err != nil {
		return fmt.Errorf("anchor commits: %w", diskFault(err))
	}
	m.remember(todo...)
	return nil
}

// anchorTree is anchor for a tree. The ref points at a commit made for it, as
// git walks all of a tree that a ref points at in every fetch. That commit is
// older than any other, so that it does not get in the way of negotiation.
func (m *mirror) anchorTree(ctx context.Context, tree string) error {
	if m.keptOn(tree) == m.today() {
		return nil
	}
	commit := call{dir: m.dir, args: []string{"commit-tree", "-m", "tested", tree}, env: []string{
		"GIT_AUTHOR_NAME=loktar", "GIT_AUTHOR_EMAIL=loktar", "GIT_AUTHOR_DATE=@0 +0000",
		"GIT_COMMITTER_NAME=loktar", "GIT_COMMITTER_EMAIL=loktar", "GIT_COMMITTER_DATE=@0 +0000",
	}}
	out, err := m.src.git.run(ctx, commit)
	if err != nil {
		return fmt.Errorf("anchor the tree: %w", diskFault(err))
	}
	if err := m.anchor(ctx, strings.TrimSpace(string(out))); err != nil {
		return err
	}
	m.remember(tree)
	return nil
}

// keptOn is the day on which this process last anchored id, or empty.
func (m *mirror) keptOn(id string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kept[id]
}

// distrust forgets what was known to be complete, so that it is looked at.
func (m *mirror) distrust() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.kept)
}

// cleanMirrors removes what killed git processes left: lock files, half
// written packs and objects, and mirrors that were being made.
func cleanMirrors(dir string) error {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case d.IsDir() && filepath.Dir(path) == dir && strings.HasSuffix(path, ".new"):
			if err := os.RemoveAll(path); err != nil {
				return err
			}
			return fs.SkipDir
		case !d.IsDir() && stale(path):
			return removeFile(path)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("clean mirrors: %w", err)
	}
	return nil
}

// removeFile removes a file that git may remove itself at the same time: a
// process outlives its killed server by a moment.
func removeFile(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func stale(path string) bool {
	name := filepath.Base(path)
	return strings.HasSuffix(name, ".lock") ||
		strings.HasPrefix(name, "tmp_") && strings.Contains(path, ".git/objects/")
}

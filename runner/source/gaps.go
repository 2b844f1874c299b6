package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// GapKind says what is missing at a path.
type GapKind string

// The kinds of gaps.
const (
	// GapSubmodule: the folder is empty, as its files are another repository's.
	GapSubmodule GapKind = "submodule"
	// GapLFS: the file is a pointer of Git LFS, not the content.
	GapLFS GapKind = "lfs"
)

// Gap is a path at which a worktree does not hold what its authors see there.
type Gap struct {
	Path string // from the root, slash-separated; hostile text
	Kind GapKind
}

// maxPointer bounds a pointer file, in bytes, as git-lfs has it
// (docs/spec.md in its repository).
const maxPointer = 1024

// maxAttributes bounds a .gitattributes that is searched, in bytes. A larger
// one is taken to say anything.
const maxAttributes = 1 << 20

// gaps are the gaps of a folder, and what is needed to know those of the tree
// that it is moved to.
type gaps struct {
	submodules map[string]bool
	lfs        bool            // a .gitattributes hands files to git-lfs
	pointers   map[string]bool // by blob id, of files that were looked at
	list       []Gap           // by path; nobody changes it
}

// survey finds the gaps of what was checked out into f.
func (m *mirror) survey(ctx context.Context, f *folder) (*gaps, error) {
	out, err := m.listIndex(ctx, f)
	if err != nil {
		return nil, err
	}
	g := &gaps{submodules: map[string]bool{}, pointers: map[string]bool{}}
	var attributes []string
	err = eachIndexed(out, func(mode, oid, path string) {
		switch {
		case mode == string(ModeSubmodule):
			g.submodules[path] = true
		case strings.HasSuffix(path, ".gitattributes"):
			if _, name := splitDir(path); name == ".gitattributes" {
				attributes = append(attributes, oid)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if g.lfs, err = m.handsToLFS(ctx, attributes); err != nil {
		return nil, err
	}
	return g, m.conclude(ctx, f, g)
}

// moved gives the gaps of a folder that was moved on by the changes in raw,
// the output of git diff-tree --raw -z; no .gitattributes is among them.
func (m *mirror) moved(ctx context.Context, f *folder, old *gaps, raw []byte) (*gaps, error) {
	g := &gaps{submodules: map[string]bool{}, lfs: old.lfs, pointers: old.pointers}
	changed := false
	for path := range old.submodules {
		g.submodules[path] = true
	}
	err := eachChange(raw, func(c rawChange) error {
		switch string(ModeSubmodule) {
		case c.after:
			g.submodules[c.path] = true
			changed = true
		case c.before:
			delete(g.submodules, c.path)
			changed = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !changed && !g.lfs {
		g.list = old.list
		return g, nil
	}
	return g, m.conclude(ctx, f, g)
}

// conclude fills in g.list.
func (m *mirror) conclude(ctx context.Context, f *folder, g *gaps) error {
	for path := range g.submodules {
		g.list = append(g.list, Gap{path, GapSubmodule})
	}
	if g.lfs {
		if err := m.findPointers(ctx, f, g); err != nil {
			return fmt.Errorf("look for files of Git LFS: %w", err)
		}
	}
	slices.SortFunc(g.list, func(a, b Gap) int { return strings.Compare(a.Path, b.Path) })
	return nil
}

// handsToLFS reports whether one of these .gitattributes files does.
func (m *mirror) handsToLFS(ctx context.Context, oids []string) (lfs bool, err error) {
	if len(oids) == 0 {
		return false, nil
	}
	objects, err := m.src.git.objects(ctx, m.dir)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, objects.Close()) }()
	for _, oid := range oids {
		_, text, err := objects.Blob(oid, maxAttributes)
		var large *TooLargeError
		if errors.As(err, &large) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		if bytes.Contains(text, []byte("filter=lfs")) {
			return true, nil
		}
	}
	return false, nil
}

// findPointers adds the pointers among the files that git would hand to
// git-lfs.
func (m *mirror) findPointers(ctx context.Context, f *folder, g *gaps) (err error) {
	out, err := m.listIndex(ctx, f, ":(top,attr:filter=lfs)")
	if err != nil {
		return err
	}
	objects, err := m.src.git.objects(ctx, m.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, objects.Close()) }()
	now := map[string]bool{}
	var failed error
	err = eachIndexed(out, func(mode, oid, path string) {
		if failed != nil || !(Entry{Mode: Mode(mode)}).IsFile() {
			return
		}
		is, known := now[oid]
		if !known {
			is, known = g.pointers[oid]
		}
		if !known {
			_, text, err := objects.Blob(oid, maxPointer)
			var large *TooLargeError
			if err != nil && !errors.As(err, &large) {
				failed = err
				return
			}
			is = err == nil && isPointer(text)
		}
		if now[oid] = is; is {
			g.list = append(g.list, Gap{path, GapLFS})
		}
	})
	g.pointers = now
	return errors.Join(err, failed)
}

// pointerVersions are what the first line of a pointer may say after
// "version ", the older names of the format among them (lfs/pointer.go of
// git-lfs, v1Aliases).
var pointerVersions = []string{
	"https://git-lfs.github.com/spec/v1", "https://hawser.github.com/spec/v1", "http://git-media.io/v/2",
}

// isPointer reports whether git-lfs would put another content in the place of
// this one. Like it, this passes over empty lines and carriage returns.
func isPointer(text []byte) bool {
	if len(text) > maxPointer {
		return false
	}
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		version, ok := bytes.CutPrefix(line, []byte("version "))
		return ok && slices.Contains(pointerVersions, string(bytes.TrimSpace(version)))
	}
	return false
}

// listIndex lists what is in a folder's index and matches the pathspecs.
func (m *mirror) listIndex(ctx context.Context, f *folder, specs ...string) ([]byte, error) {
	return m.src.git.run(ctx, call{
		dir:  m.dir,
		args: append([]string{"--work-tree=" + f.files(), "ls-files", "--stage", "-z", "--"}, specs...),
		env:  []string{"GIT_INDEX_FILE=" + f.index()},
	})
}

// eachIndexed reads the output of git ls-files --stage -z: mode, object id and
// stage with blanks between them, a tab and the path, ended by NUL.
func eachIndexed(out []byte, do func(mode, oid, path string)) error {
	for len(out) > 0 {
		entry, rest, ended := bytes.Cut(out, []byte{0})
		head, path, tab := bytes.Cut(entry, []byte{'\t'})
		mode, head, blank := bytes.Cut(head, []byte{' '})
		oid, _, more := bytes.Cut(head, []byte{' '})
		if !ended || !tab || !blank || !more || len(path) == 0 || len(mode) != 6 {
			return fmt.Errorf("the entry %q is malformed", entry)
		}
		do(string(mode), string(oid), string(path))
		out = rest
	}
	return nil
}

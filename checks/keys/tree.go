package keys

import (
	"fmt"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// Tree is what keys need of git: the entries of one commit, and no content.
// Paths are from its root, clean and slash-separated. Its methods are called
// from one goroutine.
type Tree interface {
	// Entry is the entry at a path that is not the root; false when there is
	// none. No link is followed, on the way neither.
	Entry(path string) (Entry, bool, error)
	// List is what stands directly in a folder, "." the root, in git's order;
	// nil when there is no such folder. The slice is not changed.
	List(dir string) ([]Entry, error)
	// Files calls do with everything in the tree that is no folder, in git's
	// order: ascending by the bytes of the path. It ends early with do's
	// error. It is called at most once, and only when entries of folders do
	// not suffice, see Of.
	Files(do func(path string, e Entry) error) error
}

// Entry is one entry of a folder.
type Entry struct {
	Name string // its last path element, any bytes but NUL and slash; Files need not fill it in
	Mode Mode
	OID  string // git's id of the blob, the tree or the submodule's commit
}

// Mode is the mode of an entry as git writes it, in octal digits without
// leading zeros.
type Mode string

// ModeFolder is the mode of a folder, see git's fast-import documentation.
const ModeFolder Mode = "40000"

// join is the path of an entry of dir.
func join(dir, name string) string {
	if dir == "." {
		return name
	}
	return dir + "/" + name
}

// isPath reports whether p can be the path of an entry.
func isPath(p string) bool {
	for elem := range strings.SplitSeq(p, "/") {
		if elem == "" || elem == "." || elem == ".." {
			return false
		}
	}
	return true
}

// parents calls do with the folders around path, from the root, "." itself,
// down; path itself is not among them.
func parents(path string, do func(dir string)) {
	if path == "." {
		return
	}
	do(".")
	for i := range len(path) {
		if path[i] == '/' {
			do(path[:i])
		}
	}
}

// entry is the entry at any path, none when the path is not clean.
func (w *work) entry(path string) (Entry, bool, error) {
	if !isPath(path) {
		return Entry{}, false, nil
	}
	e, ok, err := w.tree.Entry(path)
	if err != nil {
		return Entry{}, false, fmt.Errorf("look for %s: %w", path, err)
	}
	return e, ok, nil
}

// list writes the entries of a folder, but for those that leave tells.
func (w *work) list(to *encoder, dir string, leave func(path string, e Entry) (bool, error)) error {
	entries, err := w.tree.List(dir)
	if err != nil {
		return fmt.Errorf("list folder %s: %w", dir, err)
	}
	for _, e := range entries {
		path := join(dir, e.Name)
		if leave != nil {
			out, err := leave(path, e)
			if err != nil {
				return err
			}
			if out {
				continue
			}
		}
		to.entry(path, e)
	}
	return nil
}

// all writes everything at a path and below; nothing when nothing is there.
func (w *work) all(to *encoder, path string) error {
	if path == "." {
		return w.list(to, ".", nil)
	}
	e, ok, err := w.entry(path)
	if ok {
		to.entry(path, e)
	}
	return err
}

// own writes what belongs to package i, of which ignore leaves nothing out:
// the folder's id where all in it is the package's.
func (w *work) own(to *encoder, i int) error {
	dir := w.packages[i].Dir
	if dir != "." && !w.owners.above[dir] {
		return w.all(to, dir)
	}
	if dir != "." {
		if e, ok, err := w.entry(dir); err != nil || !ok {
			return err
		} else if e.Mode != ModeFolder {
			to.entry(dir, e)
			return nil
		}
	}
	var leave func(path string, e Entry) (bool, error)
	leave = func(path string, e Entry) (bool, error) {
		_, nested := w.owners.byDir[path]
		switch {
		case nested:
			return true, nil
		case e.Mode == ModeFolder && w.owners.above[path]:
			return true, w.list(to, path, leave)
		}
		return path == checks.ManifestFile && e.Mode != ModeFolder, nil
	}
	return w.list(to, dir, leave)
}

// owners finds the package that a path belongs to: the one with the deepest
// folder around it.
type owners struct {
	byDir map[string]int
	above map[string]bool // the folders that are around some package's

	known bool // of the folder that was last asked about
	dir   string
	of    int
}

func newOwners(packages []checks.Package) owners {
	o := owners{byDir: make(map[string]int, len(packages)), above: map[string]bool{}}
	for i := range packages {
		o.byDir[packages[i].Dir] = i
		parents(packages[i].Dir, func(dir string) { o.above[dir] = true })
	}
	return o
}

// owner is the package of path, -1 when nobody owns it.
func (o *owners) owner(path string) int {
	if i, ok := o.byDir[path]; ok {
		return i
	}
	dir := path[:max(strings.LastIndexByte(path, '/'), 0)]
	if o.known && dir == o.dir {
		return o.of
	}
	o.known, o.dir, o.of = true, dir, -1
	parents(path, func(dir string) {
		if i, ok := o.byDir[dir]; ok {
			o.of = i
		}
	})
	return o.of
}

// alone reports whether all that is at path and below belongs to i.
func (o *owners) alone(i int, path string) bool {
	return o.owner(path) == i && !o.above[path]
}

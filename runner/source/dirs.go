package source

import (
	"slices"
	"strings"
	"sync"
)

// Dirs answers which folders a tree has, for a caller that looks at errors
// once, at the end. Its methods may be called from many goroutines.
type Dirs struct {
	tree *Tree

	mu  sync.Mutex
	err error
}

// Exists reports whether dir is a folder of the tree: slash-separated, from
// the root, "." the root. A file, a link and a submodule are none.
func (d *Dirs) Exists(dir string) bool {
	if dir == "." {
		return true
	}
	e, ok, err := d.tree.Entry(dir)
	return d.good(err) && ok && e.IsDir()
}

// Siblings are the names of the folders that are directly beneath dir's
// parent, sorted; none when the parent is not there.
func (d *Dirs) Siblings(dir string) []string {
	parent, _ := splitDir(dir)
	entries, err := d.tree.List(parent)
	if !d.good(err) {
		return nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name)
		}
	}
	slices.Sort(names)
	return names
}

// Err is the first error met; the answers after it are worth nothing.
func (d *Dirs) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// good keeps the first error.
func (d *Dirs) good(err error) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil {
		d.err = err
	}
	return err == nil
}

func splitDir(dir string) (parent, name string) {
	if i := strings.LastIndexByte(dir, '/'); i >= 0 {
		return dir[:i], dir[i+1:]
	}
	return ".", dir
}

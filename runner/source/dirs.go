package source

import (
	"slices"
	"strings"
	"sync"
)

// Dirs answers which folders a tree has. A parent folder is read once, when
// it is first asked about, so many questions cost little. Its methods may be
// called from many goroutines. Close must be called.
type Dirs struct {
	objects *Objects
	root    string

	mu      sync.Mutex
	folders map[string]map[string]string // path -> name -> object id; nil when there is no such folder
	err     error
}

func newDirs(objects *Objects, root string) *Dirs {
	return &Dirs{objects: objects, root: root, folders: map[string]map[string]string{}}
}

// Exists reports whether dir is a folder of the tree: slash-separated, from
// the root, "." the root. A file, a link and a submodule are none.
func (d *Dirs) Exists(dir string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if dir == "." {
		return true
	}
	parent, name := splitDir(dir)
	_, ok := d.list(parent)[name]
	return ok
}

// Siblings are the names of the folders that are directly beneath dir's
// parent, sorted; none when the parent is not there.
func (d *Dirs) Siblings(dir string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	parent, _ := splitDir(dir)
	var names []string
	for name := range d.list(parent) {
		names = append(names, name)
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

// Close ends the reading.
func (d *Dirs) Close() error { return d.objects.Close() }

// list gives the folders in dir. d.mu is held.
func (d *Dirs) list(dir string) map[string]string {
	if f, ok := d.folders[dir]; ok || d.err != nil {
		return f
	}
	oid := d.root
	if dir != "." {
		parent, name := splitDir(dir)
		if oid = d.list(parent)[name]; oid == "" {
			d.folders[dir] = nil
			return nil
		}
	}
	entries, err := d.objects.Tree(oid)
	if err != nil {
		d.err = err
		return nil
	}
	folders := map[string]string{}
	for _, e := range entries {
		if e.Mode == ModeFolder {
			folders[e.Name] = e.OID
		}
	}
	d.folders[dir] = folders
	return folders
}

func splitDir(dir string) (parent, name string) {
	if i := strings.LastIndexByte(dir, '/'); i >= 0 {
		return dir[:i], dir[i+1:]
	}
	return ".", dir
}

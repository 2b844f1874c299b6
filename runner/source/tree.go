package source

import "sync"

const (
	// maxListed bounds the entries of folders that a Tree remembers.
	maxListed = 300_000
	// maxPath bounds the paths that a Tree looks for, in bytes: what is
	// longer cannot be checked out.
	maxPath = 4096
)

// Tree gives the folders and files of one commit. A folder is read when it is
// first asked about. Its methods may be called from many goroutines; they
// take turns. It lives as long as the Loaded that it is of.
type Tree struct {
	objects *Objects
	root    string // the id of a tree or commit

	mu      sync.Mutex
	folders map[string]*listing // by path; nil when there is no such folder
	listed  int
}

// listing is a folder that was read. Nobody changes its entries.
type listing struct {
	oid     string
	entries []Entry
	byName  map[string]int // made when it is first needed
}

func newTree(objects *Objects, root string) *Tree {
	return &Tree{objects: objects, root: root, folders: map[string]*listing{}}
}

// List gives the entries of a folder in git's order, nil when there is no
// such folder: dir is slash-separated, from the root, "." the root. A file, a
// link and a submodule are no folder. The caller does not change the slice.
func (t *Tree) List(dir string) ([]Entry, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l, err := t.list(dir)
	if l == nil {
		return nil, err
	}
	return l.entries, nil
}

// Entry gives the entry at a path that is not the root; false when there is
// none.
func (t *Tree) Entry(path string) (Entry, bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.entry(path)
}

// ID gives the id of a folder's tree object, empty when there is no such
// folder: what is in it is the same exactly when the id is.
func (t *Tree) ID(dir string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if dir != "." {
		e, ok, err := t.entry(dir)
		if !ok || !e.IsDir() {
			return "", err
		}
		return e.OID, nil
	}
	l, err := t.list(dir)
	if l == nil {
		return "", err
	}
	return l.oid, nil
}

// Read gives the bytes of a file or of a link's target by object id. One
// above limit bytes is not read: the error is a *TooLargeError then.
func (t *Tree) Read(oid string, limit int64) ([]byte, error) {
	_, body, err := t.objects.Blob(oid, limit)
	return body, err
}

// list reads a folder. t.mu is held.
func (t *Tree) list(dir string) (*listing, error) {
	if l, ok := t.folders[dir]; ok {
		return l, nil
	}
	id := t.root
	if dir != "." {
		e, ok, err := t.entry(dir)
		if err != nil {
			return nil, err
		}
		if !ok || !e.IsDir() {
			t.folders[dir] = nil
			return nil, nil
		}
		id = e.OID
	}
	oid, entries, err := t.objects.tree(id)
	if err != nil {
		return nil, err
	}
	if entries == nil {
		entries = []Entry{}
	}
	l := &listing{oid: oid, entries: entries}
	if t.listed += len(entries); t.listed > maxListed {
		clear(t.folders)
		t.listed = len(entries)
	}
	t.folders[dir] = l
	return l, nil
}

// entry looks a path up in its folder. t.mu is held.
func (t *Tree) entry(path string) (Entry, bool, error) {
	if len(path) > maxPath {
		return Entry{}, false, nil
	}
	parent, name := splitDir(path)
	l, err := t.list(parent)
	if l == nil {
		return Entry{}, false, err
	}
	if l.byName == nil {
		l.byName = make(map[string]int, len(l.entries))
		for i, e := range l.entries {
			l.byName[e.Name] = i
		}
	}
	i, ok := l.byName[name]
	if !ok {
		return Entry{}, false, nil
	}
	return l.entries[i], true, nil
}

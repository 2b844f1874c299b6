package graph

import "strings"

// trie holds values at slash-separated paths. Its zero value is empty; the
// root is the path ".".
type trie[T any] struct {
	children map[string]*trie[T]
	values   []T
}

// node is the node of path, made when it is not there.
func (t *trie[T]) node(path string) *trie[T] {
	if path == "." || path == "" {
		return t
	}
	for elem := range strings.SplitSeq(path, "/") {
		next := t.children[elem]
		if next == nil {
			if t.children == nil {
				t.children = map[string]*trie[T]{}
			}
			next = &trie[T]{}
			t.children[elem] = next
		}
		t = next
	}
	return t
}

// below calls do with each value beneath the node, in no order. The node may
// be nil.
func (t *trie[T]) below(do func(T)) {
	if t == nil {
		return
	}
	for _, kid := range t.children {
		for _, v := range kid.values {
			do(v)
		}
		kid.below(do)
	}
}

// walker looks paths up in a trie. It remembers the last folder: git lists
// the files of a folder one after the other. One goroutine uses it.
type walker[T any] struct {
	root  *trie[T]
	known bool
	dir   string
	node  *trie[T] // of dir; nil when the trie does not reach that far
	along []T      // the values from the root to dir
}

// lookup returns the values at the folders of path, from the root down, and
// the node at path itself, nil when there is none. The values are valid until
// the next call.
func (w *walker[T]) lookup(path string) (along []T, here *trie[T]) {
	slash := strings.LastIndexByte(path, '/')
	dir := path[:max(slash, 0)]
	if !w.known || dir != w.dir {
		w.enter(dir)
	}
	if w.node != nil && w.node.children != nil {
		here = w.node.children[path[slash+1:]]
	}
	return w.along, here
}

func (w *walker[T]) enter(dir string) {
	w.known, w.dir, w.node = true, dir, w.root
	w.along = append(w.along[:0], w.root.values...)
	for dir != "" && w.node != nil {
		elem, rest, _ := strings.Cut(dir, "/")
		if w.node = w.node.children[elem]; w.node != nil {
			w.along = append(w.along, w.node.values...)
		}
		dir = rest
	}
}

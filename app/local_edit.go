package app

import (
	"context"
	"slices"
	"sync"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/source"
)

// diff is what differs between two trees.
type diff struct {
	edits     []source.Edit
	unbounded string // why that is not known
}

// files are the paths of a diff.
func (d diff) files() []string {
	out := make([]string, 0, len(d.edits))
	for _, e := range d.edits {
		out = append(out, e.Path)
	}
	return out
}

// diff asks git once for the same.
func (l *local) diff(ctx context.Context, from, to string) (diff, error) {
	key := [2]string{from, to}
	l.mu.Lock()
	ask := l.diffs[key]
	if ask == nil {
		ask = sync.OnceValues(func() (d diff, err error) {
			d.edits, d.unbounded, err = l.src.Diff(ctx, from, to)
			return d, err
		})
		l.diffs[key] = ask
	}
	l.mu.Unlock()
	return ask()
}

// edited is what a tree says that has the same folders, files and links as
// near, of which no file that counts has another content: the same. It is nil
// of any other tree. What is read of a tree are the names and the kinds of
// things, the links, loktar.json and the files in near.reads.
func (l *local) edited(ctx context.Context, id string, near *side) *side {
	if near == nil || !near.linked || near.manifest == nil {
		return nil
	}
	d, err := l.diff(ctx, near.tree, id)
	if err != nil || d.unbounded != "" {
		return nil // the tree that is near may be gone
	}
	was := make(map[string]bool, len(d.edits))
	for _, e := range d.edits {
		if e.Was == "" || e.Path == checks.ManifestFile {
			return nil
		}
		was[e.Was] = true
	}
	if slices.ContainsFunc(near.reads, func(blob string) bool { return was[blob] }) {
		return nil
	}
	same, m := *near, *near.manifest
	m.Edges, m.Unread = slices.Clip(m.Edges), slices.Clip(m.Unread)
	same.tree, same.manifest = id, &m
	return &same
}

// noting notes which blobs are read.
type noting struct {
	tree
	read map[string]bool
}

func (r noting) Read(oid string, limit int64) ([]byte, error) {
	r.read[oid] = true
	return r.tree.Read(oid, limit)
}

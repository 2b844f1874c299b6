package keys

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// newStream starts what is hashed file by file.
func newStream(purpose string) hash.Hash {
	h := sha256.New()
	h.Write(newEncoder(purpose))
	return h
}

// files lists all files, once, and sorts them to those that need them.
func (w *work) files() error {
	folds := newFolds(w.links)
	sift := folds != nil
	for _, s := range w.sifted {
		sift = sift || s != nil
	}
	if !sift && !w.units.listed() {
		return nil
	}
	last := ""
	var record encoder
	err := w.tree.Files(func(path string, e Entry) error {
		if path <= last {
			return fmt.Errorf("%s comes after %s: the order is not git's", path, last)
		}
		last = path
		record = record[:0]
		record.entry(path, e)
		for _, one := range w.units.of(path) {
			if one.files != nil {
				one.files.Write(record)
				one.some = true
			}
		}
		if !sift || w.ignore.has(path) {
			return nil
		}
		folds.add(path, e)
		if i := w.owners.owner(path); i >= 0 && w.sifted[i] != nil && path != checks.ManifestFile {
			w.sifted[i].Write(record)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list all files: %w", err)
	}
	folds.end()
	return nil
}

// folds makes digests of folders without their ignored files, as git makes
// the ids of trees: each of its entries, and so each file is hashed once
// however many of the folders are inside each other.
type folds struct {
	links *links
	want  map[string]int32 // targets
	open  []fold           // from the root to the folder of the last file
	spare []encoder
}

// fold is a folder that is being listed.
type fold struct {
	path    string
	entries encoder // nil outside of all that is wanted
	inside  bool
}

// newFolds is nil when there is no folder to make a digest of.
func newFolds(l *links) *folds {
	f := &folds{links: l, want: map[string]int32{}}
	for t := range l.found {
		if p := &l.found[t]; p.sift {
			p.there = false // until a file is met
			f.want[p.path] = int32(t)
		}
	}
	if len(f.want) == 0 {
		return nil
	}
	f.enter(".")
	return f
}

func (f *folds) enter(path string) {
	_, inside := f.want[path]
	if n := len(f.open); n > 0 {
		inside = inside || f.open[n-1].inside
	}
	one := fold{path: path, inside: inside}
	if inside {
		if n := len(f.spare); n > 0 {
			one.entries, f.spare = f.spare[n-1][:0], f.spare[:n-1]
		}
		one.entries.str(format)
		one.entries.str("folder")
	}
	f.open = append(f.open, one)
}

// add takes a file, in git's order. f may be nil.
func (f *folds) add(path string, e Entry) {
	if f == nil {
		return
	}
	dir := dirOf(path)
	for at := f.top().path; at != dir && at != "." && !strings.HasPrefix(dir, at+"/"); at = f.top().path {
		f.leave()
	}
	if at := f.top().path; at != dir {
		from := len(at) + 1
		if at == "." {
			from = 0
		}
		for i := from; i <= len(dir); i++ {
			if i == len(dir) || dir[i] == '/' {
				f.enter(dir[:i])
			}
		}
	}
	if top := f.top(); top.inside {
		top.entries.entry(path[strings.LastIndexByte(path, '/')+1:], e)
	}
}

func (f *folds) top() *fold { return &f.open[len(f.open)-1] }

// leave closes the last folder. It has a file: it was entered for one.
func (f *folds) leave() {
	one := *f.top()
	f.open = f.open[:len(f.open)-1]
	if !one.inside {
		return
	}
	d := one.entries.sum()
	if t, ok := f.want[one.path]; ok {
		f.links.found[t].kept, f.links.found[t].there = d, true
	}
	if len(f.open) > 0 && f.top().inside {
		name := one.path[strings.LastIndexByte(one.path, '/')+1:]
		f.top().entries.entry(name, Entry{Mode: ModeFolder, OID: string(d[:])})
	}
	f.spare = append(f.spare, one.entries)
}

// end closes all folders. f may be nil.
func (f *folds) end() {
	for f != nil && len(f.open) > 0 {
		f.leave()
	}
}

// dirOf is the folder that a path is in.
func dirOf(path string) string {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i]
	}
	return "."
}

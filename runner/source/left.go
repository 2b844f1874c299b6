package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// LeaseLeft leases a folder of Options.Left by its path once more, as it is.
// An error of checks.KindLost says that it is not there. When its last lease is
// released, the folder goes.
func (s *Source) LeaseLeft(dir string) (*Lease, error) {
	w := s.trees
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.left[dir]
	if f == nil {
		return nil, checks.Errorf(checks.KindLost, nil, "The files that the job was tested on are gone.")
	}
	f.refs++
	l := &Lease{Dir: dir}
	l.release = func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if f.refs--; f.refs == 0 {
			delete(w.left, dir)
			w.remove(f)
		}
	}
	return l, nil
}

// clear discards all worktrees but those whose files are at the paths of left.
func (w *worktrees) clear(left []string) error {
	w.left = map[string]*folder{}
	for _, files := range left {
		dir := filepath.Dir(files)
		if filepath.Dir(dir) != w.dir || filepath.Base(files) != filepath.Base((&folder{}).files()) {
			continue
		}
		if info, err := os.Lstat(files); err != nil || !info.IsDir() {
			continue
		}
		w.left[files] = &folder{dir: dir}
		if _, n, ok := strings.Cut(filepath.Base(dir), "-"); ok {
			number, _ := strconv.Atoi(n)
			w.last = max(w.last, number) // or a new folder would be this one
		}
	}
	entries, err := os.ReadDir(w.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read worktrees: %w", err)
	}
	for _, e := range entries {
		dir := filepath.Join(w.dir, e.Name())
		if w.left[(&folder{dir: dir}).files()] != nil {
			continue
		}
		if err := w.src.trash.discard(dir); err != nil {
			return err
		}
	}
	return nil
}

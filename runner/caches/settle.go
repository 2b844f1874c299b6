package caches

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/dudesons/loktar/runner"
)

// Settle ends what earlier processes left, once nothing shows it any more: views
// are dropped with what was written to them, and layers that no cache has. wanted
// are the views of jobs that go on: their leases hold in this process as they did
// before, until Save or Release. Call it once, before the first Lease; until
// then nothing is removed.
//
// lost are the IDs of those wanted that are not there as they were. They must
// not be saved; nothing else is wrong with them.
func (s *Store) Settle(ctx context.Context, wanted ...runner.CacheView) (lost []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range wanted {
		names, ok := s.layersOf(v)
		if !ok {
			lost = append(lost, v.ID)
			continue
		}
		s.views[v.ID] = names
		for _, name := range names {
			if s.layers[name] == nil { // of a stack that was replaced since
				m, err := measure(ctx, s.path(layersDir, name))
				if err != nil {
					return lost, fmt.Errorf("look at a layer that is still read: %w", err)
				}
				s.layers[name] = &layer{bytes: m.bytes}
			}
			s.lease(name)
		}
	}
	for _, sub := range []string{trashDir, viewsDir, layersDir} {
		names, err := readNames(s.path(sub))
		if err != nil {
			return lost, err
		}
		for _, name := range names {
			switch {
			case sub == trashDir:
				s.empty(s.path(sub, name))
			case sub == viewsDir && s.views[name] == nil, sub == layersDir && s.layers[name] == nil:
				if err := s.throw(s.path(sub, name)); err != nil {
					return lost, err
				}
			}
		}
	}
	s.settled = true
	s.bound()
	return lost, nil
}

// layersOf are the layers that an earlier lease reads; false when they, or what
// was written, are not there.
func (s *Store) layersOf(v runner.CacheView) (names []string, ok bool) {
	if v.ID == "" || v.ID != filepath.Base(v.ID) || v.Upper != s.path(viewsDir, v.ID, "upper") {
		return nil, false
	}
	names = []string{} // one that reads nothing is a lease too
	for _, path := range append([]string{v.Upper}, v.Lower...) {
		if _, err := os.Lstat(path); err != nil {
			return nil, false
		}
		if dir, name := filepath.Split(path); filepath.Clean(dir) == s.path(layersDir) {
			names = append(names, name)
		}
	}
	return slices.Clip(names), true
}

func readNames(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("read what caches left: %w", err)
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

package caches

import (
	"slices"

	units "github.com/docker/go-units"
)

// Sweep drops what is kept longer than it may be, for who calls it now and then.
func (s *Store) Sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settled {
		s.bound()
	}
}

// Forget drops all caches of a repository.
func (s *Store) Forget(repo int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, e := range s.entries {
		if e.Repo != repo {
			continue
		}
		if e = s.await(id); e == nil {
			continue
		}
		if err := s.drop(e); err != nil {
			return err
		}
	}
	return nil
}

// bound drops caches until the rest are within their bounds, those first that
// were not used for the longest. One that is in use stays. It takes mu.
func (s *Store) bound() {
	var gone int
	before := s.usage(nil)
	all := make([]*entry, 0, len(s.entries))
	for _, e := range s.entries {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *entry) int { return a.used.Compare(b.used) })
	old := s.o.now().Add(-s.o.Keep)
	for _, which := range []func(*entry) bool{
		func(e *entry) bool { return e.used.Before(old) },
		func(e *entry) bool { return e.Level.Fork() && s.forks() > s.o.MaxBytes/4 },
		func(*entry) bool { return s.usage(nil) > s.o.MaxBytes },
	} {
		for _, e := range all {
			if s.entries[e.id()] != e || s.inUse(e) || !which(e) {
				continue
			}
			if err := s.drop(e); err != nil {
				s.log.Warn().Err(err).Msg("a cache cannot be dropped")
				return
			}
			gone++
		}
	}
	if gone > 0 {
		after := s.usage(nil)
		s.log.Info().Int("caches", gone).Int64("bytes", before-after).Str("left", units.BytesSize(float64(after))).Str("bound", units.BytesSize(float64(s.o.MaxBytes))).
			Msg("dropped caches that were not used for the longest")
	}
}

// inUse reports whether somebody reads e's layers. It takes mu.
func (s *Store) inUse(e *entry) bool {
	return e.busy || slices.ContainsFunc(e.Layers, func(l stored) bool { return s.layers[l.Name].leases > 0 })
}

// forks is what forks keep by themselves. It takes mu.
func (s *Store) forks() int64 {
	trusted := map[string]bool{}
	for _, e := range s.entries {
		for _, l := range e.Layers {
			trusted[l.Name] = trusted[l.Name] || !e.Level.Fork()
		}
	}
	return s.usage(trusted)
}

// usage is the size of all layers that are kept but for those of except. It
// takes mu.
func (s *Store) usage(except map[string]bool) (sum int64) {
	for name, l := range s.layers {
		if l.refs > 0 && !except[name] {
			sum += l.bytes
		}
	}
	return sum
}

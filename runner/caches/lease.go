package caches

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

// Lease implements runner.Caches.
func (s *Store) Lease(ctx context.Context, want runner.CacheWant) (runner.CacheView, error) {
	v := runner.CacheView{CacheWant: want, ID: newName()}
	if s.cannot != nil {
		return v, s.cannot
	}
	names, err := s.choose(ctx, &v)
	if err != nil {
		return v, err
	}
	for _, name := range names {
		v.Lower = append(v.Lower, s.path(layersDir, name))
	}
	if len(names) == 0 {
		v.Lower = []string{s.path(emptyDir)}
	}
	v.Upper, v.Work = s.path(viewsDir, v.ID, "upper"), s.path(viewsDir, v.ID, "work")
	if err := s.furnish(v); err != nil {
		s.Release(v)
		return v, err
	}
	return v, nil
}

// choose takes the lease of what v is to show.
func (s *Store) choose(ctx context.Context, v *runner.CacheView) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.settled {
		return nil, errors.New("lease a cache: the store is not settled")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	names := []string{}
	for _, level := range v.Reads {
		e := s.await(id(v.Repo, v.Place, level))
		if e == nil {
			continue
		}
		v.From, v.Bytes, v.Saved = level, e.bytes(), e.Saved
		e.used = s.o.now()
		// That it was used is no matter of life and death.
		if err := os.Chtimes(s.path(entriesDir, e.id()+".json"), e.used, e.used); err != nil {
			s.log.Debug().Err(err).Msg("the use of a cache cannot be noted")
		}
		for _, l := range e.Layers {
			names = append(names, l.Name)
			s.lease(l.Name)
		}
		break
	}
	s.views[v.ID] = names
	return names, nil
}

// await is the entry of that id once it is not busy, or nil. It takes mu.
func (s *Store) await(id string) *entry {
	for s.entries[id] != nil && s.entries[id].busy {
		s.idle.Wait()
	}
	return s.entries[id]
}

// lease has a view more read a layer. It takes mu.
func (s *Store) lease(name string) { s.layers[name].leases++ }

// furnish makes the folders of a view. Its root looks as the job before left it.
func (s *Store) furnish(v runner.CacheView) error {
	for _, dir := range []string{s.path(viewsDir, v.ID), v.Upper, v.Work} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return fault(err, "make the view of a cache")
		}
	}
	if v.From == "" {
		return nil
	}
	info, err := os.Stat(v.Lower[0])
	if err == nil {
		st := info.Sys().(*syscall.Stat_t)
		err = errors.Join(os.Chown(v.Upper, int(st.Uid), int(st.Gid)), os.Chmod(v.Upper, info.Mode()&(fs.ModePerm|fs.ModeSticky)))
	}
	if err != nil {
		return fault(err, "make the view of a cache")
	}
	return nil
}

// Release implements runner.Caches.
func (s *Store) Release(v runner.CacheView) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(v)
}

// release takes mu.
func (s *Store) release(v runner.CacheView) {
	names, leased := s.views[v.ID]
	if !leased {
		return
	}
	delete(s.views, v.ID)
	for _, name := range names {
		s.layers[name].leases--
		s.clear(name)
	}
	if err := s.throw(s.path(viewsDir, v.ID)); err != nil {
		s.log.Warn().Err(err).Str("view", v.ID).Msg("what a job wrote to a cache cannot be removed; it will be at the next start")
	}
}

// fault gives an error words for the job's log.
func fault(err error, verb string) error {
	err = fmt.Errorf("%s: %w", verb, err)
	if checks.IsDiskFull(err) {
		return checks.Errorf(checks.KindConfig, err, "The disk of data_dir is full.")
	}
	return checks.Errorf(checks.KindInternal, err, "The server could not read or write them; its own log tells more.")
}

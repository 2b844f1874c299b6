package caches

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	units "github.com/docker/go-units"
	"golang.org/x/sys/unix"

	"github.com/dudesons/loktar/runner"
)

// Save implements runner.Caches.
//
// What was written is laid over what the job had. Where another job saved
// meanwhile, and the folder is outside of the repository, it is laid over that,
// unless it removes something: such folders are made for several builds side by
// side, as those of package managers, and each adds to them. A folder of the
// repository is as one job left it.
func (s *Store) Save(ctx context.Context, v runner.CacheView) (note string, err error) {
	defer s.Release(v)
	switch names, err := readNames(v.Upper); {
	case err != nil:
		return "", fault(err, "look at what was written")
	case len(names) == 0:
		return "nothing new", nil
	case v.Write == "":
		return "not saved, as what is published to try saves none", nil
	}
	m, err := measure(ctx, v.Upper)
	var much tooMuch
	switch {
	case errors.As(err, &much):
		return "not saved, as " + much.Error(), nil
	case err != nil:
		return "", fault(err, "look at what was written")
	}
	e, note, err := s.add(v, m)
	if err != nil {
		return "", fault(err, "save a cache")
	}
	if e != nil {
		s.lower(ctx, e)
	}
	return note, nil
}

// add puts what was written on top of what is kept. e is nil where it is not.
func (s *Store) add(v runner.CacheView, m measured) (e *entry, note string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names, leased := s.views[v.ID]
	if !leased {
		return nil, "", errors.New("nobody leased it")
	}
	now := s.o.now()
	e = &entry{Repo: v.Repo, Place: v.Place, Level: v.Write, Saved: now, used: now}
	top := stored{Name: newName(), Bytes: m.bytes}
	e.Layers = []stored{top}
	current := s.await(e.id())
	if current != nil && !v.Place.Inside && !m.removes {
		e.Layers = append(e.Layers, current.Layers...)
	} else {
		for _, name := range names {
			e.Layers = append(e.Layers, stored{Name: name, Bytes: s.layers[name].bytes})
		}
	}
	if most := s.o.MaxBytes / 4; e.bytes() > most {
		return nil, fmt.Sprintf("not saved, as it would have %s, more than the %s that the server's caches.max_size leaves to one", units.BytesSize(float64(e.bytes())), units.BytesSize(float64(most))), nil
	}
	if err := s.stir(); err != nil {
		return nil, "", err
	}
	s.o.point("before the layer")
	if err := os.Rename(v.Upper, s.path(layersDir, top.Name)); err != nil {
		return nil, "", err
	}
	s.o.point("after the layer")
	if err := s.write(e); err != nil {
		return nil, "", errors.Join(err, s.throw(s.path(layersDir, top.Name)))
	}
	s.o.point("after the entry")
	s.hold(e)
	s.release(v)
	s.bound()
	note = "saved"
	if v.Write.Fork() {
		note += " for this pull request alone"
	}
	return e, note, nil
}

// lower folds e into one layer where it became too high. Nothing is lost when
// that fails but the cache.
func (s *Store) lower(ctx context.Context, e *entry) {
	s.mu.Lock()
	for s.entries[e.id()] == e && e.busy {
		s.idle.Wait()
	}
	if s.entries[e.id()] != e || len(e.Layers) <= s.most {
		s.mu.Unlock()
		return
	}
	alone := true
	for _, l := range e.Layers {
		known := s.layers[l.Name]
		alone = alone && known.refs == 1 && known.leases == 0
		known.leases++
	}
	e.busy = alone
	layers := slices.Clone(e.Layers)
	s.mu.Unlock()

	folded, err := s.fold(ctx, layers, !alone)

	s.mu.Lock()
	defer s.mu.Unlock()
	e.busy = false
	s.idle.Broadcast()
	if err == nil && s.entries[e.id()] == e {
		after := *e
		after.Layers = []stored{folded}
		if err = s.write(&after); err == nil {
			if alone { // it is that layer, with another size
				s.layers[folded.Name].bytes = folded.Bytes
			}
			s.hold(&after)
		}
	}
	for _, l := range layers {
		s.layers[l.Name].leases--
		s.clear(l.Name)
	}
	if err != nil {
		s.log.Warn().Err(err).Str("key", e.Place.Key).Int64("repo_id", e.Repo).Msg("a cache cannot be folded, and begins anew")
		if now := s.entries[e.id()]; now == e {
			if err := s.drop(e); err != nil {
				s.log.Warn().Err(err).Msg("a cache cannot be dropped")
			}
		}
	}
	if !alone && s.layers[folded.Name] == nil && folded.Name != "" {
		if err := s.throw(s.path(layersDir, folded.Name)); err != nil {
			s.log.Warn().Err(err).Msg("what was folded in vain cannot be removed; it will be at the next start")
		}
	}
	s.bound()
}

// fold makes one layer of a stack, the topmost first: of the lowest itself, or
// with link of names of all their files.
func (s *Store) fold(ctx context.Context, layers []stored, link bool) (stored, error) {
	to := layers[len(layers)-1]
	rest := layers[:len(layers)-1]
	if link {
		to, rest = stored{Name: newName()}, layers
		if err := os.Mkdir(s.path(layersDir, to.Name), 0o700); err != nil {
			return stored{}, err
		}
	}
	dst, err := openDir(unix.AT_FDCWD, s.path(layersDir, to.Name))
	if err != nil {
		return to, err
	}
	defer dst.Close()
	f := folder{link: link, point: s.o.point}
	for i := len(rest) - 1; i >= 0; i-- {
		src, err := openDir(unix.AT_FDCWD, s.path(layersDir, rest[i].Name))
		if err != nil {
			return to, err
		}
		err = f.merge(dst, src)
		src.Close()
		if err != nil {
			return to, fmt.Errorf("fold layers: %w", err)
		}
		s.o.point("layer folded")
	}
	m, err := measure(ctx, s.path(layersDir, to.Name))
	to.Bytes = m.bytes
	return to, err
}

package caches

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/dudesons/loktar/checks"
)

// entry is what is kept of one folder of a cache, at one level.
type entry struct {
	Repo  int64             `json:"repo"`
	Place checks.CachePlace `json:"place"`
	Level checks.CacheLevel `json:"level"`
	// Layers are the stack, the topmost first.
	Layers []stored  `json:"layers"`
	Saved  time.Time `json:"saved"`

	used time.Time
	// busy: its layers are about to change in place, see fold.
	busy bool
}

// stored is a layer on disk.
type stored struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// id names the entry of a place at a level. Who writes the key and the path is a
// stranger: neither is ever a name on disk.
func id(repo int64, place checks.CachePlace, level checks.CacheLevel) string {
	text, err := json.Marshal([]any{repo, place.Key, place.Path, place.Inside, level})
	if err != nil {
		panic(err) // plain data
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

func (e *entry) id() string { return id(e.Repo, e.Place, e.Level) }

func (e *entry) bytes() (sum int64) {
	for _, l := range e.Layers {
		sum += l.Bytes
	}
	return sum
}

// read learns what is on the disk. What cannot be understood is dropped.
func (s *Store) read() error {
	files, err := os.ReadDir(s.path(entriesDir))
	if err != nil {
		return fmt.Errorf("read which caches there are: %w", err)
	}
	for _, f := range files {
		path := s.path(entriesDir, f.Name())
		e, err := readEntry(path)
		if err == nil && f.Name() != e.id()+".json" {
			err = errors.New("it is not what its name says")
		}
		for i := 0; err == nil && i < len(e.Layers); i++ {
			_, err = os.Lstat(s.path(layersDir, e.Layers[i].Name))
		}
		if err != nil {
			if !strings.HasSuffix(f.Name(), ".tmp") {
				s.log.Warn().Err(err).Str("entry", f.Name()).Msg("dropped a cache that cannot be read")
			}
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("drop a cache: %w", err)
			}
			continue
		}
		s.hold(e)
	}
	return nil
}

func readEntry(path string) (*entry, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	e := &entry{used: info.ModTime()}
	if err := json.Unmarshal(text, e); err != nil {
		return nil, err
	}
	for _, l := range e.Layers {
		if l.Name == "" || strings.ContainsAny(l.Name, "/.,:") {
			return nil, fmt.Errorf("%q is no name of a layer", l.Name)
		}
	}
	if len(e.Layers) == 0 {
		return nil, errors.New("it has no layers")
	}
	return e, nil
}

// hold has the store know e, in place of what had its name. It takes mu.
func (s *Store) hold(e *entry) {
	old := s.entries[e.id()]
	s.entries[e.id()] = e
	for _, l := range e.Layers {
		known := s.layers[l.Name]
		if known == nil {
			known = &layer{bytes: l.Bytes}
			s.layers[l.Name] = known
		}
		known.refs++
	}
	if old != nil {
		s.unref(old)
	}
}

// write has the disk know e.
func (s *Store) write(e *entry) error {
	if err := s.stir(); err != nil {
		return err
	}
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	path := s.path(entriesDir, e.id()+".json")
	if err := os.WriteFile(path+".tmp", text, 0o600); err != nil {
		return fmt.Errorf("write which layers a cache has: %w", err)
	}
	s.o.point("entry written")
	if err := os.Chtimes(path+".tmp", e.used, e.used); err != nil {
		return fmt.Errorf("write when a cache was used: %w", err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return fmt.Errorf("write which layers a cache has: %w", err)
	}
	return nil
}

// drop forgets e. It takes mu.
func (s *Store) drop(e *entry) error {
	if err := os.Remove(s.path(entriesDir, e.id()+".json")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("drop a cache: %w", err)
	}
	delete(s.entries, e.id())
	s.unref(e)
	return nil
}

// unref takes e's layers off what is kept, and removes those that nobody has any
// more. It takes mu.
func (s *Store) unref(e *entry) {
	for _, l := range e.Layers {
		s.layers[l.Name].refs--
		s.clear(l.Name)
	}
}

// clear removes a layer that nobody has any more. It takes mu.
func (s *Store) clear(name string) {
	l := s.layers[name]
	if l == nil || l.refs > 0 || l.leases > 0 {
		return
	}
	delete(s.layers, name)
	if err := s.throw(s.path(layersDir, name)); err != nil {
		s.log.Warn().Err(err).Str("layer", name).Msg("a layer of a cache cannot be removed; it will be at the next start")
	}
}

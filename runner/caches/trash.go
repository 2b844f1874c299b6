package caches

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/dudesons/loktar/runner/rmtree"
)

// throw removes path, which may take a while, without anybody waiting for it.
func (s *Store) throw(path string) error {
	to := s.path(trashDir, newName())
	if err := os.Rename(path, to); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return fmt.Errorf("throw away: %w", err)
	}
	s.empty(to)
	return nil
}

func (s *Store) empty(path string) {
	s.trash.Go(func() {
		if err := rmtree.Remove(path); err != nil {
			s.log.Warn().Err(err).Str("path", path).Msg("what caches dropped cannot be removed; it will be at the next start")
		}
	})
}

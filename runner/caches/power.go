package caches

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// A process that is killed loses nothing that it wrote: the kernel has it. A
// machine that loses its power does, and may be left with files of which only
// the names are right. Nobody would notice such a cache but the tests that use
// it. So what was not written to the disk before the machine went down does not
// count: the file boot names the boot that the store was last used in, and the
// file synced is there while all is on the disk.

// bootFile tells one boot of a machine from another.
const bootFile = "/proc/sys/kernel/random/boot_id"

// wake drops everything when the machine went down before it was on the disk.
func (s *Store) wake() error {
	boot, err := os.ReadFile(bootFile)
	if err != nil {
		return fmt.Errorf("read which boot of the machine this is: %w", err)
	}
	last, err := os.ReadFile(s.path("boot"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read which boot caches are of: %w", err)
	}
	_, unsynced := os.Lstat(s.path("synced"))
	s.dirty = unsynced != nil
	if bytes.Equal(boot, last) {
		return nil
	}
	if s.dirty && len(last) > 0 {
		s.log.Warn().Msg("the machine went down before all caches were on its disk; they begin anew")
		for _, dir := range []string{entriesDir, layersDir, viewsDir} {
			if err := s.throw(s.path(dir)); err != nil {
				return err
			}
			if err := os.Mkdir(s.path(dir), 0o700); err != nil {
				return fmt.Errorf("make the folder of caches: %w", err)
			}
		}
	}
	if err := s.sleep(); err != nil {
		return err
	}
	if err := os.WriteFile(s.path("boot"), boot, 0o600); err != nil {
		return fmt.Errorf("write which boot caches are of: %w", err)
	}
	return nil
}

// stir notes that what comes next may not be on the disk.
func (s *Store) stir() error {
	if s.dirty {
		return nil
	}
	if err := os.Remove(s.path("synced")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("note that caches change: %w", err)
	}
	s.dirty = true
	return nil
}

// sleep brings everything to the disk.
func (s *Store) sleep() error {
	if !s.dirty {
		return nil
	}
	if err := unix.Syncfs(int(s.lock.Fd())); err != nil {
		return fmt.Errorf("bring caches to the disk: %w", err)
	}
	if err := os.WriteFile(s.path("synced"), nil, 0o600); err != nil {
		return fmt.Errorf("note that caches are on the disk: %w", err)
	}
	s.dirty = false
	return nil
}

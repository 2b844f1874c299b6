// Package rmtree removes what strangers wrote, however they nested it.
package rmtree

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const (
	// maxDepth is how many folders Remove holds open, one in another.
	maxDepth = 64
	// namesAtOnce bounds how much of a folder is read before it is removed.
	namesAtOnce = 1024
)

// Remove removes path and what is beneath it; a path that is not there is
// no error. Links are removed, never followed.
//
// os.RemoveAll holds a folder open for each level, so that a job which nests
// folders deeper than a process may have files open could not be cleared away,
// and would take those files from the whole server meanwhile. Here, what lies
// too deep is moved to the top first.
func Remove(path string) error {
	top, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		return os.Remove(path)
	case err != nil:
		return err
	}
	defer top.Close()
	if err := empty(top, top, 0); err != nil {
		return fmt.Errorf("empty %s: %w", path, err)
	}
	return os.Remove(path)
}

// empty removes all that is in dir, which lies depth folders below top.
func empty(top, dir *os.File, depth int) error {
	for {
		// A folder that changes is read from its start, or names are missed.
		if _, err := dir.Seek(0, io.SeekStart); err != nil {
			return err
		}
		names, err := dir.Readdirnames(namesAtOnce)
		if len(names) == 0 {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		for _, name := range names {
			if err := removeEntry(top, dir, name, depth); err != nil {
				return err
			}
		}
	}
}

func removeEntry(top, dir *os.File, name string, depth int) error {
	err := unix.Unlinkat(int(dir.Fd()), name, 0)
	if err != unix.EISDIR {
		return wrong("remove", name, err)
	}
	if depth == maxDepth {
		return wrong("move", name, unix.Renameat(int(dir.Fd()), name, int(top.Fd()), rand.Text()))
	}
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return wrong("open", name, err)
	}
	child := os.NewFile(uintptr(fd), name)
	defer child.Close()
	if err := empty(top, child, depth+1); err != nil {
		return err
	}
	return wrong("remove", name, unix.Unlinkat(int(dir.Fd()), name, unix.AT_REMOVEDIR))
}

// wrong names the entry only: its path may be longer than a log wants it.
func wrong(verb, name string, err error) error {
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return fmt.Errorf("%s %q: %w", verb, name, err)
}

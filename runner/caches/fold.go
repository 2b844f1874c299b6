package caches

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dudesons/loktar/runner/rmtree"
)

// folder lays layers over a plain folder, by the kernel's rules of overlays.
type folder struct {
	// link has the folder get names of the layer's files, and leaves the layer
	// as it is; otherwise everything moves. Of a move, each step leaves an
	// overlay of both as it was.
	link  bool
	point func(string)
}

// merge lays src over dst, which then looks as src did.
func (f *folder) merge(dst, src *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(src.Fd()), &st); err != nil {
		return err
	}
	if err := f.lay(dst, src); err != nil {
		return err
	}
	return copyAttributes(dst, src, &st)
}

// lay lays what is in src over dst.
func (f *folder) lay(dst, src *os.File) error {
	return each(src, !f.link, func(e fs.DirEntry) error {
		f.point("entry folded")
		name := e.Name()
		var err error
		switch {
		case isWhiteout(src, e):
			if err = remove(dst, name); err == nil && !f.link {
				err = unix.Unlinkat(int(src.Fd()), name, 0)
			}
		case e.IsDir():
			err = f.dir(dst, src, name)
		case f.link:
			err = over(dst, name, func() error { return unix.Linkat(int(src.Fd()), name, int(dst.Fd()), name, 0) })
		default:
			err = over(dst, name, func() error { return unix.Renameat(int(src.Fd()), name, int(dst.Fd()), name) })
			// Two names of one file are left as they are.
			if gone := unix.Unlinkat(int(src.Fd()), name, 0); err == nil && gone != unix.ENOENT {
				err = gone
			}
		}
		if err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
		return nil
	})
}

// over does what puts something at a name, and once more when something that is
// hidden by it was in the way.
func over(dst *os.File, name string, do func() error) error {
	err := do()
	for _, inTheWay := range []error{unix.EEXIST, unix.EISDIR, unix.ENOTEMPTY, unix.ENOTDIR} {
		if errors.Is(err, inTheWay) {
			if err := remove(dst, name); err != nil {
				return err
			}
			return do()
		}
	}
	return err
}

func (f *folder) dir(dst, src *os.File, name string) error {
	from, err := openDir(int(src.Fd()), name)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := openDir(int(dst.Fd()), name)
	whole := opaque(from)
	if err == nil {
		defer to.Close()
	} else if whole = true; !none(err) {
		return err
	}
	if whole {
		if err := remove(dst, name); err != nil {
			return err
		}
		if !f.link {
			// It hid names below it that are there no more.
			if err := strip(from); err != nil {
				return err
			}
			return unix.Renameat(int(src.Fd()), name, int(dst.Fd()), name)
		}
		if err := unix.Mkdirat(int(dst.Fd()), name, 0o700); err != nil {
			return err
		}
		if to, err = openDir(int(dst.Fd()), name); err != nil {
			return err
		}
		defer to.Close()
	}
	if err := f.merge(to, from); err != nil || f.link {
		return err
	}
	return unix.Unlinkat(int(src.Fd()), name, unix.AT_REMOVEDIR)
}

// none reports an error that means that there is no such folder.
func none(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)
}

// isWhiteout reports whether an entry hides a name. A job may make no device.
func isWhiteout(dir *os.File, e fs.DirEntry) bool {
	if e.Type()&fs.ModeCharDevice == 0 {
		return false
	}
	var st unix.Stat_t
	return unix.Fstatat(int(dir.Fd()), e.Name(), &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Rdev == 0
}

// strip removes what hides names in dir and in all below it.
func strip(dir *os.File) error {
	return each(dir, false, func(e fs.DirEntry) error {
		switch {
		case isWhiteout(dir, e):
			return unix.Unlinkat(int(dir.Fd()), e.Name(), 0)
		case !e.IsDir():
			return nil
		}
		sub, err := openDir(int(dir.Fd()), e.Name())
		if err != nil {
			return err
		}
		defer sub.Close()
		return strip(sub)
	})
}

// remove removes an entry, whatever it is, and all below it.
func remove(dir *os.File, name string) error {
	switch err := unix.Unlinkat(int(dir.Fd()), name, 0); err {
	case nil, unix.ENOENT:
		return nil
	case unix.EISDIR:
		return rmtree.Remove(fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), name))
	default:
		return err
	}
}

// copyAttributes has the folder to look as the folder from did at st.
func copyAttributes(to, from *os.File, st *unix.Stat_t) error {
	if err := errors.Join(copyXattrs(to, from), unix.Fchown(int(to.Fd()), int(st.Uid), int(st.Gid)), unix.Fchmod(int(to.Fd()), st.Mode&0o7777)); err != nil {
		return err
	}
	times := []unix.Timeval{unix.NsecToTimeval(time.Unix(st.Atim.Unix()).UnixNano()), unix.NsecToTimeval(time.Unix(st.Mtim.Unix()).UnixNano())}
	return unix.Futimes(int(to.Fd()), times)
}

// copyXattrs copies what a job may set.
func copyXattrs(to, from *os.File) error {
	n, err := unix.Flistxattr(int(from.Fd()), nil)
	if n == 0 || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	if err != nil {
		return err
	}
	names := make([]byte, n)
	if n, err = unix.Flistxattr(int(from.Fd()), names); err != nil {
		return err
	}
	for name := range bytes.SplitSeq(names[:n], []byte{0}) {
		if !strings.HasPrefix(string(name), "user.") && !strings.HasPrefix(string(name), "system.posix_acl_") {
			continue
		}
		value := make([]byte, 64<<10) // the most that Linux has
		n, err := unix.Fgetxattr(int(from.Fd()), string(name), value)
		if err == nil {
			err = unix.Fsetxattr(int(to.Fd()), string(name), value[:n], 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

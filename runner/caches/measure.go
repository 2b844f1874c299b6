package caches

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// What a layer may be like: a job chooses it.
const (
	maxFiles = 1_000_000
	maxDepth = 256 // folders one in another; each is open meanwhile
)

// opaqueMark is on a folder of a layer that hides the one of that name below it;
// a name is hidden by a character device 0/0, see Linux's
// Documentation/filesystems/overlayfs.rst. No job can make either by itself.
const (
	opaqueMark   = "trusted.overlay.opaque"
	redirectMark = "trusted.overlay.redirect"
)

// measured is what there is to know about a layer.
type measured struct {
	bytes   int64
	files   int  // all sorts of entries
	removes bool // it hides something of what is below
}

// tooMuch is why a layer is not kept, as the end of a sentence.
type tooMuch string

func (t tooMuch) Error() string { return string(t) }

type measurer struct {
	measured
	seen map[uint64]struct{} // files with several names
}

// measure looks at all of the folder dir. It follows no link.
func measure(ctx context.Context, dir string) (measured, error) {
	m := measurer{seen: map[uint64]struct{}{}}
	top, err := openDir(unix.AT_FDCWD, dir)
	if err != nil {
		return measured{}, err
	}
	defer top.Close()
	err = m.folder(ctx, top, 0)
	return m.measured, err
}

func (m *measurer) folder(ctx context.Context, dir *os.File, depth int) error {
	if depth > maxDepth {
		return tooMuch(fmt.Sprintf("it has more than %d folders one in another", maxDepth))
	}
	return each(dir, false, func(e fs.DirEntry) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if m.files++; m.files > maxFiles {
			return tooMuch(fmt.Sprintf("it has more than %d files", maxFiles))
		}
		var st unix.Stat_t
		if err := unix.Fstatat(int(dir.Fd()), e.Name(), &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return fmt.Errorf("look at %q: %w", e.Name(), err)
		}
		if st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0 {
			m.removes = true
			return nil
		}
		if st.Mode&unix.S_IFMT != unix.S_IFDIR {
			if st.Nlink > 1 {
				if _, again := m.seen[st.Ino]; again {
					return nil
				}
				m.seen[st.Ino] = struct{}{}
			}
			m.bytes += st.Blocks * 512
			return nil
		}
		m.bytes += st.Blocks * 512
		sub, err := openDir(int(dir.Fd()), e.Name())
		if err != nil {
			return err
		}
		defer sub.Close()
		if marked(sub, redirectMark) {
			return errors.New("the kernel leaves marks in an overlay that cannot be taken over")
		}
		m.removes = m.removes || opaque(sub)
		return m.folder(ctx, sub, depth+1)
	})
}

func marked(dir *os.File, mark string) bool {
	n, err := unix.Fgetxattr(int(dir.Fd()), mark, nil)
	return err == nil && n > 0
}

func opaque(dir *os.File) bool {
	var is [1]byte
	n, err := unix.Fgetxattr(int(dir.Fd()), opaqueMark, is[:])
	return err == nil && n == 1 && is[0] == 'y'
}

// openDir opens a folder, and no link to one.
func openDir(at int, name string) (*os.File, error) {
	fd, err := unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open folder %q: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// each calls do with the entries of dir. With emptied each entry is gone
// after its call.
func each(dir *os.File, emptied bool, do func(fs.DirEntry) error) error {
	for {
		if emptied {
			// A folder that changes is read from its start, or names are missed.
			if _, err := dir.Seek(0, io.SeekStart); err != nil {
				return err
			}
		}
		entries, err := dir.ReadDir(1024)
		for _, e := range entries {
			if err := do(e); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || err == nil && len(entries) == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read folder: %w", err)
		}
	}
}

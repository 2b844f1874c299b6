package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/dudesons/loktar/runner"
)

// merged is a workspace as the kernel merges it out of the tree and what a job
// wrote: whiteouts, opaque folders and whatever else an overlay has are its
// own matter. The mount is read-only, has no place in any folder of the
// machine, and is gone with its descriptor. It takes Linux 5.6 and
// CAP_SYS_ADMIN.
type merged struct {
	dir *os.File // the package's folder; nil when there is none any more
}

var _ runner.Files = (*merged)(nil)

// resolve keeps what is opened to regular paths beneath the folder.
const resolve = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV

// openMerged mounts layers, the topmost first, and opens the folder dir of them.
func openMerged(dir string, layers ...string) (*merged, error) {
	mount, err := mountMerged(layers...)
	if err != nil {
		return nil, fmt.Errorf("mount workspace: %w", err)
	}
	defer unix.Close(mount)
	// As in the container, links inside the repository lead to its folder.
	fd, err := unix.Openat2(mount, dir, &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV,
	})
	if err == nil {
		return &merged{dir: os.NewFile(uintptr(fd), dir)}, nil
	}
	for _, none := range []error{unix.ENOENT, unix.ENOTDIR, unix.ELOOP, unix.EXDEV} {
		if errors.Is(err, none) {
			return &merged{}, nil
		}
	}
	return nil, fmt.Errorf("open the package's folder: %w", err)
}

func (m *merged) close() {
	if m.dir != nil {
		m.dir.Close()
	}
}

// mountMerged makes a read-only overlay of layers, the topmost first. Paths
// are handed over as descriptors, since one option may have 255 bytes only.
func mountMerged(layers ...string) (int, error) {
	var paths []string
	for _, layer := range layers {
		f, err := os.Open(layer)
		if err != nil {
			return -1, err
		}
		defer f.Close()
		paths = append(paths, "/proc/self/fd/"+strconv.Itoa(int(f.Fd())))
	}
	fs, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(fs)
	if err := unix.FsconfigSetString(fs, "lowerdir", strings.Join(paths, ":")); err != nil {
		return -1, err
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, err
	}
	return unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
}

func (m *merged) open(name string, flags uint64) (*os.File, error) {
	if m.dir == nil {
		return nil, fs.ErrNotExist
	}
	fd, err := unix.Openat2(int(m.dir.Fd()), name, &unix.OpenHow{Flags: flags | unix.O_RDONLY | unix.O_CLOEXEC, Resolve: resolve})
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// ReadDir implements runner.Files.
func (m *merged) ReadDir(ctx context.Context, name string, most int) (entries []runner.FileEntry, err error) {
	dir, err := m.open(name, unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	for len(entries) < most {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		names, err := dir.Readdirnames(namesAtOnce)
		if err == io.EOF {
			return entries, nil
		}
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			var st unix.Stat_t
			if err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
				return nil, fmt.Errorf("look at %q: %w", name, err)
			}
			entries = append(entries, runner.FileEntry{Name: name, Mode: fileMode(st.Mode), Size: st.Size})
		}
	}
	return entries, nil
}

// Open implements runner.Files.
func (m *merged) Open(_ context.Context, name string) (io.ReadCloser, error) {
	// A named pipe would have the server wait for who never comes.
	f, err := m.open(name, unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_NOFOLLOW)
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", name, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open %q: it is no regular file", name)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// fileMode is a mode of the kernel's as Go has it, with the permissions and
// the kind of file alone.
func fileMode(mode uint32) fs.FileMode {
	m := fs.FileMode(mode & 0o777)
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		m |= fs.ModeDir
	case unix.S_IFLNK:
		m |= fs.ModeSymlink
	case unix.S_IFIFO:
		m |= fs.ModeNamedPipe
	case unix.S_IFSOCK:
		m |= fs.ModeSocket
	case unix.S_IFCHR, unix.S_IFBLK:
		m |= fs.ModeDevice
	default:
		m |= fs.ModeIrregular
	}
	return m
}

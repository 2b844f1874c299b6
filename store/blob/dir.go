package blob

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/dudesons/loktar/checks"
)

// The folder of a Dir. Objects lie under their keys in the first; a Put
// writes into the second and moves what is whole.
const (
	objects = "objects"
	temps   = "tmp"
	lock    = "lock"
)

// Dir is a Bucket in a folder. An object is one file: its content as it is,
// and after it what is known of it (see trailer).
type Dir struct {
	root *os.Root
	lock *os.File
}

var _ Bucket = (*Dir)(nil)

// OpenDir opens the folder at path, which is made when it is not there, and
// removes what was left of a Put that did not end, unless another process has
// the folder open. Symbolic links that lead out of the folder are not
// followed. The error is of kind Config. Close it.
func OpenDir(path string) (*Dir, error) {
	d, err := openDir(path)
	if err != nil {
		return nil, checks.Errorf(checks.KindConfig, fmt.Errorf("open folder %s: %w", path, err),
			"the folder of the storage cannot be used; let the server's user write to it")
	}
	return d, nil
}

func openDir(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	d := &Dir{root: root}
	if err := d.prepare(); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func (d *Dir) prepare() (err error) {
	for _, dir := range []string{objects, temps} {
		if err := d.root.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	if d.lock, err = d.root.OpenFile(lock, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	// Who can have the lock alone is alone: every other holds it shared, and
	// writes into temps only while it does.
	fd := int(d.lock.Fd())
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err == nil {
		if err := d.clean(); err != nil {
			return err
		}
	} else if !errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("lock %s: %w", lock, err)
	}
	if err := unix.Flock(fd, unix.LOCK_SH); err != nil {
		return fmt.Errorf("lock %s: %w", lock, err)
	}
	return d.sync(".")
}

func (d *Dir) clean() error {
	left, err := d.readDir(temps)
	if err != nil {
		return err
	}
	for _, e := range left {
		if err := d.root.RemoveAll(path.Join(temps, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the use of the folder. Readers that are open stay usable.
func (d *Dir) Close() error {
	if d.lock != nil {
		d.lock.Close()
	}
	return d.root.Close()
}

// Get implements Bucket.
func (d *Dir) Get(ctx context.Context, key string, o GetOptions) (io.ReadCloser, Info, error) {
	f, info, err := d.open(key)
	if err != nil {
		return nil, Info{}, err
	}
	offset, length, err := o.span(key, info.Size)
	if err != nil {
		f.Close()
		return nil, Info{}, err
	}
	r := limited{guarded{io.NewSectionReader(f, offset, length), ctx.Err}, f}
	if length == info.Size {
		return verify(r, info), info, nil
	}
	return r, info, nil
}

// Stat implements Bucket.
func (d *Dir) Stat(_ context.Context, key string) (Info, error) {
	f, info, err := d.open(key)
	if err != nil {
		return Info{}, err
	}
	f.Close()
	return info, nil
}

func (d *Dir) open(key string) (*os.File, Info, error) {
	if err := CheckKey(key); err != nil {
		return nil, Info{}, err
	}
	// What lies in the folder may be a pipe, which would block.
	f, err := d.root.OpenFile(path.Join(objects, key), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, Info{}, dirError("open", key, err)
	}
	info, err := readInfo(f, key)
	if err != nil {
		f.Close()
		return nil, Info{}, err
	}
	return f, info, nil
}

// Delete implements Bucket.
func (d *Dir) Delete(_ context.Context, key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	name := path.Join(objects, key)
	if fi, err := d.root.Lstat(name); err == nil && fi.IsDir() {
		return nil
	}
	err := d.root.Remove(name)
	if absent(err) {
		return nil
	}
	if err == nil {
		err = d.sync(path.Dir(name))
	}
	if err != nil && !absent(err) {
		return dirError("delete", key, err)
	}
	// A folder that is empty is none, so that its name can become a key.
	for dir := path.Dir(name); dir != objects; dir = path.Dir(dir) {
		if d.root.Remove(dir) != nil {
			break
		}
	}
	return nil
}

func (d *Dir) sync(dir string) error {
	f, err := d.root.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

func (d *Dir) readDir(dir string) ([]fs.DirEntry, error) {
	f, err := d.root.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.ReadDir(-1)
}

func tempName() string { return path.Join(temps, rand.Text()) }

func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// dirError gives an error of the file system its kind.
func dirError(verb, key string, err error) error {
	cause := fmt.Errorf("%s object %q: %w", verb, key, err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return checks.Errorf(checks.KindUnavailable, cause, "the storage took too long")
	case errors.Is(err, context.Canceled):
		return cause
	case absent(err):
		return notFound(key, err)
	case checks.IsDiskFull(err):
		return checks.Causef(checks.CauseDiskFull, cause, "the disk of the storage is full; make room or delete objects")
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return checks.Errorf(checks.KindConfig, cause, "the storage's folder may not be used; let the server's user read and write all of it")
	case strings.HasSuffix(err.Error(), "path escapes from parent"), errors.Is(err, syscall.ELOOP):
		return checks.Errorf(checks.KindConfig, cause, "a symbolic link in the storage's folder leads out of it; remove the link")
	}
	return cause
}

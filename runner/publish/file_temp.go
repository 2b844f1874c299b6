package publish

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store/blob"
)

// create makes a file that is not whole yet. It is locked until it is closed,
// so that nobody takes it for one that a crash left. To lock it is a step of
// its own: when it was swept in between, another is made.
func (f *Folder) create() (file *os.File, name string, err error) {
	for {
		name = path.Join(temporary, rand.Text())
		if file, err = f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644); err != nil {
			return nil, "", err
		}
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
		if err == nil {
			if _, err = f.root.Lstat(name); err == nil {
				return file, name, nil
			}
		}
		file.Close()
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, "", err
		}
	}
}

// sweep removes the files that were left by those who died: whoever lives has
// a lock on his.
func (f *Folder) sweep() error {
	left, err := fs.ReadDir(f.root.FS(), temporary)
	for _, e := range left {
		name := path.Join(temporary, e.Name())
		file, opened := f.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if opened != nil {
			continue // it is whole by now, or somebody else removed it
		}
		if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			if gone := f.root.Remove(name); !errors.Is(gone, fs.ErrNotExist) {
				err = errors.Join(err, gone)
			}
		}
		file.Close()
	}
	return err
}

// folderFault gives an error of the file system its kind.
func folderFault(verb, key string, err error) error {
	if err == nil {
		return nil
	}
	var known *checks.Error
	if errors.As(err, &known) {
		return err
	}
	err = fmt.Errorf("%s published file %q: %w", verb, key, err)
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return checks.Errorf(checks.KindUnavailable, err, "The folder for published files took too long.")
	case errors.Is(err, blob.ErrExists):
		return checks.Errorf(checks.KindRefused, err, "The file %q is published already.", short(key))
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR), errors.Is(err, fs.ErrExist), errors.Is(err, syscall.ENAMETOOLONG):
		if verb == "read" || verb == "delete" {
			return checks.Errorf(checks.KindNotFound, err, "There is no file %q.", short(key))
		}
		return checks.Errorf(checks.KindRefused, err, "The file %q cannot be published: a part of its path is a file, or it is a folder.", short(key))
	case errors.Is(err, fs.ErrNotExist):
		return checks.Errorf(checks.KindNotFound, err, "There is no file %q.", short(key))
	case checks.IsDiskFull(err):
		return checks.Errorf(checks.KindConfig, err, "The disk for published files is full. Free some space.")
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return checks.Errorf(checks.KindConfig, err, "The server may not write to the folder for published files. Correct its permissions.")
	}
	return err
}

// stoppable ends with the context.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

func (s *stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
)

// Put implements Bucket. The file and the folders above it are on the disk
// before it returns.
func (d *Dir) Put(ctx context.Context, key string, r io.Reader, o PutOptions) (Info, error) {
	if err := o.check(key); err != nil {
		return Info{}, err
	}
	if err := d.free(key, o.IfAbsent); err != nil {
		return Info{}, err
	}
	tmp := tempName()
	f, err := d.root.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Info{}, dirError("put", key, err)
	}
	info, err := write(ctx, f, key, r, o)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = d.commit(tmp, key, o.IfAbsent)
	}
	if err != nil || o.IfAbsent {
		// A link leaves the first name; what cannot be removed now is at the
		// next opening.
		_ = d.root.Remove(tmp)
	}
	if err != nil {
		return Info{}, err
	}
	return info, nil
}

// free refuses early what commit would refuse after all was read.
func (d *Dir) free(key string, ifAbsent bool) error {
	fi, err := d.root.Lstat(path.Join(objects, key))
	switch {
	case errors.Is(err, syscall.ENOTDIR):
		return refused(key, fmt.Errorf("a part of its key is an object: %w", err))
	case err != nil:
		return nil
	case fi.IsDir():
		return refused(key, errors.New("its key is a folder of other objects"))
	case ifAbsent:
		return refused(key, ErrExists)
	}
	return nil
}

// write puts content and trailer into f and onto the disk.
func write(ctx context.Context, f *os.File, key string, r io.Reader, o PutOptions) (Info, error) {
	in := newIntake(ctx, r, o.SHA256)
	// Bare, the file would choose a small buffer.
	if _, err := io.CopyBuffer(struct{ io.Writer }{f}, in, make([]byte, copyBuffer)); err != nil {
		if in.err != nil {
			return Info{}, in.failed(key)
		}
		return Info{}, dirError("put", key, err)
	}
	info := Info{Key: key, Size: in.n, SHA256: in.sum, ContentType: o.ContentType, ETag: string(in.sum)}
	if _, err := f.Write(trailer(info)); err != nil {
		return Info{}, dirError("put", key, err)
	}
	if err := f.Sync(); err != nil {
		return Info{}, dirError("put", key, err)
	}
	fi, err := f.Stat()
	if err != nil {
		return Info{}, dirError("put", key, err)
	}
	info.Modified = fi.ModTime()
	return info, nil
}

// commit gives the whole file its name.
func (d *Dir) commit(tmp, key string, ifAbsent bool) error {
	name := path.Join(objects, key)
	var err error
	// A Delete beside us may remove the folder, which it left empty, also between
	// the two looks that MkdirAll takes at it: then it says that it exists.
	again := true
	for try := 0; try < 100 && again; try++ {
		if err = d.root.MkdirAll(path.Dir(name), 0o700); err != nil {
			again = errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist)
			continue
		}
		if ifAbsent {
			err = d.root.Link(tmp, name)
		} else {
			err = d.root.Rename(tmp, name)
		}
		again = errors.Is(err, fs.ErrNotExist)
	}
	if err != nil {
		if busy := d.free(key, ifAbsent); busy != nil {
			return busy
		}
		return dirError("put", key, err)
	}
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		// A folder that a Delete took away in between needs no sync.
		if err := d.sync(dir); err != nil && !absent(err) {
			return dirError("put", key, err)
		}
		if dir == "." {
			return nil
		}
	}
}

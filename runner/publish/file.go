package publish

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store/blob"
)

// temporary is the folder of files that are not whole yet. No key is in it.
const temporary = ".tmp"

// Folder is a bucket whose objects are plain files under their keys, readable
// for everyone, so that any web server can hand them out. (A blob.Dir keeps
// more beside the content, and does not promise that.) Others may use the same
// folder meanwhile, by a Folder of their own. Make one with OpenFolder.
type Folder struct{ root *os.Root }

var _ blob.Bucket = (*Folder)(nil)

// OpenFolder opens the folder at dir, which is made where it is missing. What
// a crash left half written is removed. Close it.
func OpenFolder(dir string) (*Folder, error) {
	wrong := func(err error) (*Folder, error) {
		return nil, checks.Errorf(checks.KindConfig, fmt.Errorf("open folder: %w", err),
			"The folder for published files cannot be used. Check its path and that the server may write there.")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return wrong(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return wrong(err)
	}
	f := &Folder{root}
	if err = root.Mkdir(temporary, 0o700); errors.Is(err, fs.ErrExist) {
		err = f.sweep()
	}
	if err != nil {
		return wrong(errors.Join(err, root.Close()))
	}
	return f, nil
}

// Close ends the use of the folder.
func (f *Folder) Close() error { return f.root.Close() }

func keyOf(key string) error {
	if err := blob.CheckKey(key); err != nil {
		return err
	}
	if first, _, _ := strings.Cut(key, "/"); first == temporary {
		return refusedf("%q is no key of an object: the folder %s is not for objects", short(key), temporary)
	}
	return nil
}

// Put implements blob.Bucket.
func (f *Folder) Put(ctx context.Context, key string, r io.Reader, o blob.PutOptions) (blob.Info, error) {
	if err := keyOf(key); err != nil {
		return blob.Info{}, err
	}
	file, tmp, err := f.create()
	if err != nil {
		return blob.Info{}, folderFault("write", key, err)
	}
	defer file.Close()
	defer f.root.Remove(tmp) //nolint:errcheck // a rename took it away, or the next OpenFolder removes it
	sum, size, err := fill(ctx, file, r)
	switch {
	case err != nil:
	case o.SHA256 != "" && string(o.SHA256) != sum:
		return blob.Info{}, checks.Errorf(checks.KindRefused, blob.ErrMismatch, "The file changed while it was published.")
	default:
		err = f.commit(tmp, key, o.IfAbsent)
	}
	if err != nil {
		return blob.Info{}, folderFault("write", key, err)
	}
	return blob.Info{Key: key, Size: size, SHA256: blob.Digest(sum), ContentType: "application/octet-stream", ETag: sum}, nil
}

func fill(ctx context.Context, file *os.File, r io.Reader) (sum string, size int64, err error) {
	h := sha256.New()
	size, err = io.Copy(io.MultiWriter(file, h), &stoppable{ctx, r})
	if err == nil {
		err = file.Sync()
	}
	return hex.EncodeToString(h.Sum(nil)), size, err
}

// commit gives the whole file its name, on the disk.
func (f *Folder) commit(tmp, key string, ifAbsent bool) error {
	dir := path.Dir(key)
	err := f.root.MkdirAll(dir, 0o755)
	switch {
	case err != nil:
	case ifAbsent:
		err = f.root.Link(tmp, key)
		if errors.Is(err, fs.ErrExist) {
			err = fmt.Errorf("%w: %w", blob.ErrExists, err)
		}
	default:
		err = f.root.Rename(tmp, key)
	}
	for ; err == nil; dir = path.Dir(dir) {
		if err = f.sync(dir); dir == "." {
			break
		}
	}
	return err
}

func (f *Folder) sync(dir string) error {
	d, err := f.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Get implements blob.Bucket. The digest is not known before all was read.
func (f *Folder) Get(ctx context.Context, key string, o blob.GetOptions) (io.ReadCloser, blob.Info, error) {
	info, err := f.look(key)
	if err != nil {
		return nil, blob.Info{}, err
	}
	if o.Offset < 0 || o.Length < 0 || o.Offset > info.Size {
		return nil, blob.Info{}, refusedf("The bytes %d+%d are not in the file %q.", o.Offset, o.Length, short(key))
	}
	file, err := f.root.OpenFile(key, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, blob.Info{}, folderFault("read", key, err)
	}
	length := info.Size - o.Offset
	if o.Length > 0 {
		length = min(length, o.Length)
	}
	section := io.NewSectionReader(file, o.Offset, length)
	return struct {
		io.Reader
		io.Closer
	}{&stoppable{ctx, section}, file}, info, nil
}

// Stat implements blob.Bucket. It reads the file for its digest.
func (f *Folder) Stat(ctx context.Context, key string) (blob.Info, error) {
	body, info, err := f.Get(ctx, key, blob.GetOptions{})
	if err != nil {
		return blob.Info{}, err
	}
	defer body.Close()
	h := sha256.New()
	if _, err := io.Copy(h, body); err != nil {
		return blob.Info{}, folderFault("read", key, err)
	}
	info.SHA256 = blob.Digest(hex.EncodeToString(h.Sum(nil)))
	info.ETag = string(info.SHA256)
	return info, nil
}

func (f *Folder) look(key string) (blob.Info, error) {
	if err := keyOf(key); err != nil {
		return blob.Info{}, err
	}
	fi, err := f.root.Stat(key)
	if err == nil && !fi.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return blob.Info{}, folderFault("read", key, err)
	}
	return blob.Info{Key: key, Size: fi.Size(), Modified: fi.ModTime(), ContentType: "application/octet-stream"}, nil
}

// Delete implements blob.Bucket.
func (f *Folder) Delete(_ context.Context, key string) error {
	if _, err := f.look(key); err != nil {
		if checks.KindOf(err) == checks.KindNotFound {
			return nil
		}
		return err
	}
	err := f.root.Remove(key)
	if err == nil {
		err = f.sync(path.Dir(key))
	}
	for dir := path.Dir(key); err == nil && dir != "."; dir = path.Dir(dir) {
		if f.root.Remove(dir) != nil {
			break // it is not empty
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return folderFault("delete", key, err)
}

// List implements blob.Bucket.
func (f *Folder) List(ctx context.Context, prefix, after string, limit int) ([]blob.Info, error) {
	if limit <= 0 || limit > blob.ListMax {
		limit = blob.ListMax
	}
	// Only what is in the folder that the prefix names can have the prefix.
	top := path.Dir(prefix + "x")
	if top != "." {
		if err := keyOf(top); err != nil {
			return nil, err
		}
	}
	var found []blob.Info
	err := fs.WalkDir(f.root.FS(), top, func(key string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // there is no such folder, or it went meanwhile
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case key == temporary:
			return fs.SkipDir
		case !d.Type().IsRegular() || !strings.HasPrefix(key, prefix) || key <= after:
			return nil
		}
		if info, err := d.Info(); err == nil {
			found = append(found, blob.Info{Key: key, Size: info.Size(), Modified: info.ModTime()})
		}
		return nil
	})
	if err != nil {
		return nil, folderFault("list", prefix, err)
	}
	slices.SortFunc(found, func(a, b blob.Info) int { return cmp.Compare(a.Key, b.Key) })
	return found[:min(len(found), limit)], nil
}

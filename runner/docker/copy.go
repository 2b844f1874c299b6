package docker

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/dudesons/loktar/runner"
)

// maxCopied is how many entries of a package's folder are copied.
const maxCopied = 500_000

// copyTo copies the package's folder into the empty folder dir: files, folders
// and symbolic links, with their permissions as far as the server can still
// read what it wrote. limit bounds the bytes of files; 0 means
// runner.DefaultArtifactBytes.
func (a *archived) copyTo(ctx context.Context, dir string, limit int64) error {
	switch err := a.enter(ctx); {
	case errors.Is(err, fs.ErrNotExist):
		return errFolderGone
	case err != nil:
		return err
	}
	stream, _, err := a.engine.CopyFromContainer(ctx, a.id, a.root+"/.")
	if err != nil {
		return fault(err, "archive the package's folder")
	}
	defer stream.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fault(err, "open the folder for the package's files")
	}
	defer root.Close()
	u := unpacker{root: root, left: cmp.Or(limit, runner.DefaultArtifactBytes), most: cmp.Or(limit, runner.DefaultArtifactBytes)}
	return u.unpack(stream)
}

// unpacker writes an archive that the engine made of files that a stranger
// made. Nothing in it, whatever its names and links, is written outside of
// root, and no two entries are written to one place.
type unpacker struct {
	root *os.Root
	seen int
	left int64 // of most bytes
	most int64
}

func (u *unpacker) unpack(r io.Reader) error {
	for in := tar.NewReader(r); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fault(err, "read the archive of the package's folder")
		}
		name, ok := archivedName(header.Name)
		if !ok {
			return fmt.Errorf("unpack the package's folder: the archive names %q", short(header.Name))
		}
		if name == "." {
			continue
		}
		if u.seen++; u.seen > maxCopied {
			return runner.Refusedf("The package's folder holds more than %d files, which are too many to build an image from. Have `make release` remove what it does not need.", maxCopied)
		}
		if err := u.add(name, header, in); err != nil {
			return err
		}
	}
}

// archivedName is an entry's name from the archived folder, which is its first
// element.
func archivedName(name string) (string, bool) {
	_, name, _ = strings.Cut(name, "/")
	name = path.Clean(name)
	return name, fs.ValidPath(name)
}

func (u *unpacker) add(name string, h *tar.Header, content io.Reader) error {
	mode := h.FileInfo().Mode().Perm()
	var err error
	switch h.Typeflag {
	case tar.TypeDir:
		if err = u.root.Mkdir(name, 0o700); err == nil {
			err = u.root.Chmod(name, mode|0o700)
		}
	case tar.TypeReg:
		if u.left -= h.Size; u.left < 0 {
			return runner.Refusedf("The package's folder holds more than %d MiB, which is too much to build an image from. Have `make release` remove what it does not need.", u.most>>20)
		}
		if err = u.file(name, mode|0o600, content); err == nil {
			err = u.root.Chtimes(name, h.ModTime, h.ModTime)
		}
	case tar.TypeSymlink:
		err = u.root.Symlink(h.Linkname, name)
	case tar.TypeLink:
		old, ok := archivedName(h.Linkname)
		if !ok {
			return fmt.Errorf("unpack the package's folder: the archive links to %q", short(h.Linkname))
		}
		err = u.root.Link(old, name)
	}
	if err != nil {
		return fault(err, "unpack the package's folder")
	}
	return nil
}

func (u *unpacker) file(name string, mode fs.FileMode, content io.Reader) error {
	f, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Chmod(mode), f.Close())
}

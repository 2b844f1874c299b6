package docker

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"github.com/dudesons/loktar/runner"
)

// maxListed is how many bytes of files are read past to learn their names.
const maxListed = 64 << 30

// archived is a workspace as the engine archives it out of a container that
// ended, for a server that may not mount. The engine has no way to list a
// folder without its files' content, so the first look reads all of it.
type archived struct {
	engine *client.Client
	id     string
	folder string                        // the package's, from the workspace
	root   string                        // the same in the container, without links; set by the first look
	dirs   map[string][]runner.FileEntry // nil until the first look
}

var _ runner.Files = (*archived)(nil)

func newArchived(engine *client.Client, id, dir string) *archived {
	return &archived{engine: engine, id: id, folder: dir}
}

// ReadDir implements runner.Files.
func (a *archived) ReadDir(ctx context.Context, name string, most int) ([]runner.FileEntry, error) {
	if a.dirs == nil {
		dirs, err := a.list(ctx, most)
		if err != nil {
			return nil, err
		}
		a.dirs = dirs
	}
	entries, ok := a.dirs[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return entries, nil
}

// enter finds the package's folder. The engine follows links wherever they
// lead in the container; here they count only inside the workspace.
func (a *archived) enter(ctx context.Context) error {
	at := workspace
	for _, elem := range strings.Split(a.folder, "/") {
		seen, err := a.engine.ContainerStatPath(ctx, a.id, path.Join(at, elem))
		switch at = path.Join(at, elem); {
		case cerrdefs.IsNotFound(err) || cerrdefs.IsInvalidArgument(err):
			return fs.ErrNotExist
		case err != nil:
			return fault(err, "look at the package's folder")
		case seen.Mode&fs.ModeSymlink != 0:
			at = path.Clean(seen.LinkTarget)
		case !seen.Mode.IsDir():
			return fs.ErrNotExist
		}
		if at != workspace && !strings.HasPrefix(at, workspace+"/") {
			return fs.ErrNotExist
		}
	}
	a.root = at
	return nil
}

// list reads the archive of the whole folder. It stops early once there are
// more entries than most; all that it found then counts as in ".".
func (a *archived) list(ctx context.Context, most int) (map[string][]runner.FileEntry, error) {
	if err := a.enter(ctx); err != nil {
		return nil, err
	}
	stream, _, err := a.engine.CopyFromContainer(ctx, a.id, a.root+"/.")
	if err != nil {
		return nil, fault(err, "archive the package's folder")
	}
	defer stream.Close()
	dirs := map[string][]runner.FileEntry{".": nil}
	var flat []runner.FileEntry
	left := int64(maxListed)
	for in := tar.NewReader(stream); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return dirs, nil
		}
		if err != nil {
			return nil, fault(err, "read the archive of the package's folder")
		}
		_, name, _ := strings.Cut(header.Name, "/")
		if name = path.Clean(name); name == "." {
			continue
		}
		e, err := a.entry(ctx, header, name)
		if err != nil {
			return nil, err
		}
		if left -= header.Size; left < 0 {
			return nil, runner.Refusedf("The package's folder has more than %d GiB of files where artifacts are looked for; the one that was too much is %q.", maxListed>>30, short(name))
		}
		if e.Mode.IsDir() && dirs[name] == nil {
			dirs[name] = nil
		}
		dirs[path.Dir(name)] = append(dirs[path.Dir(name)], e)
		if flat = append(flat, e); len(flat) >= most {
			return map[string][]runner.FileEntry{".": flat}, nil
		}
	}
}

func (a *archived) entry(ctx context.Context, header *tar.Header, name string) (runner.FileEntry, error) {
	e := runner.FileEntry{Name: path.Base(name), Mode: header.FileInfo().Mode(), Size: header.Size}
	if header.Typeflag == tar.TypeLink {
		// A second name of a file stands without content in an archive.
		seen, err := a.engine.ContainerStatPath(ctx, a.id, path.Join(a.root, name))
		if err != nil {
			return e, fault(err, "look at a file of the package's folder")
		}
		e.Mode, e.Size = seen.Mode, seen.Size
	}
	e.Mode &= fs.ModeType | fs.ModePerm
	return e, nil
}

// Open implements runner.Files.
func (a *archived) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	stream, _, err := a.engine.CopyFromContainer(ctx, a.id, path.Join(a.root, name))
	if err != nil {
		return nil, fault(err, "archive an artifact")
	}
	in := tar.NewReader(stream)
	header, err := in.Next()
	if err == nil && header.Typeflag != tar.TypeReg {
		err = fmt.Errorf("open %q: it is no regular file", name)
	}
	if err != nil {
		stream.Close()
		return nil, fault(err, "read the archive of an artifact")
	}
	return &archivedFile{in, stream}, nil
}

type archivedFile struct {
	io.Reader
	io.Closer
}

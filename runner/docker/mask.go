package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// makeMask makes a folder that hides paths of the layers of an overlay below
// it: in place of each stands a whiteout, a character device 0/0 (see Linux,
// Documentation/filesystems/overlayfs.rst). A job has that folder as a lower
// layer, in which it can change nothing: what it makes at such a path, or moves
// around it, is its own and shows nothing of what is below.
//
// Whiteouts are names of one file, as the kernel has it too: to make a name
// costs a small part of what a file costs.
func makeMask(dir string, paths []string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	m := mask{root: root}
	defer m.close()
	for _, p := range paths {
		if err := m.hide(p); err != nil {
			return fmt.Errorf("hide %q: %w", short(p), err)
		}
	}
	return nil
}

// mask is a folder of whiteouts.
type mask struct {
	root *os.Root
	// dir is the folder at, in which the last whiteout was made.
	dir *os.File
	at  string
	// first is the folder of the file that all whiteouts are; name is its name.
	first *os.File
	name  string
}

func (m *mask) close() {
	for _, f := range []*os.File{m.dir, m.first} {
		if f != nil {
			f.Close()
		}
	}
}

func (m *mask) hide(p string) error {
	if !filepath.IsLocal(p) || path.Clean(p) != p || p == "." {
		return errors.New("it is no path inside the tree")
	}
	if at := path.Dir(p); m.dir == nil || at != m.at {
		if err := m.enter(at); err != nil {
			return err
		}
	}
	name := path.Base(p)
	if m.first != nil {
		err := unix.Linkat(int(m.first.Fd()), m.name, int(m.dir.Fd()), name, 0)
		if !errors.Is(err, unix.EMLINK) {
			return err
		}
		m.first.Close()
		m.first = nil
	}
	if err := unix.Mknodat(int(m.dir.Fd()), name, unix.S_IFCHR, 0); err != nil {
		return err
	}
	first, err := m.root.Open(m.at)
	m.first, m.name = first, name
	return err
}

func (m *mask) enter(at string) error {
	if err := m.root.MkdirAll(at, 0o755); err != nil {
		return err
	}
	dir, err := m.root.Open(at)
	if err != nil {
		return err
	}
	if m.dir != nil {
		m.dir.Close()
	}
	m.dir, m.at = dir, at
	return nil
}

// hide makes j's mask, where its task is not to see all. Where whiteouts cannot
// be made (Linux before 5.8 has only root make them, and not every file system
// takes them), the job gets a copy of what it is to see.
func (s *Sandbox) hide(ctx context.Context, j *job) error {
	if len(j.task.Hidden) == 0 || j.copies {
		return nil
	}
	j.mask = filepath.Join(j.dir, "mask")
	err := makeMask(j.mask, j.task.Hidden)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.ENOTSUP) {
		zerolog.Ctx(ctx).Warn().Err(err).Str("job", j.task.Job.String()).Msg("files cannot be hidden by an overlay here; the job gets a copy of those that it is to see")
		j.mask, j.copies = "", true
		return nil
	}
	if err != nil {
		return fault(err, "make the layer that hides files")
	}
	return nil
}

// layers are what j's view is made of, the topmost first, for a mount of our
// own once the job has ended.
func (j *job) layers() []string {
	list := []string{filepath.Join(j.dir, "upper")}
	if j.mask != "" {
		list = append(list, j.mask)
	}
	return append(list, j.task.Tree)
}

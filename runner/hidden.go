package runner

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
)

// hidesIn reports whether something in the folder dir is hidden.
func (t *Task) hidesIn(dir string) bool {
	for _, hidden := range t.Hidden {
		if dir == "." || strings.HasPrefix(hidden, dir+"/") {
			return true
		}
	}
	return false
}

// seenIn is nil when the job of a workspace sees a file, over links as well.
func seenIn(space Workspace, name string) error {
	if len(space.Hidden) == 0 {
		return nil
	}
	tree, err := filepath.EvalSymlinks(space.Dir)
	if err != nil {
		return err
	}
	file, err := filepath.EvalSymlinks(filepath.Join(tree, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	if file, err = filepath.Rel(tree, file); err != nil {
		return err
	}
	for _, p := range []string{path.Clean(name), filepath.ToSlash(file)} {
		for _, hidden := range space.Hidden {
			if p == hidden || strings.HasPrefix(p, hidden+"/") {
				return fmt.Errorf("%w: the package does not see it", fs.ErrNotExist)
			}
		}
	}
	return nil
}

// hides reports whether a path is hidden.
func (t *Task) hides(p string) bool {
	for _, hidden := range t.Hidden {
		if within(p, hidden) {
			return true
		}
	}
	return false
}

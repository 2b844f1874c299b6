package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/dudesons/loktar/checks"
)

// ReadFile reads a file of job's package as it is in run's tree, at most its
// first limit bytes. name is slash-separated, from the package's folder;
// symbolic links count inside the tree alone. The error is of
// checks.KindRefused when there is no such regular file; other errors are
// those of leasing the tree.
func (r *Runner) ReadFile(ctx context.Context, run checks.Run, job checks.Job, name string, limit int64) ([]byte, error) {
	space, err := r.o.Workspaces.Lease(ctx, run, job)
	if err != nil {
		return nil, fmt.Errorf("lease workspace: %w", err)
	}
	defer space.Release()
	data, err := readIn(space, path.Join(job.Package.Dir, name), limit)
	if err != nil {
		return nil, checks.Errorf(checks.KindRefused, err, "The file `%s` of the package cannot be read.", plain(name, 120))
	}
	return data, nil
}

func readIn(space Workspace, name string, limit int64) ([]byte, error) {
	root, err := os.OpenRoot(space.Dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if err := seenIn(space, name); err != nil {
		return nil, err
	}
	info, err := root.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no regular file")
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

package docker

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/rmtree"
)

// hand gives the package's folder to who asked for it.
func (s *Sandbox) hand(ctx context.Context, j *job, id string, began time.Time, exit *runner.Exit) error {
	if err := s.ended(ctx, id); err != nil {
		return err
	}
	t := j.task
	t.Folder = func(ctx context.Context, _ string) error {
		dir, done, err := s.folder(ctx, j, id)
		if err != nil {
			return err
		}
		defer done()
		if err := j.task.Folder(ctx, dir); err != nil {
			return &takerError{err}
		}
		return nil
	}
	if err := runner.HandFolder(ctx, t, began, "", exit); err != nil {
		return fmt.Errorf("hand over the package's folder: %w", err)
	}
	return nil
}

// takes reports whether something is taken of a job after its steps.
func takes(t *runner.Task) bool { return t.Artifacts != nil || t.Folder != nil }

// passed reports whether there is something to take of a job that ended so.
func passed(exit runner.Exit) bool {
	return exit.Code == 0 && !exit.TimedOut && !exit.Cancelled && exit.Refusal == "" && exit.Exceeded == ""
}

// folder is a path by which this process reaches the package's folder as the
// job left it, until done is called: that of a read-only mount of our own, or
// of a copy where the server may not mount, or has caches to show in it. Both need no room beside the job's
// own folder, and go with it.
func (s *Sandbox) folder(ctx context.Context, j *job, id string) (path string, done func(), err error) {
	if !s.o.noMount && len(j.inside()) == 0 {
		m, err := openMerged(j.task.Dir, j.layers()...)
		switch {
		case err == nil && m.dir == nil:
			return "", nil, errFolderGone
		case err == nil:
			return "/proc/self/fd/" + strconv.Itoa(int(m.dir.Fd())), m.close, nil
		}
		zerolog.Ctx(ctx).Debug().Err(err).Msg("the workspace cannot be mounted by the server; the package's folder is copied through the engine")
	}
	path = filepath.Join(j.dir, "folder")
	done = func() { _ = rmtree.Remove(path) } // what stays goes with the job's folder
	if err := os.Mkdir(path, 0o700); err != nil {
		return "", nil, fault(err, "make a folder for the package's files")
	}
	if err := newArchived(s.engine, id, j.task.Dir).copyTo(ctx, path, j.task.FolderBytes); err != nil {
		done()
		return "", nil, err
	}
	return path, done, nil
}

var errFolderGone = runner.Refusedf("The steps left no folder of the package behind, so there is nothing to build from.")

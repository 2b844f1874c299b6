package runner

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/dudesons/loktar/checks"
)

// HandFolder calls t.Folder with dir, and notes in exit how that ended: it is
// what every Sandbox does with Task.Folder once all that is before it went
// well. begun is when the steps began; t.Timeout counts from there. The error
// is t.Folder's, where it is neither the job's own fault nor the end of ctx or
// of the time.
func HandFolder(ctx context.Context, t Task, begun time.Time, dir string, exit *Exit) error {
	within, cancel := ctx, context.CancelFunc(func() {})
	if t.Timeout > 0 {
		within, cancel = context.WithDeadline(ctx, begun.Add(t.Timeout))
	}
	defer cancel()
	err := within.Err()
	if err == nil {
		err = t.Folder(within, dir)
	}
	refused := refusedError("")
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		exit.Cancelled = true
		return nil
	case within.Err() != nil:
		exit.TimedOut, exit.Step = true, len(t.lines())
		return nil
	case errors.As(err, &refused):
		exit.Refusal = string(refused)
		return nil
	}
	return err
}

// handTree is for a task that has nothing to run: it hands over the package's
// folder in the tree as it is.
func handTree(ctx context.Context, t Task) (checks.Result, error) {
	var exit Exit
	err := HandFolder(ctx, t, time.Now(), filepath.Join(t.Tree, filepath.FromSlash(t.Dir)), &exit)
	if err != nil {
		return checks.Result{}, err
	}
	return verdict(t, exit), nil
}

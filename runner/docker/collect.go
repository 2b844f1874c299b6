package docker

import (
	"context"
	"fmt"
	"io"
	"io/fs"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

// takerError is the error of who takes artifacts, not of the engine.
type takerError struct{ err error }

func (e *takerError) Error() string { return e.err.Error() }
func (e *takerError) Unwrap() error { return e.err }

// collect hands over what j's task asks for and notes in exit how that ended.
// The container has ended, and with its first process the kernel ended all
// others of it, so nothing writes to the workspace any more.
func (s *Sandbox) collect(ctx context.Context, j *job, id string, exit *runner.Exit, out runner.Output) error {
	if err := s.ended(ctx, id); err != nil {
		return err
	}
	files, done := s.files(ctx, j, id)
	defer done()
	wanted := *j.task.Artifacts
	wanted.Collect = func(ctx context.Context, name string, size int64, mode fs.FileMode, open func() (io.ReadCloser, error)) error {
		if err := j.task.Artifacts.Collect(ctx, name, size, mode, open); err != nil {
			return &takerError{err}
		}
		return nil
	}
	var err error
	exit.Artifacts, exit.Refusal, err = runner.CollectFrom(ctx, files, &wanted)
	switch {
	case err != nil && ctx.Err() != nil:
		exit.Cancelled = true
		return nil
	case err != nil:
		return fmt.Errorf("collect artifacts: %w", err)
	case exit.Refusal == "" || wanted.Lenient:
		out.Heading(fmt.Sprintf("Collected %d artifacts", exit.Artifacts))
	}
	return nil
}

// collects reports whether a job that ended so hands over what it made.
func collects(a *runner.Artifacts, exit runner.Exit) bool {
	if a.Lenient {
		return !exit.Cancelled
	}
	return exit.Code == 0 && !exit.TimedOut && !exit.Cancelled
}

// ended sees to it that nothing of the job runs any more.
func (s *Sandbox) ended(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	seen, err := s.engine.ContainerInspect(ctx, id)
	switch {
	case err != nil:
		return fault(err, "inspect container before anything is taken of it")
	case seen.State.Running || seen.State.Restarting:
		return fmt.Errorf("take what the job left: the container still runs, its state is %q", seen.State.Status)
	}
	return nil
}

// files is the workspace as the job left it: through a read-only mount of our
// own where the server may make one, else through the engine.
func (s *Sandbox) files(ctx context.Context, j *job, id string) (files runner.Files, done func()) {
	if !s.o.noMount {
		files, done, err := j.openAll()
		if err == nil {
			return files, done
		}
		zerolog.Ctx(ctx).Debug().Err(err).Msg("the workspace cannot be mounted by the server; artifacts are read through the engine")
	}
	return newArchived(s.engine, id, j.task.Dir), func() {}
}

// cleanUp runs the clean lines in a container of their own, once the one of
// the steps is gone. Whatever becomes of it, the verdict stands.
func (s *Sandbox) cleanUp(ctx context.Context, j *job, lines []string, exit *runner.Exit, out runner.Output) {
	if len(lines) == 0 {
		return
	}
	stopped := exit.TimedOut || exit.Cancelled
	if stopped {
		ctx = context.WithoutCancel(ctx)
	}
	cleaned, err := s.cleanApart(ctx, j, lines, stopped, out)
	exit.Cancelled = exit.Cancelled || cleaned.Cancelled || !stopped && ctx.Err() != nil
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Str("job", j.task.Job.String()).Msg("clean lines could not be run")
		out.Heading(fmt.Sprintf("%s was not run. %s", lines[0], checks.PublicText(err, "")))
	}
}

func (s *Sandbox) cleanApart(ctx context.Context, j *job, lines []string, stopped bool, out runner.Output) (exit runner.Exit, err error) {
	j.cleans(randomName(), lines, stopped)
	j.record.CleanNonce = j.nonce
	if err := s.note(j); err != nil {
		return exit, err
	}
	id, err := s.create(ctx, j, out)
	if err != nil {
		return exit, err
	}
	s.did("clean created")
	exit, _, err = s.attend(ctx, j, id, out)
	return exit, err
}

// cleans has j go on in a container that runs the clean lines alone. The one
// of the steps ended and stays until the job is done: what it printed may have
// to be read once more.
func (j *job) cleans(nonce string, lines []string, stopped bool) {
	j.part, j.nonce, j.brief, j.spent = cleanPart, nonce, stopped, 0
	j.task.Probe, j.task.Steps, j.task.Otherwise, j.task.Clean = "", nil, nil, lines
}

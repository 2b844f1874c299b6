package docker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/runner"
)

// killedTime is how long a killed container may take to end.
const killedTime = 30 * time.Second

// watch stays with a running container and stops it when it has to. Stopping
// goes step by step: SIGTERM to the lines, SIGKILL to the lines, SIGKILL to
// the container. The clean lines run as soon as the steps are gone.
type watch struct {
	sandbox  *Sandbox
	job      *job
	id       string
	progress *progress
	out      runner.Output

	timedOut, cancelled bool
	exceeded            string // says which bound the steps went beyond
	// brief: the job was stopped in an earlier container; this one only cleans.
	brief bool
	// began is since when the timeout counts.
	began time.Time
	// inTime and late: the steps were over when the timeout was, or were not.
	// Neither is known of a job whose time runs.
	inTime, late bool
}

func (w *watch) stopping() bool { return w.timedOut || w.cancelled || w.exceeded != "" }

// untilEnd returns the container's exit code. ctx is the job's; calls to the
// engine are made in life, which outlives it.
func (w *watch) untilEnd(ctx, life context.Context, ended <-chan container.WaitResponse, failed <-chan error, exceeded <-chan string) (int, error) {
	o := w.sandbox.o
	var limit, hard, last, lost <-chan time.Time
	if w.job.task.Timeout > 0 && !w.inTime && !w.stopping() {
		limit = time.After(time.Until(w.deadline()))
	}
	done, cleaning := ctx.Done(), w.progress.cleaning
	for {
		select {
		case r := <-ended:
			if w.late && !w.stopping() {
				w.timeOut(life)
			}
			if r.Error != nil {
				return 0, errors.New(r.Error.Message)
			}
			return int(r.StatusCode), nil
		case err := <-failed:
			return 0, err

		case <-done:
			done, limit, w.cancelled = nil, nil, true
			w.out.Heading("Stopping the job")
			if cleaning != nil {
				w.kill(life, "TERM")
				hard = time.After(o.StopGrace)
				last = time.After(o.StopGrace + o.StoppedCleanTime)
			} else {
				last = time.After(o.StoppedCleanTime)
			}
		case <-limit:
			limit = nil
			w.timeOut(life)
			w.kill(life, "TERM")
			hard = time.After(o.StopGrace)
			last = time.After(o.StopGrace + o.StoppedCleanTime)
		case why := <-exceeded:
			// It goes on to grow while it is asked to stop.
			limit = nil
			w.out.Heading(why)
			if cleaning == nil || w.stopping() {
				last = time.After(0)
				break
			}
			w.exceeded = why
			w.remember(life)
			w.killLines(life)
			last = time.After(o.StoppedCleanTime)
		case <-cleaning:
			w.sandbox.noteRoom(life, w.job) // before they make room
			if w.late && !w.stopping() {
				w.timeOut(life)
			}
			cleaning, limit, hard = nil, nil, nil
			last = time.After(o.CleanTime)
			if w.stopping() || w.brief {
				last = time.After(o.StoppedCleanTime)
			}

		case <-hard:
			hard = nil
			w.killLines(life)
		case <-last:
			last, hard = nil, nil
			if cleaning == nil {
				w.out.Heading("Cleaning up did not end in time; it is killed. That does not change the verdict.")
			}
			w.kill(life, "KILL")
			lost = time.After(killedTime)
		case <-lost:
			return 0, context.DeadlineExceeded
		}
	}
}

// deadline is when the timeout is over.
func (w *watch) deadline() time.Time { return w.began.Add(w.job.task.Timeout) }

// timeOut notes that the steps are not over in time.
func (w *watch) timeOut(ctx context.Context) {
	w.timedOut = true
	w.remember(ctx)
	w.out.Heading(fmt.Sprintf("The timeout of %s is over; stopping the job", w.job.task.Timeout))
}

// remember has a process that takes the job up know why it is being ended.
func (w *watch) remember(ctx context.Context) {
	w.job.record.TimedOut, w.job.record.Exceeded = w.timedOut, w.exceeded
	if err := w.sandbox.note(w.job); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Str("job", w.job.task.Job.String()).Msg("why the job is ended cannot be noted")
	}
}

// kill sends a signal to the container. A container that ended meanwhile
// refuses it, and then its end is on its way.
func (w *watch) kill(ctx context.Context, signal string) {
	ctx, cancel := context.WithTimeout(ctx, killedTime)
	defer cancel()
	_ = w.sandbox.engine.ContainerKill(ctx, w.id, signal)
}

// killLines kills all of the container but the shell that goes on to clean
// up. Where it cannot (no process may be added to the container), the whole
// container is killed a little later.
func (w *watch) killLines(ctx context.Context) {
	shell, _, _, _ := w.progress.now()
	if shell == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, killedTime)
	defer cancel()
	made, err := w.sandbox.engine.ContainerExecCreate(ctx, w.id, container.ExecOptions{
		User: "0:0", WorkingDir: "/", Cmd: []string{"/bin/sh", "-c", killScript, "loktar", strconv.Itoa(shell)},
	})
	if err == nil {
		_ = w.sandbox.engine.ContainerExecStart(ctx, made.ID, container.ExecStartOptions{Detach: true})
	}
}

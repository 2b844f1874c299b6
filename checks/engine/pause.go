package engine

import (
	"context"
	"time"

	"github.com/dudesons/loktar/checks"
)

// waitFor is the wait of a job that cannot run for what no job can run without
// now; nil where that is not known.
func waitFor(err error, now time.Time) *checks.Wait {
	switch cause := checks.CauseOf(err); cause {
	case checks.CauseEngineLost:
		return &checks.Wait{Cause: cause, Why: checks.PublicText(err, "The container engine does not answer."), Since: now}
	case checks.CauseDiskFull:
		return &checks.Wait{Cause: cause, Why: checks.PublicText(err, "The disk of the server is full."), Since: now}
	}
	return nil
}

// pause stops starting jobs, as why says that none can run, and asks the
// runner with growing gaps until it is ready or ctx is done.
func (e *Engine) pause(ctx context.Context, why error) {
	if e.paused {
		return
	}
	e.paused, e.pausedFor = true, waitFor(why, time.Now().UTC())
	e.o.Log.Error().Err(why).Msg("jobs cannot be run; they wait until they can")
	go func() {
		wait := 250 * time.Millisecond
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-time.After(wait):
				if e.o.Runner.Ready(ctx) == nil {
					e.probes <- struct{}{}
					return
				}
				wait = min(2*wait, 5*time.Second)
			}
		}
		e.probes <- struct{}{}
	}()
}

// resume starts jobs again.
func (e *Engine) resume(ctx context.Context) {
	why := e.pausedFor
	e.paused, e.pausedFor = false, nil
	e.o.Log.Info().Msg("jobs can be run again")
	if why == nil {
		return
	}
	// Those that get no slot yet wait for one alone.
	e.retell(ctx, func(j *checks.Job) bool {
		told := j.Wait != nil && j.Wait.Of(why.Cause)
		if told {
			j.Wait = nil
		}
		return told
	})
}

// keepWaiting tells of jobs that would get their turn why they do not.
func (e *Engine) keepWaiting(ctx context.Context) {
	if e.pausedFor == nil || ctx.Err() != nil {
		return
	}
	now := time.Now().UTC()
	e.retell(ctx, func(j *checks.Job) bool {
		if j.Wait != nil || !checks.Ready(j, e.active[j.Run].byName) {
			return false
		}
		w := *e.pausedFor
		w.Since = now
		j.Wait = &w
		return true
	})
}

// retell has GitHub told anew of the queued jobs that change.
func (e *Engine) retell(ctx context.Context, change func(*checks.Job) bool) {
	var c checks.Commit
	for _, a := range e.active {
		for _, j := range a.jobs {
			if j.State == checks.StateQueued && change(j) {
				c.Jobs = append(c.Jobs, *j)
				c.Dirty = append(c.Dirty, checks.CheckKey{Run: j.Run, Name: j.Package.Name})
			}
		}
	}
	if len(c.Jobs) > 0 {
		e.commit(ctx, c)
	}
}

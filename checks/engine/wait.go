package engine

import (
	"context"
	"errors"
	"time"

	"github.com/dudesons/loktar/checks"
)

const (
	// A job whose registry is away is tried again after minGap, then with gaps
	// that double, up to maxGap.
	minGap = time.Second
	maxGap = 10 * time.Minute
	// awayPatience is how long it is tried; then it ends as errored.
	awayPatience = 24 * time.Hour
)

// postpone puts a running job back until what it needs outside may answer
// again. It reports whether it did: a job that waited long enough is to end.
func (e *Engine) postpone(ctx context.Context, j *checks.Job, err error, now time.Time) bool {
	waited := time.Duration(0)
	if j.Wait != nil && j.Wait.Of(checks.CauseAway) {
		waited = now.Sub(j.Wait.Since)
	}
	if waited >= awayPatience {
		return false
	}
	gap := min(max(waited, minGap), maxGap)
	var later interface{ RetryAfter() time.Duration }
	if errors.As(err, &later) {
		gap = max(gap, later.RetryAfter())
	}
	run := e.active[j.Run].run
	if err := j.Postpone(checks.CauseAway, checks.PublicText(err, "Something that it needs does not answer."), now, now.Add(gap)); err != nil {
		panic(err) // only running jobs end
	}
	log := jobLog(e.o.Log, run, j.ID())
	log.Warn().Err(err).Dur("again_in", gap).Msg("what the job needs is away; it is tried again")
	e.commit(ctx, checks.Commit{
		Jobs:  []checks.Job{*j},
		Dirty: []checks.CheckKey{{Run: j.Run, Name: j.Package.Name}, {Run: j.Run, Name: checks.AggregateName}},
	})
	return true
}

// nextWait is how long it is until a job that waits may be tried again; idle
// when none does.
func (e *Engine) nextWait(now time.Time) time.Duration {
	next := idle
	for _, a := range e.active {
		for _, j := range a.jobs {
			if j.State == checks.StateQueued && j.Wait != nil {
				if left := j.Wait.Until.Sub(now); left > 0 {
					next = min(next, left)
				}
			}
		}
	}
	return next
}

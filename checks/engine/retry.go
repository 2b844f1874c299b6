package engine

import (
	"context"
	"errors"
	"time"

	"github.com/dudesons/loktar/checks"
)

const (
	// An attempt is repeated after firstGap, the next one after gapGrowth times
	// as long, up to lastGap.
	firstGap  = time.Second
	gapGrowth = 4
	lastGap   = 5 * time.Minute
)

// gapAfter is how long a job waits that was repeated n times before.
func gapAfter(n int) time.Duration {
	gap := firstGap
	for range n {
		gap = min(gap*gapGrowth, lastGap)
	}
	return gap
}

// repeatable reports whether the end of an attempt is one that the package
// wants repeated: a fault of ours that may pass, and a red where it says so.
func repeatable(j *checks.Job, r checks.Result, err error) bool {
	switch {
	case j.Repeats() >= j.Package.Retries:
		return false
	case err != nil:
		return checks.Passing(err)
	case r.Outcome != checks.OutcomeFailed && r.Outcome != checks.OutcomeTimedOut, r.Cause == checks.CauseEntry:
		return false
	}
	return j.Package.RetryFailures && j.Release == nil
}

// retry puts a running job back to be tried again, as `retries` of its package
// says, where r and err are what its attempt came to, and tests what its tests
// did. It reports whether it did.
func (e *Engine) retry(ctx context.Context, j *checks.Job, r checks.Result, err error, now time.Time, tests []checks.ScopedTestHistory) bool {
	if !repeatable(j, r, err) {
		return false
	}
	gap := gapAfter(j.Repeats())
	var later interface{ RetryAfter() time.Duration }
	if errors.As(err, &later) {
		gap = max(gap, later.RetryAfter())
	}
	if err := j.Repeat(r, now, now.Add(gap)); err != nil {
		panic(err) // only running jobs end
	}
	run := e.active[j.Run].run
	log := jobLog(e.o.Log, run, j.ID())
	log.Warn().Err(err).Str(fieldOutcome, string(r.Outcome)).Int("repeats", j.Repeats()).Int("at_most", j.Package.Retries).
		Dur("again_in", gap).Msg("the attempt is repeated")
	e.commit(ctx, checks.Commit{
		Jobs:    []checks.Job{*j},
		Tests:   tests,
		Refuted: taken(&run, j, r.Outcome),
		Dirty:   []checks.CheckKey{{Run: j.Run, Name: j.Package.Name}, {Run: j.Run, Name: checks.AggregateName}},
	})
	return true
}

package engine

import (
	"context"
	"errors"
	"time"

	"github.com/dudesons/loktar/checks"
)

// ended is what an attempt came to.
type ended struct {
	id     checks.JobID
	result checks.Result
	err    error
	cause  error // why its context ended; nil when it did not
}

// start gives free slots to the jobs that wait for nothing else.
func (e *Engine) start(ctx, work context.Context) {
	free := e.o.Slots - len(e.running)
	if e.paused {
		e.keepWaiting(ctx)
	}
	if free <= 0 || e.paused || ctx.Err() != nil {
		return
	}
	jobs := e.pick(free)
	if len(jobs) == 0 {
		return
	}
	var c checks.Commit
	now := time.Now().UTC()
	for _, j := range jobs {
		if err := j.Start(now); err != nil {
			panic(err) // pick returns queued jobs only
		}
		c.Jobs = append(c.Jobs, *j)
		c.Dirty = append(c.Dirty, checks.CheckKey{Run: j.Run, Name: j.Package.Name})
	}
	if !e.commit(ctx, c) {
		return
	}
	for _, j := range jobs {
		e.launch(work, e.active[j.Run].run, *j)
	}
}

// launch runs one attempt in a goroutine of its own.
func (e *Engine) launch(work context.Context, run checks.Run, job checks.Job) {
	ctx, cancel := context.WithCancelCause(work)
	e.running[job.ID()] = cancel
	e.begins(run.Repo.ID, &job)
	log := jobLog(e.o.Log, run, job.ID())
	log.Info().Int("attempt", job.Attempt).Msg("started")
	go func() {
		end := ended{id: job.ID()}
		end.result, end.err = e.o.Runner.Run(ctx, run, job)
		end.cause = context.Cause(ctx)
		cancel(nil)
		e.ends <- end
	}()
}

// finish takes the end of an attempt: a result, an attempt to be repeated, or
// a fault of our own.
func (e *Engine) finish(ctx context.Context, end ended) {
	delete(e.running, end.id)
	if e.broken != nil {
		return // memory and store have parted; the next start knows better
	}
	a := e.active[end.id.Run]
	j := a.byName[end.id.Package]
	now := time.Now().UTC()
	log := jobLog(e.o.Log, a.run, end.id)

	var c checks.Commit
	again := false
	switch {
	case j.Doomed != "":
	case errors.Is(end.cause, errShutdown) && (end.err != nil || end.result.Outcome == checks.OutcomeCancelled):
		again = true
		j.Wait = &checks.Wait{Cause: checks.CauseShutdown, Why: "The server was shut down while this ran.", Since: now}
		log.Info().Msg("stopped by the shutdown; runs again at the next start")
	case checks.KindOf(end.err) == checks.KindAway:
		if e.postpone(ctx, j, end.err, now) {
			return
		}
	case checks.KindOf(end.err) == checks.KindLost:
		again = true
		log.Warn().Err(end.err).Msg("the attempt of an earlier process could not be taken up; the job is run anew")
	case checks.KindOf(end.err) == checks.KindUnavailable:
		again = true
		j.Wait = waitFor(end.err, now)
		log.Warn().Err(end.err).Msg("the attempt was lost; the job waits")
		if ctx.Err() == nil {
			e.pause(ctx, end.err)
		}
	}
	if again {
		if err := j.Requeue(); err != nil {
			panic(err) // only running jobs end
		}
		c.Jobs = append(c.Jobs, *j)
		c.Dirty = append(c.Dirty, checks.CheckKey{Run: j.Run, Name: j.Package.Name})
		e.commit(ctx, c)
		return
	}

	r := end.result
	if end.err != nil {
		r = checks.Result{
			Outcome: checks.OutcomeErrored, Cause: checks.CauseOf(end.err),
			Detail: checks.PublicText(end.err, "Something unexpected went wrong on the server. Its log says what."),
		}
		if checks.KindOf(end.err) == checks.KindAway {
			r.Cause = checks.CauseAway
			r.Detail += " It was tried for a day."
		}
	}
	e.observe(&c, &a.run, j, &r, now)
	if j.Doomed == "" && e.retry(ctx, j, r, end.err, now, c.Tests) {
		return
	}
	if err := j.Finish(r, now); err != nil {
		panic(err) // only running jobs end
	}
	c.Jobs = append(c.Jobs, *j)
	j.Result.Findings = nil // the store has them
	c.Dirty = append(c.Dirty, checks.CheckKey{Run: j.Run, Name: j.Package.Name})
	// What a stranger's code takes teaches nothing that others rely on.
	if o := j.Result.Outcome; !a.run.Untrusted() && (o == checks.OutcomePassed || o == checks.OutcomeFailed) {
		c.Durations = append(c.Durations, checks.PackageDuration{Repo: a.run.Repo.ID, Package: j.Package.Name, Duration: j.Duration()})
	}
	c.Proofs, c.Refuted = proven(&a.run, j), refuted(&a.run, j)
	e.settles(a.run.Repo.ID, j)
	e.settle(a, &c, now)
	e.commit(ctx, c)

	done := log.Info()
	if end.err != nil && j.Result.Outcome == checks.OutcomeErrored {
		done = log.Error().Err(end.err)
	}
	done.Str(fieldOutcome, string(j.Result.Outcome)).Dur(fieldTook, j.Duration()).Msg("ended")
	if a.run.Done() {
		e.o.Log.Info().Str(fieldRepo, a.run.Repo.FullName()).Str(fieldRun, a.run.ID).
			Dur(fieldTook, a.run.Finished.Sub(a.run.Created)).Msg("run finished")
	}
}

// recover takes up the runs that an earlier process left unfinished: what was
// running then goes on where something is left of it, else it is queued again,
// or ended if it was no longer wanted.
func (e *Engine) recover(ctx, work context.Context) error {
	runs, jobs, seq, err := e.o.Store.Active()
	if err != nil {
		return err
	}
	e.seq = seq
	var c checks.Commit
	var goOn []*checks.Job
	now := time.Now().UTC()
	for _, run := range runs {
		a := &activeRun{run: run}
		for i := range jobs[run.ID] {
			j := &jobs[run.ID][i]
			a.jobs = append(a.jobs, j)
			switch w := j.Wait; {
			case w == nil || w.Attempt != "":
			case w.Of(checks.CauseShutdown), w.Of(checks.CauseDiskFull), w.Of(checks.CauseEngineLost):
				j.Wait = nil
				c.Jobs = append(c.Jobs, *j)
				c.Dirty = append(c.Dirty, checks.CheckKey{Run: run.ID, Name: j.Package.Name})
			default:
				w.Until = time.Time{} // a start may well mend it
			}
			switch {
			case j.State != checks.StateRunning:
				continue
			case j.Doomed != "":
				err = j.Finish(checks.Result{}, now)
			case e.o.Runner.Left(*j):
				goOn = append(goOn, j)
				continue
			default:
				err = j.Requeue()
			}
			if err != nil {
				return err
			}
			c.Jobs = append(c.Jobs, *j)
			c.Dirty = append(c.Dirty, checks.CheckKey{Run: run.ID, Name: j.Package.Name})
		}
		e.index(a)
		e.active[run.ID] = a
		e.settle(a, &c, now)
	}
	if len(runs) == 0 {
		return nil
	}
	e.o.Log.Info().Int("runs", len(runs)).Int(fieldJobs, len(c.Jobs)).Int("going_on", len(goOn)).Msg("took up what an earlier process left")
	if !e.commit(ctx, c) {
		return ctx.Err()
	}
	for _, j := range goOn {
		e.launch(work, e.active[j.Run].run, *j)
	}
	return nil
}

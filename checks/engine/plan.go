package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/dudesons/loktar/checks"
)

const (
	// pendingBatch bounds how many accepted events the loop looks at in one
	// turn, beside those that wait.
	pendingBatch = 1000
	// patience is how long an event is tried again while its repository
	// cannot be read; then it ends in an error check.
	patience = 24 * time.Hour
	// idle is how long the loop sleeps when nothing is due.
	idle = time.Hour
)

// planned is what planning an event came to.
type planned struct {
	event  checks.Event
	change checks.Change
	plan   checks.Plan
	err    error
	// rerunOf is the run that is run again; nil for a fresh plan.
	rerunOf *checks.Run
}

// lane orders events: those of one pull request are planned one after the
// other, in the order of their acceptance.
type lane struct {
	repo int64
	pull int
}

func laneOf(ev checks.Event) lane {
	l := lane{repo: ev.Repo.ID}
	if ev.PullRequest != nil {
		l.pull = ev.PullRequest.Number
	}
	return l
}

// plan starts planning what is pending and returns how long the loop may
// sleep before something is due.
func (e *Engine) plan(ctx context.Context) time.Duration {
	if !e.stale && time.Now().Before(e.due) {
		return time.Until(e.due)
	}
	// Those that were passed over last time will be again, and must not hide
	// the ones behind them.
	limit := pendingBatch + e.passed
	pending, err := e.o.Store.Pending(limit)
	if err != nil {
		e.o.Log.Error().Err(err).Msg("cannot read accepted events; trying again")
		return time.Second
	}
	e.stale, e.due, e.passed = false, time.Now().Add(idle), 0
	clear(e.queue)
	behind := map[lane]bool{}
	for _, ev := range pending {
		l := laneOf(ev)
		if behind[l] {
			e.queue[l] = true
			e.passed++
			continue
		}
		behind[l] = true
		if r := e.retries[ev.Delivery]; r != nil && time.Now().Before(r.due) {
			if r.due.Before(e.due) {
				e.due = r.due
			}
			e.passed++
			continue
		}
		if e.planning[l] {
			e.queue[l] = true // it may be another event than the one under way
			e.passed++
			continue
		}
		switch ev.Kind {
		case checks.EventPullRequestClosed:
			e.closePullRequest(ctx, ev)
			behind[l] = false
		case checks.EventRerunPackage, checks.EventRerunAll:
			e.rerun(ctx, ev)
			behind[l] = e.planning[l]
		default:
			if run := e.overtaken(ev); run != "" {
				e.passOver(ctx, ev, run)
				behind[l] = false
				continue
			}
			e.load(ctx, ev, nil)
		}
	}
	if len(pending) == limit {
		e.due = time.Now().Add(time.Second)
	}
	return time.Until(e.due)
}

// overtaken is the id of an unfinished run that was made of a later state of
// the event's pull request, empty when there is none: GitHub does not keep
// events in order, and an old push must not stop the run of a new one.
func (e *Engine) overtaken(ev checks.Event) (run string) {
	for id, a := range e.active {
		if samePull(&a.run, ev.Repo.ID, ev.PullRequest) && older(ev, &a.run) {
			return id
		}
	}
	return ""
}

// older reports whether the event tells of an earlier state of the pull
// request than the one that the run was made of, as far as is known.
func older(ev checks.Event, r *checks.Run) bool {
	at := ev.PullRequest.Updated
	return !at.IsZero() && r.PullRequest != nil && r.PullRequest.Updated.After(at)
}

// passOver ends an event that has nothing new to tell.
func (e *Engine) passOver(ctx context.Context, ev checks.Event, run string) {
	log := eventLog(e.o.Log, ev)
	log.Info().Str(fieldRun, run).Msg("came late: a newer state of the pull request is being tested")
	e.commit(ctx, checks.Commit{Planned: ev.Delivery, Note: "came late: run " + run + " tests a newer state of the pull request"})
}

// load reads and plans an event in a goroutine of its own. rerunOf is set
// when the event asks for an earlier run that has to be planned anew.
func (e *Engine) load(ctx context.Context, ev checks.Event, rerunOf *checks.Run) {
	e.planning[laneOf(ev)] = true
	go func() {
		p := planned{event: ev, rerunOf: rerunOf}
		select {
		case e.planners <- struct{}{}:
			defer func() { <-e.planners }()
		case <-ctx.Done():
			p.err = ctx.Err()
			e.events <- p
			return
		}
		asked := ev
		if rerunOf != nil {
			asked.Kind, asked.PullRequest, asked.HeadSHA = checks.EventPullRequest, rerunOf.PullRequest, rerunOf.HeadSHA
		}
		if p.change, p.err = e.o.Source.Load(ctx, asked); p.err == nil {
			p.plan, p.err = e.planner.Make(asked, p.change)
		}
		e.events <- p
	}()
}

// again decides what becomes of an event that could not be planned: true when
// it stays pending and is tried later, because what is missing may come back
// or the operator may mend it.
func (e *Engine) again(p planned) bool {
	log := eventLog(e.o.Log, p.event)
	k := checks.KindOf(p.err)
	if k != checks.KindUnavailable && k != checks.KindConfig || time.Since(p.event.Received) > patience {
		delete(e.retries, p.event.Delivery)
		log.Error().Err(p.err).Msg("cannot plan")
		return false
	}
	r := e.retries[p.event.Delivery]
	if r == nil {
		r = &retry{}
		e.retries[p.event.Delivery] = r
	}
	wait := min(time.Second<<min(r.attempts, 10), 5*time.Minute)
	r.attempts++
	r.due = time.Now().Add(wait)
	if r.due.Before(e.due) {
		e.due = r.due
	}
	log.Warn().Err(p.err).Dur("again_in", wait).Msg("cannot read the repository yet")
	return true
}

// faultPlan is the visible end of an event that cannot be planned.
func faultPlan(err error) checks.Plan {
	v := checks.Verdict{
		Conclusion: checks.ConclusionActionRequired,
		Title:      "Loktar could not plan this run",
		Summary: checks.PublicText(err, "Something unexpected went wrong on the server. Its log says what.") +
			"\n\nNothing was tested. Press Re-run to try again.",
	}
	if checks.KindOf(err) == checks.KindNotFound {
		v.Conclusion, v.Title = checks.ConclusionCancelled, "Not run: the commit is gone"
	}
	return checks.Plan{Verdict: &v}
}

// closePullRequest stops what runs for a closed pull request.
func (e *Engine) closePullRequest(ctx context.Context, ev checks.Event) {
	d := e.drop(checks.OutcomeCancelled, "The pull request was closed.", func(r *checks.Run, _ *checks.Job) bool {
		// It may have been opened again, and that been heard of first.
		return samePull(r, ev.Repo.ID, ev.PullRequest) && !older(ev, r)
	})
	d.Planned, d.Note = ev.Delivery, fmt.Sprintf("closed; %d jobs stopped", len(d.Jobs))
	if e.commit(ctx, d.Commit) {
		e.stop(d)
	}
	log := eventLog(e.o.Log, ev)
	log.Info().Int(fieldJobs, len(d.Jobs)).Msg("pull request closed")
}

package engine

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
)

const (
	// pendingBatch bounds how many accepted events the loop looks at in one
	// turn, beside those that wait.
	pendingBatch = 1000
	// patience is how long an event is tried again while its repository
	// cannot be read; then it ends in an error check.
	patience = 24 * time.Hour
	// movePatience is how long the event that tells of a repository's new name
	// is waited for. What comes later for the same pull request waits too.
	movePatience = 2 * time.Minute
	// diskGap bounds how long an event waits that met a full disk: to look costs
	// nothing, and what is freed is free at once.
	diskGap = 10 * time.Second
	// idle is how long the loop sleeps when nothing is due.
	idle = time.Hour
)

// planned is what planning an event came to.
type planned struct {
	event checks.Event
	// terms is the event that was planned: event itself, or what it asked for
	// in the terms of the run that is to be run again.
	terms  checks.Event
	change checks.Change
	plan   checks.Plan
	err    error
	// rerunOf is the run that is run again; nil for a fresh plan.
	rerunOf *checks.Run
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
	behind := map[checks.Target]bool{}
	for _, ev := range pending {
		if ev.Kind == checks.EventRepoMoved {
			// What it would wait behind may be waiting for the new name.
			e.take(ctx, ev)
			continue
		}
		// Those of one target are planned one after the other.
		t := ev.Target()
		if behind[t] {
			e.queue[t] = true
			e.passed++
			continue
		}
		behind[t] = true
		if r := e.retries[ev.Delivery]; r != nil && time.Now().Before(r.due) {
			if r.due.Before(e.due) {
				e.due = r.due
			}
			e.passed++
			continue
		}
		if e.planning[t] {
			e.queue[t] = true // it may be another event than the one under way
			e.passed++
			continue
		}
		e.take(ctx, ev)
		behind[t] = e.planning[t]
	}
	if len(pending) == limit {
		e.due = time.Now().Add(time.Second)
	}
	return time.Until(e.due)
}

// take begins with an event, or ends it at once.
func (e *Engine) take(ctx context.Context, ev checks.Event) {
	switch ev.Kind {
	case checks.EventPullRequestClosed, checks.EventMergeGroupGone, checks.EventRefGone:
		e.close(ctx, ev)
	case checks.EventRepoMoved:
		e.move(ctx, ev)
	case checks.EventReposGone:
		e.lose(ctx, ev)
	case checks.EventRerunPackage, checks.EventRerunAll, checks.EventAction, checks.EventCommand:
		e.ask(ctx, ev)
	default:
		if why := e.needless(ev); why != "" {
			e.pass(ctx, ev, why)
			return
		}
		e.load(ctx, planned{event: ev, terms: ev})
	}
}

// needless says why an event needs no plan; empty when it does.
func (e *Engine) needless(ev checks.Event) string {
	policy := e.o.Policy(ev.Repo)
	switch {
	case ev.Kind == checks.EventPush && !policy.TestsPush(ev.Push) && !policy.Publishes(ev.Push):
		return "pushes of this ref are not tested"
	case ev.Kind == checks.EventLabeled && !policy.Means(ev.Label, ev.PullRequest):
		return "this label means nothing here"
	case ev.Kind == checks.EventPush:
		return e.pushTwice(ev)
	case ev.PullRequest == nil:
		return ""
	}
	latest, found, err := e.o.Store.Latest(ev.Target())
	if err != nil {
		e.o.Log.Error().Err(err).Msg("cannot read earlier runs; the event is planned")
		return ""
	}
	switch {
	case !found:
		return ""
	case older(ev, &latest):
		// GitHub does not keep events in order, and an old push must not stop
		// the run of a new one.
		return "came late: run " + latest.ID + " is of a newer state of the pull request"
	case foundTwice(ev, &latest):
		return "run " + latest.ID + " is of this commit"
	case ev.Name == "pull_request.ready_for_review" && latest.HeadSHA == ev.HeadSHA && (latest.Verdict == nil || latest.Verdict.Conclusion == checks.ConclusionSuccess):
		return "run " + latest.ID + " has tested it as a draft"
	}
	return ""
}

// pushTwice says that a branch was found where the last push brought it, or is
// told of after it was found there; empty otherwise.
func (e *Engine) pushTwice(ev checks.Event) string {
	last, found, err := e.o.Store.LatestFresh(ev.Target())
	if err != nil {
		e.o.Log.Error().Err(err).Msg("cannot read earlier runs; the event is planned")
		return ""
	}
	planned := last.Verdict == nil || last.Verdict.Conclusion == checks.ConclusionSuccess
	if found && last.HeadSHA == ev.HeadSHA && (ev.Name == checks.FoundPush || last.Trigger == checks.FoundPush && planned) {
		return "run " + last.ID + " is of this commit"
	}
	return ""
}

// older reports whether the event tells of an earlier state of the pull
// request than the one that the run was made of, as far as is known.
func older(ev checks.Event, r *checks.Run) bool {
	at := ev.PullRequest.Updated
	return !at.IsZero() && r.PullRequest != nil && r.PullRequest.Updated.After(at)
}

// foundTwice reports whether a pull request was found in the state that the run
// was made of, or is told of after it was found. One that was found waits for
// an approval that the delivery itself may give.
func foundTwice(ev checks.Event, r *checks.Run) bool {
	if r.HeadSHA != ev.HeadSHA || r.PullRequest == nil || r.PullRequest.Base.Branch != ev.PullRequest.Base.Branch {
		return false
	}
	late := ev.Name == "pull_request.opened" || ev.Name == "pull_request.synchronize"
	return ev.Name == checks.FoundPullRequest || late && r.Trigger == checks.FoundPullRequest && r.Verdict == nil
}

// doubtful reports whether the event may tell of an earlier state of the pull
// request than the last run was made of: GitHub tells times to the second, and
// keeps no order.
func (e *Engine) doubtful(ev checks.Event) bool {
	if ev.Kind != checks.EventPullRequest {
		return false
	}
	latest, found, err := e.o.Store.Latest(ev.Target())
	return err == nil && found && latest.HeadSHA != ev.HeadSHA && latest.PullRequest != nil &&
		!latest.PullRequest.Updated.Before(ev.PullRequest.Updated)
}

// pass ends an event without a run.
func (e *Engine) pass(ctx context.Context, ev checks.Event, why string) {
	log := eventLog(e.o.Log, ev)
	log.Info().Msg("no run: " + why)
	e.commit(ctx, checks.Commit{Planned: ev.Delivery, Note: why})
}

// load reads and plans p.terms in a goroutine of its own.
func (e *Engine) load(ctx context.Context, p planned) {
	e.planning[p.event.Target()] = true
	if p.terms.PullRequest != nil && p.terms.Approved == nil {
		p.terms.Approved = e.approval(p.terms)
	}
	p.terms.Doubtful = e.doubtful(p.event)
	go func() {
		if p.err = e.turn(ctx); p.err == nil {
			if p.change, p.err = e.o.Source.Load(ctx, p.terms); p.err == nil {
				p.plan, p.err = e.planner.Make(p.terms, p.change)
			}
			<-e.planners
		}
		e.events <- p
	}()
}

// turn waits for one of the places of those that read; whoever got it gives
// it back to e.planners.
func (e *Engine) turn(ctx context.Context) error {
	select {
	case e.planners <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// approval is who approved this commit of this pull request before, for the
// same base branch.
func (e *Engine) approval(ev checks.Event) *checks.User {
	runs, err := e.o.Store.RunsOf(ev.Repo.ID, ev.HeadSHA)
	if err != nil {
		e.o.Log.Error().Err(err).Msg("cannot read earlier approvals")
	}
	for _, r := range runs {
		if r.Approved != nil && r.Target() == ev.Target() && r.PullRequest.Base.Branch == ev.PullRequest.Base.Branch {
			return r.Approved
		}
	}
	return nil
}

// again decides what becomes of an event that could not be planned: true when
// it stays pending and is tried later, because what is missing may come back
// or the operator may mend it.
func (e *Engine) again(p planned) bool {
	log := eventLog(e.o.Log, p.event)
	if time.Since(p.event.Received) > patienceFor(checks.KindOf(p.err)) {
		delete(e.retries, p.event.Delivery)
		log.Error().Err(p.err).Msg("cannot plan")
		return false
	}
	r := e.retries[p.event.Delivery]
	if r == nil {
		r = &retry{}
		e.retries[p.event.Delivery] = r
	}
	longest := 5 * time.Minute
	if checks.CauseOf(p.err) == checks.CauseDiskFull {
		longest = diskGap
	}
	wait := min(time.Second<<min(r.attempts, 10), longest)
	r.attempts++
	r.due = time.Now().Add(wait)
	if r.due.Before(e.due) {
		e.due = r.due
	}
	level := zerolog.WarnLevel
	if text := p.err.Error(); text == r.said {
		level = zerolog.DebugLevel
	} else {
		r.said = text
	}
	log.WithLevel(level).Err(p.err).Dur("again_in", wait).Msg("cannot read what it needs yet")
	return true
}

// patienceFor is how long an event is tried again after an error of kind k.
func patienceFor(k checks.Kind) time.Duration {
	switch k {
	case checks.KindUnavailable, checks.KindConfig:
		return patience
	case checks.KindMoved:
		return movePatience
	}
	return -1
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

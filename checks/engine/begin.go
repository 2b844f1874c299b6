package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/markdown"
	"github.com/dudesons/loktar/checks/plan"
)

// begin makes a run of a planned event: the run, its jobs, what it takes the
// place of and what GitHub is to be told, in one step.
func (e *Engine) begin(ctx context.Context, p planned) {
	l := laneOf(p.event)
	delete(e.planning, l)
	if p.err != nil {
		if ctx.Err() != nil {
			return // the shutdown ended its planning; it is still pending
		}
		if e.again(p) {
			return
		}
		p.plan = faultPlan(p.err)
	}
	delete(e.retries, p.event.Delivery)
	// Only then is there something to read: the inbox may be long.
	e.stale = e.stale || e.queue[l]

	now := time.Now().UTC()
	a := e.newRun(p, now)
	d := e.supersede(a, p)
	d.Planned, d.Note = p.event.Delivery, a.run.ID
	d.Runs = append(d.Runs, a.run)
	for _, j := range a.jobs {
		d.Jobs = append(d.Jobs, *j)
		if j.CarriedFrom == "" {
			d.Dirty = append(d.Dirty, checks.CheckKey{Run: a.run.ID, Name: j.Package.Name})
		}
	}
	d.Dirty = append(d.Dirty, checks.CheckKey{Run: a.run.ID, Name: checks.AggregateName})
	if !e.commit(ctx, d.Commit) {
		return
	}
	e.stop(d)
	if !a.run.Done() {
		e.active[a.run.ID] = a
	}
	log := eventLog(e.o.Log, p.event)
	ev := log.Info().Str(fieldRun, a.run.ID).Int(fieldJobs, len(a.jobs))
	if v := a.run.Verdict; v != nil {
		ev = ev.Str("verdict", v.Title)
	}
	ev.Msg("planned")
}

// newRun turns a plan into a run and its jobs.
func (e *Engine) newRun(p planned, now time.Time) *activeRun {
	e.seq++
	ev, pl := p.event, p.plan
	run := checks.Run{
		ID: strings.ToLower(rand.Text()), Seq: e.seq,
		Delivery: ev.Delivery, Trigger: ev.Name, Sender: ev.Sender,
		Installation: ev.Installation, Repo: ev.Repo, PullRequest: ev.PullRequest,
		HeadSHA: ev.HeadSHA, BaseSHA: p.change.BaseSHA, Tree: p.change.Tree,
		Created: now, Verdict: pl.Verdict,
		Unaffected: pl.Unaffected, Unowned: pl.Unowned, UnownedCount: pl.UnownedCount,
		Ignored: pl.Ignored, Warnings: pl.Warnings, Notes: pl.Notes,
	}
	if old := p.rerunOf; old != nil {
		run.RerunOf, run.PullRequest, run.HeadSHA = old.ID, old.PullRequest, old.HeadSHA
		if p.change.Tree == "" && pl.Verdict == nil {
			run.BaseSHA, run.Tree = old.BaseSHA, old.Tree
		}
	}
	a := &activeRun{run: run}
	for i, pj := range pl.Jobs {
		j := &checks.Job{
			Run: run.ID, Package: pj.Package, Index: i, Needs: pj.Needs, Reasons: pj.Reasons,
			State: checks.StateQueued, Queued: now,
		}
		if pj.Result != nil {
			j.State, j.Finished, j.Result = checks.StateDone, now, *pj.Result
		}
		if c := pj.Carried; c != nil {
			*j = *c
			j.Run, j.Index, j.Needs = run.ID, i, pj.Needs
			if j.CarriedFrom == "" {
				j.CarriedFrom = c.Run
			}
		}
		a.jobs = append(a.jobs, j)
		a.run.Packages = append(a.run.Packages, j.Package.Name)
	}
	checks.Settle(&a.run, a.jobs, now)
	e.index(a)
	return a
}

// index fills what is derived from a run's jobs.
func (e *Engine) index(a *activeRun) {
	a.byName = make(map[string]*checks.Job, len(a.jobs))
	for _, j := range a.jobs {
		a.byName[j.Package.Name] = j
	}
	past, err := e.o.Store.Durations(a.run.Repo.ID)
	if err != nil {
		e.o.Log.Warn().Err(err).Msg("cannot read past durations; jobs start in plan order")
	}
	a.paths = plan.RemainingPath(a.jobs, past)
}

// supersede drops what a new run takes the place of: for a new push all that
// is unfinished of the pull request, for a re-run the same packages of the same
// commit only. The pull request may have a newer commit by now, whose checks
// count and go on.
func (e *Engine) supersede(a *activeRun, p planned) dropped {
	detail := fmt.Sprintf("A newer run of this pull request took its place, at %.7s.", a.run.HeadSHA)
	return e.drop(checks.OutcomeSuperseded, detail, func(r *checks.Run, j *checks.Job) bool {
		if !samePull(r, a.run.Repo.ID, a.run.PullRequest) {
			return false
		}
		return p.rerunOf == nil || r.HeadSHA == a.run.HeadSHA && a.byName[j.Package.Name] != nil
	})
}

// dropped is a step that ends jobs before their time.
type dropped struct {
	checks.Commit
	running []checks.JobID // they end when their attempt was stopped
}

// drop ends the unfinished jobs that match. The changes are in memory at
// once; the caller commits the step and then calls stop.
func (e *Engine) drop(o checks.Outcome, detail string, match func(*checks.Run, *checks.Job) bool) dropped {
	var d dropped
	now := time.Now().UTC()
	for id, a := range e.active {
		touched := false
		for _, j := range a.jobs {
			if j.State == checks.StateDone || !match(&a.run, j) {
				continue
			}
			touched = true
			if j.Drop(o, detail, now) {
				d.running = append(d.running, j.ID())
			} else {
				d.Dirty = append(d.Dirty, checks.CheckKey{Run: id, Name: j.Package.Name})
			}
			d.Jobs = append(d.Jobs, *j)
		}
		if !touched {
			continue
		}
		e.settle(a, &d.Commit, now)
	}
	return d
}

// settle holds back what an end in a run holds back, finishes the run if all
// is done, and adds both to the step.
func (e *Engine) settle(a *activeRun, c *checks.Commit, now time.Time) {
	changed, finished := checks.Settle(&a.run, a.jobs, now)
	for _, j := range changed {
		c.Jobs = append(c.Jobs, *j)
		c.Dirty = append(c.Dirty, checks.CheckKey{Run: a.run.ID, Name: j.Package.Name})
	}
	if finished {
		c.Runs = append(c.Runs, a.run)
		delete(e.active, a.run.ID)
	}
	c.Dirty = append(c.Dirty, checks.CheckKey{Run: a.run.ID, Name: checks.AggregateName})
}

// stop cancels the attempts that a committed step made unwanted.
func (e *Engine) stop(d dropped) {
	for _, id := range d.running {
		if cancel := e.running[id]; cancel != nil {
			cancel(errUnwanted)
		}
	}
}

// rerun plans an event that asks for an earlier run again, from that run.
func (e *Engine) rerun(ctx context.Context, ev checks.Event) {
	old, err := e.earlier(ev)
	p := planned{event: ev, rerunOf: &old}
	if err == nil {
		var jobs []checks.Job
		if jobs, err = e.o.Store.Jobs(old.ID); err == nil {
			p.plan, err = plan.Rerun(old, jobs, ev)
		}
	}
	switch {
	case err == nil:
		e.begin(ctx, p)
	case errors.Is(err, plan.ErrReplan):
		e.load(ctx, ev, &old)
	case checks.KindOf(err) == checks.KindNotFound && ev.HeadSHA != "":
		log := eventLog(e.o.Log, ev)
		log.Warn().Err(err).Msg("nothing to run again")
		e.begin(ctx, planned{event: ev, plan: unknownPlan(err)})
	default:
		log := eventLog(e.o.Log, ev)
		log.Warn().Err(err).Msg("nothing to run again")
		e.commit(ctx, checks.Commit{Planned: ev.Delivery, Note: err.Error()})
	}
}

// unknownPlan is the visible end of a re-run of what we do not know.
func unknownPlan(err error) checks.Plan {
	return checks.Plan{Verdict: &checks.Verdict{
		Conclusion: checks.ConclusionActionRequired,
		Title:      "There is nothing to run again",
		Summary: markdown.Text(checks.PublicText(err, "Nothing is known of it.")) +
			"\n\nPush a commit, or close the pull request and open it again: that starts a new run.",
	}}
}

// earlier finds the newest run that an event asks to run again, by our own
// map: GitHub leaves pull_requests empty for forks.
func (e *Engine) earlier(ev checks.Event) (checks.Run, error) {
	var named *checks.Run
	if ev.CheckRun != nil {
		id, _, _ := strings.Cut(ev.CheckRun.ExternalID, "/")
		r, err := e.o.Store.Run(id)
		if err != nil {
			return r, checks.Errorf(checks.KindOf(err), fmt.Errorf("find the run of check run %d: %w", ev.CheckRun.ID, err),
				"This server does not know the run that the check %q is of.", ev.CheckRun.Name)
		}
		if r.Repo.ID != ev.Repo.ID {
			return r, fmt.Errorf("check run %d names a run of another repository", ev.CheckRun.ID)
		}
		named = &r
		ev.HeadSHA = r.HeadSHA
	}
	runs, err := e.o.Store.RunsOf(ev.Repo.ID, ev.HeadSHA)
	if err != nil {
		return checks.Run{}, fmt.Errorf("find runs of commit %s: %w", ev.HeadSHA, err)
	}
	for _, r := range runs {
		if named == nil || samePull(&r, named.Repo.ID, named.PullRequest) {
			return r, nil
		}
	}
	return checks.Run{}, checks.Errorf(checks.KindNotFound, nil, "This server does not know a run of the commit %.40s.", ev.HeadSHA)
}

// samePull reports whether a run is of that pull request.
func samePull(r *checks.Run, repo int64, pull *checks.PullRequest) bool {
	return r.Repo.ID == repo && r.PullRequest != nil && pull != nil && r.PullRequest.Number == pull.Number
}

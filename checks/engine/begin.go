package engine

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/command"
	"github.com/dudesons/loktar/checks/plan"
)

// begin makes a run of a planned event: the run, its jobs, what it takes the
// place of and what GitHub is to be told, in one step.
func (e *Engine) begin(ctx context.Context, p planned) {
	t := p.event.Target()
	delete(e.planning, t)
	e.overtook(&p)
	if m, ok := e.moves[t.Repo]; ok {
		m.Event(&p.event)
		m.Event(&p.terms)
	}
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
	e.stale = e.stale || e.queue[t]

	if p.plan.None != "" {
		e.none(ctx, p)
		return
	}
	if e.raced(ctx, p) {
		return
	}

	if why := e.needlessWait(&p); why != "" {
		e.pass(ctx, p.event, why)
		return
	}
	e.standIn(&p)

	now := time.Now().UTC()
	a := e.newRun(p, now)
	d := dropped{Commit: e.keepApart(a)}
	d.Moves = e.implied(&a.run, p.event)
	e.supersede(a, p, &d)
	d.Planned, d.Note = p.event.Delivery, a.run.ID
	if p.event.Kind == checks.EventCommand {
		d.Replies = append(d.Replies, reply(p.event, now, checks.ReactionDone, command.Started(a.run, a.jobs)))
	}
	d.Runs = append(d.Runs, a.run)
	for _, j := range a.jobs {
		d.Jobs = append(d.Jobs, *j)
		if j.CarriedFrom == "" {
			d.Dirty = append(d.Dirty, checks.CheckKey{Run: a.run.ID, Name: j.Package.Name})
		}
	}
	d.Proofs = reused(a)
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

// none ends an event whose plan is to do nothing.
func (e *Engine) none(ctx context.Context, p planned) {
	switch {
	case p.event.Kind == checks.EventCommand:
		e.answer(ctx, p.event, checks.ReactionConfused, "Nothing is to be done: "+p.plan.None+".")
	case p.rerunOf != nil:
		e.remark(ctx, p.event, *p.rerunOf, who(p.event.Sender)+" asked for a re-run. Nothing was run: "+p.plan.None+".")
	default:
		e.pass(ctx, p.event, p.plan.None)
	}
}

// newRun turns a plan into a run and its jobs.
func (e *Engine) newRun(p planned, now time.Time) *activeRun {
	e.seq++
	ev, terms, pl := p.event, p.terms, p.plan
	run := checks.Run{
		ID: strings.ToLower(rand.Text()), Seq: e.seq,
		Delivery: ev.Delivery, Trigger: ev.Name, Sender: ev.Sender,
		Installation: ev.Installation, Repo: ev.Repo,
		PullRequest: terms.PullRequest, Push: terms.Push, MergeGroup: terms.MergeGroup,
		HeadSHA: terms.HeadSHA, BaseSHA: p.change.BaseSHA, Tree: p.change.Tree,
		Created: now, Verdict: pl.Verdict, Approved: pl.Approved,
		Unaffected: pl.Unaffected, Unowned: pl.Unowned, UnownedCount: pl.UnownedCount,
		Ignored: pl.Ignored, Warnings: pl.Warnings, Notes: pl.Notes,
	}
	if old := p.rerunOf; old != nil {
		run.RerunOf, run.Outdated = old.ID, e.outdated(old)
		if p.change.Tree == "" && pl.Verdict == nil {
			run.BaseSHA, run.Tree = old.BaseSHA, old.Tree
		}
	}
	e.notify(&run, p)
	a := &activeRun{run: run}
	for i, pj := range pl.Jobs {
		j := &checks.Job{
			Run: run.ID, Package: pj.Package, Index: i, Needs: pj.Needs, Reasons: pj.Reasons, Required: pj.Required, Release: pj.Release, Key: pj.Key,
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

// notify settles who is told of the run: as of the run that it repeats, where
// loktar.json was not read for it.
func (e *Engine) notify(run *checks.Run, p planned) {
	m := p.change.Manifest
	if p.rerunOf != nil && m == nil {
		run.Notify = p.rerunOf.Notify
		return
	}
	var wanted *checks.Notify
	if m != nil {
		wanted = m.Notify
	}
	var notes []string
	run.Notify, notes = e.o.Notify(*run, wanted)
	run.Notes = append(slices.Clip(run.Notes), notes...)
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

// supersede drops what a new run takes the place of: for a new state of a pull
// request all that is unfinished of it; for a re-run the same packages of the
// same commit only. The pull request may have a newer commit by now, whose
// checks count and go on. Nothing takes the place of a push: it tests its own
// commits alone, and a pull request of its branch may be a stranger's. But of
// what two pushes would publish, the later one publishes.
func (e *Engine) supersede(a *activeRun, p planned, d *dropped) {
	detail := fmt.Sprintf("A newer run of this pull request took its place, at %.7s.", a.run.HeadSHA)
	if a.run.PullRequest == nil {
		detail = "A newer run of this commit took its place."
	}
	t := a.run.Target()
	e.dropInto(d, checks.Result{Outcome: checks.OutcomeSuperseded, Cause: checks.CauseNewer, Detail: detail}, func(r *checks.Run, j *checks.Job) bool {
		switch {
		case r.Repo.ID != t.Repo:
			return false
		case p.rerunOf != nil:
			return r.Target() == t && r.HeadSHA == a.run.HeadSHA && a.byName[j.Package.Name] != nil
		case j.Release != nil:
			newer := a.byName[j.Package.Name]
			return j.State == checks.StateQueued && newer != nil && newer.State == checks.StateQueued && r.Target() == t
		}
		return t.Pull != 0 && r.Target() == t
	})
}

// dropped is a step that ends jobs before their time.
type dropped struct {
	checks.Commit
	running []checks.JobID // they end when their attempt was stopped
	dropped int            // how many jobs they are, running or not
}

// drop ends the unfinished jobs that match, as Job.Drop does. The changes are in memory at
// once; the caller commits the step and then calls stop.
func (e *Engine) drop(as checks.Result, match func(*checks.Run, *checks.Job) bool) dropped {
	var d dropped
	e.dropInto(&d, as, match)
	return d
}

func (e *Engine) dropInto(d *dropped, as checks.Result, match func(*checks.Run, *checks.Job) bool) {
	now := time.Now().UTC()
	for id, a := range e.active {
		touched := false
		for _, j := range a.jobs {
			if j.State == checks.StateDone || !match(&a.run, j) {
				continue
			}
			touched = true
			d.dropped++
			if j.Drop(as, now) {
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

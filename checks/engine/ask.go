package engine

import (
	"context"
	"fmt"

	"github.com/dudesons/loktar/checks"
)

// asked is an event by which somebody asks for something, with what GitHub
// says about that.
type asked struct {
	event checks.Event
	facts Facts
	err   error
}

// ask asks GitHub what counts for ev, in a goroutine of its own.
func (e *Engine) ask(ctx context.Context, ev checks.Event) {
	e.planning[ev.Target()] = true
	go func() {
		a := asked{event: ev}
		if a.err = e.turn(ctx); a.err == nil {
			a.facts, a.err = e.o.Source.Ask(ctx, ev)
			<-e.planners
		}
		e.answers <- a
	}()
}

// answered does what was asked, or says why not.
func (e *Engine) answered(ctx context.Context, a asked) {
	ev := a.event
	t := ev.Target()
	delete(e.planning, t)
	if m, ok := e.moves[t.Repo]; ok {
		m.Event(&ev)
		a.event = ev
	}
	if a.err != nil {
		if ctx.Err() != nil || e.again(planned{event: ev, err: a.err}) {
			return
		}
		a.facts = Facts{}
	}
	delete(e.retries, ev.Delivery)
	e.stale = e.stale || e.queue[t]
	if ev.Kind == checks.EventCommand {
		e.command(ctx, a)
		return
	}
	old, err := e.earlier(ev)
	switch {
	case !a.facts.Permission.CanWrite():
		if err != nil {
			e.pass(ctx, ev, "refused: "+ev.Sender.Login+" has no write permission")
			return
		}
		e.remark(ctx, ev, old, refusal(a))
	case err != nil:
		e.unknown(ctx, ev, err)
	case ev.Kind == checks.EventAction:
		e.act(ctx, ev, old)
	default:
		e.rerun(ctx, ev, old)
	}
}

// refusal says why somebody's wish is not granted, as plain text.
func refusal(a asked) string {
	what := map[checks.ActionID]string{
		checks.ActionRerunFailed: "to run again what failed", checks.ActionCancel: "to cancel the run",
		checks.ActionApprove: "to let this commit run", checks.ActionRun: "to run the draft",
	}[a.event.Action]
	if what == "" {
		what = "for a re-run"
	}
	why := "that takes write permission in " + a.event.Repo.FullName() + "."
	if a.err != nil {
		why = "it is not known what this account may do. " + checks.PublicText(a.err, "GitHub did not say.")
	}
	return fmt.Sprintf("%s asked %s. Refused: %s", who(a.event.Sender), what, why)
}

// cancelledBy is the end of a job that somebody stopped.
func cancelledBy(u checks.User) checks.Result {
	return checks.Result{Outcome: checks.OutcomeCancelled, Cause: checks.CausePerson, By: u.Login, Detail: "Cancelled by " + who(u) + "."}
}

func who(u checks.User) string {
	if u.Login == "" {
		return "Somebody"
	}
	return u.Login
}

// remark ends an event with a sentence on the aggregate check of a run. What
// was pressed at GitHub, of this run or of an earlier one, is shown anew too,
// for GitHub has it wait. The run that it is of is known.
func (e *Engine) remark(ctx context.Context, ev checks.Event, run checks.Run, text string) {
	if a := e.active[run.ID]; a != nil {
		a.run.Remark(text)
		run = a.run
	} else {
		run.Remark(text)
	}
	c := checks.Commit{Planned: ev.Delivery, Note: text, Runs: []checks.Run{run},
		Dirty: []checks.CheckKey{{Run: run.ID, Name: checks.AggregateName}}}
	if ref := ev.CheckRun; ref != nil {
		pressed := checks.CheckKey{Run: runOf(ref), Name: ref.Name}
		if ref.ExternalID == pressed.String() && pressed != c.Dirty[0] {
			c.Dirty = append(c.Dirty, pressed)
		}
	}
	log := eventLog(e.o.Log, ev)
	log.Warn().Str(fieldRun, run.ID).Msg(text)
	e.commit(ctx, c)
}

// act does what a button of ours stands for. named is the newest run of what
// its check run is of.
func (e *Engine) act(ctx context.Context, ev checks.Event, newest checks.Run) {
	named, err := e.o.Store.Run(runOf(ev.CheckRun))
	if err != nil {
		e.unknown(ctx, ev, err)
		return
	}
	switch ev.Action {
	case checks.ActionCancel:
		d := e.drop(cancelledBy(ev.Sender), func(r *checks.Run, _ *checks.Job) bool { return r.ID == named.ID })
		e.cancelled(ctx, ev, d, named)
	case checks.ActionRerunFailed:
		if !newest.Done() {
			e.pass(ctx, ev, "run "+newest.ID+" is under way already")
			return
		}
		e.rerun(ctx, ev, newest)
	case checks.ActionApprove, checks.ActionRun:
		e.allow(ctx, ev, named)
	default:
		e.pass(ctx, ev, fmt.Sprintf("there is no button %q", ev.Action))
	}
}

// cancelled ends an event that stopped jobs.
func (e *Engine) cancelled(ctx context.Context, ev checks.Event, d dropped, run checks.Run) {
	if d.dropped == 0 {
		e.remark(ctx, ev, run, who(ev.Sender)+" asked to cancel the run. It had ended before.")
		return
	}
	d.Planned, d.Note = ev.Delivery, fmt.Sprintf("cancelled; %d jobs stopped", d.dropped)
	if e.commit(ctx, d.Commit) {
		e.stop(d)
	}
	log := eventLog(e.o.Log, ev)
	log.Info().Int(fieldJobs, d.dropped).Msg("cancelled")
}

// unknown ends an event about a run that this server does not know.
func (e *Engine) unknown(ctx context.Context, ev checks.Event, err error) {
	log := eventLog(e.o.Log, ev)
	log.Warn().Err(err).Msg("nothing to run again")
	if checks.KindOf(err) == checks.KindNotFound && ev.HeadSHA != "" && ev.Kind != checks.EventCommand {
		e.begin(ctx, planned{event: ev, terms: ev, plan: unknownPlan(err)})
		return
	}
	e.commit(ctx, checks.Commit{Planned: ev.Delivery, Note: err.Error()})
}

// termsOf is what ev asks for in the terms of an earlier run: as if the
// commit of that run had come now.
func termsOf(ev checks.Event, of *checks.Run) checks.Event {
	terms := ev
	terms.PullRequest, terms.Push, terms.MergeGroup, terms.HeadSHA = of.PullRequest, of.Push, of.MergeGroup, of.HeadSHA
	terms.CheckRun, terms.Comment, terms.Action = nil, nil, ""
	switch {
	case of.Push != nil:
		terms.Kind = checks.EventPush
	case of.MergeGroup != nil:
		terms.Kind = checks.EventMergeGroup
	default:
		terms.Kind = checks.EventPullRequest
	}
	return terms
}

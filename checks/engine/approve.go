package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/dudesons/loktar/checks"
)

// allow plans a commit that waited for somebody's word.
func (e *Engine) allow(ctx context.Context, ev checks.Event, named checks.Run) {
	latest, found, err := e.o.Store.Latest(named.Target())
	switch {
	case err != nil || !found:
		e.unknown(ctx, ev, errors.Join(errors.New("find the newest run"), err))
	case outrun(ev, &named, &latest) != "":
		e.remark(ctx, ev, named, outrun(ev, &named, &latest))
	case latest.Verdict == nil || latest.Verdict.Offer != ev.Action:
		e.pass(ctx, ev, "run "+latest.ID+" does not wait for that")
	default:
		terms := termsOf(ev, &latest)
		if ev.Action == checks.ActionApprove {
			by := ev.Sender
			terms.Approved = &by
		}
		terms.Insist = true
		e.load(ctx, planned{event: ev, terms: terms})
	}
}

// outrun says that named was approved after the pull request had got another
// commit or another base branch, which nobody looked at; empty when it had not.
func outrun(ev checks.Event, named, latest *checks.Run) string {
	switch {
	case latest.HeadSHA != named.HeadSHA:
		return fmt.Sprintf("%s asked for this commit. It was not run, because a newer one, %.7s, had been pushed by then. Look at that one.", who(ev.Sender), latest.HeadSHA)
	case baseOf(latest) != baseOf(named):
		return fmt.Sprintf("%s asked for this commit. It was not run, because the pull request goes to another branch, %s, by now. Look at it there.", who(ev.Sender), baseOf(latest))
	}
	return ""
}

func baseOf(r *checks.Run) string {
	if r.PullRequest == nil {
		return ""
	}
	return r.PullRequest.Base.Branch
}

// raced ends the event of an approval, or of a comment, that a newer state of
// the pull request overtook while its commit was being read, and reports
// whether there was one.
func (e *Engine) raced(ctx context.Context, p planned) bool {
	ev := p.event
	approval := ev.Action == checks.ActionApprove || ev.Action == checks.ActionRun
	fresh := ev.Kind == checks.EventCommand && p.rerunOf == nil
	if !approval && !fresh {
		return false
	}
	latest, found, err := e.o.Store.Latest(p.terms.Target())
	if err != nil || !found {
		return false
	}
	if fresh {
		if !older(p.terms, &latest) {
			return false
		}
		e.answer(ctx, ev, checks.ReactionConfused, "The pull request has changed meanwhile, and its newest state has a run.")
		return true
	}
	named, err := e.o.Store.Run(runOf(ev.CheckRun))
	if err != nil {
		return false
	}
	why := outrun(ev, &named, &latest)
	if why != "" {
		e.remark(ctx, ev, named, why)
	}
	return why != ""
}

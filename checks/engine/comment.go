package engine

import (
	"context"
	"errors"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/command"
	"github.com/dudesons/loktar/checks/plan"
)

// command does what a comment asks for, and answers it.
func (e *Engine) command(ctx context.Context, a asked) {
	ev := a.event
	switch {
	case a.err != nil:
		e.answer(ctx, ev, checks.ReactionConfused, checks.PublicText(a.err, "Loktar could not find out what this account may do."))
		return
	case !a.facts.Permission.CanWrite():
		// No words: who may not ask for anything is not to make us write.
		e.answer(ctx, ev, checks.ReactionRefused, "")
		return
	}
	cmd, err := command.Parse(ev.Comment.Line)
	if err != nil {
		e.answer(ctx, ev, checks.ReactionConfused, checks.PublicText(err, ""))
		return
	}
	target := checks.Target{Repo: ev.Repo.ID, Pull: ev.Comment.Number}
	latest, found, err := e.o.Store.Latest(target)
	if err != nil {
		e.answer(ctx, ev, checks.ReactionConfused, "Loktar could not read its runs. Try again.")
		return
	}
	switch cmd.Verb {
	case command.Why:
		e.why(ctx, ev, cmd, latest, found)
	case command.Cancel:
		d := e.drop(cancelledBy(ev.Sender), func(r *checks.Run, _ *checks.Job) bool { return r.Target() == target })
		d.Planned, d.Note = ev.Delivery, "cancelled"
		d.Replies = append(d.Replies, reply(ev, time.Now().UTC(), checks.ReactionDone, command.Cancelled(d.dropped)))
		if e.commit(ctx, d.Commit) {
			e.stop(d)
		}
	default:
		e.repeat(ctx, a, cmd, latest, found)
	}
}

// why answers why a package is tested, or is not.
func (e *Engine) why(ctx context.Context, ev checks.Event, cmd command.Command, latest checks.Run, found bool) {
	if !found {
		e.answer(ctx, ev, checks.ReactionConfused, "Loktar has no run of this pull request. `/loktar retest` starts one.")
		return
	}
	jobs, err := e.jobsOf(latest.ID)
	if err != nil {
		e.answer(ctx, ev, checks.ReactionConfused, "Loktar could not read its runs. Try again.")
		return
	}
	e.answer(ctx, ev, checks.ReactionDone, command.Reasons(latest, jobs, cmd.Package))
}

// repeat runs the newest commit of a pull request again, or for the first
// time when its push was never heard of.
func (e *Engine) repeat(ctx context.Context, a asked, cmd command.Command, latest checks.Run, found bool) {
	ev, pr := a.event, a.facts.PullRequest
	if !a.facts.Open {
		e.answer(ctx, ev, checks.ReactionRefused, "This pull request is closed. Open it again: that starts a run.")
		return
	}
	terms := ev
	terms.Kind, terms.PullRequest, terms.HeadSHA = checks.EventPullRequest, &pr, pr.Head.SHA
	terms.Comment, terms.Insist = nil, true
	// A push may have been planned since GitHub was asked.
	if !found || latest.HeadSHA != pr.Head.SHA && !older(terms, &latest) {
		e.load(ctx, planned{event: ev, terms: terms})
		return
	}
	terms = termsOf(ev, &latest)
	terms.Insist = true
	wish := ev
	wish.Kind = checks.EventRerunAll
	if cmd.Verb == command.Retry {
		wish.Kind, wish.Action = checks.EventAction, checks.ActionRerunFailed
	}
	jobs, err := e.jobsOf(latest.ID)
	if err != nil {
		e.answer(ctx, ev, checks.ReactionConfused, "Loktar could not read its runs. Try again.")
		return
	}
	if !latest.Done() && (cmd.Verb == command.Retry || underWay(latest, jobs, wish) != "") {
		e.answer(ctx, ev, checks.ReactionConfused, "A run is under way. Try again when it has ended, or stop it with `/loktar cancel`.")
		return
	}
	p := planned{event: ev, terms: terms, rerunOf: &latest}
	switch p.plan, err = plan.Rerun(latest, jobs, wish); {
	case err == nil:
		e.begin(ctx, p)
	case errors.Is(err, plan.ErrReplan):
		e.load(ctx, p)
	case errors.Is(err, plan.ErrNothingFailed):
		e.answer(ctx, ev, checks.ReactionConfused, "Nothing failed. `/loktar retest` tests all that is affected once more.")
	default:
		e.answer(ctx, ev, checks.ReactionConfused, checks.PublicText(err, "Loktar could not plan that."))
	}
}

// answer ends a comment's event with a reaction and, unless body is empty, a
// comment.
func (e *Engine) answer(ctx context.Context, ev checks.Event, r checks.Reaction, body string) {
	log := eventLog(e.o.Log, ev)
	log.Info().Str("reaction", string(r)).Str("answer", body).Msg("answered a comment")
	note := body
	if note == "" {
		note = "refused: " + who(ev.Sender) + " has no write permission"
	}
	e.commit(ctx, checks.Commit{Planned: ev.Delivery, Note: note, Replies: []checks.Reply{reply(ev, time.Now().UTC(), r, body)}})
}

func reply(ev checks.Event, now time.Time, r checks.Reaction, body string) checks.Reply {
	return checks.Reply{
		Delivery: ev.Delivery, Installation: ev.Installation, Repo: ev.Repo,
		Number: ev.Comment.Number, Comment: ev.Comment.ID, Reaction: r, Body: body, Since: now,
	}
}

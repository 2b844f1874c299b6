package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/dudesons/loktar/checks"
)

// close stops what runs for a pull request, a merge group or a ref that is no
// more.
func (e *Engine) close(ctx context.Context, ev checks.Event) {
	cause, why := checks.CauseClosed, "The pull request was closed."
	switch {
	case ev.Kind == checks.EventRefGone && ev.Push.Tag() != "":
		cause, why = checks.CauseTagGone, "The tag was deleted."
	case ev.Kind == checks.EventRefGone:
		cause, why = checks.CauseBranchGone, "The branch was deleted."
	case ev.Kind == checks.EventMergeGroupGone && ev.MergeGroup.Reason == "merged":
		cause, why = checks.CauseGroupMerged, "The merge queue merged this group."
	case ev.Kind == checks.EventMergeGroupGone:
		cause, why = checks.CauseGroupGone, "The merge queue gave this group up."
	}
	e.end(ctx, ev, cause, why, func(r *checks.Run, _ *checks.Job) bool {
		// It may have been opened again, and that been heard of first.
		return r.Target() == ev.Target() && (ev.PullRequest == nil || !older(ev, r) && !reopened(ev, r))
	})
}

// reopened reports whether a run is of the opening that followed on a close.
// GitHub tells times to the second, and of the two in one second, heard of in
// the wrong order, a run too many does less harm than one that never is.
func reopened(ev checks.Event, r *checks.Run) bool {
	at := ev.PullRequest.Updated
	return !at.IsZero() && r.Trigger == "pull_request.reopened" && r.PullRequest.Updated.Equal(at)
}

// lose stops what runs in repositories that the App may not act on any more.
func (e *Engine) lose(ctx context.Context, ev checks.Event) {
	e.end(ctx, ev, checks.CauseLost, "Loktar may not act on this repository any more.", func(r *checks.Run, _ *checks.Job) bool {
		// Another installation may have the repository since a transfer.
		return r.Installation == ev.Installation &&
			(len(ev.Repos) == 0 || slices.ContainsFunc(ev.Repos, func(gone checks.Repo) bool { return gone.ID == r.Repo.ID }))
	})
	if ev.Name != "repository.deleted" && ev.Name != "installation_repositories.removed" {
		return // it may come back
	}
	for _, repo := range ev.Repos {
		go e.o.Forget(context.WithoutCancel(ctx), repo)
	}
}

// end cancels the jobs that match, and with that the event is done.
func (e *Engine) end(ctx context.Context, ev checks.Event, cause checks.Cause, why string, match func(*checks.Run, *checks.Job) bool) {
	d := e.drop(checks.Result{Outcome: checks.OutcomeCancelled, Cause: cause, Detail: why}, match)
	d.Planned, d.Note = ev.Delivery, fmt.Sprintf("%s %d jobs stopped", why, d.dropped)
	if e.commit(ctx, d.Commit) {
		e.stop(d)
	}
	log := eventLog(e.o.Log, ev)
	log.Info().Int(fieldJobs, d.dropped).Msg("stopped: " + why)
}

// move has a repository called by its new name from now on.
func (e *Engine) move(ctx context.Context, ev checks.Event) {
	m := checks.Move{Repo: ev.Repo, Installation: ev.Installation, At: ev.Received}
	e.moved(m)
	// Those that met the old name need not wait for their turn.
	for _, r := range e.retries {
		r.due = time.Time{}
	}
	e.stale, e.due = true, time.Now()
	log := eventLog(e.o.Log, ev)
	log.Info().Msg("the repository has this name now")
	e.commit(ctx, checks.Commit{Planned: ev.Delivery, Note: "called " + ev.Repo.FullName() + " from now on", Moves: []checks.Move{m}})
}

func (e *Engine) moved(m checks.Move) {
	e.moves[m.Repo.ID] = m
	for _, a := range e.active {
		m.Run(&a.run)
	}
}

// implied is the move that an event tells of by the way: its repository has
// another name or installation than the run before it, as when the App was
// installed anew.
func (e *Engine) implied(run *checks.Run, ev checks.Event) []checks.Move {
	latest, found, err := e.o.Store.Latest(run.Target())
	if err != nil || !found || latest.Repo == run.Repo && latest.Installation == run.Installation || latest.Created.After(ev.Received) {
		return nil
	}
	m := checks.Move{Repo: run.Repo, Installation: run.Installation, At: ev.Received}
	e.moved(m)
	return []checks.Move{m}
}

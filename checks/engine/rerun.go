package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/markdown"
	"github.com/dudesons/loktar/checks/plan"
)

// rerun plans an event that asks for an earlier run again, from that run.
func (e *Engine) rerun(ctx context.Context, ev checks.Event, old checks.Run) {
	jobs, err := e.jobsOf(old.ID)
	if err != nil {
		e.unknown(ctx, ev, err)
		return
	}
	if why := underWay(old, jobs, ev); why != "" {
		e.pass(ctx, ev, why)
		return
	}
	p := planned{event: ev, terms: termsOf(ev, &old), rerunOf: &old}
	p.terms.Insist = true
	p.plan, err = plan.Rerun(old, jobs, ev)
	switch {
	case err == nil:
		e.begin(ctx, p)
	case errors.Is(err, plan.ErrReplan):
		e.load(ctx, p)
	case errors.Is(err, plan.ErrNothingFailed):
		e.remark(ctx, ev, old, who(ev.Sender)+" asked to run again what failed. Nothing had failed.")
	case checks.KindOf(err) == checks.KindNotFound:
		// The earlier run's checks stand; what was pressed is of one before it.
		e.remark(ctx, ev, old, who(ev.Sender)+" asked for a re-run. "+checks.PublicText(err, "There is nothing to run again."))
	default:
		e.unknown(ctx, ev, err)
	}
}

// underWay says that what is asked for is being done already, as when two
// people press the same button; empty when it is not.
func underWay(newest checks.Run, jobs []checks.Job, ev checks.Event) string {
	if newest.Done() {
		return ""
	}
	if ev.Kind == checks.EventRerunPackage && ev.CheckRun.Name != checks.AggregateName {
		i := slices.IndexFunc(jobs, func(j checks.Job) bool { return j.Package.Name == ev.CheckRun.Name })
		if i >= 0 && jobs[i].State != checks.StateDone {
			return fmt.Sprintf("run %s is testing %s already", newest.ID, ev.CheckRun.Name)
		}
		return ""
	}
	if slices.ContainsFunc(jobs, func(j checks.Job) bool { return j.CarriedFrom != "" && j.Result.Outcome != checks.OutcomeUnaffected }) {
		return "" // it tests a part only
	}
	return "run " + newest.ID + " is testing all of it already"
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

// runOf is the id of the run that a check run says it is of; empty when it
// says none.
func runOf(ref *checks.CheckRunRef) string {
	if ref == nil {
		return ""
	}
	id, _, _ := strings.Cut(ref.ExternalID, "/")
	return id
}

// earlier finds the newest run that an event asks to run again, by our own
// map: GitHub leaves pull_requests empty for forks. For a whole commit, one of
// the repository itself goes before those of forks: a stranger can open a pull
// request of any commit.
func (e *Engine) earlier(ev checks.Event) (checks.Run, error) {
	var named *checks.Run
	if ev.CheckRun != nil {
		r, err := e.o.Store.Run(runOf(ev.CheckRun))
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
	i := slices.IndexFunc(runs, func(r checks.Run) bool {
		if named == nil {
			return !r.Untrusted()
		}
		return r.Target() == named.Target()
	})
	switch {
	case i >= 0:
		return runs[i], nil
	case named == nil && len(runs) > 0:
		return runs[0], nil
	}
	return checks.Run{}, checks.Errorf(checks.KindNotFound, nil, "This server does not know a run of the commit %.40s.", ev.HeadSHA)
}

// jobsOf are the jobs of a run as they stand now.
func (e *Engine) jobsOf(run string) ([]checks.Job, error) {
	a := e.active[run]
	if a == nil {
		return e.o.Store.Jobs(run)
	}
	jobs := make([]checks.Job, len(a.jobs))
	for i, j := range a.jobs {
		jobs[i] = *j
	}
	return jobs, nil
}

// outdated is the head that the target of old is at by now, when that is
// another commit; empty otherwise. Only a pull request outruns its commits.
func (e *Engine) outdated(old *checks.Run) string {
	if old.PullRequest == nil {
		return ""
	}
	latest, found, err := e.o.Store.Latest(old.Target())
	if err != nil || !found || latest.HeadSHA == old.HeadSHA {
		return ""
	}
	return latest.HeadSHA
}

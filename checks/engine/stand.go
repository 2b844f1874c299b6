package engine

import (
	"fmt"

	"github.com/dudesons/loktar/checks"
)

// standIn keeps a stranger's pull request that has nothing to run from standing
// in for a check that holds another one back. GitHub shows the newest check of
// a name on a commit, whichever pull request it was made for. So a stranger
// could open a second pull request of a red or waiting commit, be it from a
// fork or between two branches of the repository, to a branch that it does not
// affect, and turn the first one's checks to green. Somebody who may approve
// has to let that happen. A store that cannot be read counts as one that holds
// such a check.
func (e *Engine) standIn(p *planned) {
	pr, v := p.terms.PullRequest, p.plan.Verdict
	if pr == nil || !pr.Fork() && p.change.AuthorTrusted || v == nil || v.Conclusion != checks.ConclusionSuccess && v.Conclusion != checks.ConclusionNeutral {
		return
	}
	if by := p.terms.Approved; by != nil {
		p.plan.Approved = by
		return
	}
	other, err := e.holdsBack(p.terms.Target(), p.terms.HeadSHA)
	if err != nil {
		e.o.Log.Error().Err(err).Msg("cannot read earlier runs of the commit")
	} else if other == nil {
		return
	}
	where := "elsewhere"
	if other != nil && other.PullRequest != nil {
		where = fmt.Sprintf("in pull request #%d", other.PullRequest.Number)
	}
	p.plan.Verdict = &checks.Verdict{
		Conclusion: checks.ConclusionActionRequired,
		Title:      "Waiting for approval: this commit did not pass " + where,
		Summary: fmt.Sprintf("Nothing of this pull request has to be tested (%s). But the same commit is tested %s too, where it did not pass or is not done. "+
			"GitHub shows checks by their commit, so a green one here would hide that.\n\n"+
			"**For a maintainer:** when it may be hidden, press **Approve and run** above. When not, close this pull request, and press Re-run at the check `%s` of the other one.\n",
			v.Title, where, checks.AggregateName),
		Offer: checks.ActionApprove,
	}
	for i := range p.plan.Jobs {
		if r := p.plan.Jobs[i].Result; r != nil && r.Outcome.Skipped() {
			p.plan.Jobs[i].Result = &checks.Result{Outcome: checks.OutcomeBlocked,
				Detail: fmt.Sprintf("Not tested. The check `%s` says why: %s.", checks.AggregateName, p.plan.Verdict.Title)}
		}
	}
}

// needlessWait says that a fork's commit need not wait for an approval: a pull
// request of the repository itself tests the same commit for the same branch.
// Were the fork's to report that it waits, a stranger could hold that one
// back. Empty when it has to wait, or need not.
func (e *Engine) needlessWait(p *planned) string {
	pr, v := p.terms.PullRequest, p.plan.Verdict
	if p.event.PullRequest == nil || !pr.Fork() || v == nil || v.Offer != checks.ActionApprove {
		return ""
	}
	runs, err := e.o.Store.RunsOf(p.terms.Repo.ID, p.terms.HeadSHA)
	if err != nil {
		e.o.Log.Error().Err(err).Msg("cannot read earlier runs of the commit")
	}
	for _, r := range runs {
		if r.PullRequest != nil && !r.Untrusted() && r.PullRequest.Base.Branch == pr.Base.Branch {
			return fmt.Sprintf("pull request %d of the repository itself tests this commit for the same branch", r.PullRequest.Number)
		}
	}
	return ""
}

// holdsBack is the newest run of another target on a commit whose aggregate
// check lets no merge pass; nil when there is none.
func (e *Engine) holdsBack(t checks.Target, sha string) (*checks.Run, error) {
	runs, err := e.o.Store.RunsOf(t.Repo, sha)
	if err != nil {
		return nil, err
	}
	seen := map[checks.Target]bool{t: true}
	for i := range runs {
		r := &runs[i]
		if seen[r.Target()] {
			continue
		}
		seen[r.Target()] = true
		jobs, err := e.jobsOf(r.ID)
		if err != nil {
			return nil, err
		}
		if !letsPass(r, jobs) {
			return r, nil
		}
	}
	return nil, nil
}

// letsPass reports whether a merge may pass the aggregate check of a run.
func letsPass(r *checks.Run, jobs []checks.Job) bool {
	if v := r.Verdict; v != nil {
		return v.Conclusion == checks.ConclusionSuccess || v.Conclusion == checks.ConclusionNeutral
	}
	for _, j := range jobs {
		if o := j.Result.Outcome; j.State != checks.StateDone || !o.Passed() && !o.Skipped() && o != checks.OutcomeNeutral {
			return false
		}
	}
	return true
}

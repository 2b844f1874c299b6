package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/markdown"
)

// admit decides whether a plan's jobs may run now. When they may not, a
// verdict takes their place that says what has to happen first.
func admit(p *checks.Plan, ev checks.Event, ch checks.Change) {
	pr := ev.PullRequest
	if pr == nil {
		return
	}
	if pr.Fork() && ch.Policy.Forks != checks.ForksRun {
		if p.Approved = approver(ev, ch); p.Approved == nil {
			p.Verdict = approvalVerdict(pr, p.Jobs)
			p.Jobs = nil
			return
		}
	}
	if pr.Draft && ch.Policy.Drafts == checks.DraftsWait && !ev.Insist && slices.ContainsFunc(p.Jobs, runs) {
		p.Verdict = draftVerdict(p.Jobs)
		p.Jobs = nil
	}
}

func runs(j checks.PlannedJob) bool { return j.Result == nil }

// approver is who lets the commit of a fork run: somebody who approved it, or
// its own pusher.
func approver(ev checks.Event, ch checks.Change) *checks.User {
	if ev.Approved != nil || !vouched(ev, ch) {
		return ev.Approved
	}
	by := ev.Sender
	return &by
}

// vouched reports whether the commit of a fork comes from somebody who may
// write to the repository anyway: who pushed it to a fork of their own, for a
// pull request of such a person. In another's fork there may be commits that
// nobody who may write has seen, whoever pushed last.
func vouched(ev checks.Event, ch checks.Change) bool {
	return (ev.Name == "pull_request.synchronize" || ev.Name == "pull_request.opened") &&
		ev.Sender.Login != "" && strings.EqualFold(ev.PullRequest.Head.Repo.Owner, ev.Sender.Login) &&
		ch.AuthorTrusted && ch.SenderTrusted
}

func approvalVerdict(pr *checks.PullRequest, jobs []checks.PlannedJob) *checks.Verdict {
	var b strings.Builder
	fmt.Fprintf(&b, "This pull request comes from %s. Loktar runs the code that it tests. So nothing runs before somebody with write permission has approved this exact commit.\n\n", forkName(pr))
	b.WriteString("**For a maintainer:** read the change, and its build files too. When it is safe to run, press **Approve and run** above. A new push needs a new approval.\n\n")
	wouldRun(&b, jobs)
	b.WriteString("\n`loktar.json` of the base branch says what is tested and how. The steps get no secrets.\n")
	return &checks.Verdict{
		Conclusion: checks.ConclusionActionRequired,
		Title:      "Waiting for approval: from a fork",
		Summary:    markdown.Clip(b.String(), markdown.MaxText),
		Offer:      checks.ActionApprove,
	}
}

func draftVerdict(jobs []checks.PlannedJob) *checks.Verdict {
	var b strings.Builder
	b.WriteString("This pull request is a draft. It is tested when it is marked as ready for review. To test this commit now, press **Run now** above.\n\n")
	wouldRun(&b, jobs)
	return &checks.Verdict{
		Conclusion: checks.ConclusionActionRequired,
		Title:      "Not run: this pull request is a draft",
		Summary:    markdown.Clip(b.String(), markdown.MaxText),
		Offer:      checks.ActionRun,
	}
}

// wouldRun lists the packages that wait.
func wouldRun(b *strings.Builder, jobs []checks.PlannedJob) {
	fmt.Fprintf(b, "%s would be tested:\n\n", markdown.Count(len(jobs), "package"))
	for i, j := range jobs {
		if i == maxListed {
			fmt.Fprintf(b, "- and %s\n", markdown.Count(len(jobs)-i, "more package"))
			return
		}
		b.WriteString("- " + markdown.Code(j.Package.Name) + "\n")
	}
}

// forkName is the fork as a reader is told of it.
func forkName(pr *checks.PullRequest) string {
	if pr.Head.Repo.Owner == "" {
		return "a fork"
	}
	return "the fork " + markdown.Code(pr.Head.Repo.FullName())
}

func forkVerdict(pr *checks.PullRequest) checks.Verdict {
	return checks.Verdict{
		Conclusion: checks.ConclusionActionRequired,
		Title:      "Not run: this pull request comes from a fork",
		Summary: fmt.Sprintf(`This pull request comes from %s. Loktar runs the code that it tests, and its operator lets no code of forks run. Nothing was run.

**For a maintainer:** read the change. When it is safe to run, push its branch to this repository and open a pull request from there. Loktar tests that one.
`, forkName(pr)),
	}
}

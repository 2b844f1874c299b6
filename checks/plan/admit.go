package plan

import (
	"fmt"
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
	if pr.Draft && ch.Policy.Drafts == checks.DraftsWait && !ev.Insist {
		p.Verdict = draftVerdict(p.Jobs)
		p.Jobs = nil
	}
}

// approver is who lets the commit of a fork run: somebody who approved it, or
// its own pusher, when both that person and the author of the pull request
// may write to the repository anyway. Only opening and pushing name a pusher.
func approver(ev checks.Event, ch checks.Change) *checks.User {
	switch {
	case ev.Approved != nil:
		return ev.Approved
	case ev.Name != "pull_request.opened" && ev.Name != "pull_request.synchronize":
		return nil
	case ch.AuthorTrusted && ch.SenderTrusted:
		by := ev.Sender
		return &by
	}
	return nil
}

func approvalVerdict(pr *checks.PullRequest, jobs []checks.PlannedJob) *checks.Verdict {
	var b strings.Builder
	fmt.Fprintf(&b, "This pull request comes from %s. Loktar runs the code that it tests, so nothing of it runs before somebody who may write to this repository has approved this exact commit.\n\n", forkName(pr))
	fmt.Fprintf(&b, "**For a maintainer:** read the change, the build files too. When it is safe to run, press **Approve and run** above. A new push needs a new approval.\n\n")
	wouldRun(&b, jobs)
	b.WriteString("\n`loktar.json` of the base branch counts, and the steps get no secrets.\n")
	return &checks.Verdict{
		Conclusion: checks.ConclusionActionRequired,
		Title:      "Waiting for approval: this commit comes from a fork",
		Summary:    markdown.Clip(b.String(), markdown.MaxText),
		Offer:      checks.ActionApprove,
	}
}

func draftVerdict(jobs []checks.PlannedJob) *checks.Verdict {
	var b strings.Builder
	b.WriteString("This pull request is a draft. Its checks run when it is marked as ready for review. Press **Run now** above to run them on this commit at once.\n\n")
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
		Summary: fmt.Sprintf(`This pull request comes from %s. Loktar runs the code that it tests, and this server is set up to run no code of forks. Nothing was run.

**For a maintainer:** read the change. When it is safe to run, push its branch to this repository and open a pull request from there. Loktar tests that one.
`, forkName(pr)),
	}
}

// forkProblemsVerdict tells of a loktar.json that is the base's and yet does
// not fit the tree that is tested.
func forkProblemsVerdict(problems []checks.Problem) checks.Verdict {
	v := problemsVerdict(problems)
	v.Annotations = nil // the lines are not those of the pull request's file
	v.Summary = "This pull request comes from a fork, so that `loktar.json` of the base branch counts. It cannot be used with these files. " +
		"When the pull request means to change `loktar.json`, push its branch to this repository and open a pull request from there.\n\n" + v.Summary
	v.Summary = markdown.Clip(v.Summary, markdown.MaxText)
	return v
}

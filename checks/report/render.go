package report

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/markdown"
)

// RunURL is the page of a run, JobURL that of one of its jobs. base has no
// final slash.
func RunURL(base, run string) string { return base + "/runs/" + run }

// JobURL is the page of a job, with its log.
func JobURL(base string, id checks.JobID) string {
	return RunURL(base, id.Run) + "/" + url.PathEscape(id.Package)
}

// Package is the check run of one job, as GitHub is to show it now. Pure.
func Package(run checks.Run, j checks.Job, base string) checks.CheckRun {
	cr := frame(run, j.Package.Name)
	cr.DetailsURL = JobURL(base, j.ID())
	cr.Title = title(j)
	switch j.State {
	case checks.StateQueued:
		cr.Status = checks.StatusQueued
	case checks.StateRunning:
		cr.Status, cr.Started = checks.StatusInProgress, j.Started
	case checks.StateDone:
		cr.Status, cr.Conclusion = checks.StatusCompleted, j.Result.Outcome.Conclusion()
		cr.Started, cr.Completed = j.Started, j.Finished
	}

	var b strings.Builder
	switch {
	case j.Result.Outcome == checks.OutcomeErrored:
		fmt.Fprintf(&b, "**This is a fault of the server, not of the code.** %s\n\nPress Re-run when it is mended.\n\n", sentence(j.Result.Detail))
	case j.Result.Outcome == checks.OutcomeHeldBack:
		fmt.Fprintf(&b, "%s depends on %s, which did not pass. A re-run of %s runs this too.\n\n",
			markdown.Code(j.Package.Name), link(j.Result.Blame, base, run.ID), markdown.Code(j.Result.Blame))
	case j.Result.Detail != "":
		b.WriteString(sentence(j.Result.Detail) + "\n\n")
	}
	fmt.Fprintf(&b, "**%s:** %s\n\n", why(j), reasons(j.Reasons, 5))
	if j.State == checks.StateQueued && len(j.Needs) > 0 {
		fmt.Fprintf(&b, "**Waits for:** %s\n\n", names(j.Needs, 20))
	}
	if ran(j) {
		fmt.Fprintf(&b, "**Tested:** %s\n\n", tested(run))
	}
	if j.Attempt > 1 {
		fmt.Fprintf(&b, "**Attempt:** %d. Earlier ones were lost through no fault of the code.\n\n", j.Attempt)
	}
	if ran(j) && j.Package.TestType != checks.TestNone {
		fmt.Fprintf(&b, "[Open the log](%s)\n", cr.DetailsURL)
	}
	cr.Summary = markdown.Clip(b.String(), markdown.MaxText)
	return cr
}

// frame is what all check runs of a run have in common.
func frame(run checks.Run, name string) checks.CheckRun {
	return checks.CheckRun{
		Key:          checks.CheckKey{Run: run.ID, Name: name},
		Installation: run.Installation,
		Repo:         run.Repo,
		HeadSHA:      run.HeadSHA,
	}
}

// Aggregate is the check run that stands for the whole run, as GitHub is to
// show it now. It concludes when the last job has. Pure.
func Aggregate(run checks.Run, jobs []checks.Job, base string) checks.CheckRun {
	cr := frame(run, checks.AggregateName)
	cr.DetailsURL = RunURL(base, run.ID)
	cr.Status, cr.Started = checks.StatusInProgress, run.Created
	if run.Done() {
		cr.Status, cr.Completed = checks.StatusCompleted, run.Finished
	}
	if v := run.Verdict; v != nil {
		cr.Conclusion, cr.Title, cr.Annotations = v.Conclusion, v.Title, v.Annotations
		cr.Summary = markdown.Clip(v.Summary, markdown.MaxText)
		return cr
	}
	t := tallyOf(jobs)
	if run.Done() {
		cr.Conclusion = t.conclusion()
	}
	cr.Title = t.title(run)
	cr.Summary = summary(run, jobs, base)
	return cr
}

// tally counts jobs by how they stand.
type tally struct {
	total, waiting, running, passed, red, errored, heldBack, skipped, stopped int
	firstRed                                                                  string
}

func tallyOf(jobs []checks.Job) tally {
	t := tally{total: len(jobs)}
	for _, j := range jobs {
		switch {
		case j.State == checks.StateQueued:
			t.waiting++
		case j.State == checks.StateRunning:
			t.running++
		case j.Result.Outcome == checks.OutcomePassed:
			t.passed++
		case j.Result.Outcome == checks.OutcomeFailed, j.Result.Outcome == checks.OutcomeTimedOut:
			if t.red++; t.firstRed == "" {
				t.firstRed = j.Package.Name
			}
		case j.Result.Outcome == checks.OutcomeErrored:
			t.errored++
		case j.Result.Outcome == checks.OutcomeHeldBack:
			t.heldBack++
		case j.Result.Outcome == checks.OutcomeSkipped:
			t.skipped++
		default:
			t.stopped++
		}
	}
	return t
}

// conclusion is the worst of the jobs': a red before a fault of ours before a
// cancel.
func (t tally) conclusion() checks.Conclusion {
	switch {
	case t.red > 0:
		return checks.ConclusionFailure
	case t.errored > 0:
		return checks.ConclusionActionRequired
	case t.stopped > 0 || t.heldBack > 0:
		return checks.ConclusionCancelled
	}
	if t.skipped > 0 && t.skipped == t.total {
		return checks.ConclusionSkipped
	}
	return checks.ConclusionSuccess
}

func (t tally) title(run checks.Run) string {
	if !run.Done() {
		s := fmt.Sprintf("%d of %s done", t.total-t.waiting-t.running, markdown.Count(t.total, "package"))
		if t.red > 0 {
			s += fmt.Sprintf(", %d failed", t.red)
		}
		return s
	}
	var parts []string
	add := func(n int, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	switch {
	case t.passed == t.total:
		return markdown.Count(t.total, "package") + " passed in " + took(run.Finished.Sub(run.Created))
	case t.red == 1:
		parts = append(parts, t.firstRed+" failed")
	default:
		add(t.red, "failed")
	}
	add(t.errored, "could not be run by Loktar")
	add(t.heldBack, "not run")
	add(t.stopped, "stopped")
	add(t.skipped, "skipped")
	add(t.passed, "passed")
	return strings.Join(parts, ", ")
}

func tested(run checks.Run) string {
	head := markdown.Code(short(run.HeadSHA))
	if pr := run.PullRequest; pr != nil && run.BaseSHA != "" {
		return fmt.Sprintf("%s merged into %s at %s", head, markdown.Code(pr.Base.Branch), markdown.Code(short(run.BaseSHA)))
	}
	return head
}

func short(sha string) string { return sha[:min(len(sha), 7)] }

func link(pkg, base, run string) string {
	return fmt.Sprintf("[%s](%s)", markdown.Text(pkg), JobURL(base, checks.JobID{Run: run, Package: pkg}))
}

func names(all []string, most int) string {
	var b strings.Builder
	for i, n := range all {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(all)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(markdown.Code(n))
	}
	return b.String()
}

// duration is empty for a job that never ran.
func duration(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return took(d)
}

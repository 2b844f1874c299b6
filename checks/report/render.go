package report

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

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
	b.WriteString(outdated(run))
	switch {
	case j.Result.Outcome == checks.OutcomeErrored:
		fmt.Fprintf(&b, "**%s** %s\n\nPress Re-run when it is mended.\n\n", whoseFault(j), sentence(j.Result.Detail))
	case j.Result.Outcome == checks.OutcomeHeldBack:
		fmt.Fprintf(&b, "%s depends on %s, which did not pass. A re-run of %s runs this too.\n\n",
			markdown.Code(j.Package.Name), link(j.Result.Blame, base, run.ID), markdown.Code(j.Result.Blame))
	case j.Result.Outcome == checks.OutcomeUnaffected:
		b.WriteString(unaffected(j) + "\n\n")
	case j.Result.Reused != nil:
		b.WriteString(proof(j, base))
	case j.Result.Detail != "":
		b.WriteString(sentence(j.Result.Detail) + "\n\n")
	case j.Result.Outcome == checks.OutcomeNeutral:
		b.WriteString("Nothing was run. This check says nothing about the code, and no merge waits for it.\n\n")
	}
	if len(j.Reasons) > 0 {
		fmt.Fprintf(&b, "**%s:** %s\n\n", why(j), reasons(j.Reasons, 5))
	}
	if j.Wait != nil && j.State == checks.StateQueued {
		b.WriteString(waits(j) + "\n\n")
	}
	if j.State == checks.StateQueued && len(j.Needs) > 0 {
		fmt.Fprintf(&b, "**Waits for:** %s\n\n", names(j.Needs, 20))
	}
	if j.Release != nil {
		b.WriteString(items(j.Result))
	} else if ran(j) {
		fmt.Fprintf(&b, "**Tested:** %s\n\n", tested(run))
	}
	b.WriteString(found(&cr, run, j, base))
	b.WriteString(attempts(j))
	b.WriteString(timings(j.Result))
	b.WriteString(files(j, base))
	if ran(j) && j.Package.TestType != checks.TestNone {
		fmt.Fprintf(&b, "[Open the log](%s)\n", cr.DetailsURL)
	}
	cr.Summary = markdown.Clip(b.String(), markdown.MaxText)
	return cr
}

// whoseFault introduces a fault that is no verdict.
func whoseFault(j checks.Job) string {
	if j.Result.Cause.Mends() == checks.Owner {
		return "What " + checks.ManifestFile + " asks for cannot be run, which says nothing about the code."
	}
	return "This is a fault of the server, not of the code."
}

// proof tells of the run that stands for this one.
func proof(j checks.Job, base string) string {
	p := j.Result.Reused
	return fmt.Sprintf("Nothing was run: [a run of %s](%s) passed on %s with the same files, dependencies, settings and image (%s). Press Re-run to run it all the same, or set %s to false in %s.\n\n",
		markdown.Code(checks.ShortSHA(p.Commit)), JobURL(base, checks.JobID{Run: p.Run, Package: j.Package.Name}), p.Passed.UTC().Format("Jan 2, 15:04 MST"),
		markdown.Code(p.Image[:min(len(p.Image), 19)]), markdown.Code("reuse"), markdown.Code(checks.ManifestFile))
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

// unaffected says why the check of a package that the change does not affect
// is there at all.
func unaffected(j checks.Job) string {
	if j.Result.Detail != "" {
		return sentence(j.Result.Detail) + " It is reported as skipped, so that no merge waits for it."
	}
	return fmt.Sprintf("This change does not affect %s. The rules of the branch, or %s in %s, ask for this check on every commit, so it is reported as skipped. A re-run tests the package all the same.",
		markdown.Code(j.Package.Name), markdown.Code("required"), markdown.Code(checks.ManifestFile))
}

// Aggregate is the check run that stands for the whole run, as GitHub is to
// show it now. It concludes when the last job has. A verdict's conclusion
// stands whatever the jobs say. Pure.
func Aggregate(run checks.Run, jobs []checks.Job, base string) checks.CheckRun {
	cr := frame(run, checks.AggregateName)
	cr.DetailsURL = RunURL(base, run.ID)
	cr.Status, cr.Started = checks.StatusInProgress, run.Created
	cr.Actions = actions(run, jobs)
	t := tallyOf(jobs)
	conclusion := t.conclusion()
	if v := run.Verdict; v != nil {
		conclusion = v.Conclusion
		cr.Title, cr.Annotations = v.Title, v.Annotations
		cr.Summary = verdictSummary(run, jobs)
	} else {
		cr.Title = t.title(run)
		cr.Summary = summary(run, jobs, base)
	}
	if run.Done() {
		cr.Status, cr.Completed, cr.Conclusion = checks.StatusCompleted, run.Finished, conclusion
	}
	suffix := titleSuffix(run)
	cr.Title = markdown.Plain(cr.Title, maxTitle-utf8.RuneCountInString(suffix)) + suffix
	return cr
}

// maxTitle is how many characters GitHub takes in a check run's title.
const maxTitle = 255

func link(pkg, base, run string) string {
	return fmt.Sprintf("[%s](%s)", markdown.Text(pkg), JobURL(base, checks.JobID{Run: run, Package: pkg}))
}

// names are at most so many of all as code, and only as many as fit maxList.
func names(all []string, most int) string {
	var b strings.Builder
	for i, n := range all {
		if i == most || b.Len() > maxList {
			fmt.Fprintf(&b, " and %d more", len(all)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(markdown.Code(cut(n)))
	}
	return b.String()
}

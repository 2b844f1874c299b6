package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/markdown"
)

// maxNames bounds the names in an answer.
const maxNames = 20

// Started tells of a run that a comment asked for. jobs are all of its jobs.
func Started(run checks.Run, jobs []*checks.Job) string {
	at := "at " + markdown.Code(checks.ShortSHA(run.HeadSHA))
	if v := run.Verdict; v != nil {
		return fmt.Sprintf("Nothing runs %s. %s. The check `%s` says more.", at, markdown.Text(v.Title), checks.AggregateName)
	}
	var names []string
	for _, j := range jobs {
		if j.State == checks.StateQueued {
			names = append(names, j.Package.Name)
		}
	}
	if len(names) == 0 {
		return fmt.Sprintf("There is nothing to run %s. The check `%s` says why.", at, checks.AggregateName)
	}
	text := fmt.Sprintf("Testing %s %s: %s. The check `%s` shows how it goes.", markdown.Count(len(names), "package"), at, list(names), checks.AggregateName)
	if run.Outdated != "" {
		text += fmt.Sprintf(" This commit is outdated: the pull request is at %s now.", markdown.Code(checks.ShortSHA(run.Outdated)))
	}
	return text
}

// Cancelled tells of n jobs that a comment stopped.
func Cancelled(n int) string {
	if n == 0 {
		return "Nothing of this pull request runs or waits."
	}
	return "Cancelled " + markdown.Count(n, "package") + "."
}

// Reasons tells why a package is tested by run, or is not. jobs are all of
// its jobs.
func Reasons(run checks.Run, jobs []checks.Job, name string) string {
	at := "at " + markdown.Code(checks.ShortSHA(run.HeadSHA))
	who := markdown.Code(markdown.Plain(name, 100))
	i := slices.IndexFunc(jobs, func(j checks.Job) bool { return j.Package.Name == name })
	switch {
	case i >= 0 && len(jobs[i].Reasons) > 0:
		var b strings.Builder
		fmt.Fprintf(&b, "%s is affected %s:\n\n", who, at)
		for _, r := range jobs[i].Reasons {
			b.WriteString("- " + markdown.Text(markdown.Plain(r.String(), 500)) + "\n")
		}
		if n := jobs[i].Needs; len(n) > 0 {
			fmt.Fprintf(&b, "\nIt is tested after %s, which it needs.\n", list(n))
		}
		return b.String()
	case i >= 0 && jobs[i].Result.Outcome != checks.OutcomeBlocked, slices.Contains(run.Unaffected, name):
		return fmt.Sprintf("%s is not affected %s: no changed file is its own or in its `inputs`, and it depends on no package that is affected.", who, at)
	case run.Verdict != nil && (i >= 0 || len(run.Unaffected) == 0):
		return fmt.Sprintf("Nothing is known of %s %s. %s. The check `%s` says more.", who, at, markdown.Text(run.Verdict.Title), checks.AggregateName)
	}
	return fmt.Sprintf("There is no package %s in `%s` %s. Names are case-sensitive.", who, checks.ManifestFile, at)
}

func list(names []string) string {
	var b strings.Builder
	for i, n := range names {
		if i == maxNames {
			fmt.Fprintf(&b, " and %d more", len(names)-maxNames)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(markdown.Code(n))
	}
	return b.String()
}

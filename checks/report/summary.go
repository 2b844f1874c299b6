package report

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/markdown"
)

// summary is the Markdown of the aggregate check: what was tested, a table of
// what ran, why and how long, and what did not run. When it would not fit
// GitHub's bound, the rows that say least are left out and counted.
func summary(run checks.Run, jobs []checks.Job, base string) string {
	head := fmt.Sprintf("**Tested:** %s\n\n", tested(run))
	if t := tallyOf(jobs); t.total > 0 && t.skipped == t.total {
		head = markdown.Text(jobs[0].Result.Detail) + "\n\n"
	}
	for _, w := range run.Warnings[:min(len(run.Warnings), maxWarnings)] {
		head += "> ⚠️ " + markdown.Text(markdown.Plain(w, 300)) + "\n>\n"
	}
	if n := len(run.Warnings) - maxWarnings; n > 0 {
		head += fmt.Sprintf("> and %s\n", markdown.Count(n, "more warning"))
	}
	if len(run.Warnings) > 0 {
		head += "\n"
	}
	tail := footer(run)
	return head + table(run, jobs, base, markdown.MaxText-utf8.RuneCountInString(head)-utf8.RuneCountInString(tail)) + tail
}

const maxWarnings = 20

// table is a row a package, the worst first, inside room characters.
func table(run checks.Run, jobs []checks.Job, base string, room int) string {
	const header = "| Package | Result | Why | Time |\n| --- | --- | --- | ---: |\n"
	const spare = 200 // for the line that counts what was left out
	sorted := slices.Clone(jobs)
	slices.SortStableFunc(sorted, func(a, b checks.Job) int { return weight(a) - weight(b) })
	var b strings.Builder
	b.WriteString(header)
	room -= len(header) + spare
	for i, j := range sorted {
		row := row(run, j, base)
		if room -= utf8.RuneCountInString(row); room < 0 {
			fmt.Fprintf(&b, "\n…and %s. The [run's page](%s) has them all.\n", markdown.Count(len(sorted)-i, "more package"), RunURL(base, run.ID))
			break
		}
		b.WriteString(row)
	}
	return b.String() + "\n"
}

func row(run checks.Run, j checks.Job, base string) string {
	from := run.ID
	note := ""
	if j.CarriedFrom != "" {
		from, note = j.CarriedFrom, " (earlier run)"
	}
	return fmt.Sprintf("| %s | %s%s | %s | %s |\n",
		link(j.Package.Name, base, from), word(j), note, reasons(j.Reasons, 3), duration(j.Duration()))
}

// weight sorts what needs a reader's eye to the top.
func weight(j checks.Job) int {
	switch {
	case j.State == checks.StateRunning:
		return 2
	case j.State == checks.StateQueued:
		return 4
	case j.Result.Outcome == checks.OutcomeFailed, j.Result.Outcome == checks.OutcomeTimedOut:
		return 0
	case j.Result.Outcome == checks.OutcomeErrored:
		return 1
	case j.Result.Outcome == checks.OutcomePassed:
		return 5
	}
	return 3
}

// footer tells what did not run, and which changed files count for nothing.
func footer(run checks.Run) string {
	var b strings.Builder
	if n := len(run.Unaffected); n > 0 {
		fmt.Fprintf(&b, "<details><summary>%s not affected</summary>\n\nNot affected, so not run: %s\n\n</details>\n\n",
			markdown.Count(n, "package"), names(run.Unaffected, maxNames))
	}
	if run.UnownedCount > 0 {
		fmt.Fprintf(&b, "<details><summary>%s in no package</summary>\n\nThese changed files are in no package and affect nothing. A glob in %s or a package's %s would change that.\n\n",
			markdown.Count(run.UnownedCount, "changed file"), markdown.Code("global_inputs"), markdown.Code("inputs"))
		for _, f := range run.Unowned[:min(len(run.Unowned), maxFiles)] {
			b.WriteString("- " + markdown.Code(cut(f)) + "\n")
		}
		if n := run.UnownedCount - min(len(run.Unowned), maxFiles); n > 0 {
			fmt.Fprintf(&b, "- and %d more\n", n)
		}
		b.WriteString("\n</details>\n\n")
	}
	for _, n := range run.Notes[:min(len(run.Notes), maxWarnings)] {
		b.WriteString(markdown.Text(markdown.Plain(n, 300)) + "\n\n")
	}
	if run.Ignored > 0 {
		fmt.Fprintf(&b, "%s ignored, as %s says.\n", markdown.Count(run.Ignored, "changed file"), markdown.Code("ignore"))
	}
	return markdown.Clip(b.String(), markdown.MaxText/3)
}

const (
	maxNames = 100
	maxFiles = 50
)

// cut keeps one long path from taking the room of all others.
func cut(path string) string {
	if len(path) > 200 {
		return path[:200] + "…"
	}
	return path
}

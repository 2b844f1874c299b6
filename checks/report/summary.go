package report

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/markdown"
)

// The parts of a summary that what others wrote can make long have a share of
// the bound each, so that the table has the rest.
const (
	maxHead     = markdown.MaxText / 3
	maxFooter   = markdown.MaxText / 4
	maxRemarked = markdown.MaxText / 4
	// maxList bounds the bytes of one list of names or files in them.
	maxList = 4000
)

// summary is the Markdown of the aggregate check: what was tested, a table of
// what ran, why and how long, and what did not run. When it would not fit
// GitHub's bound, the rows that say least are left out and counted.
func summary(run checks.Run, jobs []checks.Job, base string) string {
	head := clip(heading(run, jobs), maxHead)
	tail := footer(run, jobs) + clip(remarks(run), maxRemarked)
	return head + table(run, jobs, base, markdown.MaxText-utf8.RuneCountInString(head)-utf8.RuneCountInString(tail)) + tail
}

// verdictSummary is the Markdown of the aggregate check of a run with a
// verdict: the verdict's own, and what is to be said of any run.
func verdictSummary(run checks.Run, jobs []checks.Job) string {
	var required strings.Builder
	foldRequired(&required, jobs)
	head := outdated(run) + asked(run) + fork(run)
	tail := clip(remarks(run), maxRemarked)
	if required.Len() > 0 {
		tail = "\n" + required.String() + tail
	}
	return head + clip(run.Verdict.Summary, markdown.MaxText-utf8.RuneCountInString(head)-utf8.RuneCountInString(tail)) + tail
}

// clip cuts s to at most limit characters, and ends the paragraph where it
// cut, so that what follows begins a block of its own.
func clip(s string, limit int) string {
	const end = "\n\n"
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return markdown.Clip(s, max(0, limit-len(end))) + end
}

// heading is what stands before the table.
func heading(run checks.Run, jobs []checks.Job) string {
	head := outdated(run)
	if tallyOf(jobs).silent() {
		head += silence(jobs)
	} else {
		head += fmt.Sprintf("**Tested:** %s\n\n", tested(run))
	}
	head += asked(run) + fork(run)
	shown := run.Warnings[:min(len(run.Warnings), maxWarnings)]
	head += quotes("⚠️", shown)
	if n := len(run.Warnings) - len(shown); n > 0 {
		head += fmt.Sprintf(">\n> and %s\n", markdown.Count(n, "more warning"))
	}
	if len(shown) > 0 {
		head += "\n"
	}
	return head
}

// silence is why nothing was tested, as the first job that knows it says.
func silence(jobs []checks.Job) string {
	for _, j := range jobs {
		if j.Result.Detail != "" && j.Result.Outcome != checks.OutcomeUnaffected {
			return sentence(j.Result.Detail) + "\n\n"
		}
	}
	return ""
}

const maxWarnings = 20

// table is a row a package, the worst first, inside room characters.
func table(run checks.Run, jobs []checks.Job, base string, room int) string {
	const header = "| Package | Result | Why | Time |\n| --- | --- | --- | ---: |\n"
	const spare = 200 // for the line that counts what was left out
	sorted := slices.DeleteFunc(slices.Clone(jobs), isUnaffected)
	if len(sorted) == 0 {
		return ""
	}
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
	if p := j.Result.Reused; p != nil {
		from = p.Run
	}
	why := reasons(j.Reasons, 3)
	if why == "" {
		why = sentence(markdown.Plain(j.Result.Detail, maxSentence))
	}
	return fmt.Sprintf("| %s | %s%s | %s | %s |\n",
		link(j.Package.Name, base, from), word(j), note, why, checks.Took(j.Duration()))
}

// isUnaffected reports whether the job is there for its required check alone.
func isUnaffected(j checks.Job) bool {
	return j.State == checks.StateDone && j.Result.Outcome == checks.OutcomeUnaffected
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
	case j.Result.Outcome == checks.OutcomeErrored, j.Result.Outcome == checks.OutcomeBlocked:
		return 1
	case j.Result.Reused != nil:
		return 6
	case j.Result.Outcome == checks.OutcomePassed:
		return 5
	}
	return 3
}

// footer tells what did not run, and which changed files count for nothing.
func footer(run checks.Run, jobs []checks.Job) string {
	var b strings.Builder
	if n := len(run.Unaffected); n > 0 {
		fmt.Fprintf(&b, "<details><summary>%s not affected</summary>\n\nNot affected, so not run: %s\n\n</details>\n\n",
			markdown.Count(n, "package"), names(run.Unaffected, maxNames))
	}
	foldRequired(&b, jobs)
	if run.UnownedCount > 0 {
		fmt.Fprintf(&b, "<details><summary>%s in no package</summary>\n\nThese changed files are in no package and affect nothing. A glob in %s or a package's %s would change that.\n\n",
			markdown.Count(run.UnownedCount, "changed file"), markdown.Code("global_inputs"), markdown.Code("inputs"))
		shown := 0
		for begin := b.Len(); shown < min(len(run.Unowned), maxFiles) && b.Len()-begin < maxList; shown++ {
			b.WriteString("- " + markdown.Code(cut(run.Unowned[shown])) + "\n")
		}
		if n := run.UnownedCount - shown; n > 0 {
			fmt.Fprintf(&b, "- and %d more\n", n)
		}
		b.WriteString("\n</details>\n\n")
	}
	// A list that was cut open would hide what follows: only what comes after
	// the lists may be cut.
	var rest strings.Builder
	if run.Ignored > 0 {
		fmt.Fprintf(&rest, "%s ignored, as %s says.\n\n", markdown.Count(run.Ignored, "changed file"), markdown.Code("ignore"))
	}
	for _, n := range run.Notes[:min(len(run.Notes), maxWarnings)] {
		rest.WriteString(markdown.Text(markdown.Plain(n, maxSentence)) + "\n\n")
	}
	return b.String() + clip(rest.String(), maxFooter-utf8.RuneCountInString(b.String()))
}

// foldRequired tells which jobs are there for their required checks alone.
func foldRequired(b *strings.Builder, jobs []checks.Job) {
	var all []string
	for _, j := range jobs {
		if isUnaffected(j) {
			all = append(all, j.Package.Name)
		}
	}
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(b, "<details><summary>%s not affected: reported as skipped</summary>\n\nTheir checks are required, and this change does not affect them: %s\n\n</details>\n\n",
		markdown.Count(len(all), "required package"), names(all, maxNames))
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

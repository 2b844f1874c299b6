package report

import (
	"fmt"
	"strings"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/markdown"
)

const (
	// maxNotes is how many annotations the check of a package gets, four
	// writes; maxNotesMany is how many in a run of more than manyPackages, one.
	maxNotes     = 200
	maxNotesMany = annotationBatch
	manyPackages = 20
	// maxFound bounds the characters of what a summary says of findings.
	maxFound = markdown.MaxText / 2
	// maxSaid bounds those of a test's message there.
	maxSaid = 200
)

// found has a check run tell what the reports and the log of its job do, and
// returns what of it belongs to the summary.
func found(cr *checks.CheckRun, run checks.Run, j checks.Job, base string) string {
	f := j.Result.Findings
	if f == nil || j.State != checks.StateDone {
		return ""
	}
	cr.Annotations = shown(f, len(run.Packages))
	cr.Text = failing(f, j, cr.DetailsURL)

	var b strings.Builder
	if f.Tests.Total() > 0 {
		fmt.Fprintf(&b, "**Tests:** %s\n\n", f.Tests)
	}
	for _, t := range f.Failed {
		where := ""
		if t.Path != "" {
			where = " at " + markdown.Code(fmt.Sprintf("%s:%d", cut(t.Path), t.Line))
		}
		fmt.Fprintf(&b, "- ❌ %s%s\n", markdown.Code(t.Name), where)
		if said := markdown.Plain(t.Message, maxSaid); said != "" {
			b.WriteString("  " + markdown.Text(said) + "\n")
		}
	}
	if n := f.Tests.Red() - len(f.Failed); n > 0 && len(f.Failed) > 0 {
		fmt.Fprintf(&b, "- and %s\n", markdown.Count(n, "more failed test"))
	}
	if len(f.Failed) > 0 {
		b.WriteString("\n")
	}
	b.WriteString(flaky(f, j, base))
	if len(f.Slowest) > 0 {
		b.WriteString("**Slowest tests:** ")
		for i, t := range f.Slowest {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(markdown.Code(t.Name) + " " + checks.Took(t.Took))
		}
		b.WriteString("\n\n")
	}
	if len(f.Unplaced) > 0 {
		b.WriteString("**Not on a file of the repository:**\n\n")
		for _, text := range f.Unplaced {
			b.WriteString("- " + markdown.Text(text) + "\n")
		}
		if f.UnplacedMore > 0 {
			fmt.Fprintf(&b, "- and %s\n", markdown.Count(f.UnplacedMore, "more remark"))
		}
		b.WriteString("\n")
	}
	if n := f.LeftOut + len(f.Annotations) - len(cr.Annotations); n > 0 {
		fmt.Fprintf(&b, "%s shown on the files; %d less bad ones are left out.\n\n", markdown.Count(len(cr.Annotations), "annotation"), n)
	}
	for _, note := range f.Notes {
		b.WriteString("> ⚠️ " + markdown.Text(note) + "\n>\n")
	}
	if len(f.Notes) > 0 {
		b.WriteString("\n")
	}
	return clip(b.String(), maxFound)
}

// shown are the annotations that the check of a package gets in a run of so
// many.
func shown(f *checks.Findings, packages int) []checks.Annotation {
	most := maxNotes
	if packages > manyPackages {
		most = maxNotesMany
	}
	return f.Annotations[:min(len(f.Annotations), most)]
}

// further is how many writes a check with these annotations takes beside one.
func further(notes []checks.Annotation) int { return max(0, (len(notes)-1)/annotationBatch) }

// digits is n with commas.
func digits(n int) string {
	s, _, _ := strings.Cut(markdown.Count(n, ""), " ")
	return s
}

// flaky names the tests that are, with how they ended at the same inputs.
func flaky(f *checks.Findings, j checks.Job, base string) string {
	var b strings.Builder
	for _, t := range f.Flaky {
		fmt.Fprintf(&b, "- 🎲 %s is flaky: with the same inputs it was", markdown.Code(t.Name))
		for i, o := range t.History {
			word := "green"
			if o.Red {
				word = "red"
			}
			if i > 0 {
				b.WriteString(",")
			}
			fmt.Fprintf(&b, " [%s](%s) on %s", word, JobURL(base, checks.JobID{Run: o.Run, Package: j.Package.Name}), clock(o.At))
		}
		b.WriteString("\n")
	}
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	return b.String()
}

// failing is the text of a check: the failing part of the log.
func failing(f *checks.Findings, j checks.Job, log string) string {
	if f.Log == "" {
		return ""
	}
	head := "**The failing part of the log**"
	if f.Cut > 0 {
		head += fmt.Sprintf(", without the %s before it", markdown.Count(f.Cut, "line"))
	}
	head += fmt.Sprintf(" ([all of it](%s)):\n\n", log)
	return markdown.Clip(head+markdown.Block(f.Log), markdown.MaxText)
}

// redTests is what a title says of tests, or "".
func redTests(j checks.Job) string {
	f := j.Result.Findings
	if f == nil || f.Tests.Red() == 0 {
		return ""
	}
	return fmt.Sprintf(": %s of %s failed", digits(f.Tests.Red()), markdown.Count(f.Tests.Total(), "test"))
}

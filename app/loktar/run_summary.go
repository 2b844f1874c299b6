package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dudesons/loktar/checks"
)

const (
	// logLines is how much of the log of a package that did not pass is
	// printed at the end, serviceLines how much of that of a service.
	logLines     = 40
	serviceLines = 15
	// findLines is how many remarks of one package.
	findLines = 20
)

// tested says in brackets how many tests a package's reports tell of, and how
// many failed; "" where there are none.
func tested(j *checks.Job) string {
	f := j.Result.Findings
	if f == nil || f.Tests.Total() == 0 {
		return ""
	}
	text := count(f.Tests.Total(), "test")
	if n := f.Tests.Red(); n > 0 {
		text = fmt.Sprintf("%d of %s failed", n, text)
	}
	if n := f.Tests.Skipped; n > 0 {
		text += fmt.Sprintf(", %d skipped", n)
	}
	if n := len(f.Flaky); n > 0 {
		text += fmt.Sprintf(", %d flaky", n)
	}
	return " (" + text + ")"
}

// summary is what is left to say of jobs that ended.
func (t *progress) summary(jobs []checks.Job) {
	if len(jobs) == 0 {
		return
	}
	if t.painter != nil {
		var b strings.Builder
		for i := range jobs {
			b.WriteString(t.painter.finalLine(&jobs[i]) + "\n")
		}
		fmt.Fprint(t.out, b.String())
	}
	here := t.here()
	counts, told := map[string]int{}, false
	files, from := 0, 0
	for i := range jobs {
		j := &jobs[i]
		counts[endOf(j).word]++
		if n := len(j.Result.Artifacts); n > 0 {
			files, from = files+n, from+1
		}
		switch {
		case j.State != checks.StateDone || j.Result.Outcome == checks.OutcomeHeldBack:
		case !j.Result.Outcome.Passed():
			t.failure(j, here)
			told = true
		case j.Result.Findings != nil:
			for _, note := range j.Result.Findings.Notes {
				t.line(j, printable(note))
			}
		}
	}
	if told {
		fmt.Fprintln(t.out)
	}
	var said []string
	for _, m := range marks {
		if n := counts[m.word]; n > 0 {
			said = append(said, t.out.paint(m.colour, fmt.Sprintf("%d %s", n, m.word)))
		}
	}
	fmt.Fprintf(t.out, "%s: %s, in %s\n", count(len(jobs), "package"), strings.Join(said, ", "), checks.Took(time.Since(t.began)))
	if files > 0 {
		fmt.Fprintf(t.out, "%s of %s in %s\n", count(files, "file"), count(from, "package"), printable(t.flags.artifacts))
	}
}

// here is how a file of the repository is called from the working directory,
// so that a terminal or an editor finds it.
func (t *progress) here() func(path string) string {
	as := func(path string) string { return path }
	at, err := os.Getwd()
	if err == nil {
		at, err = filepath.EvalSymlinks(at)
	}
	if err != nil || t.plan.Top == "" {
		return as
	}
	top, err := filepath.EvalSymlinks(t.plan.Top)
	if err != nil {
		return as
	}
	return func(path string) string {
		if rel, err := filepath.Rel(at, filepath.Join(top, filepath.FromSlash(path))); err == nil {
			return rel
		}
		return path
	}
}

// failure tells of a package that did not pass.
func (t *progress) failure(j *checks.Job, here func(string) string) {
	m := markOf(j)
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s %s\n", t.out.paint(m.colour, m.sign), t.out.paint(bold, printable(j.Package.Name)+" "+m.word+tested(j)))
	for _, line := range wrap(printable(j.Result.Detail), max(t.out.width-2, 0)) {
		b.WriteString(strings.TrimRight("  "+line, " ") + "\n")
	}
	if f := j.Result.Findings; f != nil {
		end, more := ending(f, logLines)
		lines, left := remarksOf(f, findLines, here, end)
		for _, line := range lines {
			b.WriteString(line + "\n")
		}
		if left > 0 {
			b.WriteString("  " + t.out.paint(faint, fmt.Sprintf("and %d more", left)) + "\n")
		}
		for _, note := range f.Notes {
			b.WriteString("  " + printable(note) + "\n")
		}
		if len(lines)+len(f.Notes) > 0 && len(end) > 0 {
			b.WriteString("\n")
		}
		t.part(&b, end, more)
	}
	if j.Result.Cause == checks.CauseService {
		for _, name := range slices.Sorted(maps.Keys(j.Package.Services)) {
			t.service(&b, j, name)
		}
	}
	if path := t.plan.Log(j.ID()); path != "" {
		if _, err := os.Stat(path); err == nil {
			b.WriteString("  " + t.out.paint(faint, "The whole log: "+printable(path)) + "\n")
		}
	}
	fmt.Fprint(t.out, b.String())
}

// part writes the end of a log; more is that it is not all.
func (t *progress) part(b *strings.Builder, lines []string, more bool) {
	if more {
		b.WriteString("  " + t.out.paint(faint, "...") + "\n")
	}
	for _, line := range lines {
		b.WriteString(strings.TrimRight("  "+line, " ") + "\n")
	}
}

// service writes the end of what a service of a package printed.
func (t *progress) service(b *strings.Builder, j *checks.Job, name string) {
	lines, more := tail(t.plan.Log(checks.JobID{Run: j.Run, Package: checks.ServiceLogName(j.Package.Name, name)}), serviceLines, maxTail)
	if len(lines) == 0 {
		b.WriteString("  " + t.out.paint(faint, "The service "+printable(name)+" printed nothing.") + "\n")
		return
	}
	b.WriteString("  " + t.out.paint(faint, "The service "+printable(name)+":") + "\n")
	t.part(b, lines, more)
}

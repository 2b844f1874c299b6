package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// maxRemark bounds the characters of a remark's text.
const maxRemark = 300

// levelFailure is the worst level of an annotation.
const levelFailure = "failure"

// remarksOf are the lines PATH:LINE: MESSAGE about a package that did not pass,
// at most so many, the worst first; left is how many others there are. here is
// what a path is called; what is of no file is left out where the lines of end
// have it.
func remarksOf(f *checks.Findings, most int, here func(string) string, end []string) (lines []string, left int) {
	type key struct {
		path string
		line int
		name string
	}
	failed := map[key]checks.FailedTest{}
	for _, t := range f.Failed {
		failed[key{t.Path, t.Line, t.Name}] = t
	}
	var worst, others []string
	unlisted := 0 // tests with an annotation that the list of tests has no room for
	for _, a := range f.Annotations {
		at := fmt.Sprintf("%s:%d", here(a.Path), a.StartLine)
		if a.StartColumn > 0 {
			at += fmt.Sprintf(":%d", a.StartColumn)
		}
		k := key{a.Path, a.StartLine, a.Title}
		text := oneLine(a.Message)
		if t, is := failed[k]; is {
			delete(failed, k)
			text = inLine(t.Message)
		} else if a.Level == levelFailure && a.Title != "" {
			unlisted++
		}
		if a.Title != "" && !strings.HasPrefix(text, a.Title) {
			text = a.Title + ": " + text
		}
		if a.Level == levelFailure {
			worst = append(worst, line(at, "", text))
		} else {
			others = append(others, line(at, a.Level+": ", text))
		}
	}
	for _, t := range f.Failed {
		if _, is := failed[key{t.Path, t.Line, t.Name}]; !is {
			continue
		}
		at := ""
		if t.Path != "" {
			at = fmt.Sprintf("%s:%d", here(t.Path), t.Line)
		}
		text := t.Name
		if said := inLine(t.Message); said != "" {
			text += ": " + said
		}
		worst = append(worst, line(at, "", text))
	}
	for _, text := range f.Unplaced {
		if text = line("", "", oneLine(text)); !slices.Contains(end, strings.TrimSpace(text)) {
			worst = append(worst, text)
		}
	}
	lines = append(worst, others...)
	left = f.LeftOut + f.UnplacedMore
	if len(f.Failed) > 0 {
		left += max(f.Tests.Red()-len(f.Failed)-unlisted, 0)
	}
	if len(lines) > most {
		left += len(lines) - most
		lines = lines[:most]
	}
	return lines, left
}

// line is one remark as a terminal may show it. One without a place is set in,
// so that nobody takes its beginning for a path.
func line(at, level, text string) string {
	text = printable(clip(text, maxRemark))
	if at == "" {
		return "  " + text
	}
	return printable(at+": "+level) + text
}

// oneLine is the first line of a text that says something.
func oneLine(text string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return strings.Join(strings.Fields(first), " ")
}

// inLine is a text without its line breaks.
func inLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// ending are the last lines of the failing part of a log, and whether there
// are more before them.
func ending(f *checks.Findings, most int) (lines []string, more bool) {
	if f.Log == "" {
		return nil, false
	}
	all := strings.Split(f.Log, "\n")
	if more = f.Cut > 0; len(all) > most {
		all, more = all[len(all)-most:], true
	}
	for _, text := range all {
		lines = append(lines, printable(strings.ReplaceAll(text, "\t", "    ")))
	}
	return lines, more
}

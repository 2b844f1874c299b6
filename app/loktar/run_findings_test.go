package main

import (
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
)

func TestRemarksOf(t *testing.T) {
	note := func(path string, line int, level, title, message string) checks.Annotation {
		return checks.Annotation{Path: path, StartLine: line, EndLine: line, Level: level, Title: title, Message: message}
	}
	wide := note("api/b.c", 7, "failure", "", "expected ;\nhere")
	wide.StartColumn, wide.EndColumn = 3, 3
	var many []checks.Annotation
	for i := range 30 {
		many = append(many, note("api/a.go", i+1, "failure", "", fmt.Sprintf("error %d", i)))
	}
	for name, c := range map[string]struct {
		f    checks.Findings
		want []string
		left int
	}{
		"nothing": {checks.Findings{}, nil, 0},
		"a compiler, the worst first": {checks.Findings{Annotations: []checks.Annotation{wide, note("api/a.c", 2, "warning", "unused", "x is not used"), note("api/a.c", 1, "notice", "", "so it is")}},
			[]string{"../api/b.c:7:3: expected ;", "../api/a.c:2: warning: unused: x is not used", "../api/a.c:1: notice: so it is"}, 0},
		"a test is told once, by what it says": {checks.Findings{
			Tests:       checks.TestCounts{Failed: 2, Passed: 9},
			Failed:      []checks.FailedTest{{Name: "T.one", Path: "api/t.py", Line: 4, Message: "1 is not\n 2"}, {Name: "T.two", Message: "no\nplace"}},
			Annotations: []checks.Annotation{note("api/t.py", 4, "failure", "T.one", "Traceback (most recent call last):\n1 is not 2")},
		}, []string{"../api/t.py:4: T.one: 1 is not 2", "  T.two: no place"}, 0},
		"a test without its annotation": {checks.Findings{
			Tests: checks.TestCounts{Failed: 3}, Failed: []checks.FailedTest{{Name: "T.one", Path: "api/t.py", Line: 4}}, LeftOut: 5,
		}, []string{"../api/t.py:4: T.one"}, 7},
		"tests beyond the list": {checks.Findings{
			Tests:       checks.TestCounts{Errors: 3},
			Failed:      []checks.FailedTest{{Name: "T.one", Path: "api/t.py", Line: 4, Message: "no"}},
			Annotations: []checks.Annotation{note("api/t.py", 4, "failure", "T.one", "no"), note("api/t.py", 9, "failure", "T.two", "not\nthis")},
		}, []string{"../api/t.py:4: T.one: no", "../api/t.py:9: T.two: not"}, 1},
		"of no file, before what is less bad": {checks.Findings{Annotations: []checks.Annotation{note("api/a.c", 2, "warning", "", "w")}, Unplaced: []string{"x.c:1: error: y", "in the log"}, UnplacedMore: 2},
			[]string{"  x.c:1: error: y", "../api/a.c:2: warning: w"}, 2},
		"more than fits": {checks.Findings{Annotations: many, LeftOut: 4}, func() (lines []string) {
			for i := range 20 {
				lines = append(lines, fmt.Sprintf("../api/a.go:%d: error %d", i+1, i))
			}
			return lines
		}(), 14},
		"hostile": {checks.Findings{Annotations: []checks.Annotation{note("api/\x1b[2J.c", 1, "failure", "\x1b]0;x\x07", "\u202e"+strings.Repeat("x", 400))}},
			[]string{`../api/\x1b[2J.c:1: \x1b]0;x\a: \u202e` + strings.Repeat("x", 290) + "…"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			lines, left := remarksOf(&c.f, 20, func(path string) string { return "../" + path }, []string{"in the log"})
			if diff := cmp.Diff(c.want, lines); diff != "" || left != c.left {
				t.Errorf("%d left, want %d (-want +got):\n%s", left, c.left, diff)
			}
		})
	}
}

func TestEnding(t *testing.T) {
	for _, c := range []struct {
		f    checks.Findings
		want string
		more bool
	}{
		{checks.Findings{}, "", false},
		{checks.Findings{Log: "a\n\tb"}, "a|    b", false},
		{checks.Findings{Log: "a\nb\nc\nd"}, "b|c|d", true},
		{checks.Findings{Log: "a", Cut: 3}, "a", true},
		{checks.Findings{Log: "\x1b[2Ja"}, `\x1b[2Ja`, false},
	} {
		if lines, more := ending(&c.f, 3); strings.Join(lines, "|") != c.want || more != c.more {
			t.Errorf("%q: %q, %t; want %q, %t", c.f.Log, lines, more, c.want, c.more)
		}
	}
}

func TestTested(t *testing.T) {
	for _, c := range []struct {
		f    *checks.Findings
		want string
	}{
		{nil, ""},
		{&checks.Findings{}, ""},
		{&checks.Findings{Tests: checks.TestCounts{Passed: 1}}, " (1 test)"},
		{&checks.Findings{Tests: checks.TestCounts{Passed: 9, Skipped: 3}, Flaky: []checks.FlakyTest{{}}}, " (12 tests, 3 skipped, 1 flaky)"},
		{&checks.Findings{Tests: checks.TestCounts{Passed: 9, Failed: 1, Errors: 2}}, " (3 of 12 tests failed)"},
	} {
		if got := tested(&checks.Job{Result: checks.Result{Findings: c.f}}); got != c.want {
			t.Errorf("%+v: %q, want %q", c.f, got, c.want)
		}
	}
}

// FuzzRemarksOf holds that nothing which a terminal acts on gets through, and
// that each remark is one line of bounded length.
func FuzzRemarksOf(f *testing.F) {
	f.Add("a.c", "title", "message\nmore", "failure", 3)
	f.Add("\x1b[2J", "\x9b", "\u202e\r", "warning", -1)
	f.Fuzz(func(t *testing.T, path, title, message, level string, n int) {
		found := checks.Findings{
			Tests:       checks.TestCounts{Failed: n},
			Annotations: []checks.Annotation{{Path: path, StartLine: n, Title: title, Message: message, Level: level}},
			Failed:      []checks.FailedTest{{Name: title, Path: path, Line: n, Message: message}, {Name: title, Message: message}},
			Unplaced:    []string{message}, Log: message,
		}
		lines, left := remarksOf(&found, 3, func(path string) string { return path }, nil)
		tail, _ := ending(&found, 3)
		if len(lines) > 3 || len(tail) > 3 || left < 0 {
			t.Fatalf("%d and %d lines, %d left", len(lines), len(tail), left)
		}
		for _, line := range append(lines, tail...) {
			for _, r := range line {
				if r != ' ' && !unicode.IsPrint(r) {
					t.Fatalf("%q", line)
				}
			}
		}
	})
}

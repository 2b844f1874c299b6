package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
)

// jobsOf draws jobs in any state.
func jobsOf(t *rapid.T) []checks.Job {
	jobs := make([]checks.Job, rapid.IntRange(1, 40).Draw(t, "jobs"))
	for i := range jobs {
		j := &jobs[i]
		j.Package.Name, j.Index = rapid.StringMatching(`[a-zé\x1b]{1,30}`).Draw(t, "name")+fmt.Sprint(i), i
		j.State = rapid.SampledFrom([]checks.State{checks.StateQueued, checks.StateRunning, checks.StateDone}).Draw(t, "state")
		if j.State == checks.StateDone {
			j.Result.Outcome = rapid.SampledFrom([]checks.Outcome{checks.OutcomePassed, checks.OutcomeFailed, checks.OutcomeErrored, checks.OutcomeHeldBack}).Draw(t, "outcome")
			j.Result.Detail = rapid.StringMatching(`[a-z\n\x1b ]{0,200}`).Draw(t, "detail")
		}
	}
	return jobs
}

// No line is wider than the terminal, none is more than one line, and of the
// jobs for which there is no room those that run are shown first.
func TestPaint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		jobs := jobsOf(t)
		width, rows := rapid.IntRange(1, 200).Draw(t, "width"), rapid.IntRange(1, 45).Draw(t, "rows")
		p := &painter{screen: screen{Writer: &bytes.Buffer{}}}
		for i := range jobs {
			text := p.text(&jobs[i], min(10, max(width/3, 8)), width, "some text", time.Now())
			if strings.ContainsAny(text[0], "\n\x1b") || strings.ContainsAny(text[1], "\n\x1b") {
				t.Fatalf("line %q, %q", text[0], text[1])
			}
			if n := utf8.RuneCountInString(text[0]); n >= width && width > 11 {
				t.Fatalf("%d characters in %d: %q", n, width, text[0])
			}
		}
		shown := chosen(jobs, rows)
		if len(shown) > rows && rows > 1 || len(jobs) <= rows && len(shown) != len(jobs) {
			t.Fatalf("%d of %d are shown in %d rows", len(shown), len(jobs), rows)
		}
		running, seen := 0, 0
		for i := range jobs {
			if jobs[i].State == checks.StateRunning {
				running++
			}
		}
		for i, j := range shown {
			if j.State == checks.StateRunning {
				seen++
			}
			if i > 0 && shown[i-1].Index >= j.Index {
				t.Fatal("the order is another")
			}
		}
		if seen < min(running, rows-1) {
			t.Fatalf("%d of %d that run are shown in %d rows", seen, running, rows)
		}
	})
}

// After the terminal became narrower, what it wrapped is gone over too.
func TestPaintNarrower(t *testing.T) {
	p := &painter{lines: []int{10, 21, 0}}
	if got := p.back(10); got != "\x1b[5A" {
		t.Errorf("back is %q", got)
	}
	if got := p.back(10); got != "" {
		t.Errorf("back of nothing is %q", got)
	}
}

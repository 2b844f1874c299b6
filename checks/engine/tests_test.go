package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/dudesons/loktar/checks"
)

// says has a package end with tests that are red and green.
func (w *world) says(name string, o checks.Outcome, red, green string) {
	passed := strings.Fields(green)
	f := &checks.Findings{Tests: checks.TestCounts{Failed: len(strings.Fields(red)), Passed: len(passed)},
		Seen: checks.SeenTests{Red: strings.Fields(red), Green: func(n string) bool { return slices.Contains(passed, n) }}}
	w.runner.mu.Lock()
	defer w.runner.mu.Unlock()
	w.runner.results[name] = checks.Result{Outcome: o, Image: "sha256:i", Findings: f}
}

// flaky are the tests that a job names as flaky, each with its reds and greens.
func (w *world) flaky(run, name string) (out []string) {
	w.t.Helper()
	j, err := w.store.Job(checks.JobID{Run: run, Package: name})
	if err != nil || j.Result.Findings == nil {
		w.t.Fatalf("%+v, %v", j.Result, err)
	}
	for _, f := range j.Result.Findings.Flaky {
		s := f.Name + " "
		for _, o := range f.History {
			s += map[bool]string{true: "r", false: "g"}[o.Red]
		}
		out = append(out, s)
	}
	return out
}

// TestFlakyIsNamed: a test that was red and is green at the same inputs when it
// is run again; not one that was mended.
func TestFlakyIsNamed(t *testing.T) {
	w := newWorld(t)
	w.says("lib", checks.OutcomeFailed, "shaky broken", "fine")
	w.keyed("s1", nil)
	w.accept(pull(1, "s1"))
	run := w.runOf("s1", 1)
	w.done(run.ID)
	w.want(w.flaky(run.ID, "lib"))
	w.says("lib", checks.OutcomeFailed, "broken", "fine shaky")
	w.accept(rerun(run, "lib"))
	again := w.runOf("s1", 2)
	w.done(again.ID)
	w.want(w.flaky(again.ID, "lib"), "shaky rg")

	// Other inputs: what is green now was mended.
	w.says("lib", checks.OutcomePassed, "", "fine shaky broken")
	ch := change("s2", "lib/x", "doc/x")
	ch.Keys = map[string]string{"lib": "other"}
	w.source.mu.Lock()
	w.source.changes["s2"] = ch
	w.source.mu.Unlock()
	w.accept(pull(1, "s2"))
	run = w.runOf("s2", 1)
	w.done(run.ID)
	w.want(w.flaky(run.ID, "lib"))

	// A stranger's run is compared with that, and leaves nothing.
	before, err := w.store.TestHistories(pets.ID, "lib")
	if err != nil || len(before) != 2 {
		t.Fatalf("%+v, %v", before, err)
	}
	w.says("lib", checks.OutcomeFailed, "shaky new", "fine")
	w.keyed("s3", nil)
	ev := pull(3, "s3")
	ev.PullRequest.Head.Repo = checks.Repo{ID: 99, Owner: "eve", Name: "pets"}
	w.accept(ev)
	run = w.runOf("s3", 1)
	w.done(run.ID)
	w.want(w.flaky(run.ID, "lib"), "shaky rgr")
	after, err := w.store.TestHistories(pets.ID, "lib")
	if err != nil || len(after) != 2 || len(after[0].Outcomes) != len(before[0].Outcomes) || len(after[1].Outcomes) != len(before[1].Outcomes) {
		t.Errorf("a stranger's run left %+v, %v", after, err)
	}
}

// TestFlakyAttempts: a test that is red in one attempt of a job and green in
// the next one is flaky, also where the package has no key.
func TestFlakyAttempts(t *testing.T) {
	w := newWorld(t)
	ended := func(o checks.Outcome, red, green string) attempt {
		w.says("lib", o, red, green)
		return attempt{result: w.runner.results["lib"]}
	}
	first, second := ended(checks.OutcomeFailed, "shaky", ""), ended(checks.OutcomePassed, "", "shaky")
	delete(w.runner.results, "lib")
	ch := retrying("s1", func(p *checks.Package) { p.Retries, p.RetryFailures = 1, true })
	ch.Keys = nil
	w.source.changes["s1"] = ch
	w.runner.script = []attempt{first, second}
	w.accept(pull(1, "s1"))
	run := w.runOf("s1", 1)
	w.want(w.done(run.ID), "lib passed")
	w.want(w.flaky(run.ID, "lib"), "shaky rg")
}

package engine_test

import (
	"slices"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/report"
)

// shown is how the aggregate check of a run concludes.
func (w *world) shown(id string) checks.Conclusion {
	w.t.Helper()
	w.done(id)
	run, err := w.store.Run(id)
	if err != nil {
		w.t.Fatal(err)
	}
	jobs, err := w.store.Jobs(id)
	if err != nil {
		w.t.Fatal(err)
	}
	return report.Aggregate(run, jobs, "").Conclusion
}

// TestAForksPullRequestDoesNotHideAnothersChecks opens a second pull request
// of a commit, to a branch where it affects nothing: GitHub would take its
// checks for those of the first.
func TestAForksPullRequestDoesNotHideAnothersChecks(t *testing.T) {
	idle := change("s1", "README")
	idle.Required = []string{"lib"}
	nothing := change("s1")
	nothing.Manifest, nothing.ManifestBlob, nothing.BaseManifest = nil, "", nil
	for name, c := range map[string]struct {
		first  checks.Event
		lib    checks.Outcome
		change checks.Change
		held   bool // the second has to be approved
		after  checks.Conclusion
	}{
		"one that waits, no loktar.json": {forked(1, "s1"), checks.OutcomePassed, nothing, true, checks.ConclusionNeutral},
		"one that waits, not affected":   {forked(1, "s1"), checks.OutcomePassed, idle, true, checks.ConclusionSuccess},
		"one of ours that is red":        {pull(1, "s1"), checks.OutcomeFailed, idle, true, checks.ConclusionSuccess},
		"one of ours that is green":      {pull(1, "s1"), checks.OutcomePassed, idle, false, checks.ConclusionSuccess},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.runner.results["lib"] = checks.Result{Outcome: c.lib}
			w.accept(c.first)
			w.done(w.runOf("s1", 1).ID)
			w.source.mu.Lock()
			w.source.changes["s1"] = c.change
			w.source.mu.Unlock()
			w.accept(toBase("stale", forked(2, "s1")))
			second := w.runOf("s1", 2)
			if got := w.shown(second.ID); !c.held {
				if got != c.after {
					t.Errorf("the second shows %s", got)
				}
				return
			} else if got != checks.ConclusionActionRequired || second.Verdict.Offer != checks.ActionApprove {
				t.Fatalf("the second shows %s, %+v", got, second.Verdict)
			}
			if got := w.outcomes(second.ID); slices.Contains(got, "lib unaffected") {
				t.Errorf("the required check of the second: %q", got)
			}
			w.accept(rerun(second, checks.AggregateName))
			if got := w.shown(w.runOf("s1", 3).ID); got != checks.ConclusionActionRequired {
				t.Errorf("a re-run shows %s", got)
			}
			w.accept(press(second, checks.ActionApprove))
			third := w.runOf("s1", 4)
			if got := w.shown(third.ID); got != c.after || third.Approved == nil || third.Approved.Login != "ann" {
				t.Errorf("approved, it shows %s, by %v", got, third.Approved)
			}
		})
	}
}

package report

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
)

func reusedJob(name string) checks.Job {
	j := atOnce(name, checks.OutcomePassed, "")
	j.Reasons = []checks.Reason{{Kind: checks.ReasonFile, Dir: "lib", Subject: "x"}}
	j.Result.Reused = &checks.Proof{Key: "k", Image: "sha256:0123456789abcdef", Run: "r0", Commit: "c0ffee0123", Passed: noon.Add(-time.Hour)}
	return j
}

// TestReused: the check says what stands for a run, and where it was.
func TestReused(t *testing.T) {
	cr := Package(testRun(), reusedJob("lib"), base)
	if cr.Conclusion != checks.ConclusionSuccess || cr.Title != "Passed before, at c0ffee0: the same inputs" {
		t.Errorf("%s, %q", cr.Conclusion, cr.Title)
	}
	want := "Nothing was run: [a run of `c0ffee0`](" + base + "/runs/r0/lib) passed on " + noon.Add(-time.Hour).UTC().Format("Jan 2, 15:04 MST") +
		" with the same files, dependencies, settings and image (`sha256:0123456789ab`). Press Re-run to run it all the same, or set `reuse` to false in `loktar.json`.\n\n" +
		"**Why it counts as affected:** lib changed: x\n\n"
	if d := cmp.Diff(want, cr.Summary); d != "" {
		t.Error(d)
	}
	run := testRun()
	run.Finished = run.Created
	all := Aggregate(run, []checks.Job{reusedJob("lib"), passedJob("api")}, base)
	if all.Title != "2 packages passed, 1 of them before" {
		t.Errorf("title %q", all.Title)
	}
	if strings.Index(all.Summary, "[api](") > strings.Index(all.Summary, "[lib](") {
		t.Errorf("what did not run stands before what did\n%s", all.Summary)
	}
	if !strings.Contains(all.Summary, "| [lib]("+base+"/runs/r0/lib) | ♻️ passed before | lib changed: x |") {
		t.Errorf("summary\n%s", all.Summary)
	}
}

// TestTriedAgainLater: a check that waits says for what, and that nobody has to
// do anything.
func TestTriedAgainLater(t *testing.T) {
	j := testJob("lib")
	j.State, j.Attempt = checks.StateQueued, 3
	j.Wait = &checks.Wait{Why: "The registry `x` does not answer.", Since: noon, Until: noon.Add(time.Minute)}
	cr := Package(testRun(), j, base)
	at := func(d time.Duration) string { return noon.Add(d).UTC().Format("Jan 2, 15:04:05 MST") }
	want := "The registry `x` does not answer. It waits since " + at(0) + ", was tried 3 times and is tried again after " + at(time.Minute) + ". Nobody has to do anything."
	if cr.Status != checks.StatusQueued || cr.Conclusion != "" || !strings.HasPrefix(cr.Title, "Waiting") || !strings.Contains(cr.Summary, want) {
		t.Errorf("%s %s %q\n%s", cr.Status, cr.Conclusion, cr.Title, cr.Summary)
	}
	if all := Aggregate(testRun(), []checks.Job{j, passedJob("api")}, base); !strings.Contains(all.Title, "1 tried again later") || !strings.Contains(all.Summary, "tried again later") {
		t.Errorf("%q\n%s", all.Title, all.Summary)
	}
}

package engine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
)

func TestRerunOfARedPackage(t *testing.T) {
	w := newWorld(t)
	w.runner.results["lib"] = checks.Result{Outcome: checks.OutcomeFailed, ExitCode: 2}
	w.accept(pull(1, "s1"))
	first := w.runOf("s1", 1)
	w.done(first.ID)
	w.runner.mu.Lock()
	delete(w.runner.results, "lib")
	w.runner.mu.Unlock()
	w.accept(rerun(first, "lib"))
	second := w.runOf("s1", 2)
	w.want(w.done(second.ID), "lib passed", "api passed", "web passed", "doc passed (carried)")
	if second.RerunOf != first.ID || second.Tree != first.Tree || second.HeadSHA != "s1" || second.PullRequest == nil {
		t.Errorf("the re-run is %+v", second)
	}
	// A re-run of the first run's check is one of the newest state.
	w.accept(rerun(first, "doc"))
	third := w.runOf("s1", 3)
	w.want(w.done(third.ID), "lib passed (carried)", "api passed (carried)", "web passed (carried)", "doc passed")
	if w.source.loads != 1 {
		t.Errorf("the repository was read %d times", w.source.loads)
	}
}

func TestRerunOfAnOlderCommitLeavesTheNewerOneAlone(t *testing.T) {
	w := newWorld(t)
	w.accept(pull(1, "s1"))
	old := w.runOf("s1", 1)
	w.done(old.ID)
	w.runner.mu.Lock()
	gate := make(chan struct{})
	w.runner.gates["lib"] = gate
	w.runner.mu.Unlock()
	w.accept(pull(1, "s2"))
	next := w.runOf("s2", 1)
	w.until("lib to start", func() bool { return slices.Contains(w.outcomes(next.ID), "lib running") })
	w.accept(rerun(old, checks.AggregateName))
	again := w.runOf("s1", 2)
	close(gate)
	w.want(w.done(next.ID), "lib passed", "api passed", "web passed", "doc passed")
	w.want(w.done(again.ID), "lib passed", "api passed", "web passed", "doc passed")
}

func TestRerunOfAVerdictPlansAnew(t *testing.T) {
	w := newWorld(t)
	w.source.errs["s1"] = []error{checks.Errorf(checks.KindNotFound, nil, "The branch is gone.")}
	w.accept(pull(1, "s1"))
	first := w.runOf("s1", 1)
	if first.Verdict == nil || first.Verdict.Conclusion != checks.ConclusionCancelled || !strings.Contains(first.Verdict.Summary, "The branch is gone.") || !first.Done() {
		t.Fatalf("the first run is %+v, its verdict %+v", first, first.Verdict)
	}
	w.accept(rerun(first, checks.AggregateName))
	w.want(w.done(w.runOf("s1", 2).ID), "lib passed", "api passed", "web passed", "doc passed")
}

func TestRerunOfAnUnknownRunEndsVisibly(t *testing.T) {
	w := newWorld(t)
	w.accept(rerun(checks.Run{ID: "nobody", HeadSHA: "s9"}, "lib"))
	run := w.runOf("s9", 1)
	v := run.Verdict
	if v == nil || v.Conclusion != checks.ConclusionActionRequired || v.Title != "There is nothing to run again" ||
		!strings.Contains(v.Summary, `does not know the run that the check "lib" is of`) {
		t.Fatalf("the verdict is %+v", v)
	}
	w.want(w.dirty(), "loktar")
}

func TestRerunOfAnotherRepositorysRunIsDropped(t *testing.T) {
	w := newWorld(t)
	other := checks.Run{ID: "theirs", Seq: 1, Repo: checks.Repo{ID: 99, Owner: "o", Name: "n"}, HeadSHA: "s9", Finished: time.Now()}
	if err := w.store.Commit(t.Context(), checks.Commit{Runs: []checks.Run{other}}); err != nil {
		t.Fatal(err)
	}
	w.accept(rerun(other, "lib"))
	w.until("the event to be noted", func() bool { p, err := w.store.Pending(1); return err == nil && len(p) == 0 })
	rec, ok, err := w.store.Delivery("d-1")
	if err != nil || !ok || !strings.Contains(rec.Note, "another repository") {
		t.Errorf("%+v, %v, %v", rec, ok, err)
	}
}

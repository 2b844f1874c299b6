package engine_test

import (
	"testing"

	"github.com/dudesons/loktar/checks"
)

// TestJobsWaitForRoom: while the disk is full no job begins, and the check of
// each that could says so, also of runs that came later. Then all go on.
func TestJobsWaitForRoom(t *testing.T) {
	full := &checks.Error{Kind: checks.KindUnavailable, Cause: checks.CauseDiskFull, Public: "The disk is full."}
	w := newWorld(t)
	w.runner.mu.Lock()
	w.runner.down = true
	w.runner.errs["lib"] = []error{full}
	w.runner.mu.Unlock()
	waits := func(run, name string) bool {
		j, err := w.store.Job(checks.JobID{Run: run, Package: name})
		return err == nil && j.State == checks.StateQueued && j.Wait != nil && j.Wait.Of(checks.CauseDiskFull) && j.Wait.Why == "The disk is full."
	}
	w.accept(pull(1, "s1"))
	first := w.runOf("s1", 1)
	w.until("the first to wait", func() bool { return waits(first.ID, "lib") })
	w.accept(pull(2, "s2"))
	second := w.runOf("s2", 1)
	w.until("the second to wait", func() bool { return waits(second.ID, "lib") && waits(second.ID, "doc") })
	if j, err := w.store.Job(checks.JobID{Run: second.ID, Package: "api"}); err != nil || j.Wait != nil {
		t.Errorf("what waits for lib is told to wait for %+v, %v", j.Wait, err)
	}

	// The gate has some of them get no slot at first.
	gate := make(chan struct{})
	w.runner.mu.Lock()
	w.runner.down = false
	w.runner.gates["lib"], w.runner.gates["doc"] = gate, gate
	w.runner.mu.Unlock()
	w.until("nobody to wait for room", func() bool {
		for _, run := range []string{first.ID, second.ID} {
			for _, name := range []string{"lib", "doc"} {
				if waits(run, name) {
					return false
				}
			}
		}
		return true
	})
	close(gate)
	for _, run := range []string{first.ID, second.ID} {
		w.want(w.done(run), "lib passed", "api passed", "web passed", "doc passed")
	}
}

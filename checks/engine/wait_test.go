package engine_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
)

func away() error {
	return checks.Errorf(checks.KindAway, errors.New("connection refused"), "The registry does not answer.")
}

// TestAJobWaitsForWhatIsAway: it is tried again by itself, nobody else waits
// for it, and its check says why it waits.
func TestAJobWaitsForWhatIsAway(t *testing.T) {
	w := newWorld(t)
	w.policy.Publish = true
	w.runner.mu.Lock()
	w.runner.errs["lib / publish"] = []error{away(), away()}
	w.runner.mu.Unlock()
	w.merge("m1", "k1")
	run := w.runOf("m1", 1)
	id := checks.JobID{Run: run.ID, Package: "lib / publish"}
	w.until("the job to wait", func() bool {
		j, err := w.store.Job(id)
		return err == nil && j.Wait != nil
	})
	j, err := w.store.Job(id)
	if err != nil || j.State != checks.StateQueued || j.Wait.Why != "The registry does not answer." || !j.Wait.Until.After(j.Wait.Since) {
		t.Errorf("%+v, %v", j.Wait, err)
	}
	w.accept(pull(1, "s1"))
	w.want(w.done(w.runOf("s1", 1).ID), "lib passed", "api passed", "web passed", "doc passed")
	w.want(w.done(run.ID), "lib passed", "api passed", "web passed", "lib / publish passed")
	if j, err = w.store.Job(id); err != nil || j.Wait != nil || j.Attempt != 3 {
		t.Errorf("%+v attempts %d, %v", j.Wait, j.Attempt, err)
	}
}

// TestAStartTriesAtOnce: who starts the server anew may well have mended what
// was away.
func TestAStartTriesAtOnce(t *testing.T) {
	w := newWorld(t)
	w.policy.Publish = true
	w.runner.mu.Lock()
	w.runner.errs["lib / publish"] = []error{&patient{away()}}
	w.runner.mu.Unlock()
	w.merge("m1", "k1")
	run := w.runOf("m1", 1)
	id := checks.JobID{Run: run.ID, Package: "lib / publish"}
	w.until("the job to wait", func() bool {
		j, err := w.store.Job(id)
		return err == nil && j.Wait != nil
	})
	if j, err := w.store.Job(id); err != nil || j.Wait.Until.Sub(j.Wait.Since) != time.Hour {
		t.Errorf("waits from %s until %s, %v", j.Wait.Since, j.Wait.Until, err)
	}
	w.restart()
	w.want(w.done(run.ID), "lib passed", "api passed", "web passed", "lib / publish passed")
}

// patient is an error of a registry that wants to hear nothing for an hour.
type patient struct{ error }

func (p *patient) Unwrap() error           { return p.error }
func (*patient) RetryAfter() time.Duration { return time.Hour }

// TestALaterMergeTakesOverWhatWaits: its own job publishes the newest state.
func TestALaterMergeTakesOverWhatWaits(t *testing.T) {
	w := newWorld(t)
	w.policy.Publish = true
	w.runner.mu.Lock()
	w.runner.errs["lib / publish"] = []error{&patient{away()}}
	w.runner.mu.Unlock()
	w.merge("m1", "k1")
	m1 := w.runOf("m1", 1)
	w.until("the job to wait", func() bool {
		j, err := w.store.Job(checks.JobID{Run: m1.ID, Package: "lib / publish"})
		return err == nil && j.Wait != nil
	})
	w.merge("m2", "k2")
	w.want(w.done(m1.ID), "lib passed", "api passed", "web passed", "lib / publish superseded")
	w.want(w.done(w.runOf("m2", 1).ID), "lib passed", "api passed", "web passed", "lib / publish passed")
	if n := strings.Count(strings.Join(w.runner.ran(), "\n"), "lib / publish"); n != 2 || !slices.Contains(w.runner.ran(), "lib") {
		t.Errorf("tried %d times", n)
	}
}

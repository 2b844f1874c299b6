package engine_test

import (
	"slices"
	"testing"

	"github.com/dudesons/loktar/checks"
)

// merge is a push of the default branch that touches lib, whose present state
// has this key.
func (w *world) merge(sha, key string) {
	w.t.Helper()
	ch := change(sha, "lib/x")
	ch.Releases = &checks.Releases{Keys: map[string]string{"lib": key}}
	w.source.mu.Lock()
	w.source.changes[sha] = ch
	w.source.mu.Unlock()
	w.accept(push("refs/heads/main", sha))
}

// TestOfTwoMergesTheLaterPublishes: one package is never published twice at
// once, and what waits gives way to what a later merge would publish.
func TestOfTwoMergesTheLaterPublishes(t *testing.T) {
	w := newWorld(t)
	w.policy.Publish = true
	open := w.gate("lib / publish")
	w.merge("m1", "k1")
	m1 := w.runOf("m1", 1)
	w.until("the first to be published", func() bool { return slices.Contains(w.outcomes(m1.ID), "lib / publish running") })
	w.merge("m2", "k2")
	m2 := w.runOf("m2", 1)
	w.until("the second to be tested", func() bool {
		return slices.Equal(w.outcomes(m2.ID), []string{"lib passed", "api passed", "web passed", "lib / publish queued"})
	})
	w.merge("m3", "k3")
	m3 := w.runOf("m3", 1)
	w.want(w.done(m2.ID), "lib passed", "api passed", "web passed", "lib / publish superseded")
	w.until("the third to be tested", func() bool { return slices.Contains(w.outcomes(m3.ID), "web passed") })
	w.want(w.outcomes(m1.ID), "lib passed", "api passed", "web passed", "lib / publish running")
	w.want(w.outcomes(m3.ID), "lib passed", "api passed", "web passed", "lib / publish queued")
	open()
	w.want(w.done(m1.ID), "lib passed", "api passed", "web passed", "lib / publish passed")
	w.want(w.done(m3.ID), "lib passed", "api passed", "web passed", "lib / publish passed")
	if n := len(slices.DeleteFunc(w.runner.ran(), func(s string) bool { return s != "lib / publish" })); n != 2 {
		t.Errorf("published %d times", n)
	}
	// Red tests hold it back; a re-run of it runs them first.
	w.runner.mu.Lock()
	w.runner.results["lib"] = checks.Result{Outcome: checks.OutcomeFailed}
	w.runner.mu.Unlock()
	w.merge("m4", "k4")
	m4 := w.runOf("m4", 1)
	w.want(w.done(m4.ID), "lib failed", "api held_back", "web held_back", "lib / publish held_back")
	w.runner.mu.Lock()
	delete(w.runner.results, "lib")
	w.runner.mu.Unlock()
	w.accept(rerun(m4, "lib / publish"))
	again := w.runOf("m4", 2)
	w.want(w.done(again.ID), "lib passed", "api passed", "web passed", "lib / publish passed")
	j, err := w.store.Job(checks.JobID{Run: again.ID, Package: "lib / publish"})
	if err != nil || j.Release == nil || j.Release.Key != "k4" {
		t.Errorf("%+v, %v", j.Release, err)
	}
}

// TestConcurrencyGroups: packages of one group never run at once, in whatever
// run they are, and others do not wait for them.
func TestConcurrencyGroups(t *testing.T) {
	w := newWorld(t)
	for _, sha := range []string{"s1", "s2"} {
		ch := change(sha, "doc/x", "lib/x")
		m := *ch.Manifest
		m.Packages = slices.Clone(m.Packages)
		for i := range m.Packages {
			if name := m.Packages[i].Name; name == "doc" || name == "lib" {
				m.Packages[i].Concurrency = "database"
			}
		}
		ch.Manifest = &m
		w.source.changes[sha] = ch
	}
	w.source.changes["s3"] = change("s3", "doc/x")
	open := w.gate("lib")
	w.accept(pull(1, "s1"))
	first := w.runOf("s1", 1)
	w.until("lib to run", func() bool { return slices.Contains(w.outcomes(first.ID), "lib running") })
	w.accept(pull(2, "s2"))
	second := w.runOf("s2", 1)
	w.accept(pull(3, "s3"))
	w.until("who is in no group to be tested", func() bool { return slices.Contains(w.outcomes(w.runOf("s3", 1).ID), "doc passed") })
	w.want(w.outcomes(first.ID), "lib running", "api queued", "web queued", "doc queued")
	w.want(w.outcomes(second.ID), "lib queued", "api queued", "web queued", "doc queued")
	open()
	w.done(first.ID)
	w.want(w.done(second.ID), "lib passed", "api passed", "web passed", "doc passed")
}

// TestAMergeThatTakesBack: a state that comes back while another is being
// published is published after it, however far that is when it is planned.
func TestAMergeThatTakesBack(t *testing.T) {
	for _, done := range []bool{false, true} {
		w := newWorld(t)
		w.policy.Publish = true
		open := w.gate("lib / publish")
		w.merge("m2", "k2")
		m2 := w.runOf("m2", 1)
		w.until("it to be published", func() bool { return slices.Contains(w.outcomes(m2.ID), "lib / publish running") })
		// m1's state, k1, is what was published before, when m3 is read.
		ch := change("m3", "lib/x")
		ch.Releases = &checks.Releases{Keys: map[string]string{"lib": "k1"}, Last: map[string]string{"lib": "k1"}}
		read := w.hold("m3", ch)
		w.accept(push("refs/heads/main", "m3"))
		if done {
			open()
			w.want(w.done(m2.ID), "lib passed", "api passed", "web passed", "lib / publish passed")
		}
		read()
		m3 := w.runOf("m3", 1)
		if !done {
			open()
		}
		w.want(w.done(m3.ID), "lib passed", "api passed", "web passed", "lib / publish passed")
		w.stop()
	}
}

// hold has the change of a commit be read only once read is called.
func (w *world) hold(sha string, ch checks.Change) (read func()) {
	gate := make(chan struct{})
	w.source.mu.Lock()
	defer w.source.mu.Unlock()
	if w.source.gates == nil {
		w.source.gates = map[string]chan struct{}{}
	}
	w.source.changes[sha], w.source.gates[sha] = ch, gate
	return func() {
		w.until("the commit to be read", func() bool {
			w.source.mu.Lock()
			defer w.source.mu.Unlock()
			return w.source.entered[sha]
		})
		close(gate)
	}
}

package engine_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
)

// keyed is a change of lib and doc whose packages have keys and what passed
// before.
func (w *world) keyed(sha string, proofs map[string]checks.Proof) {
	ch := change(sha, "lib/x", "doc/x")
	ch.Keys = map[string]string{"lib": "kl", "api": "ka", "web": "kw", "doc": "kd"}
	ch.Proofs = proofs
	ch.Policy.Forks = checks.ForksRun
	w.source.mu.Lock()
	defer w.source.mu.Unlock()
	w.source.changes[sha] = ch
}

// proofs are the names of the packages that have a proof in a scope.
func (w *world) proofs(scope checks.Scope) []string {
	w.t.Helper()
	found, err := w.store.Proofs(pets.ID, []checks.Scope{scope}, map[string]string{"lib": "kl", "api": "ka", "web": "kw", "doc": "kd", "lib / publish": "kl"})
	if err != nil {
		w.t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(found))
}

// TestProofsAreOfGreenResultsAlone: what failed, what ran in an image that
// nobody knows, and what a stranger wrote prove nothing.
func TestProofsAreOfGreenResultsAlone(t *testing.T) {
	w := newWorld(t)
	passed := checks.Result{Outcome: checks.OutcomePassed, Image: "sha256:i"}
	w.runner.mu.Lock()
	w.runner.results["lib"] = passed
	w.runner.results["doc"] = checks.Result{Outcome: checks.OutcomeFailed, Image: "sha256:i"}
	w.runner.mu.Unlock()
	w.keyed("s1", nil)
	w.accept(pull(1, "s1"))
	w.done(w.runOf("s1", 1).ID)
	for _, scope := range []checks.Scope{"pull/1", "tree/tree-s1"} {
		if got := w.proofs(scope); !slices.Equal(got, []string{"lib"}) {
			t.Errorf("%s proves %q", scope, got)
		}
	}
	for _, scope := range []checks.Scope{"main", "pull/2", "tree/tree-s2"} {
		if got := w.proofs(scope); got != nil {
			t.Errorf("%s proves %q", scope, got)
		}
	}
	// A stranger's run leaves nothing.
	w.keyed("s2", nil)
	ev := pull(2, "s2")
	ev.PullRequest.Head.Repo = checks.Repo{ID: 99, Owner: "eve", Name: "pets"}
	w.accept(ev)
	w.done(w.runOf("s2", 1).ID)
	for _, scope := range []checks.Scope{"main", "pull/2", "tree/tree-s2"} {
		if got := w.proofs(scope); got != nil {
			t.Errorf("a stranger's %s proves %q", scope, got)
		}
	}
}

// TestProofsNameTheImagesOfServices: a green result beside services is a proof
// with their images, and none where these are not known.
func TestProofsNameTheImagesOfServices(t *testing.T) {
	for name, c := range map[string]struct {
		ran  map[string]string
		want bool
	}{"known": {map[string]string{"db": "sha256:d"}, true}, "not known": {nil, false}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.runner.mu.Lock()
			w.runner.results["lib"] = checks.Result{Outcome: checks.OutcomePassed, Image: "sha256:i", Services: c.ran}
			w.runner.mu.Unlock()
			w.keyed("s1", nil)
			w.source.mu.Lock()
			ch := w.source.changes["s1"]
			for i := range ch.Manifest.Packages {
				if p := &ch.Manifest.Packages[i]; p.Name == "lib" {
					p.Services = map[string]checks.Service{"db": {Image: "postgres:16"}}
				}
			}
			w.source.mu.Unlock()
			w.accept(pull(1, "s1"))
			w.done(w.runOf("s1", 1).ID)
			found, err := w.store.Proofs(pets.ID, []checks.Scope{"pull/1"}, map[string]string{"lib": "kl"})
			if proof, ok := found["lib"]; err != nil || ok != c.want || ok && proof.Services != checks.ServiceImages(c.ran) {
				t.Errorf("proofs %+v, %v", found, err)
			}
		})
	}
}

// TestWhatPassedBeforeIsNotRun, hands its proof on, and is run when somebody
// asks for it.
func TestWhatPassedBeforeIsNotRun(t *testing.T) {
	w := newWorld(t)
	first := checks.Proof{Key: "kl", Image: "sha256:i", Run: "earlier", Commit: "c0ffee", Passed: time.Now().Add(-time.Hour).Round(0).UTC()}
	w.keyed("s1", map[string]checks.Proof{"lib": first, "doc": {Key: "another", Image: "sha256:i"}})
	w.accept(pull(1, "s1"))
	run := w.runOf("s1", 1)
	w.want(w.done(run.ID), "lib passed", "api passed", "web passed", "doc passed")
	if ran := w.runner.ran(); slices.Contains(ran, "lib") || len(ran) != 3 {
		t.Errorf("ran %q", ran)
	}
	j, err := w.store.Job(checks.JobID{Run: run.ID, Package: "lib"})
	if err != nil || j.Result.Reused == nil || *j.Result.Reused != first || j.Attempt != 0 {
		t.Errorf("%+v, %v", j.Result, err)
	}
	handed, err := w.store.Proofs(pets.ID, []checks.Scope{"tree/tree-s1"}, map[string]string{"lib": "kl"})
	if err != nil || handed["lib"] != first {
		t.Errorf("handed on %+v, %v", handed, err)
	}
	w.accept(rerun(run, "lib"))
	w.done(w.runOf("s1", 2).ID)
	if !slices.Contains(w.runner.ran(), "lib") {
		t.Error("a re-run did not run it")
	}
}

// TestRedTakesProofsBack: what fails at the same inputs, when somebody has it
// run again, counts for nobody until it passes. A stranger's takes nothing back.
func TestRedTakesProofsBack(t *testing.T) {
	w := newWorld(t)
	says := func(o checks.Outcome) {
		w.runner.mu.Lock()
		defer w.runner.mu.Unlock()
		w.runner.results["lib"] = checks.Result{Outcome: o, Image: "sha256:i"}
	}
	main := checks.ScopedProof{Repo: pets.ID, Scope: checks.ScopeMain, Package: "lib", Proof: checks.Proof{Key: "kl", Image: "sha256:i", Run: "earlier", Passed: time.Now()}}
	if err := w.store.Commit(t.Context(), checks.Commit{Proofs: []checks.ScopedProof{main}}); err != nil {
		t.Fatal(err)
	}
	proven := func(what string, want ...string) {
		t.Helper()
		for _, scope := range []checks.Scope{"main", "pull/1", "tree/tree-s1"} {
			if got := w.proofs(scope); !slices.Equal(got, want) {
				t.Errorf("%s: %s proves %q, want %q", what, scope, got, want)
			}
		}
	}
	says(checks.OutcomePassed)
	w.keyed("s1", nil)
	w.accept(pull(1, "s1"))
	run := w.runOf("s1", 1)
	w.done(run.ID)
	proven("green", "lib")

	says(checks.OutcomeFailed)
	w.keyed("s2", nil)
	stranger := pull(2, "s2")
	stranger.PullRequest.Head.Repo = checks.Repo{ID: 99, Owner: "eve", Name: "pets"}
	w.accept(stranger)
	w.want(w.done(w.runOf("s2", 1).ID), "lib failed", "api held_back", "web held_back", "doc passed")
	proven("a stranger's red", "lib")

	for n, o := range []checks.Outcome{checks.OutcomeErrored, checks.OutcomeFailed, checks.OutcomeTimedOut} {
		says(o)
		w.accept(rerun(run, "lib"))
		w.done(w.runOf("s1", n+2).ID)
		if o == checks.OutcomeErrored {
			proven("a fault of ours", "lib")
		} else {
			proven("red")
		}
	}
}

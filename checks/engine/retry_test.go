package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
)

// retrying has lib, which has no dependents and is alone, be repeated.
func retrying(sha string, change func(*checks.Package)) checks.Change {
	p := checks.Package{Name: "lib", Dir: "lib", TestType: checks.TestMake, Timeout: time.Minute, Reuse: true}
	change(&p)
	m := &checks.Manifest{Packages: []checks.Package{p}}
	return checks.Change{
		HeadSHA: sha, BaseSHA: "base", MergeBase: "base", Tree: "tree-" + sha, Files: []string{"lib/x"}, AuthorTrusted: true,
		ManifestBlob: "blob", Manifest: m, BaseManifest: m, Keys: map[string]string{"lib": "key"},
	}
}

// attempt is what one attempt comes to.
type attempt struct {
	result checks.Result
	err    error
}

var (
	good    = attempt{result: checks.Result{Outcome: checks.OutcomePassed, Image: "sha256:x"}}
	red     = attempt{result: checks.Result{Outcome: checks.OutcomeFailed, ExitCode: 2, Detail: "It exited with 2."}}
	late    = attempt{result: checks.Result{Outcome: checks.OutcomeTimedOut, Detail: "Too late."}}
	bad     = attempt{result: checks.Result{Outcome: checks.OutcomeFailed, Cause: checks.CauseEntry, Detail: "No such folder."}}
	passing = attempt{err: checks.Causef(checks.CauseImageUnpullable, errors.New("dial tcp"), "The registry cannot be reached.")}
	nobody  = attempt{err: errors.New("nobody expected it")}
	owed    = attempt{err: checks.Causef(checks.CauseImageUnknown, nil, "The image does not exist.")}
	mended  = attempt{err: checks.Errorf(checks.KindConfig, nil, "The operator has to mend it.")}
	gone    = attempt{err: checks.Causef(checks.CauseEngineLost, nil, "The Docker engine does not answer.")}
)

// follow has lib's attempts end so, one after another and then well, and
// returns its job at the end.
func (w *world) follow(sha string, change func(*checks.Package), all ...attempt) checks.Job {
	w.t.Helper()
	w.source.mu.Lock()
	w.source.changes[sha] = retrying(sha, change)
	w.source.mu.Unlock()
	w.runner.mu.Lock()
	w.runner.script = append(slices.Clone(all), good)
	w.runner.mu.Unlock()
	w.accept(pull(1, sha))
	run := w.runOf(sha, 1)
	w.done(run.ID)
	j, err := w.store.Job(checks.JobID{Run: run.ID, Package: "lib"})
	if err != nil {
		w.t.Fatal(err)
	}
	return j
}

func TestWhatIsRepeated(t *testing.T) {
	for name, c := range map[string]struct {
		retries  int
		failures bool
		attempts []attempt
		want     checks.Outcome
		cause    checks.Cause
		tries    int
		took     time.Duration // at least, of all waits
	}{
		"nothing went wrong":         {2, true, nil, checks.OutcomePassed, "", 1, 0},
		"no retries":                 {0, true, []attempt{passing}, checks.OutcomeErrored, checks.CauseImageUnpullable, 1, 0},
		"a fault that passes":        {2, false, []attempt{passing, nobody}, checks.OutcomePassed, "", 3, 5 * time.Second},
		"one that does not":          {2, false, []attempt{passing, passing, passing}, checks.OutcomeErrored, checks.CauseImageUnpullable, 3, 5 * time.Second},
		"five of them":               {5, false, []attempt{passing, passing, passing, passing, passing}, checks.OutcomePassed, "", 6, 341 * time.Second},
		"the owner has to mend it":   {2, true, []attempt{owed}, checks.OutcomeErrored, checks.CauseImageUnknown, 1, 0},
		"the operator has to":        {2, true, []attempt{mended}, checks.OutcomeErrored, "", 1, 0},
		"a red":                      {2, false, []attempt{red}, checks.OutcomeFailed, "", 1, 0},
		"a red that may be repeated": {2, true, []attempt{red}, checks.OutcomePassed, checks.CauseFlaky, 2, time.Second},
		"a time-out":                 {2, false, []attempt{late}, checks.OutcomeTimedOut, "", 1, 0},
		"one that may be repeated":   {2, true, []attempt{late, red}, checks.OutcomePassed, checks.CauseFlaky, 3, 5 * time.Second},
		"red for good":               {2, true, []attempt{red, red, red}, checks.OutcomeFailed, "", 3, 5 * time.Second},
		"both share the number":      {2, true, []attempt{red, passing, red}, checks.OutcomeFailed, "", 3, 5 * time.Second},
		"what nobody can run":        {2, true, []attempt{bad}, checks.OutcomeFailed, checks.CauseEntry, 1, 0},
		"the engine was lost":        {1, false, []attempt{gone, gone, gone, passing}, checks.OutcomePassed, "", 5, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.patience = time.Hour // of the bubble's own
				w.patience = time.Hour // of the bubble's own
				began := time.Now()
				j := w.follow("s1", func(p *checks.Package) { p.Retries, p.RetryFailures = c.retries, c.failures }, c.attempts...)
				if j.Result.Outcome != c.want || j.Result.Cause != c.cause || j.Attempt != c.tries || j.Wait != nil {
					t.Errorf("%s, %q after %d attempts, %+v; want %s, %q, %d", j.Result.Outcome, j.Result.Cause, j.Attempt, j.Wait, c.want, c.cause, c.tries)
				}
				if took := time.Since(began); took < c.took || took > c.took+10*time.Second {
					t.Errorf("it took %v, want %v", took, c.took)
				}
				proofs, err := w.store.Proofs(pets.ID, checks.ReadScopes(pull(1, "s1"), "tree-s1"), map[string]string{"lib": "key"})
				if err != nil || len(proofs) == 1 != (c.want == checks.OutcomePassed && c.cause == "") {
					t.Errorf("proofs %v, %v", proofs, err)
				}
			})
		})
	}
}

// TestARepeatIsToldAndSurvivesARestart looks at a job between two attempts.
func TestARepeatIsToldAndSurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.patience = time.Hour // of the bubble's own
		w.source.changes["s1"] = retrying("s1", func(p *checks.Package) { p.Retries = 3 })
		w.runner.script = []attempt{passing, passing, passing, good}
		w.accept(pull(1, "s1"))
		id := checks.JobID{Run: w.runOf("s1", 1).ID, Package: "lib"}
		var j checks.Job
		w.until("the third attempt to be waited for", func() bool {
			j, _ = w.store.Job(id)
			return j.Faults == 3
		})
		want := checks.Wait{Attempt: checks.OutcomeErrored, Cause: checks.CauseImageUnpullable, Why: "The registry cannot be reached.", Since: j.Wait.Since, Until: j.Wait.Since.Add(16 * time.Second)}
		if j.State != checks.StateQueued || *j.Wait != want {
			t.Errorf("%+v, want %+v", j.Wait, want)
		}
		began := time.Now()
		w.restart()
		w.done(id.Run)
		if j, _ = w.store.Job(id); j.Attempt != 4 || j.Faults != 3 || j.Result.Outcome != checks.OutcomePassed {
			t.Errorf("%+v", j)
		}
		if waited := time.Since(began); waited < 15*time.Second {
			t.Errorf("it waited %v", waited)
		}
	})
}

// TestAShutdownIsTold: the check says why it waits until the next start, where
// it runs again without that being one of its retries.
func TestAShutdownIsTold(t *testing.T) {
	w := newWorld(t)
	w.runner.gates["lib"] = make(chan struct{})
	w.accept(pull(1, "s1"))
	id := checks.JobID{Run: w.runOf("s1", 1).ID, Package: "lib"}
	w.until("lib to start", func() bool { return slices.Contains(w.runner.ran(), "lib") })
	w.stop()
	j, err := w.store.Job(id)
	if err != nil || j.State != checks.StateQueued || j.Wait == nil || !j.Wait.Of(checks.CauseShutdown) {
		t.Errorf("%+v, %v", j, err)
	}
	close(w.runner.gates["lib"])
	w.restart()
	w.done(id.Run)
	if j, err = w.store.Job(id); err != nil || j.Attempt != 2 || j.Repeats() != 0 || j.Result.Outcome != checks.OutcomePassed || j.Result.Cause != "" {
		t.Errorf("%+v, %v", j, err)
	}
}

// TestACancelEndsARepeat: a job between two attempts is stopped at once.
func TestACancelEndsARepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.patience = time.Hour // of the bubble's own
		w.source.changes["s1"] = retrying("s1", func(p *checks.Package) { p.Retries, p.RetryFailures = 5, true })
		w.runner.script = slices.Repeat([]attempt{red}, 10)
		w.accept(pull(1, "s1"))
		id := checks.JobID{Run: w.runOf("s1", 1).ID, Package: "lib"}
		w.until("a repeat", func() bool {
			j, _ := w.store.Job(id)
			return j.Reds == 4
		})
		closed := pull(1, "s1")
		closed.Kind, closed.Name = checks.EventPullRequestClosed, "pull_request.closed"
		w.accept(closed)
		w.want(w.done(id.Run), "lib cancelled")
		if j, _ := w.store.Job(id); j.Result.Cause != checks.CauseClosed || j.Wait != nil {
			t.Errorf("%+v", j)
		}
	})
}

// TestNoAttemptTooMany has attempts end in any way: none is repeated that
// should not be, and none more often than the package says.
func TestNoAttemptTooMany(t *testing.T) {
	ends := map[string]attempt{"good": good, "red": red, "late": late, "bad": bad, "passing": passing, "nobody": nobody, "owed": owed, "mended": mended, "gone": gone}
	names := []string{"good", "red", "late", "bad", "passing", "nobody", "owed", "mended", "gone"}
	synctest.Test(t, func(t *testing.T) { noAttemptTooMany(t, ends, names) })
}

func noAttemptTooMany(t *testing.T, ends map[string]attempt, names []string) {
	w := newWorld(t)
	w.patience = time.Hour // of the bubble's own
	n := 0
	// A bubble has no deadline to ask for.
	rapid.Check(struct{ testing.TB }{t}, func(r *rapid.T) {
		retries, failures := rapid.IntRange(0, 5).Draw(r, "retries"), rapid.Bool().Draw(r, "retry_failures")
		all := rapid.SliceOfN(rapid.SampledFrom(names), 0, 8).Draw(r, "ends")
		// What has to come of it.
		tries, repeats, reds, want := 0, 0, 0, ""
		for _, name := range append(all, "good") {
			tries++
			isRed, mayPass := name == "red" || name == "late", name == "passing" || name == "nobody"
			if name == "gone" {
				continue
			}
			if repeats < retries && (mayPass || isRed && failures) {
				if repeats++; isRed {
					reds++
				}
				continue
			}
			want = name
			break
		}
		n++
		var script []attempt
		for _, name := range all {
			script = append(script, ends[name])
		}
		j := w.follow(fmt.Sprint("s", n), func(p *checks.Package) { p.Retries, p.RetryFailures = retries, failures }, script...)
		outcome := ends[want].result.Outcome
		if ends[want].err != nil {
			outcome = checks.OutcomeErrored
		}
		if j.Attempt != tries || j.Reds != reds || j.Repeats() != repeats || j.Result.Outcome != outcome || (j.Result.Cause == checks.CauseFlaky) != (want == "good" && reds > 0) {
			r.Fatalf("%s of %d retries (failures: %v) came to %+v; want %d attempts, %d repeats, %d of them red, and %s",
				strings.Join(all, ", "), retries, failures, j, tries, repeats, reds, outcome)
		}
	})
}

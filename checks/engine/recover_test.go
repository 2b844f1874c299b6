package engine_test

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/engine"
	"github.com/dudesons/loktar/store"
)

// stuck is a source that answers when it is told to stop, and is asked about
// one commit only.
type stuck struct{ entered, left chan struct{} }

func (s stuck) Load(ctx context.Context, ev checks.Event) (checks.Change, error) {
	if ev.HeadSHA != "stuck" {
		return change(ev.HeadSHA), nil
	}
	close(s.entered)
	<-ctx.Done()
	defer close(s.left)
	return checks.Change{}, ctx.Err()
}

func (s stuck) Ask(context.Context, checks.Event) (engine.Facts, error) {
	return engine.Facts{}, errors.New("nobody asks")
}

// TestAShutdownWhileAnEventIsPlanned holds the loop until both the shutdown
// and the end of the planning that it broke off are there to be seen: the
// event stays pending whichever is seen first.
func TestAShutdownWhileAnEventIsPlanned(t *testing.T) {
	for range 20 {
		s, err := store.Open(filepath.Join(t.TempDir(), "loktar.db"), store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		src := stuck{make(chan struct{}), make(chan struct{})}
		var once sync.Once
		e := engine.New(engine.Options{Store: s, Source: src, Runner: &runner{}, Slots: 1, Log: zerolog.Nop(), Report: func() {
			once.Do(func() { <-src.entered; cancel(); <-src.left; runtime.Gosched() })
		}})
		for i, sha := range []string{"stuck", "s1"} {
			ev := pull(i+1, sha)
			ev.Delivery, ev.Repo, ev.Received = sha, pets, time.Now()
			if _, err := s.Accept(t.Context(), ev); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if p, err := s.Pending(2); err != nil || len(p) != 1 || p[0].HeadSHA != "stuck" {
			t.Errorf("pending: %v, %v", p, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestJobsWaitForTheEngine(t *testing.T) {
	w := newWorld(t)
	w.runner.down = true
	gone := checks.Errorf(checks.KindUnavailable, nil, "no engine")
	w.runner.errs["lib"], w.runner.errs["doc"] = []error{gone}, []error{gone}
	w.accept(pull(1, "s1"))
	run := w.runOf("s1", 1)
	w.until("both attempts to be lost", func() bool { return len(w.runner.ran()) == 2 })
	w.until("the jobs to wait", func() bool {
		return slices.Equal(w.outcomes(run.ID), []string{"lib queued", "api queued", "web queued", "doc queued"})
	})
	w.runner.mu.Lock()
	w.runner.down = false
	w.runner.mu.Unlock()
	w.want(w.done(run.ID), "lib passed", "api passed", "web passed", "doc passed")
	j, _ := w.store.Job(checks.JobID{Run: run.ID, Package: "lib"})
	if j.Attempt != 2 {
		t.Errorf("attempt %d", j.Attempt)
	}
}

func TestARestartTakesUpWhatRan(t *testing.T) {
	w := newWorld(t)
	w.runner.gates["lib"] = make(chan struct{})
	w.accept(pull(1, "s1"))
	run := w.runOf("s1", 1)
	w.until("lib to start", func() bool { return slices.Contains(w.runner.ran(), "lib") })
	w.restart()
	w.until("lib to start again", func() bool {
		n := 0
		for _, p := range w.runner.ran() {
			if p == "lib" {
				n++
			}
		}
		return n == 2
	})
	close(w.runner.gates["lib"])
	w.want(w.done(run.ID), "lib passed", "api passed", "web passed", "doc passed")
}

func TestACrashIsTakenUpToo(t *testing.T) {
	w := newWorld(t)
	w.stop()
	// What a process leaves that was killed: one job running, one doomed.
	run := checks.Run{ID: "r1", Seq: 9, Repo: pets, HeadSHA: "s1", Tree: "t", PullRequest: pull(1, "s1").PullRequest, Created: time.Now()}
	var jobs []checks.Job
	for i, p := range change("s1").Manifest.Packages[2:] {
		jobs = append(jobs, checks.Job{Run: "r1", Package: p, Index: i, State: checks.StateRunning, Attempt: 1, Started: time.Now()})
	}
	jobs[1].Doomed, jobs[1].Doom = checks.OutcomeSuperseded, "newer"
	if err := w.store.Commit(context.Background(), checks.Commit{Runs: []checks.Run{run}, Jobs: jobs}); err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.want(w.done("r1"), "lib passed", "doc superseded")
	w.accept(pull(2, "s2"))
	if next := w.runOf("s2", 1); next.Seq != 10 {
		t.Errorf("the next run has Seq %d", next.Seq)
	}
}

// TestWhatIsLeftGoesOn has an earlier process leave a job whose attempt can be
// taken up: it is the same attempt then, and another one only where that fails.
func TestWhatIsLeftGoesOn(t *testing.T) {
	for name, c := range map[string]struct {
		errs     []error
		attempts int
	}{
		"taken up":                     {nil, 1},
		"lost":                         {[]error{checks.Errorf(checks.KindLost, nil, "Gone.")}, 2},
		"the container engine is away": {[]error{checks.Errorf(checks.KindUnavailable, nil, "Away.")}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.stop()
			run := checks.Run{ID: "r1", Seq: 9, Repo: pets, HeadSHA: "s1", Tree: "t", PullRequest: pull(1, "s1").PullRequest, Created: time.Now()}
			started := time.Now().Add(-time.Minute).UTC()
			var jobs []checks.Job
			for i, p := range change("s1").Manifest.Packages[2:] {
				jobs = append(jobs, checks.Job{Run: "r1", Package: p, Index: i, State: checks.StateRunning, Attempt: 1, Started: started})
			}
			if err := w.store.Commit(context.Background(), checks.Commit{Runs: []checks.Run{run}, Jobs: jobs}); err != nil {
				t.Fatal(err)
			}
			first := jobs[0].Package.Name
			w.runner.left, w.runner.errs[first] = map[string]bool{first: true}, c.errs
			w.restart()
			w.want(w.done("r1"), "lib passed", "doc passed")
			ended, err := w.store.Jobs("r1")
			if err != nil {
				t.Fatal(err)
			}
			for _, j := range ended {
				want := 2
				if j.Package.Name == first {
					want = c.attempts
				}
				if j.Attempt != want {
					t.Errorf("%s: %d attempts, want %d", j.Package.Name, j.Attempt, want)
				}
				if goesOn := j.Started.Equal(started); goesOn != (want == 1) {
					t.Errorf("%s started %v", j.Package.Name, j.Started)
				}
			}
		})
	}
}

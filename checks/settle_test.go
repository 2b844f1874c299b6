package checks_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
)

// member is a job of a run: queued where o is empty.
func member(name string, o checks.Outcome, needs ...string) *checks.Job {
	j := &checks.Job{Run: "r", Package: checks.Package{Name: name}, Needs: needs, State: checks.StateQueued}
	if o != "" {
		j.State, j.Result, j.Finished = checks.StateDone, checks.Result{Outcome: o}, startedAt
	}
	return j
}

func inProgress(name string, needs ...string) *checks.Job {
	j := member(name, "", needs...)
	j.State, j.Started = checks.StateRunning, startedAt
	return j
}

func TestSettle(t *testing.T) {
	const passed, failed = checks.OutcomePassed, checks.OutcomeFailed
	for name, c := range map[string]struct {
		jobs     []*checks.Job
		want     []string // "name state outcome blame" of all jobs
		changed  int
		finished bool
	}{
		"no jobs":             {nil, nil, 0, true},
		"all passed":          {[]*checks.Job{member("a", passed), member("b", passed, "a")}, []string{"a done passed ", "b done passed "}, 0, true},
		"one waits":           {[]*checks.Job{member("a", passed), member("b", "", "a")}, []string{"a done passed ", "b queued  "}, 0, false},
		"one runs":            {[]*checks.Job{inProgress("a"), member("b", "", "a")}, []string{"a running  ", "b queued  "}, 0, false},
		"held back in a row":  {[]*checks.Job{member("a", failed), member("b", "", "a"), member("c", "", "b")}, []string{"a done failed ", "b done held_back a", "c done held_back a"}, 2, true},
		"the first need":      {[]*checks.Job{member("a", failed), member("b", checks.OutcomeTimedOut), member("c", "", "b", "a")}, []string{"a done failed ", "b done timed_out ", "c done held_back b"}, 1, true},
		"others go on":        {[]*checks.Job{member("a", failed), inProgress("b"), member("c", "", "a", "b"), member("d", "", "b")}, []string{"a done failed ", "b running  ", "c done held_back a", "d queued  "}, 1, false},
		"an error holds back": {[]*checks.Job{member("a", checks.OutcomeErrored), member("b", "", "a")}, []string{"a done errored ", "b done held_back a"}, 1, true},
		"a need elsewhere":    {[]*checks.Job{member("b", "", "not-in-the-run")}, []string{"b queued  "}, 0, false},
		"a running dependent": {[]*checks.Job{member("a", failed), inProgress("b", "a")}, []string{"a done failed ", "b running  "}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			run := &checks.Run{ID: "r"}
			changed, finished := checks.Settle(run, c.jobs, now)
			var got []string
			for _, j := range c.jobs {
				got = append(got, fmt.Sprintf("%s %s %s %s", j.Package.Name, j.State, j.Result.Outcome, j.Result.Blame))
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			if len(changed) != c.changed || finished != c.finished || run.Done() != c.finished {
				t.Errorf("%d changed, finished %v", len(changed), finished)
			}
			for _, j := range changed {
				if !j.Finished.Equal(now) {
					t.Errorf("%s finished at %s", j.Package.Name, j.Finished)
				}
			}
			if again, finished := checks.Settle(run, c.jobs, now); len(again) > 0 || finished {
				t.Error("settling again changes something")
			}
		})
	}
}

// A run that is driven to its end, whatever fails, is dropped or lost on the
// way: it ends; a job is held back exactly when it could never start; and the
// package that is blamed did not pass and was not itself held back.
func TestSettleProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var jobs []*checks.Job
		byName := map[string]*checks.Job{}
		for i := range rapid.IntRange(0, 12).Draw(t, "jobs") {
			j := member(fmt.Sprintf("p%d", i), "")
			for d := range i {
				if rapid.IntRange(0, 3).Draw(t, "need") == 0 {
					j.Needs = append(j.Needs, fmt.Sprintf("p%d", d))
				}
			}
			jobs = append(jobs, j)
			byName[j.Package.Name] = j
		}
		run := &checks.Run{ID: "r"}
		ended := 0
		settle := func() {
			changed, finished := checks.Settle(run, jobs, now)
			if finished {
				ended++
			}
			for _, j := range changed {
				blamed := byName[j.Result.Blame]
				if j.Result.Outcome != checks.OutcomeHeldBack || blamed == nil || blamed.State != checks.StateDone ||
					blamed.Result.Outcome.Passed() || blamed.Result.Outcome == checks.OutcomeHeldBack {
					t.Fatalf("%s is held back by %q", j.Package.Name, j.Result.Blame)
				}
			}
		}
		settle()
		for steps := 0; !run.Done(); steps++ {
			var ready, busy []*checks.Job
			for _, j := range jobs {
				if checks.Ready(j, byName) {
					ready = append(ready, j)
				}
				if j.State == checks.StateRunning {
					busy = append(busy, j)
				}
			}
			if len(ready)+len(busy) == 0 || steps > 500 {
				t.Fatal("the run is stuck")
			}
			for _, j := range ready {
				for _, n := range j.Needs {
					if !byName[n].Result.Outcome.Passed() {
						t.Fatalf("%s is ready before %s passed", j.Package.Name, n)
					}
				}
				if err := j.Start(now); err != nil {
					t.Fatal(err)
				}
				busy = append(busy, j)
			}
			j := rapid.SampledFrom(busy).Draw(t, "job")
			var err error
			switch do := rapid.IntRange(0, 9).Draw(t, "do"); {
			case do == 0 && j.Doomed == "" && steps < 100:
				err = j.Requeue()
			case do == 1:
				j.Drop(checks.Result{Outcome: checks.OutcomeSuperseded}, now)
			default:
				err = j.Finish(checks.Result{Outcome: rapid.SampledFrom([]checks.Outcome{
					checks.OutcomePassed, checks.OutcomePassed, checks.OutcomeFailed, checks.OutcomeErrored,
				}).Draw(t, "outcome")}, now)
			}
			if err != nil {
				t.Fatal(err)
			}
			settle()
		}
		if ended != 1 {
			t.Fatalf("the run finished %d times", ended)
		}
		for _, j := range jobs {
			heldBack := false
			for _, n := range j.Needs {
				heldBack = heldBack || !byName[n].Result.Outcome.Passed()
			}
			if j.State != checks.StateDone || heldBack != (j.Result.Outcome == checks.OutcomeHeldBack) {
				t.Fatalf("%s ended as %+v", j.Package.Name, j.Result)
			}
		}
	})
}

package checks_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
)

var (
	queuedAt  = time.Unix(1000, 0)
	startedAt = time.Unix(2000, 0)
	now       = time.Unix(3000, 0)
)

func queued() checks.Job {
	return checks.Job{Run: "r", Package: checks.Package{Name: "p"}, State: checks.StateQueued, Queued: queuedAt}
}

func running() checks.Job {
	j := queued()
	j.State, j.Started, j.Attempt = checks.StateRunning, startedAt, 1
	return j
}

func doomed() checks.Job {
	j := running()
	j.Doomed, j.Doom, j.DoomCause = checks.OutcomeSuperseded, "a newer run", checks.CauseNewer
	return j
}

func done() checks.Job {
	j := running()
	j.State, j.Finished, j.Result = checks.StateDone, startedAt.Add(time.Second), checks.Result{Outcome: checks.OutcomePassed}
	return j
}

// as is j after f, for expectations.
func as(j checks.Job, f func(*checks.Job)) checks.Job {
	f(&j)
	return j
}

// TestWaitsOfOlderVersions: what they kept had no cause.
func TestWaitsOfOlderVersions(t *testing.T) {
	for _, c := range []struct {
		wait checks.Wait
		away bool
	}{
		{checks.Wait{}, true},
		{checks.Wait{Cause: checks.CauseAway}, true},
		{checks.Wait{Cause: checks.CauseShutdown}, false},
		{checks.Wait{Attempt: checks.OutcomeFailed}, false},
	} {
		if got := c.wait.Of(checks.CauseAway); got != c.away {
			t.Errorf("%+v is of what is away: %v", c.wait, got)
		}
	}
}

func TestJobTransitions(t *testing.T) {
	start := func(j *checks.Job) error { return j.Start(now) }
	requeue := func(j *checks.Job) error { return j.Requeue() }
	finish := func(j *checks.Job) error {
		return j.Finish(checks.Result{Outcome: checks.OutcomeFailed, ExitCode: 2}, now)
	}
	drop := func(want bool) func(j *checks.Job) error {
		return func(j *checks.Job) error {
			if got := j.Drop(checks.Result{Outcome: checks.OutcomeCancelled, Detail: "closed", Cause: checks.CausePerson, By: "ann"}, now); got != want {
				t.Errorf("Drop of a %s job reports %v", j.State, got)
			}
			return nil
		}
	}
	ended := func(r checks.Result) func(*checks.Job) {
		return func(j *checks.Job) {
			j.State, j.Result, j.Finished, j.Doomed, j.Doom, j.DoomCause = checks.StateDone, r, now, "", "", ""
		}
	}
	red := checks.Result{Outcome: checks.OutcomeFailed, ExitCode: 2}
	fault := checks.Result{Outcome: checks.OutcomeErrored, Cause: checks.CauseDiskFull, Detail: "Full."}
	repeat := func(r checks.Result) func(j *checks.Job) error {
		return func(j *checks.Job) error { return j.Repeat(r, now, now.Add(time.Second)) }
	}
	pass := func(j *checks.Job) error { return j.Finish(checks.Result{Outcome: checks.OutcomePassed}, now) }
	same := func(*checks.Job) {}
	for name, c := range map[string]struct {
		from checks.Job
		do   func(*checks.Job) error
		want func(*checks.Job)
		err  string
	}{
		"start queued":    {queued(), start, func(j *checks.Job) { j.State, j.Started, j.Attempt = checks.StateRunning, now, 1 }, ""},
		"start running":   {running(), start, same, "start job r/p: it is running"},
		"start done":      {done(), start, same, "start job r/p: it is done"},
		"requeue running": {running(), requeue, func(j *checks.Job) { j.State, j.Started = checks.StateQueued, time.Time{} }, ""},
		"requeue queued":  {queued(), requeue, same, "requeue job r/p: it is queued"},
		"requeue done":    {done(), requeue, same, "requeue job r/p: it is done"},
		"requeue doomed":  {doomed(), requeue, same, "requeue job r/p: it is to end as superseded"},
		"finish running":  {running(), finish, ended(red), ""},
		"finish queued":   {queued(), finish, ended(red), ""},
		"finish done":     {done(), finish, same, "finish job r/p: it is done"},
		"finish doomed":   {doomed(), finish, ended(checks.Result{Outcome: checks.OutcomeSuperseded, Detail: "a newer run", Cause: checks.CauseNewer}), ""},
		"drop queued":     {queued(), drop(false), ended(checks.Result{Outcome: checks.OutcomeCancelled, Detail: "closed", Cause: checks.CausePerson, By: "ann"}), ""},
		"drop running": {running(), drop(true), func(j *checks.Job) {
			j.Doomed, j.Doom, j.DoomCause, j.DoomBy = checks.OutcomeCancelled, "closed", checks.CausePerson, "ann"
		}, ""},
		"drop doomed": {doomed(), drop(true), same, ""},
		"drop done":   {done(), drop(false), same, ""},
		"repeat a fault": {running(), repeat(fault), func(j *checks.Job) {
			j.State, j.Started, j.Faults = checks.StateQueued, time.Time{}, 1
			j.Wait = &checks.Wait{Attempt: checks.OutcomeErrored, Cause: checks.CauseDiskFull, Why: "Full.", Since: now, Until: now.Add(time.Second)}
		}, ""},
		"repeat a red": {running(), repeat(red), func(j *checks.Job) {
			j.State, j.Started, j.Reds = checks.StateQueued, time.Time{}, 1
			j.Wait = &checks.Wait{Attempt: checks.OutcomeFailed, Since: now, Until: now.Add(time.Second)}
		}, ""},
		"repeat doomed": {doomed(), repeat(fault), same, "requeue job r/p: it is to end as superseded"},
		"repeat queued": {queued(), repeat(fault), same, "requeue job r/p: it is queued"},
		"pass after a red": {as(running(), func(j *checks.Job) { j.Reds = 1 }), pass, func(j *checks.Job) {
			j.State, j.Finished, j.Result = checks.StateDone, now, checks.Result{Outcome: checks.OutcomePassed, Cause: checks.CauseFlaky}
		}, ""},
		"pass after a fault": {as(running(), func(j *checks.Job) { j.Faults = 1 }), pass, func(j *checks.Job) {
			j.State, j.Finished, j.Result = checks.StateDone, now, checks.Result{Outcome: checks.OutcomePassed}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.from
			err := c.do(&got)
			if text := errText(err); text != c.err {
				t.Errorf("error %q, want %q", text, c.err)
			}
			if d := cmp.Diff(as(c.from, c.want), got); d != "" {
				t.Error(d)
			}
		})
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestJobDuration(t *testing.T) {
	for name, c := range map[string]struct {
		job  checks.Job
		want time.Duration
	}{
		"never started":  {checks.Job{Finished: now}, 0},
		"not finished":   {running(), 0},
		"done":           {done(), time.Second},
		"clock set back": {checks.Job{Started: now, Finished: startedAt}, 0},
	} {
		if got := c.job.Duration(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// Whatever is called in whatever order: a job only moves forward but for
// Requeue, once done nothing changes it, a doomed job ends as it was first
// doomed and never starts again, and attempts count its starts.
func TestJobProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := queued()
		starts := 0
		clock := now
		for range rapid.IntRange(0, 15).Draw(t, "steps") {
			clock = clock.Add(time.Second)
			before := j
			var err error
			switch rapid.SampledFrom([]string{"start", "requeue", "finish", "drop"}).Draw(t, "do") {
			case "start":
				if err = j.Start(clock); err == nil {
					starts++
				}
			case "requeue":
				err = j.Requeue()
			case "finish":
				err = j.Finish(checks.Result{Outcome: checks.OutcomePassed}, clock)
			case "drop":
				j.Drop(checks.Result{
					Outcome: rapid.SampledFrom([]checks.Outcome{checks.OutcomeCancelled, checks.OutcomeSuperseded}).Draw(t, "outcome"), Detail: "why",
				}, clock)
			}
			if (err != nil || before.State == checks.StateDone) && cmp.Diff(before, j) != "" {
				t.Fatalf("changed, though refused or done: %s", cmp.Diff(before, j))
			}
			if before.Doomed != "" && (j.State == checks.StateQueued || j.Doomed != "" && j.Doomed != before.Doomed ||
				j.State == checks.StateDone && j.Result.Outcome != before.Doomed) {
				t.Fatalf("doomed to %s, is %+v", before.Doomed, j)
			}
			if (j.State == checks.StateDone) != (j.Result.Outcome != "") || (j.State == checks.StateDone) == j.Finished.IsZero() {
				t.Fatalf("done and its outcome do not agree: %+v", j)
			}
			if j.Attempt != starts || (j.State == checks.StateQueued && !j.Started.IsZero()) || j.Duration() < 0 {
				t.Fatalf("%d starts: %+v", starts, j)
			}
			if j.Doomed != "" && j.State != checks.StateRunning {
				t.Fatalf("doomed and not running: %+v", j)
			}
		}
	})
}

func TestOutcomeConclusion(t *testing.T) {
	for o, want := range map[checks.Outcome]checks.Conclusion{
		checks.OutcomePassed:     checks.ConclusionSuccess,
		checks.OutcomeFailed:     checks.ConclusionFailure,
		checks.OutcomeTimedOut:   checks.ConclusionTimedOut,
		checks.OutcomeErrored:    checks.ConclusionActionRequired,
		checks.OutcomeHeldBack:   checks.ConclusionCancelled,
		checks.OutcomeSkipped:    checks.ConclusionSkipped,
		checks.OutcomeSuperseded: checks.ConclusionCancelled,
		checks.OutcomeCancelled:  checks.ConclusionCancelled,
	} {
		if got := o.Conclusion(); got != want {
			t.Errorf("%s: %s, want %s", o, got, want)
		}
		if o.Passed() != (want == checks.ConclusionSuccess) {
			t.Errorf("%s: passed is %v", o, o.Passed())
		}
	}
}

func TestFork(t *testing.T) {
	ours, theirs := checks.Repo{ID: 1}, checks.Repo{ID: 2}
	for name, c := range map[string]struct {
		head, base checks.Repo
		want       bool
	}{
		"a branch of ours":    {ours, checks.Repo{ID: 1, Name: "renamed"}, false},
		"a fork":              {theirs, ours, true},
		"a fork that is gone": {checks.Repo{}, ours, true},
		"nothing is known":    {checks.Repo{}, checks.Repo{}, true},
	} {
		pr := checks.PullRequest{Head: checks.Ref{Repo: c.head}, Base: checks.Ref{Repo: c.base}}
		if pr.Fork() != c.want {
			t.Errorf("%s: %v", name, pr.Fork())
		}
	}
}

func TestReasonText(t *testing.T) {
	for want, r := range map[string]checks.Reason{
		"services/pet_api changed: main.py":        {Kind: checks.ReasonFile, Dir: "services/pet_api", Subject: "main.py"},
		"the root folder changed: a and 2 more":    {Kind: checks.ReasonFile, Dir: ".", Subject: "a", More: 2},
		"input changed: a and 1 more":              {Kind: checks.ReasonInput, Subject: "a", More: 1},
		"global input changed: a":                  {Kind: checks.ReasonGlobal, Subject: "a"},
		"its entry in loktar.json changed":         {Kind: checks.ReasonEntry},
		"depends on awesome_lib":                   {Kind: checks.ReasonDependency, Subject: "awesome_lib"},
		"depends on lib (api/go.mod:7) and 1 more": {Kind: checks.ReasonDependency, Subject: "lib", File: "api/go.mod", Line: 7, More: 1},
		"depends on lib (go.work)":                 {Kind: checks.ReasonDependency, Subject: "lib", File: "go.work"},
		"web/a links to lib/a, which changed":      {Kind: checks.ReasonLink, Subject: "lib/a", File: "web/a", Dir: "lib/a"},
		"web/conf links to lib/conf, which changed: lib/conf/x and 2 more": {
			Kind: checks.ReasonLink, Subject: "lib/conf/x", File: "web/conf", Dir: "lib/conf", More: 2},
		"its dependencies could not be read: api/go.mod:3: unknown directive": {
			Kind: checks.ReasonUnread, File: "api/go.mod", Line: 3, Subject: "unknown directive"},
		"depends on a and 3 more":         {Kind: checks.ReasonDependency, Subject: "a", More: 3},
		"depended on a, no longer listed": {Kind: checks.ReasonRemoved, Subject: "a"},
		"depended on lib (web/package.json:3) and 1 more, which is not found by that any more": {
			Kind: checks.ReasonLost, Subject: "lib", File: "web/package.json", Line: 3, More: 1},
		"newly depends on lib (web/package.json)":  {Kind: checks.ReasonGained, Subject: "lib", File: "web/package.json"},
		"everything is affected: the base is gone": {Kind: checks.ReasonEverything, Subject: "the base is gone"},
		"asked for by ann":                         {Kind: checks.ReasonRerun, Subject: "ann"},
		"unheard-of":                               {Kind: "unheard-of"},
	} {
		if got := r.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestErrors(t *testing.T) {
	cause := errText(checks.Errorf(checks.KindUnavailable, nil, "Try %s.", "later"))
	if cause != "Try later." {
		t.Errorf("text %q", cause)
	}
	inner := checks.Errorf(checks.KindNotFound, nil, "No such run.")
	err := checks.Errorf(checks.KindRefused, inner, "It is refused.")
	if checks.KindOf(err) != checks.KindRefused || checks.PublicText(err, "x") != "It is refused." || !strings.Contains(err.Error(), "No such run.") {
		t.Errorf("the outermost does not count: %v", err)
	}
	if checks.KindOf(nil) != checks.KindInternal || checks.PublicText(nil, "x") != "x" {
		t.Error("of nothing")
	}
}

package plan_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/plan"
)

var oldRun = checks.Run{ID: "old", Tree: "tree", Unaffected: []string{"u"}, Unowned: []string{"f"}, UnownedCount: 3, Ignored: 2, Warnings: []string{"w"}, Notes: []string{"n"}}

// job is a done job; an empty outcome leaves it queued.
func job(i int, name string, o checks.Outcome, blame string, needs ...string) checks.Job {
	j := checks.Job{
		Run: "old", Package: pkg(name, needs...), Index: i, Needs: needs, State: checks.StateDone,
		Reasons: []checks.Reason{{Kind: checks.ReasonEntry}}, Result: checks.Result{Outcome: o, Blame: blame},
	}
	if o == "" {
		j.State, j.Result = checks.StateQueued, checks.Result{}
	}
	return j
}

func rerun(kind checks.EventKind, name string) checks.Event {
	ev := checks.Event{Kind: kind, Sender: checks.User{Login: "ann"}}
	if name != "" {
		ev.CheckRun = &checks.CheckRunRef{Name: name}
	}
	return ev
}

// again are the jobs of a plan that run again.
func again(p checks.Plan) []string {
	var out []string
	for _, j := range p.Jobs {
		if j.Carried == nil {
			out = append(out, j.Package.Name)
		}
	}
	return out
}

const (
	passed     = checks.OutcomePassed
	failed     = checks.OutcomeFailed
	held       = checks.OutcomeHeldBack
	cancelled  = checks.OutcomeCancelled
	superseded = checks.OutcomeSuperseded
	errored    = checks.OutcomeErrored
	timedOut   = checks.OutcomeTimedOut
	skipped    = checks.OutcomeSkipped
)

func TestRerun(t *testing.T) {
	for name, c := range map[string]struct {
		jobs []checks.Job
		ev   checks.Event
		want []string
	}{
		"the red one and what it held back": {
			[]checks.Job{job(0, "lib", failed, ""), job(1, "api", held, "lib", "lib"), job(2, "web", held, "lib", "api"), job(3, "x", passed, "")},
			rerun(checks.EventRerunPackage, "lib"), []string{"lib", "api", "web"}},
		"one that was skipped and what it needs": {
			[]checks.Job{job(0, "lib", skipped, ""), job(1, "api", skipped, "", "lib"), job(2, "web", skipped, "", "api"), job(3, "x", skipped, "")},
			rerun(checks.EventRerunPackage, "api"), []string{"lib", "api"}},
		"all that were skipped": {
			[]checks.Job{job(0, "lib", skipped, ""), job(1, "api", skipped, "", "lib")},
			rerun(checks.EventRerunAll, ""), []string{"lib", "api"}},
		"a green one alone": {
			[]checks.Job{job(0, "lib", passed, ""), job(1, "api", passed, "", "lib"), job(2, "x", failed, "")},
			rerun(checks.EventRerunPackage, "lib"), []string{"lib"}},
		"what another red held back stays": {
			[]checks.Job{job(0, "a", failed, ""), job(1, "b", timedOut, ""), job(2, "c", held, "b", "b"), job(3, "d", held, "a", "a", "b")},
			rerun(checks.EventRerunPackage, "a"), []string{"a", "d"}},
		"one held back brings what held it back": {
			[]checks.Job{job(0, "lib", failed, ""), job(1, "api", held, "lib", "lib"), job(2, "web", held, "lib", "api"), job(3, "x", held, "lib", "lib"), job(4, "ok", passed, "")},
			rerun(checks.EventRerunPackage, "web"), []string{"lib", "api", "web", "x"}},
		"what is not done runs again": {
			[]checks.Job{job(0, "a", failed, ""), job(1, "b", "", ""), job(2, "c", passed, "")},
			rerun(checks.EventRerunPackage, "a"), []string{"a", "b"}},
		"stopped, and needs it": {
			[]checks.Job{job(0, "a", passed, ""), job(1, "b", superseded, "", "a"), job(2, "c", cancelled, "", "b"), job(3, "d", cancelled, "")},
			rerun(checks.EventRerunPackage, "a"), []string{"a", "b", "c"}},
		"stopped, and what it held back": {
			[]checks.Job{job(0, "a", superseded, ""), job(1, "b", held, "a", "a"), job(2, "c", superseded, "")},
			rerun(checks.EventRerunPackage, "b"), []string{"a", "b"}},
		"released, and needs one without a verdict": {
			[]checks.Job{job(0, "a", failed, ""), job(1, "z", cancelled, ""), job(2, "y", errored, "", "z"), job(3, "b", held, "a", "a", "y"), job(4, "q", held, "y", "y")},
			rerun(checks.EventRerunPackage, "a"), []string{"a", "z", "y", "b", "q"}},
		"our own fault alone": {
			[]checks.Job{job(0, "a", errored, ""), job(1, "b", errored, "")},
			rerun(checks.EventRerunPackage, "a"), []string{"a"}},
		"blame that is not in the run": {
			[]checks.Job{job(0, "a", failed, ""), job(1, "b", held, "", "a"), job(2, "c", held, "gone")},
			rerun(checks.EventRerunPackage, "a"), []string{"a", "b"}},
		"the aggregate": {
			[]checks.Job{job(0, "a", failed, ""), job(1, "b", passed, "")},
			rerun(checks.EventRerunPackage, "loktar"), []string{"a", "b"}},
		"all": {
			[]checks.Job{job(0, "a", failed, ""), job(1, "b", "", "")},
			rerun(checks.EventRerunAll, ""), []string{"a", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			slices.Reverse(c.jobs) // the order given does not matter
			p, err := plan.Rerun(oldRun, c.jobs, c.ev)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, again(p)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestRerunCarries(t *testing.T) {
	carried := job(1, "b", passed, "", "a")
	carried.CarriedFrom = "first"
	a := job(0, "a", passed, "")
	a.Needs = []string{"not-in-the-run"}
	a.Reasons = []checks.Reason{{Kind: checks.ReasonRerun, Subject: "bob"}, {Kind: checks.ReasonFile, Dir: "a", Subject: "x"}}
	jobs := []checks.Job{a, carried, job(2, "c", passed, "")}
	p, err := plan.Rerun(oldRun, jobs, rerun(checks.EventRerunPackage, "a"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a: asked for by ann; a changed: x", "b <- a: its entry in loktar.json changed (passed in first)", "c: its entry in loktar.json changed (passed in old)"}
	if d := cmp.Diff(want, told(p)); d != "" {
		t.Error(d)
	}
	if jobs[2].CarriedFrom != "" || len(jobs[0].Reasons) != 2 {
		t.Error("Rerun changed its arguments")
	}
	p.Jobs = nil
	if d := cmp.Diff(checks.Plan{Unaffected: []string{"u"}, Unowned: []string{"f"}, UnownedCount: 3, Ignored: 2, Warnings: []string{"w"}, Notes: []string{"n"}}, p); d != "" {
		t.Error(d)
	}
}

func TestRerunRefuses(t *testing.T) {
	jobs := []checks.Job{job(0, "a", passed, "")}
	if _, err := plan.Rerun(checks.Run{ID: "old", Verdict: &checks.Verdict{}}, nil, rerun(checks.EventRerunAll, "")); !errors.Is(err, plan.ErrReplan) {
		t.Errorf("a verdict: %v", err)
	}
	_, err := plan.Rerun(oldRun, jobs, rerun(checks.EventRerunPackage, "u"))
	want := `Package "u" is not part of run old. Run the check "loktar" again to test all that is affected.`
	if checks.KindOf(err) != checks.KindNotFound || checks.PublicText(err, "") != want {
		t.Errorf("an unknown package: %v", err)
	}
	for _, ev := range []checks.Event{rerun(checks.EventRerunPackage, ""), rerun(checks.EventPullRequest, "a"), {Kind: checks.EventAction, Action: checks.ActionCancel}} {
		if _, err := plan.Rerun(oldRun, jobs, ev); err == nil || errors.Is(err, plan.ErrReplan) {
			t.Errorf("%s: %v", ev.Kind, err)
		}
	}
}

// drawRun is a run that was carried out in part: its outcomes are those that
// the transitions of the domain lead to.
func drawRun(t *rapid.T) (checks.Run, []checks.Job) {
	now := time.Unix(1000, 0)
	run := checks.Run{ID: "old", Tree: "tree"}
	var jobs []*checks.Job
	for i := range rapid.IntRange(1, 12).Draw(t, "jobs") {
		j := &checks.Job{Run: "old", Package: pkg(fmt.Sprintf("p%d", i)), Index: i, State: checks.StateQueued}
		for d := range i {
			if rapid.IntRange(0, 3).Draw(t, "need") == 0 {
				j.Needs = append(j.Needs, fmt.Sprintf("p%d", d))
			}
		}
		jobs = append(jobs, j)
	}
	byName := map[string]*checks.Job{}
	for _, j := range jobs {
		byName[j.Package.Name] = j
	}
	end := rapid.SampledFrom([]checks.Outcome{passed, passed, passed, failed, timedOut, errored, cancelled, skipped})
	for range rapid.IntRange(0, len(jobs)).Draw(t, "steps") {
		for _, j := range jobs {
			if checks.Ready(j, byName) {
				if err := j.Finish(checks.Result{Outcome: end.Draw(t, "end")}, now); err != nil {
					t.Fatal(err)
				}
				break
			}
		}
		checks.Settle(&run, jobs, now)
	}
	if rapid.Bool().Draw(t, "superseded") {
		for _, j := range jobs {
			j.Drop(checks.Result{Outcome: superseded}, now)
		}
		checks.Settle(&run, jobs, now)
	}
	out := make([]checks.Job, len(jobs))
	for i, j := range jobs {
		out[i] = *j
	}
	return run, out
}

// Whatever became of a run: the package that was asked for can start, what a
// job that runs again held back runs again, and what is carried is done.
func TestRerunProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old, jobs := drawRun(t)
		asked := rapid.SampledFrom(jobs).Draw(t, "asked").Package.Name
		p, err := plan.Rerun(old, jobs, rerun(checks.EventRerunPackage, asked))
		if err != nil {
			t.Fatal(err)
		}
		runs := again(p)
		if !slices.Contains(runs, asked) || len(p.Jobs) != len(jobs) {
			t.Fatalf("%v run again of %d, not %s", runs, len(p.Jobs), asked)
		}
		fresh := make([]*checks.Job, len(p.Jobs))
		for i, pj := range p.Jobs {
			if pj.Package.Name != jobs[i].Package.Name || !slices.Equal(pj.Needs, jobs[i].Needs) {
				t.Fatalf("job %d is %v", i, pj)
			}
			if c := pj.Carried; c != nil {
				if c.State != checks.StateDone || c.CarriedFrom != "old" || c.Result.Outcome == held && slices.Contains(runs, c.Result.Blame) {
					t.Fatalf("carried: %v", c)
				}
				fresh[i] = c
				continue
			}
			if pj.Reasons[0] != (checks.Reason{Kind: checks.ReasonRerun, Subject: "ann"}) {
				t.Fatalf("reasons: %v", pj.Reasons)
			}
			fresh[i] = &checks.Job{Run: "new", Package: pj.Package, Index: i, Needs: pj.Needs, State: checks.StateQueued}
		}
		run := checks.Run{ID: "new"}
		now := time.Unix(2000, 0)
		byName := map[string]*checks.Job{}
		for _, j := range fresh {
			byName[j.Package.Name] = j
		}
		checks.Settle(&run, fresh, now)
		if byName[asked].State == checks.StateDone {
			t.Fatalf("%s is held back at once: %v", asked, byName[asked].Result)
		}
		for !run.Done() { // all goes well this time: the run ends, and it has run
			at := slices.IndexFunc(fresh, func(j *checks.Job) bool { return checks.Ready(j, byName) })
			if at < 0 {
				t.Fatal("the run never ends")
			}
			if err := fresh[at].Finish(checks.Result{Outcome: passed}, now); err != nil {
				t.Fatal(err)
			}
			checks.Settle(&run, fresh, now)
		}
		if byName[asked].Result.Outcome != passed {
			t.Fatalf("%s ended as %v", asked, byName[asked].Result)
		}
	})
}

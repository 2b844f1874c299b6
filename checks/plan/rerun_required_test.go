package plan_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/plan"
)

const (
	unaffected = checks.OutcomeUnaffected
	neutral    = checks.OutcomeNeutral
)

// extra is a job that is there for its required check alone.
func extra(i int, name string, o checks.Outcome) checks.Job {
	j := job(i, name, o, "")
	j.Reasons = nil
	return j
}

// idle is extra for a check that has nothing to run.
func idle(i int, name string, o checks.Outcome) checks.Job {
	j := extra(i, name, o)
	j.Package.TestType, j.Result.Detail = checks.TestNone, "why"
	return j
}

func rerunFailed() checks.Event {
	return checks.Event{Kind: checks.EventAction, Action: checks.ActionRerunFailed, Sender: checks.User{Login: "ann"},
		CheckRun: &checks.CheckRunRef{Name: checks.AggregateName}}
}

var (
	all  = rerun(checks.EventRerunAll, "")
	this = func(name string) checks.Event { return rerun(checks.EventRerunPackage, name) }
)

func TestRerunBesideRequiredChecks(t *testing.T) {
	for name, c := range map[string]struct {
		jobs []checks.Job
		ev   checks.Event
		want []string // what runs; "name outcome" ends at once
	}{
		"all but the unaffected":               {[]checks.Job{job(0, "a", failed, ""), extra(1, "b", unaffected)}, all, []string{"a"}},
		"the aggregate":                        {[]checks.Job{job(0, "a", passed, ""), extra(1, "b", unaffected)}, this("loktar"), []string{"a"}},
		"all but what an older check made so":  {[]checks.Job{job(0, "a", passed, ""), extra(1, "b", neutral), idle(2, "gone", neutral)}, all, []string{"a"}},
		"all that was skipped before":          {[]checks.Job{job(0, "a", neutral, ""), job(1, "b", skipped, "", "a"), extra(2, "c", unaffected)}, all, []string{"a", "b"}},
		"an unaffected one by its name":        {[]checks.Job{job(0, "a", failed, ""), extra(1, "b", unaffected), extra(2, "c", unaffected)}, this("b"), []string{"b"}},
		"a neutral one by its name":            {[]checks.Job{job(0, "a", passed, ""), extra(1, "b", neutral)}, this("b"), []string{"b"}},
		"a name that no package has":           {[]checks.Job{job(0, "a", failed, ""), idle(1, "gone", unaffected)}, this("gone"), []string{"gone unaffected"}},
		"a name that no package has, neutral":  {[]checks.Job{job(0, "a", passed, ""), idle(1, "gone", neutral)}, this("gone"), []string{"gone neutral"}},
		"an affected one beside":               {[]checks.Job{job(0, "a", passed, ""), extra(1, "b", unaffected)}, this("a"), []string{"a"}},
		"what failed":                          {[]checks.Job{job(0, "a", failed, ""), job(1, "b", held, "a", "a"), job(2, "c", passed, ""), extra(3, "d", unaffected), idle(4, "e", neutral)}, rerunFailed(), []string{"a", "b"}},
		"what failed in several ways":          {[]checks.Job{job(0, "a", timedOut, ""), job(1, "b", errored, ""), job(2, "c", cancelled, ""), job(3, "d", superseded, ""), job(4, "e", skipped, ""), job(5, "f", neutral, "")}, rerunFailed(), []string{"a", "b", "c", "d"}},
		"what failed, and needs a skipped one": {[]checks.Job{job(0, "a", skipped, ""), job(1, "b", failed, "", "a")}, rerunFailed(), []string{"a", "b"}},
		"what failed, and needs a neutral one": {[]checks.Job{job(0, "a", neutral, ""), job(1, "b", failed, "", "a")}, rerunFailed(), []string{"a", "b"}},
		"what failed, and needs a carried one": {[]checks.Job{job(0, "a", passed, ""), job(1, "b", failed, "", "a")}, rerunFailed(), []string{"b"}},
		"released, and needs a neutral one":    {[]checks.Job{job(0, "a", failed, ""), job(1, "n", neutral, ""), job(2, "b", held, "a", "a", "n")}, this("a"), []string{"a", "n", "b"}},
		"what failed, and what is not done":    {[]checks.Job{job(0, "a", failed, ""), job(1, "b", "", ""), extra(2, "c", unaffected)}, rerunFailed(), []string{"a", "b"}},
		"the one that was named before":        {[]checks.Job{job(0, "a", passed, ""), extra(1, "b", failed), extra(2, "c", unaffected)}, rerunFailed(), []string{"b"}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := plan.Rerun(oldRun, c.jobs, c.ev)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, fresh(p)); d != "" {
				t.Error(d)
			}
			for i, j := range p.Jobs {
				if j.Result != nil && (!reflect.DeepEqual(*j.Result, c.jobs[i].Result) || j.Reasons[0].Kind != checks.ReasonRerun) {
					t.Errorf("%s ends as %+v, for %v", j.Package.Name, j.Result, j.Reasons)
				}
			}
		})
	}
}

// fresh are the jobs of a plan that are not carried.
func fresh(p checks.Plan) []string {
	return ends(checks.Plan{Jobs: slices.DeleteFunc(slices.Clone(p.Jobs), func(j checks.PlannedJob) bool { return j.Carried != nil })})
}

// A run that a verdict ended is planned anew, but for the package that
// somebody wants although nothing affects it.
func TestRerunOfAVerdict(t *testing.T) {
	runOf := func(c checks.Conclusion) checks.Run {
		run := oldRun
		run.Verdict = &checks.Verdict{Conclusion: c, Title: "x", Summary: "x"}
		run.PullRequest = pullRequest().PullRequest
		return run
	}
	foreign := func(run checks.Run, by *checks.User) checks.Run {
		run.PullRequest, run.Approved = fork(eve).PullRequest, by
		return run
	}
	tested := oldRun
	tested.PullRequest = fork(eve).PullRequest // where the operator lets forks run
	success, red := runOf(checks.ConclusionSuccess), runOf(checks.ConclusionFailure)
	jobs := []checks.Job{extra(0, "a", unaffected), extra(1, "b", unaffected), idle(2, "gone", unaffected)}
	blocked := []checks.Job{extra(0, "a", checks.OutcomeBlocked)}
	for name, c := range map[string]struct {
		run  checks.Run
		jobs []checks.Job
		ev   checks.Event
		err  error
		want []string
	}{
		"one of the unaffected":               {success, jobs, this("b"), nil, []string{"b"}},
		"one that is no package":              {success, jobs, this("gone"), nil, []string{"gone unaffected"}},
		"one that is not there":               {success, jobs, this("other"), plan.ErrReplan, nil},
		"all":                                 {success, jobs, all, plan.ErrReplan, nil},
		"the aggregate":                       {success, jobs, this("loktar"), plan.ErrReplan, nil},
		"what failed":                         {success, jobs, rerunFailed(), plan.ErrNothingFailed, nil},
		"what failed, no jobs":                {success, nil, rerunFailed(), plan.ErrNothingFailed, nil},
		"no jobs":                             {success, nil, this("a"), plan.ErrReplan, nil},
		"no loktar.json":                      {runOf(checks.ConclusionNeutral), jobs, this("b"), plan.ErrReplan, nil},
		"a red verdict, one that was blocked": {red, blocked, this("a"), plan.ErrReplan, nil},
		"a red verdict, all":                  {red, blocked, all, plan.ErrReplan, nil},
		"a red verdict, what failed":          {red, blocked, rerunFailed(), plan.ErrReplan, nil},
		"a fork that waits":                   {foreign(runOf(checks.ConclusionActionRequired), nil), blocked, this("a"), plan.ErrReplan, nil},
		"a fork that affects none":            {foreign(success, nil), jobs, this("b"), plan.ErrReplan, nil},
		"a fork that affects none, no tests":  {foreign(success, nil), jobs, this("gone"), plan.ErrReplan, nil},
		"a fork that affects none, approved":  {foreign(success, &ann), jobs, this("b"), nil, []string{"b"}},
		"a fork that was tested":              {tested, append(jobs[:2:2], job(2, "c", failed, "")), this("b"), nil, []string{"b"}},
		"no verdict, and nothing to run":      {oldRun, jobs, all, plan.ErrReplan, nil},
		"no verdict, and nothing failed":      {oldRun, []checks.Job{job(0, "a", passed, ""), job(1, "b", skipped, ""), job(2, "c", neutral, ""), extra(3, "d", unaffected)}, rerunFailed(), plan.ErrNothingFailed, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := plan.Rerun(c.run, c.jobs, c.ev)
			if !errors.Is(err, c.err) {
				t.Errorf("%v, want %v", err, c.err)
			}
			if d := cmp.Diff(c.want, fresh(p)); d != "" {
				t.Error(d)
			}
			if p.Verdict != nil || c.err == nil && p.Approved != c.run.Approved {
				t.Errorf("verdict %v, approved by %v", p.Verdict, p.Approved)
			}
		})
	}
}

// Whatever became of a run with required checks: an unaffected package runs
// only when it is named, and the plan is closed. What was asked for finds all
// that it needs running or passed; what was merely stopped may meet another
// red, which holds it back at once.
func TestRerunIsClosed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old, jobs := drawRun(t)
		for i := range rapid.IntRange(0, 3).Draw(t, "extras") {
			o := rapid.SampledFrom([]checks.Outcome{unaffected, neutral}).Draw(t, "end")
			j := extra(len(jobs), fmt.Sprintf("x%d", i), o)
			if rapid.Bool().Draw(t, "no-test") {
				j = idle(len(jobs), j.Package.Name, o)
			}
			jobs = append(jobs, j)
		}
		for i := range jobs { // an older check of the name
			if jobs[i].Result.Outcome == skipped && rapid.Bool().Draw(t, "neutral") {
				jobs[i].Result = checks.Result{Outcome: neutral}
				jobs[i].Reasons = []checks.Reason{{Kind: checks.ReasonFile}}
			}
		}
		name := rapid.SampledFrom(jobs).Draw(t, "named").Package.Name
		ev := rapid.SampledFrom([]checks.Event{all, this(checks.AggregateName), this(name), rerunFailed()}).Draw(t, "event")
		p, err := plan.Rerun(old, jobs, ev)
		if errors.Is(err, plan.ErrNothingFailed) || errors.Is(err, plan.ErrReplan) {
			for _, j := range jobs {
				if j.State == checks.StateDone && (j.Result.Outcome == failed || j.Result.Outcome == held || j.Result.Outcome == errored) {
					t.Fatalf("%v beside %s, which is %s", err, j.Package.Name, j.Result.Outcome)
				}
			}
			return
		}
		if err != nil || len(p.Jobs) != len(jobs) {
			t.Fatalf("%d jobs of %d, %v", len(p.Jobs), len(jobs), err)
		}
		named := func(n string) bool { return ev.CheckRun != nil && ev.CheckRun.Name == n }
		at := map[string]checks.PlannedJob{}
		for i, j := range p.Jobs {
			n := j.Package.Name
			at[n] = j
			if n[0] == 'x' && j.Carried == nil {
				if !named(n) || (j.Result == nil) != (j.Package.TestType != checks.TestNone) {
					t.Fatalf("%s runs: %v", n, j)
				}
			}
			if n[0] != 'x' && j.Result != nil {
				t.Fatalf("%s does not run: %v", n, j.Result)
			}
			if c := j.Carried; c != nil && (c.State != checks.StateDone || c.CarriedFrom != "old" || j.Result != nil) {
				t.Fatalf("%s is carried as %v", n, c)
			}
			if j.Carried != nil {
				continue
			}
			was := jobs[i].Result.Outcome
			asked := named(n) || ev.Kind == checks.EventAction && (was == failed || was == timedOut || was == errored)
			for _, need := range j.Needs {
				d, ok := at[need]
				switch {
				case !ok:
					t.Fatalf("%s needs %s, which does not come before it", n, need)
				case d.Carried == nil && d.Result == nil:
				case d.Carried == nil:
					t.Fatalf("%s needs %s, which ends at once", n, need)
				case d.Carried.Result.Outcome == passed:
				case asked:
					t.Fatalf("%s is asked for and needs %s, which is carried as %s", n, need, d.Carried.Result.Outcome)
				case !slices.Contains([]checks.Outcome{failed, timedOut, held}, d.Carried.Result.Outcome):
					t.Fatalf("%s needs %s, which is carried as %s", n, need, d.Carried.Result.Outcome)
				}
			}
		}
		if ev.Kind == checks.EventAction {
			for i, j := range p.Jobs {
				if o := jobs[i].Result.Outcome; j.Carried != nil && o != passed && o != skipped && o != neutral && o != unaffected {
					t.Fatalf("%s stays %s", j.Package.Name, o)
				}
			}
		}
	})
}

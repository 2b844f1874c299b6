package report

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
)

// atOnce is a job that ended without being started.
func atOnce(name string, o checks.Outcome, detail string) checks.Job {
	return checks.Job{
		Run: "r1", Package: checks.Package{Name: name, Dir: name, TestType: checks.TestMake}, State: checks.StateDone,
		Finished: noon, Result: checks.Result{Outcome: o, Detail: detail},
	}
}

func passedJob(name string) checks.Job {
	return ended(testJob(name), checks.Result{Outcome: checks.OutcomePassed}, time.Second)
}

func TestPackagesThatWereNotTested(t *testing.T) {
	for _, tt := range []struct {
		name       string
		job        checks.Job
		conclusion checks.Conclusion
		title      string
		summary    string
	}{
		{"unaffected", atOnce("api", checks.OutcomeUnaffected, ""), checks.ConclusionSkipped, "Not affected by this change",
			"This change does not affect `api`. The rules of the branch, or `required` in `loktar.json`, ask for this check on every commit, so it is reported as skipped. A re-run tests the package all the same.\n\n"},
		{"required and not listed", atOnce("gone", checks.OutcomeUnaffected, "`loktar.json` lists no package of that name."), checks.ConclusionSkipped, "Not affected by this change",
			"`loktar.json` lists no package of that name. It is reported as skipped, so that no merge waits for it.\n\n"},
		{"blocked", atOnce("api", checks.OutcomeBlocked, "Not tested. The check `loktar` says why: Merge conflict in 1 file."), checks.ConclusionActionRequired, "Not tested: see loktar",
			"Not tested. The check `loktar` says why: Merge conflict in 1 file.\n\n"},
		{"neutral", atOnce("api", checks.OutcomeNeutral, "The subject says NOBUILD."), checks.ConclusionNeutral, "Not run here",
			"The subject says NOBUILD.\n\n"},
		{"neutral without a word", atOnce("api", checks.OutcomeNeutral, ""), checks.ConclusionNeutral, "Not run here",
			"Nothing was run. This check says nothing about the code, and no merge waits for it.\n\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cr := Package(testRun(), tt.job, base)
			if cr.Status != checks.StatusCompleted || cr.Conclusion != tt.conclusion || cr.Title != tt.title || cr.Actions != nil {
				t.Errorf("got %s, %s, %q, %v; want %s, %q", cr.Status, cr.Conclusion, cr.Title, cr.Actions, tt.conclusion, tt.title)
			}
			if diff := cmp.Diff(tt.summary, cr.Summary); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
		})
	}
}

func TestATimeThatIsNotKnownIsNotSaid(t *testing.T) {
	for outcome, want := range map[checks.Outcome]string{
		checks.OutcomePassed: "Passed", checks.OutcomeFailed: "Failed", checks.OutcomeTimedOut: "Timed out",
	} {
		if got := Package(testRun(), ended(testJob("lib"), checks.Result{Outcome: outcome}, 0), base).Title; got != want {
			t.Errorf("%s: %q, want %q", outcome, got, want)
		}
	}
}

func TestAggregateOfOutcomes(t *testing.T) {
	passed, unaffected := passedJob("lib"), atOnce("api", checks.OutcomeUnaffected, "")
	skipped, neutral := atOnce("web", checks.OutcomeSkipped, "The subject says NOBUILD."), atOnce("doc", checks.OutcomeNeutral, "It passed before.")
	blocked, failed := atOnce("cli", checks.OutcomeBlocked, "Why."), ended(testJob("bad"), checks.Result{Outcome: checks.OutcomeFailed}, time.Second)
	for _, tt := range []struct {
		name       string
		jobs       []checks.Job
		conclusion checks.Conclusion
		title      string
	}{
		{"none", nil, checks.ConclusionSuccess, "No package is affected"},
		{"unaffected alone", []checks.Job{unaffected}, checks.ConclusionSuccess, "No package is affected"},
		{"passed beside unaffected", []checks.Job{unaffected, passed, unaffected}, checks.ConclusionSuccess, "1 package passed in 2.0 s"},
		{"failed beside unaffected", []checks.Job{unaffected, failed}, checks.ConclusionFailure, "bad failed"},
		{"skipped beside unaffected", []checks.Job{unaffected, skipped}, checks.ConclusionSkipped, "1 skipped"},
		{"neutral beside skipped", []checks.Job{skipped, neutral, unaffected}, checks.ConclusionNeutral, "1 neutral, 1 skipped"},
		{"neutral beside passed", []checks.Job{passed, neutral}, checks.ConclusionSuccess, "1 neutral, 1 passed"},
		{"blocked beside passed", []checks.Job{passed, blocked}, checks.ConclusionActionRequired, "1 not tested, 1 passed"},
		{"failed beside all", []checks.Job{passed, blocked, neutral, skipped, unaffected, failed}, checks.ConclusionFailure, "bad failed, 1 not tested, 1 neutral, 1 skipped, 1 passed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			run := testRun()
			run.Finished = noon.Add(2 * time.Second)
			cr := Aggregate(run, tt.jobs, base)
			if cr.Conclusion != tt.conclusion || cr.Title != tt.title {
				t.Errorf("%s %q, want %s %q", cr.Conclusion, cr.Title, tt.conclusion, tt.title)
			}
			run.Verdict = &checks.Verdict{Conclusion: checks.ConclusionNeutral, Title: "No word", Summary: "Nothing.\n"}
			cr = Aggregate(run, tt.jobs, base)
			if cr.Conclusion != checks.ConclusionNeutral || cr.Title != "No word" || !strings.HasPrefix(cr.Summary, "Nothing.\n") {
				t.Errorf("with a verdict: %s %q %q", cr.Conclusion, cr.Title, cr.Summary)
			}
		})
	}
}

func TestUnaffectedJobsAreToldInOneLine(t *testing.T) {
	run := testRun()
	run.Finished = noon.Add(2 * time.Second)
	jobs := []checks.Job{atOnce("web", checks.OutcomeUnaffected, ""), passedJob("lib"), atOnce("doc", checks.OutcomeNeutral, "It has an `older` check."), atOnce("cli", checks.OutcomeUnaffected, "")}
	want := "**Tested:** `abcdef0` merged into `main` at `0123456`\n\n" +
		"| Package | Result | Why | Time |\n| --- | --- | --- | ---: |\n" +
		"| [doc](https://ci.example.org/runs/r1/doc) | ⚪ not run here | It has an `older` check. |  |\n" +
		"| [lib](https://ci.example.org/runs/r1/lib) | ✅ passed | libs/lib changed: main.py and 2 more | 1.0 s |\n\n" +
		"<details><summary>2 required packages not affected: reported as skipped</summary>\n\n" +
		"Their checks are required, and this change does not affect them: `web`, `cli`\n\n</details>\n\n"
	if diff := cmp.Diff(want, Aggregate(run, jobs, base).Summary); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

func TestVerdictIsFollowedByRemarks(t *testing.T) {
	run := testRun()
	run.Finished = noon
	run.Verdict = &checks.Verdict{Conclusion: checks.ConclusionSuccess, Title: "No package is affected", Summary: "This change touches 1 file.\n"}
	run.Remarks = []string{"bob asked for a re-run, and may not write here"}
	cr := Aggregate(run, []checks.Job{atOnce("web", checks.OutcomeUnaffected, "")}, base)
	want := "This change touches 1 file.\n\n" +
		"<details><summary>1 required package not affected: reported as skipped</summary>\n\n" +
		"Their checks are required, and this change does not affect them: `web`\n\n</details>\n\n" +
		"\n> ℹ️ bob asked for a re-run, and may not write here\n\n"
	if diff := cmp.Diff(want, cr.Summary); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	if run.Finished = (time.Time{}); Aggregate(run, nil, base).Conclusion != "" {
		t.Error("a run that goes on has a conclusion")
	}
}

func TestActions(t *testing.T) {
	verdict := func(offer checks.ActionID) *checks.Verdict {
		return &checks.Verdict{Conclusion: checks.ConclusionActionRequired, Title: "x", Summary: "x", Offer: offer}
	}
	for _, tt := range []struct {
		name    string
		going   bool
		verdict *checks.Verdict
		outcome checks.Outcome
		want    checks.ActionID
	}{
		{"going on", true, nil, checks.OutcomeFailed, checks.ActionCancel},
		{"passed", false, nil, checks.OutcomePassed, ""},
		{"failed", false, nil, checks.OutcomeFailed, checks.ActionRerunFailed},
		{"timed out", false, nil, checks.OutcomeTimedOut, checks.ActionRerunFailed},
		{"errored", false, nil, checks.OutcomeErrored, checks.ActionRerunFailed},
		{"held back", false, nil, checks.OutcomeHeldBack, checks.ActionRerunFailed},
		{"superseded", false, nil, checks.OutcomeSuperseded, checks.ActionRerunFailed},
		{"cancelled", false, nil, checks.OutcomeCancelled, checks.ActionRerunFailed},
		{"skipped", false, nil, checks.OutcomeSkipped, ""},
		{"unaffected", false, nil, checks.OutcomeUnaffected, ""},
		{"blocked", false, nil, checks.OutcomeBlocked, ""},
		{"neutral", false, nil, checks.OutcomeNeutral, ""},
		{"a verdict with an offer", false, verdict(checks.ActionApprove), checks.OutcomeBlocked, checks.ActionApprove},
		{"another", false, verdict(checks.ActionRun), checks.OutcomeBlocked, checks.ActionRun},
		{"a verdict without", false, verdict(""), checks.OutcomeBlocked, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			run := testRun()
			if run.Verdict = tt.verdict; !tt.going {
				run.Finished = noon
			}
			var got checks.ActionID
			if all := Aggregate(run, []checks.Job{passedJob("ok"), atOnce("a", tt.outcome, "")}, base).Actions; len(all) == 1 {
				got = all[0].ID
			} else if len(all) > 1 {
				t.Errorf("%d buttons", len(all))
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

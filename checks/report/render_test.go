package report

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
)

const base = "https://ci.example.org"

var noon = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)

func testRun() checks.Run {
	repo := checks.Repo{ID: 1, Owner: "acme", Name: "pets"}
	return checks.Run{
		ID: "r1", Seq: 1, Installation: 7, Repo: repo, Trigger: "pull_request.opened",
		PullRequest: &checks.PullRequest{Number: 3, Head: checks.Ref{SHA: "abcdef0123", Branch: "topic", Repo: repo}, Base: checks.Ref{Branch: "main", Repo: repo}},
		HeadSHA:     "abcdef0123", BaseSHA: "0123456789", Tree: "feed", Created: noon,
	}
}

func testJob(name string, needs ...string) checks.Job {
	return checks.Job{
		Run: "r1", Package: checks.Package{Name: name, Dir: "libs/" + name, TestType: checks.TestMake}, Needs: needs, State: checks.StateQueued,
		Reasons: []checks.Reason{{Kind: checks.ReasonFile, Dir: "libs/" + name, Subject: "main.py", More: 2}},
	}
}

func ended(j checks.Job, r checks.Result, took time.Duration) checks.Job {
	j.State, j.Result, j.Started, j.Finished, j.Attempt = checks.StateDone, r, noon, noon.Add(took), 1
	return j
}

func TestPackage(t *testing.T) {
	held := testJob("api", "lib")
	held.State, held.Finished = checks.StateDone, noon
	held.Result = checks.Result{Outcome: checks.OutcomeHeldBack, Blame: "lib"}
	running := testJob("lib")
	running.State, running.Started, running.Attempt = checks.StateRunning, noon, 2

	for _, tt := range []struct {
		name       string
		job        checks.Job
		status     checks.Status
		conclusion checks.Conclusion
		title      string
		summary    string
	}{
		{"queued", testJob("api", "lib"), checks.StatusQueued, "", "Waiting for its turn",
			"**Why it will run:** libs/api changed: main.py and 2 more\n\n**Waits for:** `lib`\n\n"},
		{"running again", running, checks.StatusInProgress, "", "Running make ci",
			"**Why it runs:** libs/lib changed: main.py and 2 more\n\n**Tested:** `abcdef0` merged into `main` at `0123456`\n\n**Attempt:** 2. Earlier ones were lost through no fault of the code.\n\n[Open the log](https://ci.example.org/runs/r1/lib)\n"},
		{"passed", ended(testJob("lib"), checks.Result{Outcome: checks.OutcomePassed}, 65*time.Second), checks.StatusCompleted, checks.ConclusionSuccess, "Passed in 1 min 5 s",
			"**Why it ran:** libs/lib changed: main.py and 2 more\n\n**Tested:** `abcdef0` merged into `main` at `0123456`\n\n[Open the log](https://ci.example.org/runs/r1/lib)\n"},
		{"failed", ended(testJob("lib"), checks.Result{Outcome: checks.OutcomeFailed, ExitCode: 2, Detail: "`make ci` exited with 2."}, time.Second), checks.StatusCompleted, checks.ConclusionFailure, "Failed after 1.0 s",
			"`make ci` exited with 2.\n\n**Why it ran:** libs/lib changed: main.py and 2 more\n\n**Tested:** `abcdef0` merged into `main` at `0123456`\n\n[Open the log](https://ci.example.org/runs/r1/lib)\n"},
		{"our fault", ended(testJob("lib"), checks.Result{Outcome: checks.OutcomeErrored, Detail: "The disk is full."}, 0), checks.StatusCompleted, checks.ConclusionActionRequired, "Loktar could not run this",
			"**This is a fault of the server, not of the code.** The disk is full.\n\nPress Re-run when it is mended.\n\n**Why it ran:** libs/lib changed: main.py and 2 more\n\n**Tested:** `abcdef0` merged into `main` at `0123456`\n\n[Open the log](https://ci.example.org/runs/r1/lib)\n"},
		{"held back", held, checks.StatusCompleted, checks.ConclusionCancelled, "Not run: lib did not pass",
			"`api` depends on [lib](https://ci.example.org/runs/r1/lib), which did not pass. A re-run of `lib` runs this too.\n\n**Why it should have run:** libs/api changed: main.py and 2 more\n\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cr := Package(testRun(), tt.job, base)
			if cr.Status != tt.status || cr.Conclusion != tt.conclusion || cr.Title != tt.title {
				t.Errorf("got %s, %s, %q; want %s, %s, %q", cr.Status, cr.Conclusion, cr.Title, tt.status, tt.conclusion, tt.title)
			}
			if diff := cmp.Diff(tt.summary, cr.Summary); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
			if want := (checks.CheckKey{Run: "r1", Name: tt.job.Package.Name}); cr.Key != want || cr.HeadSHA != "abcdef0123" || cr.Installation != 7 {
				t.Errorf("key %v, head %s, installation %d", cr.Key, cr.HeadSHA, cr.Installation)
			}
		})
	}
}

func TestAggregate(t *testing.T) {
	run := testRun()
	run.Unaffected = []string{"web"}
	run.Unowned, run.UnownedCount = []string{"README.md"}, 1
	run.Warnings = []string{"loktar.json:4:5: services are not started yet"}
	lib := ended(testJob("lib"), checks.Result{Outcome: checks.OutcomeFailed, ExitCode: 2}, 12*time.Second)
	held := testJob("api", "lib")
	held.Reasons = []checks.Reason{{Kind: checks.ReasonDependency, Subject: "lib"}}
	held.State, held.Result = checks.StateDone, checks.Result{Outcome: checks.OutcomeHeldBack, Blame: "lib"}
	ok := ended(testJob("doc"), checks.Result{Outcome: checks.OutcomePassed}, 3*time.Second)

	cr := Aggregate(run, []checks.Job{ok, testJob("x"), lib}, base)
	if cr.Status != checks.StatusInProgress || cr.Conclusion != "" || cr.Title != "2 of 3 packages done, 1 failed" {
		t.Errorf("unfinished: %s %s %q", cr.Status, cr.Conclusion, cr.Title)
	}

	run.Finished = noon.Add(15 * time.Second)
	cr = Aggregate(run, []checks.Job{ok, lib, held}, base)
	if cr.Status != checks.StatusCompleted || cr.Conclusion != checks.ConclusionFailure || cr.Title != "lib failed, 1 not run, 1 passed" {
		t.Errorf("finished: %s %s %q", cr.Status, cr.Conclusion, cr.Title)
	}
	want := "**Tested:** `abcdef0` merged into `main` at `0123456`\n\n" +
		"> ⚠️ loktar.json:4:5: services are not started yet\n\n" +
		"| Package | Result | Why | Time |\n| --- | --- | --- | ---: |\n" +
		"| [lib](https://ci.example.org/runs/r1/lib) | ❌ failed | libs/lib changed: main.py and 2 more | 12 s |\n" +
		"| [api](https://ci.example.org/runs/r1/api) | ⏸️ not run: lib did not pass | depends on lib |  |\n" +
		"| [doc](https://ci.example.org/runs/r1/doc) | ✅ passed | libs/doc changed: main.py and 2 more | 3.0 s |\n\n" +
		"<details><summary>1 package not affected</summary>\n\nNot affected, so not run: `web`\n\n</details>\n\n" +
		"<details><summary>1 changed file in no package</summary>\n\nThese changed files are in no package and affect nothing. A glob in `global_inputs` or a package's `inputs` would change that.\n\n- `README.md`\n\n</details>\n\n"
	if diff := cmp.Diff(want, cr.Summary); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

func TestConclusionIsTheWorst(t *testing.T) {
	passed := ended(testJob("a"), checks.Result{Outcome: checks.OutcomePassed}, time.Second)
	for _, tt := range []struct {
		outcome checks.Outcome
		want    checks.Conclusion
	}{
		{checks.OutcomePassed, checks.ConclusionSuccess},
		{checks.OutcomeFailed, checks.ConclusionFailure},
		{checks.OutcomeTimedOut, checks.ConclusionFailure},
		{checks.OutcomeErrored, checks.ConclusionActionRequired},
		{checks.OutcomeSuperseded, checks.ConclusionCancelled},
		{checks.OutcomeCancelled, checks.ConclusionCancelled},
	} {
		run := testRun()
		run.Finished = noon
		cr := Aggregate(run, []checks.Job{passed, ended(testJob("b"), checks.Result{Outcome: tt.outcome}, time.Second)}, base)
		if cr.Conclusion != tt.want {
			t.Errorf("%s: %s, want %s", tt.outcome, cr.Conclusion, tt.want)
		}
	}
}

func TestSkipped(t *testing.T) {
	run := testRun()
	run.Finished = noon
	run.Notes = []string{"api is not pulled in: every commit to lib bears only DOC"}
	j := testJob("lib")
	j.State, j.Finished = checks.StateDone, noon
	j.Result = checks.Result{Outcome: checks.OutcomeSkipped, Detail: "The subject says NOBUILD."}
	cr := Aggregate(run, []checks.Job{j}, base)
	if cr.Conclusion != checks.ConclusionSkipped || cr.Title != "1 skipped" || !strings.HasPrefix(cr.Summary, "The subject says NOBUILD.\n") ||
		!strings.Contains(cr.Summary, "bears only DOC") {
		t.Errorf("%s %q\n%s", cr.Conclusion, cr.Title, cr.Summary)
	}
	// One of them run again stands beside the others that were not.
	passed := ended(testJob("api"), checks.Result{Outcome: checks.OutcomePassed}, time.Second)
	cr = Aggregate(run, []checks.Job{j, passed}, base)
	if cr.Conclusion != checks.ConclusionSuccess || cr.Title != "1 skipped, 1 passed" {
		t.Errorf("%s %q", cr.Conclusion, cr.Title)
	}
	if p := Package(run, j, base); p.Conclusion != checks.ConclusionSkipped || p.Title != "Skipped, as the commit asks" {
		t.Errorf("%s %q", p.Conclusion, p.Title)
	}
}

// A run of thousands of packages with long names and paths stays inside
// GitHub's bound, shows what failed, and counts what it leaves out.
func TestAggregateStaysInsideTheBound(t *testing.T) {
	run := testRun()
	run.Finished = noon
	var jobs []checks.Job
	for i := range 5000 {
		j := testJob(fmt.Sprintf("%s-%04d", strings.Repeat("p", 90), i))
		j.Reasons[0].Subject = strings.Repeat("|`<é", 500)
		o := checks.OutcomePassed
		if i == 4999 {
			o = checks.OutcomeFailed
		}
		jobs = append(jobs, ended(j, checks.Result{Outcome: o}, time.Second))
		run.Unaffected = append(run.Unaffected, j.Package.Name)
		run.Unowned = append(run.Unowned, strings.Repeat("é|", 2000))
		run.Warnings = append(run.Warnings, strings.Repeat("w", 3000))
	}
	run.UnownedCount = 123456
	cr := Aggregate(run, jobs, base)
	if n := utf8.RuneCountInString(cr.Summary); n > 65535 {
		t.Errorf("the summary has %d characters", n)
	}
	for _, want := range []string{"p-4999](", "more packages. The [run's page](", "123,456 changed files in no package"} {
		if !strings.Contains(cr.Summary, want) {
			t.Errorf("the summary lacks %q", want)
		}
	}
}

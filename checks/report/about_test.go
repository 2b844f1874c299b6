package report

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
)

func TestTested(t *testing.T) {
	pull := testRun()
	noBase := testRun()
	noBase.BaseSHA = ""
	of := func(change func(*checks.Run)) checks.Run {
		r := testRun()
		r.PullRequest = nil
		change(&r)
		return r
	}
	for _, tt := range []struct {
		name string
		run  checks.Run
		want string
	}{
		{"pull request", pull, "`abcdef0` merged into `main` at `0123456`"},
		{"pull request, base unknown", noBase, "`abcdef0`"},
		{"branch", of(func(r *checks.Run) { r.Push = &checks.Push{Ref: "refs/heads/release/1"} }), "`abcdef0` on `release/1`"},
		{"new branch", of(func(r *checks.Run) { r.BaseSHA, r.Push = "", &checks.Push{Ref: "refs/heads/main"} }), "`abcdef0` on `main`"},
		{"tag", of(func(r *checks.Run) { r.Push = &checks.Push{Ref: "refs/tags/v1"} }), "`abcdef0`, the tag `v1`"},
		{"other ref", of(func(r *checks.Run) { r.Push = &checks.Push{Ref: "refs/notes/x"} }), "`abcdef0` at `refs/notes/x`"},
		{"merge group", of(func(r *checks.Run) { r.MergeGroup = &checks.MergeGroup{BaseRef: "refs/heads/main"} }), "`abcdef0` in the merge queue of `main`"},
		{"nothing known", checks.Run{HeadSHA: "abc"}, "`abc`"},
		{"hostile branch", of(func(r *checks.Run) { r.Push = &checks.Push{Ref: "refs/heads/a|`<b>"} }), "`abcdef0` on <code>a&#124;&#96;&#60;b&#62;</code>"},
	} {
		if got := tested(tt.run); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestMergeGroup(t *testing.T) {
	run := testRun()
	run.PullRequest, run.MergeGroup = nil, &checks.MergeGroup{HeadRef: "refs/heads/gh-readonly-queue/main/pr-3", BaseRef: "refs/heads/main"}
	cr := Aggregate(run, []checks.Job{testJob("lib")}, base)
	if cr.Title != "0 of 1 package done (merge queue of main)" || !strings.HasPrefix(cr.Summary, "**Tested:** `abcdef0` in the merge queue of `main`\n\n") {
		t.Errorf("%q\n%s", cr.Title, cr.Summary)
	}
	if p := Package(run, passedJob("lib"), base); !strings.Contains(p.Summary, "in the merge queue of `main`") {
		t.Errorf("the package says\n%s", p.Summary)
	}
}

// TestWhoAsked is the top of an aggregate with all that there is to say.
func TestWhoAsked(t *testing.T) {
	run := testRun()
	run.Finished = noon.Add(time.Second)
	run.RerunOf, run.Trigger, run.Sender = "r0", "check_run.requested_action", checks.User{ID: 2, Login: "bob"}
	run.Approved, run.Outdated = &checks.User{ID: 1, Login: "ann"}, "fedcba987"
	run.PullRequest.Head.Repo.ID = 9
	run.Warnings = []string{"first", "second"}
	run.Remarks = []string{"@eve asked for a re-run: [x](y)", "again"}
	outdated := "> This commit is outdated: the pull request is at `fedcba9` now. What is reported here does not count there.\n\n"

	cr := Aggregate(run, []checks.Job{passedJob("lib")}, base)
	want := outdated + "**Tested:** `abcdef0` merged into `main` at `0123456`\n\n" +
		"**Re-run:** asked for by bob (the \"Re-run failed\" button)\n\n" +
		"**From a fork:** this exact commit was approved by ann. Its steps have no secrets.\n\n" +
		"> ⚠️ first\n>\n> ⚠️ second\n\n" +
		"| Package | Result | Why | Time |\n| --- | --- | --- | ---: |\n" +
		"| [lib](https://ci.example.org/runs/r1/lib) | ✅ passed | libs/lib changed: main.py and 2 more | 1.0 s |\n\n" +
		"\n> ℹ️ @&#8203;eve asked for a re-run: \\[x\\](y)\n>\n> ℹ️ again\n\n"
	if diff := cmp.Diff(want, cr.Summary); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	if cr.Title != "1 package passed in 1.0 s (outdated commit)" {
		t.Errorf("title %q", cr.Title)
	}
	if p := Package(run, passedJob("lib"), base); !strings.HasPrefix(p.Summary, outdated) {
		t.Errorf("the package says\n%s", p.Summary)
	}

	run.Verdict = &checks.Verdict{Conclusion: checks.ConclusionFailure, Title: strings.Repeat("long ", 60), Summary: "Git cannot merge them.\n"}
	cr = Aggregate(run, nil, base)
	if n := len([]rune(cr.Title)); n != maxTitle || !strings.HasSuffix(cr.Title, "… (outdated commit)") {
		t.Errorf("title of %d: %q", n, cr.Title)
	}
	want = outdated + "**Re-run:** asked for by bob (the \"Re-run failed\" button)\n\n" +
		"**From a fork:** this exact commit was approved by ann. Its steps have no secrets.\n\n" +
		"Git cannot merge them.\n\n> ℹ️ @&#8203;eve asked for a re-run: \\[x\\](y)\n>\n> ℹ️ again\n\n"
	if diff := cmp.Diff(want, cr.Summary); diff != "" {
		t.Errorf("summary of a verdict (-want +got):\n%s", diff)
	}
}

func TestAsked(t *testing.T) {
	for _, tt := range []struct {
		trigger, login, want string
	}{
		{"check_run.rerequested", "ann", "**Re-run:** asked for by ann (a re-run of one check)\n\n"},
		{"check_suite.rerequested", "ann", "**Re-run:** asked for by ann (a re-run of all checks)\n\n"},
		{"issue_comment.created", "@eve*", "**Re-run:** asked for by @&#8203;eve\\* (a comment)\n\n"},
		{"", "", "**Re-run:** asked for by somebody\n\n"},
	} {
		if got := asked(checks.Run{RerunOf: "r0", Trigger: tt.trigger, Sender: checks.User{Login: tt.login}}); got != tt.want {
			t.Errorf("%s by %s: %q, want %q", tt.trigger, tt.login, got, tt.want)
		}
	}
	if got := asked(testRun()); got != "" {
		t.Errorf("a first run says %q", got)
	}
}

func TestFork(t *testing.T) {
	run := testRun()
	if got := fork(run); got != "" {
		t.Errorf("a branch of ours: %q", got)
	}
	run.PullRequest.Head.Repo.ID = 9
	if got := fork(run); got != "**From a fork:** its steps have no secrets.\n\n" {
		t.Errorf("not approved: %q", got)
	}
	run.Verdict = &checks.Verdict{}
	if got := fork(run); got != "" {
		t.Errorf("a verdict: %q", got)
	}
}

func TestOnlyTheNewestRemarksAreListed(t *testing.T) {
	run := checks.Run{Remarks: strings.Split("abcdefghijkl", "")}
	if got := remarks(run); strings.Count(got, "ℹ️") != checks.MaxRemarks || !strings.Contains(got, "l\n") || strings.Contains(got, " b\n") {
		t.Errorf("remarks:\n%s", got)
	}
}

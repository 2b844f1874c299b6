package report

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
)

var outcomes = []checks.Outcome{
	checks.OutcomePassed, checks.OutcomeFailed, checks.OutcomeTimedOut, checks.OutcomeErrored, checks.OutcomeHeldBack, checks.OutcomeSuperseded,
	checks.OutcomeCancelled, checks.OutcomeSkipped, checks.OutcomeUnaffected, checks.OutcomeBlocked, checks.OutcomeNeutral,
}

// words is hostile text, at times long.
var words = rapid.Custom(func(t *rapid.T) string {
	s := rapid.SampledFrom([]string{"", "ann", "@#", "<b>", "`", "``` \n", "|", "</details>", "-->", "é\u202e\xff", "[a](b)"}).Draw(t, "word")
	return strings.Repeat(s, rapid.SampledFrom([]int{1, 1, 3, 5000}).Draw(t, "times"))
})

var lists = rapid.Custom(func(t *rapid.T) []string {
	out := rapid.SliceOfN(words, 0, 3).Draw(t, "list")
	for range rapid.SampledFrom([]int{0, 0, 0, 200}).Draw(t, "more") {
		out = append(out, out...)
		if len(out) > 200 {
			break
		}
	}
	return out
})

var users = rapid.Custom(func(t *rapid.T) checks.User {
	return checks.User{ID: rapid.Int64Range(0, 2).Draw(t, "id"), Login: words.Draw(t, "login")}
})

var anyJob = rapid.Custom(func(t *rapid.T) checks.Job {
	j := testJob(fmt.Sprintf("p%d", rapid.IntRange(0, 1e6).Draw(t, "name")))
	j.State = rapid.SampledFrom([]checks.State{checks.StateQueued, checks.StateRunning, checks.StateDone, checks.StateDone, checks.StateDone}).Draw(t, "state")
	if j.State != checks.StateQueued && rapid.Bool().Draw(t, "started") {
		j.Started = noon
	}
	if j.State == checks.StateDone {
		j.Finished = noon.Add(time.Minute)
		j.Result = checks.Result{Outcome: rapid.SampledFrom(outcomes).Draw(t, "outcome"), Detail: words.Draw(t, "detail"), Blame: words.Draw(t, "blame")}
	}
	if rapid.Bool().Draw(t, "without reasons") {
		j.Reasons = nil
	} else {
		j.Reasons[0].Subject = words.Draw(t, "subject")
	}
	return j
})

var anyRun = rapid.Custom(func(t *rapid.T) checks.Run {
	run := testRun()
	run.Trigger = rapid.SampledFrom([]string{"push", "check_run.requested_action", "issue_comment.created", "<b>"}).Draw(t, "trigger")
	run.Sender = users.Draw(t, "sender")
	run.RerunOf = rapid.SampledFrom([]string{"", "r0"}).Draw(t, "rerun of")
	run.Outdated = rapid.SampledFrom([]string{"", "fedcba"}).Draw(t, "outdated")
	run.BaseSHA = rapid.SampledFrom([]string{"", "fedcba"}).Draw(t, "base")
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 0:
		run.PullRequest, run.Push = nil, &checks.Push{Ref: "refs/heads/" + words.Draw(t, "ref")}
	case 1:
		run.PullRequest, run.MergeGroup = nil, &checks.MergeGroup{BaseRef: words.Draw(t, "base ref")}
	}
	if rapid.Bool().Draw(t, "approved") {
		by := users.Draw(t, "approved by")
		run.Approved = &by
	}
	if rapid.Bool().Draw(t, "verdict") {
		run.Verdict = &checks.Verdict{
			Conclusion: rapid.SampledFrom([]checks.Conclusion{checks.ConclusionSuccess, checks.ConclusionFailure, checks.ConclusionNeutral}).Draw(t, "conclusion"),
			Title:      words.Draw(t, "title"), Summary: words.Draw(t, "summary"),
			Offer: rapid.SampledFrom([]checks.ActionID{"", "odd", checks.ActionRun, checks.ActionApprove}).Draw(t, "offer"),
		}
	}
	run.Warnings, run.Notes, run.Remarks = lists.Draw(t, "warnings"), lists.Draw(t, "notes"), lists.Draw(t, "remarks")
	run.Unaffected, run.Unowned = lists.Draw(t, "unaffected"), lists.Draw(t, "unowned")
	run.UnownedCount, run.Ignored = len(run.Unowned), rapid.IntRange(0, 9).Draw(t, "ignored")
	return run
})

func TestAnyRunFitsWhatGitHubTakes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		run, jobs := anyRun.Draw(t, "run"), rapid.SliceOfN(anyJob, 0, 12).Draw(t, "jobs")
		done, red := true, false
		for _, j := range jobs {
			done = done && j.State == checks.StateDone
			red = red || j.Result.Outcome == checks.OutcomeFailed || j.Result.Outcome == checks.OutcomeTimedOut
			within(t, Package(run, j, base))
		}
		if run.Finished = (time.Time{}); done {
			run.Finished = noon.Add(time.Hour)
		}
		cr := Aggregate(run, jobs, base)
		within(t, cr)
		if (cr.Status == checks.StatusCompleted) != done || (cr.Conclusion != "") != done {
			t.Fatalf("status %s, conclusion %q of a run with done=%v", cr.Status, cr.Conclusion, done)
		}
		switch {
		case !done:
		case run.Verdict != nil:
			if cr.Conclusion != run.Verdict.Conclusion {
				t.Fatalf("%s, and the verdict is %s", cr.Conclusion, run.Verdict.Conclusion)
			}
		case red && cr.Conclusion != checks.ConclusionFailure:
			t.Fatalf("%s while a job failed", cr.Conclusion)
		case cr.Conclusion == checks.ConclusionSuccess:
			for _, j := range jobs {
				switch j.Result.Outcome {
				case checks.OutcomePassed, checks.OutcomeUnaffected, checks.OutcomeSkipped, checks.OutcomeNeutral:
				default:
					t.Fatalf("success while %s %s", j.Package.Name, j.Result.Outcome)
				}
			}
		}
		if run.Verdict == nil && len(run.Remarks) > 0 && !strings.Contains(cr.Summary, "> ℹ️") {
			t.Fatal("the remarks are not told")
		}
		if open, shut := strings.Count("\n"+cr.Summary, "\n<details><summary>"), strings.Count(cr.Summary, "\n</details>\n"); run.Verdict == nil && open != shut {
			t.Fatalf("%d lists are opened, %d are closed", open, shut)
		}
	})
}

// within fails unless GitHub takes cr.
func within(t *rapid.T, cr checks.CheckRun) {
	if n := utf8.RuneCountInString(cr.Summary); n > 65535 {
		t.Fatalf("the summary of %s has %d characters", cr.Key, n)
	}
	if n := utf8.RuneCountInString(cr.Title); n > 255 && cr.Key.Name == checks.AggregateName {
		t.Fatalf("the title of %s has %d characters", cr.Key, n)
	}
	if n := utf8.RuneCountInString(cr.Text); n > 65535 {
		t.Fatalf("the text of %s has %d characters", cr.Key, n)
	}
	if len(cr.Actions) > 3 {
		t.Fatalf("%d buttons", len(cr.Actions))
	}
	for _, a := range cr.Actions {
		if len(a.ID) == 0 || len(a.ID) > 20 || len(a.Label) == 0 || len(a.Label) > 20 || len(a.Description) == 0 || len(a.Description) > 40 {
			t.Fatalf("button %+v", a)
		}
	}
}

package report

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
)

var update = flag.Bool("update", false, "write the golden file anew")

// outcomeOf is the outcome that goes with a cause.
func outcomeOf(c checks.Cause) checks.Outcome {
	switch c {
	case checks.CauseMemory, checks.CauseDiskLimit, checks.CauseLogLimit, checks.CauseSignal, checks.CauseEntry, checks.CauseService:
		return checks.OutcomeFailed
	case checks.CauseFlaky:
		return checks.OutcomePassed
	case checks.CauseNewer:
		return checks.OutcomeSuperseded
	case checks.CausePerson, checks.CauseClosed, checks.CauseBranchGone, checks.CauseTagGone, checks.CauseGroupGone, checks.CauseGroupMerged,
		checks.CauseLost, checks.CauseShutdown:
		return checks.OutcomeCancelled
	}
	return checks.OutcomeErrored
}

// TestEveryEndIsToldApart renders all ends of a job, each with what its check
// then says, and holds them against testdata/ends.golden. No two have one type,
// or one title.
func TestEveryEndIsToldApart(t *testing.T) {
	results := []checks.Result{
		{Outcome: checks.OutcomePassed}, {Outcome: checks.OutcomeFailed, ExitCode: 2}, {Outcome: checks.OutcomeTimedOut},
		{Outcome: checks.OutcomeErrored}, {Outcome: checks.OutcomeHeldBack, Blame: "web"}, {Outcome: checks.OutcomeCancelled},
		{Outcome: checks.OutcomeSkipped}, {Outcome: checks.OutcomeUnaffected}, {Outcome: checks.OutcomeBlocked}, {Outcome: checks.OutcomeNeutral},
	}
	for _, c := range checks.Causes() {
		r := checks.Result{Outcome: outcomeOf(c), Cause: c}
		switch c {
		case checks.CauseSignal:
			r.ExitCode = 137
		case checks.CausePerson:
			r.By = "ann"
		}
		results = append(results, r)
	}
	var b strings.Builder
	types, titles := map[string]bool{}, map[string]bool{}
	for _, r := range results {
		r.Detail = "DETAIL"
		j := ended(testJob("lib"), r, 12*time.Second)
		j.Reasons, j.Package.Image = nil, "golang:1.26"
		if r.Cause == checks.CauseFlaky {
			j.Attempt = 2
		}
		cr := Package(testRun(), j, base)
		kind := fmt.Sprintf("%s/%s", r.Outcome, cmp.Or(r.Cause, "-"))
		if types[kind] || titles[cr.Title] {
			t.Errorf("another end is told as %s, %q too", kind, cr.Title)
		}
		types[kind], titles[cr.Title] = true, true
		text, _, _ := strings.Cut(cr.Summary, "\n\n**Tested:**")
		fmt.Fprintf(&b, "%s -> %s\n  %s\n  %s\n  %s\n", kind, cr.Conclusion, cr.Title, word(j), strings.ReplaceAll(text, "\n\n", "\n  "))
	}
	const file = "testdata/ends.golden"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(string(want), b.String()); d != "" {
		t.Errorf("(-want +got; -update writes it anew)\n%s", d)
	}
}

// TestEveryWaitIsToldApart renders a job that waits, for each reason.
func TestEveryWaitIsToldApart(t *testing.T) {
	until := noon.Add(4 * time.Second)
	for title, c := range map[string]struct {
		wait *checks.Wait
		text string
	}{
		"Waiting for its turn":                           {nil, ""},
		"Waiting: the last attempt found something away": {&checks.Wait{Why: "No registry.", Since: noon, Until: until}, "No registry. It waits since Jan 2, 12:00:00 UTC, was tried 2 times and is tried again after Jan 2, 12:00:04 UTC. Nobody has to do anything.\n\n"},
		"Waiting for the server: it was shut down":       {&checks.Wait{Cause: checks.CauseShutdown, Why: "The server was shut down while this ran."}, "The server was shut down while this ran. It runs again when the server is up. Nobody has to do anything here.\n\n"},
		"Waiting for the container engine":               {&checks.Wait{Cause: checks.CauseEngineLost, Why: "No engine."}, "No engine. It runs again by itself when the engine answers.\n\n"},
		"Tried again soon: attempt 2 could not be run":   {&checks.Wait{Attempt: checks.OutcomeErrored, Cause: checks.CauseDiskFull, Why: "Full.", Until: until}, "Full. Attempt 3 of 4 at most follows after Jan 2, 12:00:04 UTC.\n\n"},
		"Tried again soon: attempt 2 failed":             {&checks.Wait{Attempt: checks.OutcomeFailed, Why: "Red.", Until: until}, "Red. Attempt 3 of 4 at most follows after Jan 2, 12:00:04 UTC.\n\n"},
		"Tried again soon: attempt 2 timed out":          {&checks.Wait{Attempt: checks.OutcomeTimedOut, Why: "Late.", Until: until}, "Late. Attempt 3 of 4 at most follows after Jan 2, 12:00:04 UTC.\n\n"},
	} {
		j := testJob("lib")
		j.Reasons, j.Wait, j.Attempt, j.Faults, j.Package.Retries = nil, c.wait, 2, 2, 3
		cr := Package(testRun(), j, base)
		if cr.Status != checks.StatusQueued || cr.Title != title || cr.Summary != c.text {
			t.Errorf("%s, %q, %q; want %q, %q", cr.Status, cr.Title, cr.Summary, title, c.text)
		}
	}
}

func TestAttemptsAreTold(t *testing.T) {
	j := ended(testJob("lib"), checks.Result{Outcome: checks.OutcomePassed, Cause: checks.CauseFlaky}, time.Second)
	j.Attempt, j.Reds = 3, 1
	cr := Package(testRun(), j, base)
	want := "**Attempt:** 3. 1 earlier one failed, and `retry_failures` has that repeated. What passes only then stands for no later run. Others were lost through no fault of the code.\n\n"
	if cr.Title != "Passed on attempt 3: flaky" || cr.Conclusion != checks.ConclusionSuccess || !strings.Contains(cr.Summary, want) {
		t.Errorf("%s, %q, %q", cr.Conclusion, cr.Title, cr.Summary)
	}
}

// TestAHostileImageBreaksNoTitle: what loktar.json names is shown as one short
// line.
func TestAHostileImageBreaksNoTitle(t *testing.T) {
	j := ended(testJob("lib"), checks.Result{Outcome: checks.OutcomeErrored, Cause: checks.CauseImageUnknown, Detail: "x"}, time.Second)
	j.Package.Image = "a|b\n\u202e`c`" + strings.Repeat("x", 500)
	cr := Package(testRun(), j, base)
	if len([]rune(cr.Title)) > maxTitle || strings.ContainsAny(cr.Title, "\n\u202e") {
		t.Errorf("%q", cr.Title)
	}
	if w := word(j); strings.ContainsAny(w, "\n\u202e") || strings.Contains(strings.ReplaceAll(w, `\|`, ""), "|") {
		t.Errorf("%q breaks the table", w)
	}
}

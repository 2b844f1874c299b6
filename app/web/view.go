package web

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/dudesons/loktar/checks"
)

// state is how a job or a run stands, for its badge and for the script.
type state struct {
	Label  string `json:"label"`
	Class  string `json:"class"` // good, bad, ours, busy, wait or none
	Detail string `json:"detail,omitempty"`
	Took   string `json:"took,omitempty"`
}

// stateOf is a job's state and the sentence that goes with it.
func stateOf(j checks.Job) state {
	s := state{Took: duration(j.Duration())}
	switch {
	case j.State == checks.StateQueued:
		s.Label, s.Class, s.Detail = "Waiting", "wait", "It starts when there is a free slot."
		if len(j.Needs) > 0 {
			s.Detail = "It starts when " + list(j.Needs) + " passed and there is a free slot."
		}
		return s
	case j.State == checks.StateRunning && j.Doomed != "":
		s.Label, s.Class, s.Detail = "Stopping", "busy", j.Doom
		return s
	case j.State == checks.StateRunning:
		s.Label, s.Class = "Running", "busy"
		return s
	}
	s.Detail = j.Result.Detail
	var usual string
	switch j.Result.Outcome {
	case checks.OutcomePassed:
		s.Label, s.Class = "Passed", "good"
	case checks.OutcomeFailed:
		s.Label, s.Class, usual = "Failed", "bad", fmt.Sprintf("Its steps exited with %d.", j.Result.ExitCode)
	case checks.OutcomeTimedOut:
		s.Label, s.Class, usual = "Timed out", "bad", "Its steps did not end within "+duration(j.Package.Timeout)+"."
	case checks.OutcomeErrored:
		s.Label, s.Class, usual = "Could not run", "ours", "It could not be run. This says nothing about the code."
	case checks.OutcomeHeldBack:
		s.Label, s.Class, usual = "Not run", "none", "It needs "+j.Result.Blame+", which did not pass."
	case checks.OutcomeSkipped:
		s.Label, s.Class, usual = "Skipped", "none", "The head commit asks that nothing be run."
	case checks.OutcomeSuperseded:
		s.Label, s.Class, usual = "Superseded", "none", "A newer run took its place."
	default:
		s.Label, s.Class, usual = "Cancelled", "none", "It was stopped."
	}
	if s.Detail == "" {
		s.Detail = usual
	}
	return s
}

// stateOfRun sums up a run.
func stateOfRun(run checks.Run, jobs []checks.Job) state {
	s := state{}
	if run.Done() {
		s.Took = duration(run.Finished.Sub(run.Created))
	}
	if v := run.Verdict; v != nil {
		s.Label, s.Detail = v.Title, ""
		switch v.Conclusion {
		case checks.ConclusionSuccess:
			s.Class = "good"
		case checks.ConclusionFailure, checks.ConclusionTimedOut:
			s.Class = "bad"
		case checks.ConclusionActionRequired:
			s.Class = "ours"
		default:
			s.Class = "none"
		}
		return s
	}
	count := map[string]int{}
	for _, j := range jobs {
		count[stateOf(j).Class]++
	}
	total := len(jobs)
	switch {
	case !run.Done():
		s.Label, s.Class = fmt.Sprintf("%d of %d done", total-count["busy"]-count["wait"], total), "busy"
	case count["bad"] > 0:
		s.Label, s.Class = fmt.Sprintf("%d of %d failed", count["bad"], total), "bad"
	case count["ours"] > 0:
		s.Label, s.Class = fmt.Sprintf("%d of %d could not be run", count["ours"], total), "ours"
	case count["none"] > 0:
		s.Label, s.Class = "Stopped", "none"
	case total == 1:
		s.Label, s.Class = "Passed", "good"
	default:
		s.Label, s.Class = fmt.Sprintf("All %d passed", total), "good"
	}
	return s
}

// duration is d for a reader: two units at most.
func duration(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d < 50*time.Millisecond:
		return "under 0.1 s"
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}

// trigger is what began a run, and who, in words.
func trigger(run checks.Run) string {
	what, ok := map[string]string{
		"pull_request.opened":      "the pull request, opened",
		"pull_request.reopened":    "the pull request, reopened",
		"pull_request.synchronize": "a push",
		"pull_request.edited":      "another base branch",
		"check_run.rerequested":    "a re-run of one check",
		"check_suite.rerequested":  "a re-run of all checks",
	}[run.Trigger]
	if !ok {
		what = run.Trigger
	}
	if run.Sender.Login == "" {
		return what
	}
	return what + " by " + run.Sender.Login
}

// sentence is a result's detail as HTML: what stands between back quotes is
// code, the rest is text.
func sentence(detail string) template.HTML {
	parts := strings.Split(detail, "`")
	if len(parts)%2 == 0 {
		parts = []string{detail}
	}
	var b strings.Builder
	for i, part := range parts {
		part = template.HTMLEscapeString(part)
		if i%2 == 1 {
			part = "<code>" + part + "</code>"
		}
		b.WriteString(part)
	}
	return template.HTML(b.String())
}

// list is "a", "a and b" or "a, b and c".
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// short is a commit or digest as people write it.
func short(id string) string {
	_, hex, ok := strings.Cut(id, ":")
	if !ok {
		hex = id
	}
	return hex[:min(len(hex), 8)]
}

// since is how long ago t was at now; empty when it is not set.
func since(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	return duration(now.Sub(t))
}

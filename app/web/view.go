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
	s := state{Took: checks.Took(j.Duration())}
	switch {
	case j.State == checks.StateQueued:
		s.Label, s.Class, s.Detail = "Waiting", "wait", "It starts when there is a free slot."
		if len(j.Needs) > 0 {
			s.Detail = "It starts when " + list(j.Needs) + " passed and there is a free slot."
		}
		if w := j.Wait; w != nil {
			if s.Detail = w.Why + " It is tried again."; !w.Until.IsZero() {
				s.Detail = w.Why + " It is tried again after " + w.Until.UTC().Format("15:04:05 MST") + "."
			}
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
		if p := j.Result.Reused; p != nil {
			s.Label, usual = "Passed before", "Nothing was run: it passed at "+checks.ShortSHA(p.Commit)+" with the same inputs."
		}
	case checks.OutcomeFailed:
		s.Label, s.Class, usual = "Failed", "bad", fmt.Sprintf("Its steps exited with %d.", j.Result.ExitCode)
	case checks.OutcomeTimedOut:
		s.Label, s.Class, usual = "Timed out", "bad", "Its steps did not end within "+checks.Took(j.Package.Timeout)+"."
	case checks.OutcomeErrored:
		s.Label, s.Class, usual = "Could not run", "ours", "It could not be run. This says nothing about the code."
	case checks.OutcomeHeldBack:
		s.Label, s.Class, usual = "Not run", "none", "It needs "+j.Result.Blame+", which did not pass."
	case checks.OutcomeSkipped:
		s.Label, s.Class, usual = "Skipped", "none", "The head commit asks that nothing be run."
	case checks.OutcomeSuperseded:
		s.Label, s.Class, usual = "Superseded", "none", "A newer run took its place."
	case checks.OutcomeUnaffected:
		s.Label, s.Class, usual = "Not affected", "none", "The change does not affect it. Its check is required, so it is reported as skipped."
	case checks.OutcomeBlocked:
		s.Label, s.Class, usual = "Not tested", "ours", "The run as a whole could not test it."
	case checks.OutcomeNeutral:
		s.Label, s.Class, usual = "Not run here", "none", "Nothing was run. This says nothing about the code, and no merge waits for it."
	default:
		s.Label, s.Class, usual = "Cancelled", "none", "It was stopped."
	}
	if s.Detail == "" {
		s.Detail = usual
	}
	if ended := j.Ended(); ended != "" {
		s.Label = checks.Sentence(ended)
	}
	return s
}

// classes are those of states, what needs somebody's attention first.
var classes = []string{"bad", "ours", "busy", "wait", "none", "good"}

// counts is how many jobs are in which class, in words, or "" when that is one.
func counts(rows []row) string {
	words := map[string]string{"bad": "failed", "ours": "could not be run", "busy": "running", "wait": "waiting", "none": "not run", "good": "passed"}
	var parts []string
	for _, class := range classes {
		n := 0
		for _, r := range rows {
			if r.Now.Class == class {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, words[class]))
		}
	}
	if len(parts) < 2 {
		return ""
	}
	return strings.Join(parts, ", ")
}

// stateOfRun sums up a run.
func stateOfRun(run checks.Run, jobs []checks.Job) state {
	s := state{}
	if run.Done() {
		s.Took = checks.Took(run.Finished.Sub(run.Created))
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
	class, outcome := map[string]int{}, map[checks.Outcome]int{}
	total := 0
	for _, j := range jobs {
		if unaffected(j) {
			continue
		}
		total++
		class[stateOf(j).Class]++
		outcome[j.Result.Outcome]++
	}
	quiet := outcome[checks.OutcomeSkipped] + outcome[checks.OutcomeNeutral]
	switch {
	case !run.Done():
		s.Label, s.Class = fmt.Sprintf("%d of %d done", total-class["busy"]-class["wait"], total), "busy"
	case class["bad"] > 0:
		s.Label, s.Class = fmt.Sprintf("%d of %d failed", class["bad"], total), "bad"
	case class["ours"] > 0:
		s.Label, s.Class = fmt.Sprintf("%d of %d could not be run", class["ours"], total), "ours"
	case class["none"] > quiet:
		s.Label, s.Class = "Stopped", "none"
	case total == 0:
		s.Label, s.Class = "Nothing affected", "good"
	case quiet == total && outcome[checks.OutcomeNeutral] > 0:
		s.Label, s.Class = "Neutral", "none"
	case quiet == total:
		s.Label, s.Class = "Skipped", "none"
	case quiet > 0:
		s.Label, s.Class = fmt.Sprintf("%d of %d passed", total-quiet, total), "good"
	case total == 1:
		s.Label, s.Class = "Passed", "good"
	default:
		s.Label, s.Class = fmt.Sprintf("All %d passed", total), "good"
	}
	return s
}

// unaffected reports whether the job is there for its required check alone.
func unaffected(j checks.Job) bool {
	return j.State == checks.StateDone && j.Result.Outcome == checks.OutcomeUnaffected
}

// ref is what a run without a pull request is of: its kind and its name.
// Both are empty when that is not known.
type ref struct{ Kind, Name string }

func refOf(run checks.Run) ref {
	switch g, p := run.MergeGroup, run.Push; {
	case run.PullRequest != nil:
		return ref{}
	case g != nil && g.Branch() != "":
		return ref{"Merge queue", g.Branch()}
	case g != nil:
		return ref{"Merge queue", g.BaseRef}
	case p == nil:
		return ref{}
	case p.Branch() != "":
		return ref{"Branch", p.Branch()}
	case p.Tag() != "":
		return ref{"Tag", p.Tag()}
	default:
		return ref{"Ref", p.Ref}
	}
}

// trigger is what began a run, and who, in words.
func trigger(run checks.Run) string {
	if run.Sender.Login == "" {
		return run.Began()
	}
	return run.Began() + " by " + run.Sender.Login
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

// counted is "1 day" or "2 days".
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
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
	return checks.Took(now.Sub(t))
}

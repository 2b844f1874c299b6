package report

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/markdown"
)

// title is one line on how a job stands, without markup.
func title(j checks.Job) string {
	switch j.State {
	case checks.StateQueued:
		return waiting(j)
	case checks.StateRunning:
		if j.Release != nil {
			return "Building and publishing " + j.Release.Package
		}
		return "Running " + command(j.Package)
	}
	switch j.Result.Outcome {
	case checks.OutcomePassed:
		if j.Release != nil {
			return "Published version " + j.Result.Version
		}
		if p := j.Result.Reused; p != nil {
			return "Passed before, at " + checks.ShortSHA(p.Commit) + ": the same inputs"
		}
		if j.Package.TestType == checks.TestNone {
			return "Nothing to run: its test_type is no-test"
		}
		if j.Result.Cause != "" {
			return cause(j)
		}
		return after("Passed in", j)
	case checks.OutcomeFailed:
		switch j.Result.Cause {
		case checks.CauseEntry, checks.CauseService:
			return cause(j)
		case checks.CauseDiskLimit, checks.CauseLogLimit:
			return after(cause(j)+", ended after", j)
		}
		return after(cmp.Or(cause(j), "Failed")+" after", j) + redTests(j)
	case checks.OutcomeTimedOut:
		return after("Timed out after", j)
	case checks.OutcomeErrored:
		if j.Release != nil && j.Result.Version != "" {
			return "Version " + j.Result.Version + " is not published yet"
		}
		return cmp.Or(cause(j), "Loktar could not run this")
	case checks.OutcomeHeldBack:
		return "Not run: " + j.Result.Blame + " did not pass"
	case checks.OutcomeSkipped:
		return "Skipped, as the commit asks"
	case checks.OutcomeSuperseded:
		return "Stopped: " + cmp.Or(j.Ended(), checks.CauseNewer.Words())
	case checks.OutcomeUnaffected:
		return "Not affected by this change"
	case checks.OutcomeBlocked:
		return "Not tested: see " + checks.AggregateName
	case checks.OutcomeNeutral:
		return "Not run here"
	}
	if words := j.Ended(); words != "" {
		return "Stopped: " + words
	}
	return "Cancelled"
}

// cause is what ended a job, as one line of plain text that begins with a
// capital letter; empty where its outcome says it all.
func cause(j checks.Job) string { return checks.Sentence(markdown.Plain(j.Ended(), maxTitle)) }

// waiting is what a queued job waits for.
func waiting(j checks.Job) string {
	w := j.Wait
	switch {
	case w == nil:
		return "Waiting for its turn"
	case w.Attempt == checks.OutcomeErrored:
		return fmt.Sprintf("Tried again soon: attempt %d could not be run", j.Attempt)
	case w.Attempt == checks.OutcomeTimedOut:
		return fmt.Sprintf("Tried again soon: attempt %d timed out", j.Attempt)
	case w.Attempt != "":
		return fmt.Sprintf("Tried again soon: attempt %d failed", j.Attempt)
	case w.Of(checks.CauseShutdown):
		return "Waiting for the server: it was shut down"
	case w.Of(checks.CauseEngineLost):
		return "Waiting for the container engine"
	case w.Of(checks.CauseDiskFull):
		return "Waiting for room on the server's disk"
	}
	return "Waiting: the last attempt found something away"
}

// waits tells of a wait, as Markdown.
func waits(j checks.Job) string {
	w := j.Wait
	why := sentence(w.Why)
	switch {
	case w.Attempt != "":
		return fmt.Sprintf("%s Attempt %d of %d at most follows after %s.", why, j.Attempt+1, j.Attempt+1+j.Package.Retries-j.Repeats(), clock(w.Until))
	case w.Of(checks.CauseShutdown):
		return why + " It runs again when the server is up. Nobody has to do anything here."
	case w.Of(checks.CauseEngineLost):
		return why + " It runs again by itself when the engine answers."
	case w.Of(checks.CauseDiskFull):
		return why + " It runs by itself once there is room. Nobody has to do anything here."
	}
	return fmt.Sprintf("%s It waits since %s, was tried %s and is tried again after %s. Nobody has to do anything.",
		why, clock(w.Since), markdown.Count(j.Attempt, "time"), clock(w.Until))
}

// attempts tells of attempts before the last one; empty when there was none.
func attempts(j checks.Job) string {
	if j.Attempt <= 1 || j.State == checks.StateQueued {
		return ""
	}
	s := fmt.Sprintf("**Attempt:** %d.", j.Attempt)
	if j.Reds > 0 {
		s += " " + markdown.Count(j.Reds, "earlier one") + " failed, and " + markdown.Code("retry_failures") + " has that repeated."
		if j.Result.Cause == checks.CauseFlaky {
			s += " What passes only then stands for no later run."
		}
	}
	if j.Attempt-1 > j.Reds {
		s += " " + map[bool]string{true: "Others", false: "Earlier ones"}[j.Reds > 0] + " were lost through no fault of the code."
	}
	return s + "\n\n"
}

// clock is a moment as people read it who may be anywhere.
func clock(at time.Time) string { return at.UTC().Format("Jan 2, 15:04:05 MST") }

// after is how a job ended and, where that was measured, after what time.
func after(words string, j checks.Job) string {
	if took := checks.Took(j.Duration()); took != "" {
		return words + " " + took
	}
	return strings.TrimSuffix(words[:strings.LastIndexByte(words, ' ')], ", ended")
}

// word is a job's state in one word for a table, with a mark for those who
// scan it.
func word(j checks.Job) string {
	switch j.State {
	case checks.StateQueued:
		if j.Wait != nil {
			return "⏳ tried again later"
		}
		return "⏳ waiting"
	case checks.StateRunning:
		return "🔄 running"
	}
	ended := markdown.Text(markdown.Plain(j.Ended(), maxTitle))
	switch j.Result.Outcome {
	case checks.OutcomePassed:
		if j.Result.Reused != nil {
			return "♻️ passed before"
		}
		return "✅ " + cmp.Or(ended, "passed")
	case checks.OutcomeFailed:
		return "❌ " + cmp.Or(ended, "failed")
	case checks.OutcomeTimedOut:
		return "⌛ timed out"
	case checks.OutcomeErrored:
		return "⚠️ not run: " + cmp.Or(ended, "our fault")
	case checks.OutcomeHeldBack:
		return "⏸️ not run: " + j.Result.Blame + " did not pass"
	case checks.OutcomeSkipped:
		return "⏭️ skipped"
	case checks.OutcomeSuperseded:
		return "🚫 superseded"
	case checks.OutcomeUnaffected:
		return "➖ not affected"
	case checks.OutcomeBlocked:
		return "⛔ not tested"
	case checks.OutcomeNeutral:
		return "⚪ not run here"
	}
	return "🚫 " + cmp.Or(ended, "cancelled")
}

// command is what tests a package, for a reader.
func command(p checks.Package) string {
	switch p.TestType {
	case checks.TestCommand:
		return "its commands"
	case checks.TestNone:
		return "nothing"
	}
	return "make ci"
}

// ran reports whether an attempt of the job was started that counts.
func ran(j checks.Job) bool { return j.State != checks.StateQueued && !j.Started.IsZero() }

// why introduces the reasons of a job.
func why(j checks.Job) string {
	switch {
	case j.Result.Reused != nil:
		return "Why it counts as affected"
	case ran(j) && j.State == checks.StateRunning:
		return "Why it runs"
	case ran(j):
		return "Why it ran"
	case j.State == checks.StateQueued:
		return "Why it will run"
	}
	return "Why it should have run"
}

// reasons is why a job is in its run, as Markdown on one line.
func reasons(rs []checks.Reason, most int) string {
	out := ""
	for i, r := range rs {
		if i == most {
			return out + fmt.Sprintf(" and %s", markdown.Count(len(rs)-most, "more reason"))
		}
		if i > 0 {
			out += "; "
		}
		r.Subject, r.Dir, r.File = cut(r.Subject), cut(r.Dir), cut(r.File)
		out += markdown.Text(r.String())
	}
	return out
}

// sentence is a result's detail as Markdown: what stands between back quotes
// is code, the rest is text. Whoever made the detail kept back quotes out of
// hostile words.
func sentence(detail string) string {
	parts := strings.Split(detail, "`")
	if len(parts)%2 == 0 {
		return markdown.Text(detail)
	}
	var b strings.Builder
	for i, part := range parts {
		switch {
		case i%2 == 1:
			b.WriteString(markdown.Code(part))
		case part != "":
			b.WriteString(padded(part))
		}
	}
	return b.String()
}

// padded is text with the blanks at its ends, which markdown.Text may fold.
func padded(s string) string {
	text := markdown.Text(strings.TrimSpace(s))
	if strings.HasPrefix(s, " ") {
		text = " " + text
	}
	if strings.HasSuffix(s, " ") && strings.TrimSpace(s) != "" {
		text += " "
	}
	return text
}

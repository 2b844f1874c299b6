package runner

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/dudesons/loktar/checks"
)

// verdict is what exit means for the pull request's author.
func verdict(t Task, exit Exit) checks.Result {
	r := checks.Result{ExitCode: exit.Code, Image: exit.Image, Services: exit.Services}
	if t.Artifacts != nil && t.Artifacts.Lenient {
		// No merge waits for a file that could not be kept.
		why := exit.Refusal
		t.Artifacts, exit.Refusal = nil, ""
		if r = verdict(t, exit); why != "" && !exit.Cancelled {
			r.Detail = andText(r.Detail, "Not all of its files are kept: "+why)
		}
		return r
	}
	line := "The job"
	if lines := t.lines(); exit.Step >= 0 && exit.Step < len(lines) {
		line = quote(lines[exit.Step])
	}
	switch {
	case exit.Cancelled:
		r.Outcome, r.ExitCode, r.Detail = checks.OutcomeCancelled, 0, "It was stopped before it ended."
		return r
	case exit.Unready != "":
		r.Outcome, r.ExitCode, r.Detail = checks.OutcomeFailed, 0, exit.Unready
		r.Cause = cmp.Or(exit.Cause, checks.CauseService)
		return r
	case exit.TimedOut:
		r.Outcome, r.ExitCode = checks.OutcomeTimedOut, 0
		r.Detail = fmt.Sprintf("%s did not end within the timeout of %s.", line, durationText(t.Timeout))
	case exit.Exceeded != "":
		r.Outcome, r.ExitCode, r.Detail = checks.OutcomeFailed, 0, exit.Exceeded
		r.Cause = cmp.Or(exit.Cause, checks.CauseDiskLimit)
		return r
	case exit.Refusal != "":
		r.Outcome, r.Detail = checks.OutcomeFailed, exit.Refusal
		return r
	case exit.Code == 0 && t.Artifacts != nil && exit.Artifacts == 0:
		r.Outcome = checks.OutcomeFailed
		r.Detail = fmt.Sprintf("The steps passed, but left no file that matches %s in `%s`. Have them write there, or say with `artifacts` in %s where the files are.",
			globsText(t.Artifacts.Globs), t.Dir, checks.ManifestFile)
		return r
	case exit.Code == 0:
		r.Outcome = checks.OutcomePassed
		return r
	default:
		r.Outcome = checks.OutcomeFailed
		r.Detail = fmt.Sprintf("%s exited with %d%s.", line, exit.Code, codeText(exit.Code))
		switch {
		case exit.Code == fileTooLarge:
			r.Cause = checks.CauseDiskLimit
		case signalled(exit.Code):
			r.Cause = checks.CauseSignal
		}
	}
	if exit.OutOfMemory {
		r.Cause = checks.CauseMemory
		r.Detail += fmt.Sprintf(" A process was killed because the job reached its memory limit of %s; resources.memory in %s sets it.",
			bytesText(exit.MemoryLimit), checks.ManifestFile)
	} else if len(t.Hidden) > 0 && !exit.TimedOut {
		r.Detail += " Its sandbox is `declared`: files that it does not declare are not there."
	}
	if exit.Died != "" {
		r.Detail += " " + exit.Died
		if r.Outcome == checks.OutcomeFailed {
			r.Cause = cmp.Or(r.Cause, checks.CauseService)
		}
	}
	return r
}

// fileTooLarge is the exit code of what SIGXFSZ killed.
const fileTooLarge = 128 + 25

// codeText says what a shell means by an exit code, where it means something.
func codeText(code int) string {
	switch {
	case code == 126:
		return " (a command could not be executed)"
	case code == 127:
		return " (a command was not found in the image)"
	case code == fileTooLarge:
		return " (killed by signal 25: it wrote more to one file than the server's runner.workspace allows)"
	case signalled(code):
		return fmt.Sprintf(" (killed by signal %d)", code-128)
	}
	return ""
}

// signalled reports whether a shell says by an exit code that a signal killed
// the command.
func signalled(code int) bool { return code > 128 && code <= 128+64 }

// quote shows a shell line, which is hostile text, inside a sentence.
func quote(line string) string {
	return "`" + strings.ReplaceAll(plain(line, 120), "`", "'") + "`"
}

// durationText is d without units that are zero: 30m, 1h30m, 1.5s.
func durationText(d time.Duration) string {
	s := d.Round(time.Millisecond).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

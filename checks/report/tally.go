package report

import (
	"fmt"
	"strings"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/markdown"
)

// tally counts jobs by how they stand. Those that the change does not affect
// are in unaffected alone, not in total.
type tally struct {
	total, waiting, running, passed, red, errored, blocked, heldBack, skipped, neutral, stopped int
	away                                                                                        int // of waiting
	reused                                                                                      int // of passed
	unaffected                                                                                  int
	firstRed                                                                                    string
}

func tallyOf(jobs []checks.Job) tally {
	var t tally
	for _, j := range jobs {
		t.add(j)
	}
	t.total = len(jobs) - t.unaffected
	return t
}

func (t *tally) add(j checks.Job) {
	switch j.State {
	case checks.StateQueued:
		t.waiting++
		if j.Wait != nil {
			t.away++
		}
		return
	case checks.StateRunning:
		t.running++
		return
	}
	switch j.Result.Outcome {
	case checks.OutcomePassed:
		t.passed++
		if j.Result.Reused != nil {
			t.reused++
		}
	case checks.OutcomeFailed, checks.OutcomeTimedOut:
		if t.red++; t.firstRed == "" {
			t.firstRed = j.Package.Name
		}
	case checks.OutcomeErrored:
		t.errored++
	case checks.OutcomeBlocked:
		t.blocked++
	case checks.OutcomeHeldBack:
		t.heldBack++
	case checks.OutcomeSkipped:
		t.skipped++
	case checks.OutcomeNeutral:
		t.neutral++
	case checks.OutcomeUnaffected:
		t.unaffected++
	default:
		t.stopped++
	}
}

// conclusion is the worst of the jobs': a red before a fault of ours before a
// cancel.
func (t tally) conclusion() checks.Conclusion {
	switch {
	case t.red > 0:
		return checks.ConclusionFailure
	case t.errored > 0 || t.blocked > 0:
		return checks.ConclusionActionRequired
	case t.stopped > 0 || t.heldBack > 0:
		return checks.ConclusionCancelled
	case t.passed > 0:
		return checks.ConclusionSuccess
	case t.neutral > 0:
		return checks.ConclusionNeutral
	case t.skipped > 0:
		return checks.ConclusionSkipped
	}
	return checks.ConclusionSuccess
}

// silent reports whether nothing was tested, as was wished.
func (t tally) silent() bool { return t.total > 0 && t.skipped+t.neutral == t.total }

func (t tally) title(run checks.Run) string {
	if !run.Done() {
		s := fmt.Sprintf("%d of %s done", t.total-t.waiting-t.running, markdown.Count(t.total, "package"))
		if t.red > 0 {
			s += fmt.Sprintf(", %d failed", t.red)
		}
		if t.away > 0 {
			s += fmt.Sprintf(", %d tried again later", t.away)
		}
		return s
	}
	var parts []string
	add := func(n int, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	switch {
	case t.total == 0:
		return "No package is affected"
	case t.passed == t.total:
		s := markdown.Count(t.total, "package") + " passed"
		if took := checks.Took(run.Finished.Sub(run.Created)); took != "" {
			s += " in " + took
		}
		if t.reused > 0 {
			s += fmt.Sprintf(", %d of them before", t.reused)
		}
		return s
	case t.red == 1:
		parts = append(parts, t.firstRed+" failed")
	default:
		add(t.red, "failed")
	}
	add(t.errored, "could not be run by Loktar")
	add(t.blocked, "not tested")
	add(t.heldBack, "not run")
	add(t.stopped, "stopped")
	add(t.neutral, "neutral")
	add(t.skipped, "skipped")
	add(t.passed, "passed")
	return strings.Join(parts, ", ")
}

package notify

import (
	"slices"

	"github.com/dudesons/loktar/checks"
)

// State is how a run stands, in one word for people.
type State string

// The states of a run.
const (
	StateRunning   State = "running"
	StateFailed    State = "failed"    // the code is red
	StateFault     State = "fault"     // a fault of Loktar's; no word about the code
	StatePassed    State = "passed"    // nothing is red
	StateFixed     State = "fixed"     // and the last time something was
	StatePublished State = "published" // passed, and a version is out
	StateWaiting   State = "waiting"   // for somebody's leave
	StateStopped   State = "stopped"
)

// counts are the jobs of a run by how they stand, those that the change does
// not affect left out.
type counts struct {
	total, open, red, fault, stopped, passed, published int
}

func count(jobs []checks.Job) (c counts) {
	for i := range jobs {
		j := &jobs[i]
		if j.State == checks.StateDone && j.Result.Outcome == checks.OutcomeUnaffected {
			continue
		}
		c.total++
		switch {
		case j.State != checks.StateDone:
			c.open++
		case red(j):
			c.red++
		case fault(j):
			c.fault++
		case j.Result.Outcome == checks.OutcomePassed:
			c.passed++
			if released(j) {
				c.published++
			}
		case !j.Result.Outcome.Skipped() && j.Result.Outcome != checks.OutcomeNeutral:
			c.stopped++
		}
	}
	return c
}

func red(j *checks.Job) bool {
	return j.State == checks.StateDone && (j.Result.Outcome == checks.OutcomeFailed || j.Result.Outcome == checks.OutcomeTimedOut)
}

func fault(j *checks.Job) bool {
	return j.State == checks.StateDone && (j.Result.Outcome == checks.OutcomeErrored || j.Result.Outcome == checks.OutcomeBlocked)
}

// released reports whether the job published a version; builds to try have
// none that counts.
func released(j *checks.Job) bool {
	return j.State == checks.StateDone && j.Release != nil && j.Release.Branch == "" && j.Result.Outcome.Passed() && j.CarriedFrom == ""
}

// standing is how a run stands, as far as these of its jobs tell. A red one
// decides at once. It is never StateFixed: that takes a look at earlier runs.
func standing(run *checks.Run, jobs []checks.Job) State {
	c := count(jobs)
	switch v := run.Verdict; {
	case v != nil && v.Offer != "":
		return StateWaiting
	case v != nil && v.Conclusion == checks.ConclusionFailure:
		return StateFailed
	case v != nil && v.Conclusion == checks.ConclusionActionRequired:
		return StateFault
	case v != nil && (v.Conclusion == checks.ConclusionCancelled || v.Conclusion == checks.ConclusionTimedOut):
		return StateStopped
	case c.red > 0:
		return StateFailed
	case !run.Done():
		if c.fault > 0 {
			return StateFault
		}
		return StateRunning
	case c.fault > 0:
		return StateFault
	case c.stopped > 0:
		return StateStopped
	case c.published > 0:
		return StatePublished
	}
	return StatePassed
}

// conclusive reports whether a run in this state said something of the code,
// or failed to for a fault of Loktar's.
func (s State) conclusive() bool {
	return s == StateFailed || s == StateFault || s == StatePassed || s == StatePublished
}

func (s State) bad() bool { return s == StateFailed || s == StateFault }

// covered are the jobs that some of the rules are about.
func covered(rules []checks.SlackRule, jobs []checks.Job) []checks.Job {
	var out []checks.Job
	for _, j := range jobs {
		name := j.Package.Name
		if j.Release != nil {
			name = j.Release.Package
		}
		if slices.ContainsFunc(rules, func(r checks.SlackRule) bool { return r.Covers(name) }) {
			out = append(out, j)
		}
	}
	return out
}

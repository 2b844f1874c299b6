package plan

import (
	"fmt"
	"slices"

	"github.com/dudesons/loktar/checks"
)

// Rerun plans running an earlier run's jobs again, on the same tree. jobs are
// all jobs of old, in any order.
//
// EventRerunAll, and EventRerunPackage for the aggregate check, run all of
// them but those that the change does not affect. EventRerunPackage for a
// package runs that package, affected or not; what did not pass of the
// packages that it needs, without which it could not start; what they had
// held back; and whatever has no result yet. A required check that has
// nothing to run ends at once, as before. EventAction with ActionRerunFailed
// does that for each package that did not pass. All other jobs are carried:
// their result stands, CarriedFrom names the run that they ran in.
//
// It returns ErrReplan when old has no jobs that could be run, or is of a
// fork's commit that affected nothing, which nobody approved;
// ErrNothingFailed when those that did not pass were asked for and there are
// none; and an error of kind checks.KindNotFound when the package is not
// among them. The plan shares memory with its arguments, which must not
// change afterwards.
func Rerun(old checks.Run, jobs []checks.Job, ev checks.Event) (checks.Plan, error) {
	jobs = slices.Clone(jobs)
	slices.SortStableFunc(jobs, func(a, b checks.Job) int { return a.Index - b.Index })
	again, err := chosen(old, jobs, ev)
	if err != nil {
		return checks.Plan{}, err
	}

	in := make(map[string]bool, len(jobs))
	for i := range jobs {
		in[jobs[i].Package.Name] = true
	}
	p := checks.Plan{
		Unaffected: old.Unaffected, Unowned: old.Unowned, UnownedCount: old.UnownedCount,
		Ignored: old.Ignored, Warnings: old.Warnings, Notes: old.Notes, Approved: old.Approved,
	}
	for i := range jobs {
		j := jobs[i]
		pj := checks.PlannedJob{Package: j.Package, Needs: needs(j.Needs, in), Reasons: j.Reasons, Release: j.Release, Key: j.Key}
		if again[i] {
			pj.Reasons = asked(ev.Sender.Login, j.Reasons)
			if extra(&j) && j.Package.TestType == checks.TestNone {
				pj.Result = &j.Result // there is nothing to run, and it may be no package at all
			}
		} else {
			if j.CarriedFrom == "" {
				j.CarriedFrom = old.ID
			}
			pj.Carried = &j
		}
		p.Jobs = append(p.Jobs, pj)
	}
	return p, nil
}

// asked puts who asked before the reasons of the first run.
func asked(login string, reasons []checks.Reason) []checks.Reason {
	out := []checks.Reason{{Kind: checks.ReasonRerun, Subject: login}}
	for _, r := range reasons {
		if r.Kind != checks.ReasonRerun {
			out = append(out, r)
		}
	}
	return out
}

// chosen marks the jobs that the event asks to run again.
func chosen(old checks.Run, jobs []checks.Job, ev checks.Event) (again []bool, err error) {
	again = make([]bool, len(jobs))
	at := -1
	one := ev.Kind == checks.EventRerunPackage && ev.CheckRun != nil && ev.CheckRun.Name != checks.AggregateName
	if one {
		at = slices.IndexFunc(jobs, func(j checks.Job) bool { return j.Package.Name == ev.CheckRun.Name })
	}
	idle := old.Verdict != nil && old.Verdict.Conclusion == checks.ConclusionSuccess
	switch {
	case at >= 0 && idle && extra(&jobs[at]) && (!old.Untrusted() || old.Approved != nil):
		// The verdict is that nothing is affected, and somebody wants it all the same.
		spread(jobs, []int{at}, again)
	case ev.Kind == checks.EventAction && ev.Action == checks.ActionRerunFailed && idle:
		return nil, ErrNothingFailed
	case len(jobs) == 0 || old.Verdict != nil:
		return nil, ErrReplan
	case one && at < 0:
		return nil, checks.Errorf(checks.KindNotFound, nil,
			"Package %q is not part of run %s. Run the check %q again to test all that is affected.", ev.CheckRun.Name, old.ID, checks.AggregateName)
	case one:
		spread(jobs, []int{at}, again)
	case ev.Kind == checks.EventRerunAll, ev.Kind == checks.EventRerunPackage && ev.CheckRun != nil:
		for i := range again {
			again[i] = !extra(&jobs[i])
		}
		if !slices.Contains(again, true) {
			return nil, ErrReplan
		}
	case ev.Kind == checks.EventAction && ev.Action == checks.ActionRerunFailed:
		var at []int
		for i := range jobs {
			if jobs[i].State == checks.StateDone && red(&jobs[i]) {
				at = append(at, i)
			}
		}
		if len(at) == 0 {
			return nil, ErrNothingFailed
		}
		spread(jobs, at, again)
	default:
		return nil, fmt.Errorf("re-run %s: the event %s asks for no package", old.ID, ev.Kind)
	}
	return again, nil
}

// extra reports whether j is there for its required check alone. One that
// became neutral beside another check of its name has no reason but a re-run.
func extra(j *checks.Job) bool {
	switch j.Result.Outcome {
	case checks.OutcomeUnaffected:
		return true
	case checks.OutcomeNeutral:
		return !slices.ContainsFunc(j.Reasons, func(r checks.Reason) bool { return r.Kind != checks.ReasonRerun })
	}
	return false
}

// red reports whether j, which is done, has an end that another attempt may
// better.
func red(j *checks.Job) bool {
	switch j.Result.Outcome {
	case checks.OutcomePassed, checks.OutcomeSkipped, checks.OutcomeUnaffected, checks.OutcomeNeutral:
		return false
	}
	return true
}

// spread marks what runs again with the jobs at these places. jobs are in
// dependency order.
func spread(jobs []checks.Job, at []int, again []bool) {
	place := make(map[string]int, len(jobs))
	for i := range jobs {
		place[jobs[i].Package.Name] = i
		again[i] = jobs[i].State != checks.StateDone
	}
	wanted := make([]bool, len(jobs))
	for _, i := range at {
		again[i], wanted[i] = true, true
	}
	// What they need, directly or not, comes before them.
	for i := len(jobs) - 1; i >= 0; i-- {
		if !wanted[i] {
			continue
		}
		for _, n := range jobs[i].Needs {
			if d, ok := place[n]; ok && !passed(&jobs[d]) {
				wanted[d], again[d] = true, true
			}
		}
	}
	for more := true; more; {
		more = release(jobs, place, again)
		for i := len(jobs) - 1; i >= 0; i-- {
			if !again[i] {
				continue
			}
			// It can start only when what has no verdict yet gets one.
			for _, n := range jobs[i].Needs {
				if d, ok := place[n]; ok && !again[d] && undecided(&jobs[d]) {
					again[d], more = true, true
				}
			}
		}
	}
}

// release marks the jobs that were stopped by one that runs again, and
// reports whether there were any.
func release(jobs []checks.Job, place map[string]int, again []bool) (found bool) {
	needing := make([]bool, len(jobs)) // it needs one that runs again, directly or not
	for i := range jobs {
		for _, n := range jobs[i].Needs {
			if d, ok := place[n]; ok && (again[d] || needing[d]) {
				needing[i] = true
			}
		}
		if !again[i] && released(&jobs[i], place, again, needing[i]) {
			again[i], found = true, true
		}
	}
	return found
}

// released reports whether j, which is done, was stopped by one that runs
// again, or before it had its turn and needs one that does.
func released(j *checks.Job, place map[string]int, again []bool, needing bool) bool {
	switch j.Result.Outcome {
	case checks.OutcomeHeldBack:
		if d, ok := place[j.Result.Blame]; ok {
			return again[d]
		}
		return needing
	case checks.OutcomeCancelled, checks.OutcomeSuperseded:
		return needing
	}
	return false
}

// undecided reports whether j ended without a word about the code.
func undecided(j *checks.Job) bool {
	switch j.Result.Outcome {
	case checks.OutcomePassed, checks.OutcomeFailed, checks.OutcomeTimedOut, checks.OutcomeHeldBack:
		return false
	}
	return true
}

func passed(j *checks.Job) bool {
	return j.State == checks.StateDone && j.Result.Outcome.Passed()
}

// needs are those of names that are in the plan, each once.
func needs(names []string, in map[string]bool) []string {
	var out []string
	for _, n := range names {
		if in[n] && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

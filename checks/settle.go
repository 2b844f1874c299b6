package checks

import "time"

// Settle brings a run to rest after some of its jobs ended: queued jobs that
// need one which did not pass are held back, and the run is finished when all
// jobs are done. jobs are all jobs of the run in dependency order; Settle
// changes them and run in place, returns the jobs that it changed, and
// reports whether the run finished by this call.
func Settle(run *Run, jobs []*Job, now time.Time) (changed []*Job, finished bool) {
	byName := make(map[string]*Job, len(jobs))
	done := true
	for _, j := range jobs {
		byName[j.Package.Name] = j
		if j.State == StateQueued {
			if bad := heldBackBy(j, byName); bad != nil {
				j.State, j.Finished = StateDone, now
				j.Result = Result{Outcome: OutcomeHeldBack, Blame: rootBlame(bad)}
				changed = append(changed, j)
			}
		}
		done = done && j.State == StateDone
	}
	if done && !run.Done() {
		run.Finished, finished = now, true
	}
	return changed, finished
}

// Ready reports whether j waits for nothing but a slot. byName holds the jobs
// of its run.
func Ready(j *Job, byName map[string]*Job) bool {
	if j.State != StateQueued {
		return false
	}
	for _, n := range j.Needs {
		if need := byName[n]; need != nil && (need.State != StateDone || !need.Result.Outcome.Passed()) {
			return false
		}
	}
	return true
}

func heldBackBy(j *Job, byName map[string]*Job) *Job {
	for _, n := range j.Needs {
		if need := byName[n]; need != nil && need.State == StateDone && !need.Result.Outcome.Passed() {
			return need
		}
	}
	return nil
}

func rootBlame(j *Job) string {
	if j.Result.Outcome == OutcomeHeldBack && j.Result.Blame != "" {
		return j.Result.Blame
	}
	return j.Package.Name
}

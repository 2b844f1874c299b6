package plan

import (
	"slices"
	"time"

	"github.com/dudesons/loktar/checks"
)

// unknownDuration is what a package is taken to need while nothing is known
// of any package of its repository.
const unknownDuration = time.Minute

// RemainingPath is, for each job of a run, how long the run takes at least
// once that job starts: its own time and that of the longest chain of jobs
// that wait for it. jobs are all jobs of the run in dependency order; past
// holds what the repository's packages took before. A package that is not
// among them counts as the median of those, or one minute where there are
// none; one that runs nothing, or is done, counts as no time. It costs one
// pass over the jobs and their needs: compute it once a run.
func RemainingPath(jobs []*checks.Job, past map[string]time.Duration) map[string]time.Duration {
	unknown := median(past)
	after := make(map[string]time.Duration, len(jobs)) // the longest chain that waits for it
	out := make(map[string]time.Duration, len(jobs))
	for _, j := range slices.Backward(jobs) {
		took, known := past[j.Package.Name]
		switch {
		case j.State == checks.StateDone || j.Package.TestType == checks.TestNone:
			took = 0
		case !known:
			took = unknown
		}
		path := max(took, 0) + after[j.Package.Name]
		out[j.Package.Name] = path
		for _, n := range j.Needs {
			after[n] = max(after[n], path)
		}
	}
	return out
}

func median(past map[string]time.Duration) time.Duration {
	if len(past) == 0 {
		return unknownDuration
	}
	all := make([]time.Duration, 0, len(past))
	for _, d := range past {
		all = append(all, d)
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// Candidate is a job that waits for nothing but a slot.
type Candidate struct {
	Job   checks.JobID
	Repo  int64  // the repository's id
	Seq   uint64 // of its run
	Index int    // its place in its run
	// Remaining is its RemainingPath.
	Remaining time.Duration
}

// Share is what a repository has of the slots.
type Share struct {
	Running int       // its jobs that hold a slot now
	Served  time.Time // when it was last given one; zero is never
}

// Next picks the candidate that gets the next free slot and returns its place
// in ready, -1 when ready is empty. Repositories come first: the one with the
// fewest running jobs, of several the one that was served longest ago, of
// several the one whose oldest run came first. Of its jobs it takes the one
// with the longest remaining path, of several that of the oldest run, of
// several the first in the plan. A repository without a share has none yet.
// One pick looks at each candidate twice; the order of ready does not matter.
func Next(ready []Candidate, shares map[int64]Share) int {
	best := -1
	for i := range ready {
		if best < 0 || ready[i].Repo != ready[best].Repo && repoBefore(&ready[i], &ready[best], shares) ||
			ready[i].Repo == ready[best].Repo && ready[i].Seq < ready[best].Seq {
			best = i
		}
	}
	if best < 0 {
		return -1
	}
	repo := ready[best].Repo
	for i := range ready {
		if ready[i].Repo == repo && jobBefore(&ready[i], &ready[best]) {
			best = i
		}
	}
	return best
}

// repoBefore compares the repositories of a and b, which differ.
func repoBefore(a, b *Candidate, shares map[int64]Share) bool {
	sa, sb := shares[a.Repo], shares[b.Repo]
	switch {
	case sa.Running != sb.Running:
		return sa.Running < sb.Running
	case !sa.Served.Equal(sb.Served):
		return sa.Served.Before(sb.Served)
	case a.Seq != b.Seq:
		return a.Seq < b.Seq
	}
	return a.Repo < b.Repo
}

// jobBefore compares two jobs of one repository.
func jobBefore(a, b *Candidate) bool {
	switch {
	case a.Remaining != b.Remaining:
		return a.Remaining > b.Remaining
	case a.Seq != b.Seq:
		return a.Seq < b.Seq
	}
	return a.Index < b.Index
}

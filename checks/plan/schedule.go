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
	Job          checks.JobID
	Installation int64  // the id of the installation that has the repository
	Repo         int64  // the repository's id
	Seq          uint64 // of its run
	Index        int    // its place in its run
	// Remaining is its RemainingPath.
	Remaining time.Duration
}

// Share is what an installation or a repository has of the slots.
type Share struct {
	Running int       // its jobs that hold a slot now
	Served  time.Time // when it was last given one; zero is never
}

// Shares are all shares, by id. Who is not in them has none yet.
type Shares struct{ Installations, Repos map[int64]Share }

// Next picks the candidate that gets the next free slot and returns its place
// in ready, -1 when ready is empty. Installations come first: the one with the
// fewest running jobs, of several the one that was served longest ago, of
// several the one whose oldest run came first. Of its repositories it takes
// one by the same rule, and of that one's jobs the one with the longest
// remaining path, of several that of the oldest run, of several the first in
// the plan. One pick looks at each candidate three times; the order of ready
// does not matter.
func Next(ready []Candidate, shares Shares) int {
	best := turn(ready, shares.Installations, func(c *Candidate) (int64, bool) { return c.Installation, true })
	if best < 0 {
		return -1
	}
	installation := ready[best].Installation
	best = turn(ready, shares.Repos, func(c *Candidate) (int64, bool) { return c.Repo, c.Installation == installation })
	repo := ready[best].Repo
	for i := range ready {
		if c := &ready[i]; c.Installation == installation && c.Repo == repo && jobBefore(c, &ready[best]) {
			best = i
		}
	}
	return best
}

// turn is the place of the oldest run's candidate of whoever's turn it is.
// whose tells whom a candidate belongs to, and whether it counts.
func turn(ready []Candidate, shares map[int64]Share, whose func(*Candidate) (int64, bool)) int {
	best, owner := -1, int64(0)
	for i := range ready {
		id, counts := whose(&ready[i])
		switch {
		case !counts:
		case best < 0,
			id == owner && ready[i].Seq < ready[best].Seq,
			id != owner && before(id, owner, ready[i].Seq, ready[best].Seq, shares):
			best, owner = i, id
		}
	}
	return best
}

// before reports whether it is a's turn before b's, which differ.
func before(a, b int64, seqA, seqB uint64, shares map[int64]Share) bool {
	sa, sb := shares[a], shares[b]
	switch {
	case sa.Running != sb.Running:
		return sa.Running < sb.Running
	case !sa.Served.Equal(sb.Served):
		return sa.Served.Before(sb.Served)
	case seqA != seqB:
		return seqA < seqB
	}
	return a < b
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

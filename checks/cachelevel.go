package checks

import (
	"strconv"
	"strings"
)

// CacheLevel says who wrote what a cache keeps, and so who may read it.
type CacheLevel string

const (
	// CacheMain is of pushes to the default branch, and of what is published
	// from it.
	CacheMain CacheLevel = "main"
	// CacheOwn is of all else that people brought about who may write to the
	// repository: its pull requests, branches, tags and merge groups.
	CacheOwn CacheLevel = "own"
	// CacheLocal is of runs on the command line, which share nothing with a
	// server's.
	CacheLocal CacheLevel = "local"
	// forkLevel begins the level of one pull request of a fork; its number
	// follows.
	forkLevel = "fork/"
)

// Fork reports whether a stranger wrote it.
func (l CacheLevel) Fork() bool { return strings.HasPrefix(string(l), forkLevel) }

// Words say where something of the level comes from.
func (l CacheLevel) Words() string {
	switch {
	case l == CacheMain:
		return "the default branch"
	case l == CacheLocal:
		return "an earlier run"
	case l.Fork():
		return "this pull request"
	}
	return "the repository's branches and pull requests"
}

// CacheReads are the levels whose caches a job of run reads, the best first: the
// first that has something counts, so that nothing is ever mixed. What publishes
// reads of the default branch alone.
func CacheReads(run *Run, job *Job) []CacheLevel {
	level := cacheLevel(run)
	switch {
	case level == "":
		return nil
	case level == CacheMain || job.Release != nil:
		return []CacheLevel{CacheMain}
	case level == CacheOwn:
		return []CacheLevel{CacheOwn, CacheMain}
	}
	return []CacheLevel{level, CacheOwn, CacheMain}
}

// CacheWrites is the level that a job of run writes to, its own; empty where it
// writes none, as when it publishes to try.
func CacheWrites(run *Run, job *Job) CacheLevel {
	level := cacheLevel(run)
	if job.Release != nil && level != CacheMain {
		return ""
	}
	return level
}

// cacheLevel is empty for a run of which nobody knows what it is of.
func cacheLevel(run *Run) CacheLevel {
	switch push := run.Push; {
	case run.Untrusted():
		return CacheLevel(forkLevel + strconv.Itoa(run.PullRequest.Number))
	case run.PullRequest != nil || run.MergeGroup != nil:
		return CacheOwn
	case push == nil:
		return ""
	case push.DefaultBranch != "" && push.Branch() == push.DefaultBranch:
		return CacheMain
	}
	return CacheOwn
}

package report

import "github.com/dudesons/loktar/checks"

// rank is how much a write matters: the smaller goes first.
type rank int

const (
	rankVerdict  rank = iota // an aggregate that concludes
	rankFirst                // an aggregate that nobody sees yet
	rankRed                  // what did not pass
	rankRequired             // an end that a merge waits for
	rankRelease              // an end of a publication, a tag, a release
	rankReply                // a reply to somebody's comment
	rankEnd                  // any other end
	rankProgress             // an aggregate that tells how far it is, a comment
	rankRunning              // a package that started, or waits for something outside
	rankQueued               // a package that waits for its turn
)

// ranks are how many percent of the minute and of the hour a write of each
// rank leaves free, for those that matter more. None leaves less than the one
// before it: where one may not be sent, none after it may.
var ranks = [...]struct{ minute, hour int }{
	rankVerdict:  {0, 0},
	rankFirst:    {0, 2},
	rankRed:      {5, 5},
	rankRequired: {8, 8},
	rankRelease:  {10, 10},
	rankReply:    {10, 10},
	rankEnd:      {10, 10},
	rankProgress: {10, 20},
	rankRunning:  {50, 40},
	rankQueued:   {60, 60},
}

// rankOfRun is the rank of a run's aggregate.
func rankOfRun(run checks.Run, shown bool) rank {
	switch {
	case run.Done():
		return rankVerdict
	case !shown:
		return rankFirst
	}
	return rankProgress
}

// rankOf is the rank of a package's check.
func rankOf(j checks.Job) rank {
	switch {
	case j.State == checks.StateRunning || j.State == checks.StateQueued && j.Wait != nil:
		return rankRunning
	case j.State == checks.StateQueued:
		return rankQueued
	}
	switch j.Result.Outcome {
	case checks.OutcomeFailed, checks.OutcomeTimedOut, checks.OutcomeErrored:
		return rankRed
	}
	switch {
	case j.Required:
		return rankRequired
	case j.Release != nil:
		return rankRelease
	}
	return rankEnd
}

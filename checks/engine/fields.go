package engine

import (
	"errors"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
)

// The names of log fields.
const (
	fieldDelivery = "delivery"
	fieldEvent    = "event"
	fieldRepo     = "repo"
	fieldPull     = "pull_request"
	fieldRun      = "run"
	fieldPackage  = "package"
	fieldJobs     = "jobs"
	fieldOutcome  = "outcome"
	fieldTook     = "took"
)

// Why a job's context ended.
var (
	errShutdown = errors.New("the server is shutting down")
	errUnwanted = errors.New("the job is no longer wanted")
)

func eventLog(log zerolog.Logger, ev checks.Event) zerolog.Logger {
	c := log.With().Str(fieldDelivery, ev.Delivery).Str(fieldEvent, ev.Name).Str(fieldRepo, ev.Repo.FullName())
	if ev.PullRequest != nil {
		c = c.Int(fieldPull, ev.PullRequest.Number)
	}
	return c.Logger()
}

func jobLog(log zerolog.Logger, run checks.Run, id checks.JobID) zerolog.Logger {
	return log.With().Str(fieldRepo, run.Repo.FullName()).Str(fieldRun, run.ID).Str(fieldPackage, id.Package).Logger()
}

package app

import (
	"time"

	"github.com/dudesons/loktar/checks/report"
	"github.com/dudesons/loktar/configs/manifest/infer"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/store"
)

// StoreOf is the store of a running server.
func StoreOf(s *Server) *store.Store { return s.store }

// Tell has the servers that are made from now on tell of docker.Steps and of
// logs.Steps.
func Tell(at func(step string)) { told = at }

// Rig has s, before it runs, run all steps in sandbox, without an engine, and
// tell at of each step of a release that is done.
func Rig(s *Server, sandbox runner.Sandbox, at func(step string)) {
	s.jobs.Runner = runner.New(runner.Options{Sandbox: sandbox, Workspaces: newWorkspaces(s.source, infer.New()), LogDir: s.jobs.logDir, Slots: s.cfg.Runner.Slots})
	s.jobs.release.runner, s.jobs.release.at = s.jobs.Runner, at
	s.jobs.reaped = true
}

// Hasten has servers wait less where it is for GitHub's sake alone.
func Hasten() { unsaid = 300 * time.Millisecond }

// HastenServer has s, before it runs, look more often for what went wrong.
func HastenServer(s *Server) {
	s.missed.every, s.missed.slack = 4*time.Second, 10*time.Second
	s.audit = report.NewAuditor(report.AuditOptions{
		Store: s.store, Sink: s.hub, BaseURL: s.cfg.PublicURL, Wake: s.report.Wake, Pace: 100 * time.Millisecond, Log: s.log.With().Str("part", "audit").Logger(),
	})
}

// HastenLogs has s, before it runs, look for old logs at once.
func HastenLogs(s *Server) { s.old.every = 10 * time.Millisecond }

// KeepOf is what the server keeps the files of tests with.
func KeepOf(s *Server) runner.Keep { return s.kept.keep }

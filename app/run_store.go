package app

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/engine"
)

// oneRun is the engine's store for a single run that nobody asks for after the
// process: it is in memory. told is called with each step that changed the run
// or its jobs, in order.
type oneRun struct {
	told func(run checks.Run, jobs []checks.Job)

	mu    sync.Mutex
	event *checks.Event // nil once it is planned
	run   checks.Run
	jobs  []checks.Job
	tests []checks.ScopedTestHistory
}

var _ engine.Store = (*oneRun)(nil)

func (s *oneRun) Pending(int) ([]checks.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.event == nil {
		return nil, nil
	}
	return []checks.Event{*s.event}, nil
}

func (s *oneRun) Commit(_ context.Context, c checks.Commit) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Planned != "" {
		s.event = nil
	}
	for _, r := range c.Runs {
		s.run = r
	}
	for _, j := range c.Jobs {
		for len(s.jobs) <= j.Index {
			s.jobs = append(s.jobs, checks.Job{})
		}
		s.jobs[j.Index] = j
	}
	for _, h := range c.Tests {
		s.tests = slices.DeleteFunc(s.tests, func(old checks.ScopedTestHistory) bool { return old.Package == h.Package && old.Name == h.Name })
		s.tests = append(s.tests, h)
	}
	if len(c.Runs)+len(c.Jobs) > 0 {
		s.told(s.run, c.Jobs)
	}
	return nil
}

// Active is empty: there was no process before.
func (s *oneRun) Active() ([]checks.Run, map[string][]checks.Job, uint64, error) {
	return nil, nil, 0, nil
}

func (s *oneRun) Run(id string) (checks.Run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run.ID != id {
		return checks.Run{}, checks.Errorf(checks.KindNotFound, nil, "There is no run %s.", id)
	}
	return s.run, nil
}

func (s *oneRun) Jobs(id string) ([]checks.Job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run.ID != id {
		return nil, checks.Errorf(checks.KindNotFound, nil, "There is no run %s.", id)
	}
	return append([]checks.Job(nil), s.jobs...), nil
}

// RunsOf is empty: no earlier run of the commit counts.
func (s *oneRun) RunsOf(int64, string) ([]checks.Run, error) { return nil, nil }

func (s *oneRun) Latest(checks.Target) (checks.Run, bool, error) { return checks.Run{}, false, nil }

func (s *oneRun) LatestFresh(checks.Target) (checks.Run, bool, error) {
	return checks.Run{}, false, nil
}

// Durations is empty: jobs start by the longest way in the plan.
func (s *oneRun) Durations(int64) (map[string]time.Duration, error) { return nil, nil }

// TestHistories are of the attempts of this run.
func (s *oneRun) TestHistories(_ int64, pkg string) (all []checks.TestHistory, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.tests {
		if h.Package == pkg {
			all = append(all, h.TestHistory)
		}
	}
	return all, nil
}

package minihub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// suiteFor finds or makes the suite of an App on a commit. mu is held.
func (h *Hub) suiteFor(r *Repo, a *App, sha, branch string) *suite {
	for _, s := range r.suites {
		if s.app == a && s.headSHA == sha {
			return s
		}
	}
	s := &suite{id: h.nextID("suite"), app: a, repo: r, headSHA: sha, headBranch: branch, created: h.now(), updated: h.now()}
	r.suites = append(r.suites, s)
	return s
}

// branchAt is a branch that points at a commit; empty when there is none, as
// with the commits of forks.
func (r *Repo) branchAt(ctx context.Context, sha string) (string, error) {
	refs, err := r.refs(ctx)
	if err != nil {
		return "", err
	}
	var names []string
	for ref, at := range refs {
		if name, ok := strings.CutPrefix(ref, "refs/heads/"); ok && at == sha {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) == 0 {
		return "", nil
	}
	return names[0], nil
}

// requestSuites makes the suites of a pushed commit and tells their Apps.
// A commit that has its suite already is not told again. mu is held.
func (r *Repo) requestSuites(u refUpdate, sender *user) {
	branch, ok := strings.CutPrefix(u.ref, "refs/heads/")
	h := r.hub
	if !ok || u.after == "" || levels[h.opts.Permissions["checks"]] < levels["write"] {
		return
	}
	for _, a := range h.appsByID() {
		known := slices.ContainsFunc(r.suites, func(s *suite) bool { return s.app == a && s.headSHA == u.after })
		if in := a.installationOf(r); known || in == nil || !in.suspended.IsZero() {
			continue
		}
		s := h.suiteFor(r, a, u.after, branch)
		s.before = u.before
		h.suiteEvent(r, s, "requested", sender)
	}
}

// runs are a suite's newest check runs by name. mu is held.
func (s *suite) runs() []*checkRun {
	return slices.DeleteFunc(s.repo.runsAt(s.headSHA, true), func(r *checkRun) bool { return r.suite != s })
}

// severity orders conclusions: the first that any check run has is the
// suite's.
var severity = []string{"failure", "timed_out", "action_required", "cancelled", "success", "neutral", "skipped"}

// state is the suite's status and conclusion. mu is held.
func (s *suite) state() (status, conclusion string) {
	runs := s.runs()
	if len(runs) == 0 || s.reset {
		return "queued", ""
	}
	done, queued := 0, 0
	for _, r := range runs {
		switch r.Status {
		case "completed":
			done++
		case "queued":
			queued++
		}
	}
	switch {
	case queued == len(runs):
		return "queued", ""
	case done < len(runs):
		return "in_progress", ""
	}
	for _, c := range severity {
		if slices.ContainsFunc(runs, func(r *checkRun) bool { return r.Conclusion == c }) {
			return "completed", c
		}
	}
	return "completed", "neutral"
}

// runCompleted tells that a check run completed, and its suite if it did so
// with it. mu is held.
func (h *Hub) runCompleted(r *Repo, run *checkRun) {
	h.runEvent(r, run, "completed", run.app.bot)
	status, _ := run.suite.state()
	if status == "completed" && !run.suite.told {
		h.suiteEvent(r, run.suite, "completed", run.app.bot)
	}
	run.suite.told = status == "completed"
}

// rerequest sends check_run.rerequested. The check run stays as it is; its
// suite goes back to queued. mu is held.
func (h *Hub) rerequest(r *Repo, run *checkRun, sender *user) {
	run.suite.reset, run.suite.told, run.suite.updated = true, false, h.now()
	h.runEvent(r, run, "rerequested", sender)
	h.touch()
}

// findRun finds a check run in all repositories. mu is held.
func (h *Hub) findRun(id int64) (*Repo, *checkRun) {
	for _, r := range h.repos {
		for _, run := range r.runs {
			if run.ID == id {
				return r, run
			}
		}
	}
	return nil, nil
}

// RerequestRun does what the Re-run button of a check run does, in the name
// of a login. A check run must be completed to be run again. Any login may:
// GitHub shows the button to people with write permission only (CanWrite),
// and tests can be the stranger whom it let through.
func (h *Hub) RerequestRun(id int64, login string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	r, run := h.findRun(id)
	switch {
	case run == nil:
		return fmt.Errorf("run check run %d again: there is no such check run", id)
	case run.Status != "completed":
		return fmt.Errorf("run check run %d again: it is still %s", id, run.Status)
	}
	h.rerequest(r, run, h.user(login))
	return nil
}

// RerequestSuites does what "Re-run all checks" does: check_suite.rerequested
// for every suite of the commit that has check runs. Any login may, as with
// Hub.RerequestRun.
func (r *Repo) RerequestSuites(sha, login string) error {
	h := r.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	sent := false
	for _, s := range r.suites {
		if s.headSHA == sha && len(s.runs()) > 0 {
			s.reset, s.told, s.updated, sent = true, false, h.now(), true
			h.suiteEvent(r, s, "rerequested", h.user(login))
		}
	}
	if !sent {
		return fmt.Errorf("run all checks of %s again: the commit has none", sha)
	}
	h.touch()
	return nil
}

// RequestAction does what an action's button on a check run does. Any login
// may, as with RerequestRun.
func (h *Hub) RequestAction(id int64, identifier, login string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	r, run := h.findRun(id)
	if run == nil || !slices.ContainsFunc(run.Actions, func(a Action) bool { return a.Identifier == identifier }) {
		return errors.New("request an action: the check run has no such action")
	}
	h.runEventWith(r, run, "requested_action", h.user(login), obj{"requested_action": obj{"identifier": identifier}})
	h.touch()
	return nil
}

func (h *Hub) listCommitSuites(c *call) (answer, error) {
	commit, err := c.commitOf()
	if err != nil {
		return answer{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	all := []obj{}
	for _, s := range c.repo.suites {
		if s.headSHA == commit.sha {
			all = append(all, h.suiteJSON(c.repo, s))
		}
	}
	return answer{http.StatusOK, obj{"total_count": len(all), "check_suites": page(c.w, c.Request, h.url, all)}}, nil
}

// suite finds the check suite of the path. mu is held.
func (c *call) suite() (*suite, error) {
	for _, s := range c.repo.suites {
		if s.id == c.id("id") {
			return s, nil
		}
	}
	return nil, errNotFound
}

func (h *Hub) getSuite(c *call) (answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, err := c.suite()
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, h.suiteJSON(c.repo, s)}, nil
}

func (h *Hub) rerequestSuite(c *call) (answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, err := c.suite()
	if err != nil {
		return answer{}, err
	}
	if s.app != c.app {
		return answer{}, errForbidden
	}
	s.reset, s.told, s.updated = true, false, h.now()
	h.suiteEvent(c.repo, s, "rerequested", c.app.bot)
	h.touch()
	return answer{http.StatusCreated, obj{}}, nil
}

package minihub

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// RequiredCheck is a check that must pass before a pull request merges.
type RequiredCheck struct {
	Context string // the check run's name
	AppID   int64  // the App that must report it; 0 is any
}

// branchRules are what the owner of a repository demands of its branches.
type branchRules struct {
	classic  map[string][]RequiredCheck // by branch; an entry without checks protects too
	rulesets []*ruleset                 // by id
}

type ruleset struct {
	id      int64
	pattern string
	checks  []RequiredCheck
}

// Protect turns on classic protection of one branch and requires the checks
// there; without any the branch is protected and requires none. A later call
// replaces them. Protection is shown and holds merges; pushes pass, as those
// of administrators do.
func (r *Repo) Protect(branch string, checks ...RequiredCheck) {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	if r.rules.classic == nil {
		r.rules.classic = map[string][]RequiredCheck{}
	}
	r.rules.classic[branch] = slices.Clone(checks)
	r.hub.touch()
}

// Unprotect turns classic protection of a branch off.
func (r *Repo) Unprotect(branch string) {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	delete(r.rules.classic, branch)
	r.hub.touch()
}

// SetRuleset makes an active ruleset for the branches of a pattern, which
// requires the checks and has rules of other types beside: those against
// deletions and forced pushes that GitHub proposes, and one that clients of
// some age do not know. None of these is enforced. A later call with the same
// pattern replaces the checks; one without checks removes the ruleset.
//
// A pattern is ~ALL, ~DEFAULT_BRANCH, or a name in which *, ? and [] match
// within a part between slashes and ** matches any number of parts.
func (r *Repo) SetRuleset(branchPattern string, checks ...RequiredCheck) {
	h := r.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	defer h.touch()
	i := slices.IndexFunc(r.rules.rulesets, func(s *ruleset) bool { return s.pattern == branchPattern })
	switch {
	case i >= 0 && len(checks) == 0:
		r.rules.rulesets = slices.Delete(r.rules.rulesets, i, i+1)
	case i >= 0:
		r.rules.rulesets[i].checks = slices.Clone(checks)
	case len(checks) > 0:
		r.rules.rulesets = append(r.rules.rulesets, &ruleset{id: h.nextID("ruleset"), pattern: branchPattern, checks: slices.Clone(checks)})
	}
}

// rulesetsFor are the rulesets of a branch, which need not exist. Hub.mu is
// held.
func (r *Repo) rulesetsFor(branch string) []*ruleset {
	var out []*ruleset
	for _, s := range r.rules.rulesets {
		if s.pattern == "~ALL" || s.pattern == "~DEFAULT_BRANCH" && branch == r.defaultBranch ||
			matchParts(strings.Split(s.pattern, "/"), strings.Split(branch, "/")) {
			out = append(out, s)
		}
	}
	return out
}

func matchParts(pattern, name []string) bool {
	for len(pattern) > 0 && pattern[0] != "**" {
		if len(name) == 0 {
			return false
		}
		if ok, err := path.Match(pattern[0], name[0]); !ok || err != nil {
			return false
		}
		pattern, name = pattern[1:], name[1:]
	}
	if len(pattern) == 0 {
		return len(name) == 0
	}
	for i := range len(name) + 1 {
		if matchParts(pattern[1:], name[i:]) {
			return true
		}
	}
	return false
}

// requiredOn are the checks that a branch requires, by protection and by
// rulesets, each once. Hub.mu is held.
func (r *Repo) requiredOn(branch string) []RequiredCheck {
	all := slices.Clone(r.rules.classic[branch])
	for _, s := range r.rulesetsFor(branch) {
		all = append(all, s.checks...)
	}
	var out []RequiredCheck
	for _, c := range all {
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// blocker is a required check that did not pass.
type blocker struct {
	RequiredCheck
	line   string // as the box of checks says it
	status string // as GitHub's refusal says it
}

var blockerWords = map[string][2]string{
	"":                {"Expected — Waiting for status to be reported", "is expected"},
	"queued":          {"Queued — Waiting to run this check", "is queued"},
	"in_progress":     {"In progress — This check has started", "is in progress"},
	"failure":         {"Failing", "is failing"},
	"timed_out":       {"Timed out", "is failing"},
	"action_required": {"Action required", "is failing"},
	"cancelled":       {"Cancelled", "was cancelled"},
}

// blockersOf are the checks that a branch requires and that have not passed
// on a commit, which is the head of a pull request or of a merge group. The
// newest check run of the name counts. Hub.mu is held.
func (r *Repo) blockersOf(branch, sha string) []blocker {
	var out []blocker
	for _, c := range r.requiredOn(branch) {
		state := ""
		for _, run := range r.runsAt(sha, true) {
			if run.Name == c.Context && (c.AppID == 0 || c.AppID == run.AppID) {
				if state = run.Status; state == "completed" {
					state = run.Conclusion
				}
				break
			}
		}
		if words, blocked := blockerWords[state]; blocked {
			out = append(out, blocker{c, words[0], words[1]})
		}
	}
	return out
}

// MergeBlockers says what keeps an open pull request from being merged by the
// rules of its base branch, in GitHub's words, as "lib: Expected — Waiting
// for status to be reported"; nil when nothing does, and when the pull
// request is closed or not there. Conflicts are not among them.
func (r *Repo) MergeBlockers(number int) []string {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	p := r.pulls[number]
	if p == nil || !p.open {
		return nil
	}
	var out []string
	if p.draft {
		out = append(out, "This pull request is still a work in progress: draft pull requests cannot be merged")
	}
	for _, b := range r.blockersOf(p.baseRef, p.headSHA) {
		out = append(out, b.Context+": "+b.line)
	}
	return out
}

// mergeRefusal is the error with which GitHub answers a merge that the rules
// of the base branch hold back; nil when they do not.
func (r *Repo) mergeRefusal(p *pull) error {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	if p.draft {
		return errors.New("pull request is still a draft")
	}
	var parts []string
	for _, b := range r.blockersOf(p.baseRef, p.headSHA) {
		parts = append(parts, fmt.Sprintf("required status check %q %s", b.Context, b.status))
	}
	if parts == nil {
		return nil
	}
	return errors.New(strings.Join(parts, "; "))
}

// mergeState is mergeable_state of an open pull request whose test merge is
// known. Hub.mu is held.
func (r *Repo) mergeState(p *pull) string {
	switch {
	case !p.facts.mergeable:
		return "dirty"
	case p.draft:
		return "draft"
	case len(r.blockersOf(p.baseRef, p.headSHA)) > 0:
		return "blocked"
	}
	return "clean"
}

// CanWrite reports whether a login may press what GitHub shows to people with
// write permission only: Re-run and the buttons of actions.
func (r *Repo) CanWrite(login string) bool {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	return levels[r.permission(r.hub.users[lower(login)])] >= levels["write"]
}

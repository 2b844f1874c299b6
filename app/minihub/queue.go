package minihub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	// queuePrefix starts the branches of merge groups.
	queuePrefix = "gh-readonly-queue/"
	// queueBot is in whose name GitHub pushes for the queue.
	queueBot = "github-merge-queue[bot]"
)

// mergeGroup is a pull request in a merge queue, with the commit that merges
// it. It is not changed once it is in the queue.
type mergeGroup struct {
	pull             *pull
	login            string // who queued it
	base             string // the branch
	pullSHA          string // the pull request's head, as merged here
	baseSHA, headSHA string
}

func (g *mergeGroup) branch() string {
	return queuePrefix + g.base + "/pr-" + strconv.Itoa(g.pull.number) + "-" + g.baseSHA
}

// MergeGroup is an entry of a merge queue at one moment.
type MergeGroup struct {
	Number     int // of the pull request
	BaseBranch string
	// BaseSHA is the commit that the group stands on: the base branch's tip,
	// or the head of the group before it.
	BaseSHA string
	HeadRef string // refs/heads/gh-readonly-queue/...
	HeadSHA string
}

// MergeGroups are the merge queue of a repository, OWNER/NAME, the next to be
// merged first; those of several base branches in the order of queueing.
func (v *View) MergeGroups(repo string) []MergeGroup {
	r := v.h.repo(repo)
	if r == nil {
		return nil
	}
	var out []MergeGroup
	for _, g := range r.queue {
		out = append(out, MergeGroup{Number: g.pull.number, BaseBranch: g.base, BaseSHA: g.baseSHA,
			HeadRef: "refs/heads/" + g.branch(), HeadSHA: g.headSHA})
	}
	return out
}

// Enqueue puts an open pull request at the end of its base branch's merge
// queue, in the name of a login, and returns the id of the commit that merges
// it there. Told are pull_request.enqueued; create, push and
// check_suite.requested of the group's branch; merge_group.checks_requested;
// all but the first in the name of GitHub's queue. It fails when the pull
// request is a draft, is queued, or conflicts with what is before it.
//
// A queued pull request leaves the queue when it is pushed to, closed,
// retargeted or made a draft. A group whose base moves is destroyed as
// invalidated, and its pull request gets a new one.
func (r *Repo) Enqueue(ctx context.Context, number int, login string) (sha string, err error) {
	err = r.change(number, "queue", func(p *pull) error {
		switch {
		case !p.open:
			return errors.New("it is closed")
		case p.draft:
			return errors.New("it is a draft")
		case r.queued(p) >= 0:
			return errors.New("it is queued already")
		}
		onto, err := r.queueTip(ctx, p.baseRef)
		if err != nil {
			return err
		}
		g, err := r.makeGroup(ctx, p, login, onto)
		if err != nil {
			return err
		}
		h := r.hub
		h.mu.Lock()
		r.queue = append(r.queue, g)
		r.pullEvent(p, "enqueued", h.user(login), nil)
		h.mu.Unlock()
		sha = g.headSHA
		return r.announce(ctx, g)
	})
	return sha, err
}

// Dequeue takes a pull request out of the merge queue, in the name of a login:
// pull_request.dequeued, merge_group.destroyed with the reason dequeued, and
// the group's branch is deleted. Groups behind it are invalidated.
func (r *Repo) Dequeue(ctx context.Context, number int, login string) error {
	return r.change(number, "dequeue", func(p *pull) error {
		i := r.queued(p)
		if i < 0 {
			return errors.New("it is not queued")
		}
		return r.dequeue(ctx, r.queue[i], "MANUAL", login)
	})
}

// FinishQueue merges a queued pull request, and those before it in the queue
// of its base branch: the base branch moves to the group's very commit. Told
// are the push, then for each pull request pull_request.closed and .dequeued,
// then merge_group.destroyed with the reason merged and the end of its branch.
// The push and the merges are in the name of a login; empty means GitHub's
// queue itself. Whether checks passed is not asked.
func (r *Repo) FinishQueue(ctx context.Context, number int, login string) error {
	if login == "" {
		login = queueBot
	}
	return r.change(number, "merge the queue up to", func(p *pull) error {
		i := r.queued(p)
		if i < 0 {
			return errors.New("it is not queued")
		}
		var done []*mergeGroup
		for _, g := range r.queue[:i+1] {
			if g.base == p.baseRef {
				done = append(done, g)
			}
		}
		return r.mergeGroups(ctx, done, login)
	})
}

func (r *Repo) mergeGroups(ctx context.Context, done []*mergeGroup, login string) error {
	h := r.hub
	before, err := r.refs(ctx)
	if err != nil {
		return err
	}
	last := done[len(done)-1]
	if _, err := h.git(ctx, r.dir, nil, "update-ref", "refs/heads/"+last.base, last.headSHA, done[0].baseSHA); err != nil {
		return err
	}
	h.mu.Lock()
	sender := h.user(login)
	for _, g := range done {
		p := g.pull
		p.merged, p.open, p.mergedAt, p.mergedBy = true, false, h.now(), sender
		p.facts.mergeSHA = g.headSHA
		r.unqueue(g)
	}
	h.mu.Unlock()
	if err := r.tellRefs(ctx, login, before); err != nil {
		return err
	}
	for _, g := range done {
		if err := r.closePull(ctx, g.pull, sender); err != nil {
			return err
		}
		h.mu.Lock()
		r.pullEvent(g.pull, "dequeued", h.user(queueBot), obj{"reason": "MERGE"})
		h.mu.Unlock()
		if err := r.destroy(ctx, g, "merged"); err != nil {
			return err
		}
	}
	return nil
}

// queued is the place of a pull request in the queue, or -1. refMu is held.
func (r *Repo) queued(p *pull) int {
	return slices.IndexFunc(r.queue, func(g *mergeGroup) bool { return g.pull == p })
}

// queueTip is the commit that the next group of a base branch stands on.
// refMu is held.
func (r *Repo) queueTip(ctx context.Context, base string) (string, error) {
	for _, g := range slices.Backward(r.queue) {
		if g.base == base {
			return g.headSHA, nil
		}
	}
	return r.branchTip(ctx, base)
}

// branchTip is the commit of a branch; unlike resolve it sees no tags.
func (r *Repo) branchTip(ctx context.Context, branch string) (string, error) {
	out, err := r.hub.git(ctx, r.dir, nil, "rev-parse", "--verify", "--end-of-options", "refs/heads/"+branch+"^{commit}")
	if err != nil {
		return "", fmt.Errorf("find branch %s: %w", branch, err)
	}
	return strings.TrimSpace(out), nil
}

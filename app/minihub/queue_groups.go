package minihub

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
)

var errQueueConflict = errors.New("it conflicts with its base branch or with what is before it in the queue")

// makeGroup makes the commit that merges a pull request onto another commit.
// No ref names it yet. refMu is held.
func (r *Repo) makeGroup(ctx context.Context, p *pull, login, onto string) (*mergeGroup, error) {
	tree, err := r.hub.git(ctx, r.dir, nil, "merge-tree", "--write-tree", "--no-messages", onto, p.headSHA)
	if exitCode(err) == 1 || exitCode(err) == 128 {
		return nil, errQueueConflict
	}
	if err != nil {
		return nil, err
	}
	message := "Merge pull request #" + strconv.Itoa(p.number) + " from " + p.headRepo.owner.login + "/" + p.headRef + "\n\n" + p.title
	sha, err := r.commitTree(ctx, strings.TrimSpace(tree), login, message, onto, p.headSHA)
	if err != nil {
		return nil, err
	}
	return &mergeGroup{pull: p, login: login, base: p.baseRef, pullSHA: p.headSHA, baseSHA: onto, headSHA: sha}, nil
}

// announce pushes a group's branch and asks for its checks. refMu is held.
func (r *Repo) announce(ctx context.Context, g *mergeGroup) error {
	if err := r.pushGroup(ctx, "refs/heads/"+g.branch(), g.headSHA); err != nil {
		return err
	}
	r.groupEvent(g, "checks_requested", obj{})
	return nil
}

// destroy tells the end of a group, which the queue does not hold any more,
// and deletes its branch. refMu is held.
func (r *Repo) destroy(ctx context.Context, g *mergeGroup, reason string) error {
	r.groupEvent(g, "destroyed", obj{"reason": reason})
	return r.pushGroup(ctx, "-d", "refs/heads/"+g.branch())
}

func (r *Repo) pushGroup(ctx context.Context, args ...string) error {
	before, err := r.refs(ctx)
	if err != nil {
		return err
	}
	if _, err := r.hub.git(ctx, r.dir, nil, append([]string{"update-ref"}, args...)...); err != nil {
		return err
	}
	return r.tellRefs(ctx, queueBot, before)
}

func (r *Repo) groupEvent(g *mergeGroup, action string, more obj) {
	h := r.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	h.emit(r, "merge_group", action, nil, h.user(queueBot), func() obj {
		c := r.known(g.headSHA)
		b := maps.Clone(more)
		b["merge_group"] = obj{
			"head_sha": g.headSHA, "head_ref": "refs/heads/" + g.branch(), "base_sha": g.baseSHA, "base_ref": "refs/heads/" + g.base,
			"head_commit": obj{
				"id": c.sha, "tree_id": c.tree, "message": c.message, "timestamp": stamp(c.committed),
				"author":    obj{"name": c.authorName, "email": c.authorEmail},
				"committer": obj{"name": c.committerName, "email": c.committerEmail},
			},
		}
		return b
	})
	h.touch()
}

// unqueue takes a group out of the queue. refMu and mu are held.
func (r *Repo) unqueue(g *mergeGroup) {
	r.queue = slices.DeleteFunc(slices.Clone(r.queue), func(other *mergeGroup) bool { return other == g })
}

// dequeue takes a pull request out of the queue without merging it. why is
// the reason that pull_request.dequeued gives. refMu is held.
func (r *Repo) dequeue(ctx context.Context, g *mergeGroup, why, login string) error {
	h := r.hub
	h.mu.Lock()
	r.unqueue(g)
	r.pullEvent(g.pull, "dequeued", h.user(login), obj{"reason": why})
	h.mu.Unlock()
	return r.destroy(ctx, g, "dequeued")
}

// settleQueues brings all merge queues in line with branches and pull
// requests. refMu is held.
func (h *Hub) settleQueues(ctx context.Context) error {
	var busy []*Repo
	h.mu.Lock()
	for _, name := range slices.Sorted(maps.Keys(h.repos)) {
		if r := h.repos[name]; len(r.queue) > 0 && !r.archived {
			busy = append(busy, r)
		}
	}
	h.mu.Unlock()
	for _, r := range busy {
		if err := r.settleQueue(ctx); err != nil {
			return err
		}
	}
	return nil
}

// settleQueue drops what may not be in the queue any more, and makes those
// groups anew that do not stand on what is before them.
func (r *Repo) settleQueue(ctx context.Context) error {
	for _, g := range r.queue {
		if why := g.leaves(); why != "" {
			if err := r.dequeue(ctx, g, why, queueBot); err != nil {
				return err
			}
		}
	}
	tips := map[string]string{}
	for _, g := range r.queue {
		tip, err := tips[g.base], error(nil)
		if tip == "" {
			tip, err = r.branchTip(ctx, g.base)
		}
		if err == nil && g.baseSHA != tip {
			g, err = r.remake(ctx, g, tip)
		}
		if err != nil {
			return err
		}
		if tips[g.base] = g.headSHA; g.headSHA == "" {
			tips[g.base] = tip
		}
	}
	return nil
}

// leaves says why a pull request may not stay in the queue, in GitHub's words;
// empty when it may. refMu is held.
func (g *mergeGroup) leaves() string {
	p := g.pull
	switch {
	case p.merged:
		return "ALREADY_MERGED"
	case !p.open:
		return "MANUAL"
	case p.headSHA != g.pullSHA, p.baseRef != g.base, p.draft:
		return "UNKNOWN_REMOVAL_REASON"
	}
	return ""
}

// remake replaces a group by one on another commit. A pull request that
// conflicts with it leaves the queue; the group that comes back has no head
// then. refMu is held.
func (r *Repo) remake(ctx context.Context, old *mergeGroup, onto string) (*mergeGroup, error) {
	h := r.hub
	g, err := r.makeGroup(ctx, old.pull, old.login, onto)
	conflict := errors.Is(err, errQueueConflict)
	if err != nil && !conflict {
		return nil, err
	}
	h.mu.Lock()
	if conflict {
		g = &mergeGroup{base: old.base}
		r.unqueue(old)
		r.pullEvent(old.pull, "dequeued", h.user(queueBot), obj{"reason": "MERGE_CONFLICT"})
	} else {
		r.queue = slices.Clone(r.queue)
		r.queue[slices.Index(r.queue, old)] = g
	}
	h.mu.Unlock()
	if err := r.destroy(ctx, old, "invalidated"); err != nil || conflict {
		return g, err
	}
	return g, r.announce(ctx, g)
}

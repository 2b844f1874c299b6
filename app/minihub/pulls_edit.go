package minihub

import (
	"context"
	"errors"
	"strconv"
	"strings"
)

// EditPull changes the title, or the base branch, of a pull request; empty
// keeps what is there.
func (r *Repo) EditPull(ctx context.Context, number int, login, title, base string) error {
	return r.change(number, "edit", func(p *pull) error {
		h, changes := r.hub, obj{}
		if base != "" && base != p.baseRef {
			if _, err := r.Tip(ctx, base); err != nil {
				return err
			}
			changes["base"] = obj{"ref": obj{"from": p.baseRef}, "sha": obj{"from": p.baseSHA}}
			h.mu.Lock()
			p.baseRef = base
			h.mu.Unlock()
			if err := r.refresh(ctx, p); err != nil {
				return err
			}
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if title != "" && title != p.title {
			changes["title"] = obj{"from": p.title}
			p.title = title
		}
		if len(changes) == 0 {
			return errors.New("nothing changes")
		}
		p.updated = h.now()
		r.pullEvent(p, "edited", h.user(login), obj{"changes": changes})
		h.touch()
		return nil
	})
}

// MergePull merges a pull request with a merge commit, whose id it returns.
// As at GitHub it fails for a draft, a conflict, and while a check that the
// base branch requires has not passed on the head: see MergeBlockers.
// The push to the base branch is told first, then that the pull request is
// closed and merged.
func (r *Repo) MergePull(ctx context.Context, number int, login string) (sha string, err error) {
	err = r.change(number, "merge", func(p *pull) error {
		if !p.open {
			return errors.New("it is closed")
		}
		if err := r.refresh(ctx, p); err != nil {
			return err
		}
		if !p.facts.mergeable {
			return errors.New("it conflicts with its base branch")
		}
		if err := r.mergeRefusal(p); err != nil {
			return err
		}
		h := r.hub
		tree, err := h.git(ctx, r.dir, nil, "rev-parse", p.facts.mergeSHA+"^{tree}")
		if err != nil {
			return err
		}
		message := "Merge pull request #" + strconv.Itoa(number) + " from " + p.headRepo.owner.login + "/" + p.headRef + "\n\n" + p.title
		if sha, err = r.commitTree(ctx, strings.TrimSpace(tree), login, message, p.baseSHA, p.headSHA); err != nil {
			return err
		}
		before, err := r.refs(ctx)
		if err != nil {
			return err
		}
		if _, err := h.git(ctx, r.dir, nil, "update-ref", "refs/heads/"+p.baseRef, sha, p.baseSHA); err != nil {
			return err
		}
		h.mu.Lock()
		sender := h.user(login)
		p.merged, p.open, p.mergedAt, p.mergedBy = true, false, h.now(), sender
		p.facts.mergeSHA = sha
		h.mu.Unlock()
		if err := r.refsMoved(ctx, login, before); err != nil {
			return err
		}
		return r.closePull(ctx, p, sender)
	})
	return sha, err
}

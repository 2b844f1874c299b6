package minihub

import (
	"context"
	"net/http"
)

// listCommitPulls lists the pull requests of a commit, newest first: the
// merged ones that brought it to the default branch, or where it is not there
// yet, the open and merged ones that have it.
func (h *Hub) listCommitPulls(c *call) (answer, error) {
	commit, err := c.commitOf()
	if err != nil {
		return answer{}, err
	}
	type side struct {
		p                           *pull
		base, head, merge, onBranch string
	}
	var sides []side
	r := c.repo
	h.mu.Lock()
	for n := r.lastNumber; n > 0; n-- {
		if p := r.pulls[n]; p != nil && (p.open || p.merged) {
			s := side{p: p, base: p.baseSHA, head: p.headSHA}
			if p.merged {
				s.merge, s.onBranch = p.facts.mergeSHA, p.baseRef
			}
			sides = append(sides, s)
		}
	}
	h.mu.Unlock()
	tip, err := r.resolve(c.Context(), r.defaultBranch)
	if err != nil {
		return answer{}, err
	}
	arrived := false
	if tip != "" {
		if arrived, err = r.isAncestor(c.Context(), commit.sha, tip); err != nil {
			return answer{}, err
		}
	}
	var found []*pull
	for _, s := range sides {
		if arrived && (s.merge == "" || s.onBranch != r.defaultBranch) {
			continue
		}
		has := commit.sha == s.merge
		if !has {
			if has, err = r.isAncestor(c.Context(), commit.sha, s.head); err != nil {
				return answer{}, err
			}
		}
		if has {
			before, err := r.isAncestor(c.Context(), commit.sha, s.base)
			if err != nil {
				return answer{}, err
			}
			if !before {
				found = append(found, s.p)
			}
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	all := []obj{}
	for _, p := range found {
		all = append(all, h.pullJSON(r, p))
	}
	return answer{http.StatusOK, page(c.w, c.Request, h.url, all)}, nil
}

// isAncestor reports whether a commit is, or is below, another.
func (r *Repo) isAncestor(ctx context.Context, sha, of string) (bool, error) {
	_, err := r.hub.git(ctx, r.dir, nil, "merge-base", "--is-ancestor", sha, of)
	if exitCode(err) == 1 {
		return false, nil
	}
	return err == nil, err
}

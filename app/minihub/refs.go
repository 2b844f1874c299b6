package minihub

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// refUpdate is one ref that a push moved. Empty ids mean made and deleted.
type refUpdate struct {
	ref, before, after string
	commit             string // what after leads to: not itself for an annotated tag
	forced             bool
	commits            []pushedCommit // oldest first, at most 20
}

type pushedCommit struct {
	*commit
	added, modified, removed []string
}

// refsMoved turns the difference between before and now into state and
// events, those of merge queues too. refMu is held.
func (r *Repo) refsMoved(ctx context.Context, login string, before map[string]string) error {
	if err := r.tellRefs(ctx, login, before); err != nil {
		return err
	}
	return r.hub.settleQueues(ctx)
}

// tellRefs is refsMoved without the merge queues. refMu is held.
func (r *Repo) tellRefs(ctx context.Context, login string, before map[string]string) error {
	h := r.hub
	now, err := r.refs(ctx)
	if err != nil {
		return fmt.Errorf("read refs of %s: %w", r.FullName(), err)
	}
	names := slices.Sorted(maps.Keys(now))
	for n := range before {
		if now[n] == "" {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	var updates []refUpdate
	for _, n := range names {
		if now[n] != before[n] {
			u, err := r.describe(ctx, n, before, now[n])
			if err != nil {
				return fmt.Errorf("read push to %s: %w", r.FullName(), err)
			}
			updates = append(updates, u)
		}
	}
	if len(updates) == 0 {
		return nil
	}
	h.mu.Lock()
	sender := h.user(login)
	r.pushed = h.now()
	for _, u := range updates {
		r.pushEvents(u, sender)
	}
	h.mu.Unlock()
	for _, u := range updates {
		if err := r.movePulls(ctx, u, sender); err != nil {
			return err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, u := range updates {
		r.requestSuites(u, sender)
	}
	h.touch()
	return nil
}

func (r *Repo) describe(ctx context.Context, ref string, before map[string]string, after string) (refUpdate, error) {
	h, u := r.hub, refUpdate{ref: ref, before: before[ref], after: after}
	if after == "" {
		return u, nil
	}
	tip, err := h.git(ctx, r.dir, nil, "rev-parse", after+"^{commit}")
	if err != nil {
		return u, err
	}
	u.commit = strings.TrimSpace(tip)
	args := []string{"rev-list", "--reverse", u.commit}
	if u.before != "" {
		args = append(args, "^"+u.before)
		_, err := h.git(ctx, r.dir, nil, "merge-base", "--is-ancestor", u.before, after)
		if err != nil && exitCode(err) != 1 {
			return u, err
		}
		u.forced = err != nil
	} else {
		for _, sha := range before {
			args = append(args, "^"+sha)
		}
	}
	out, err := h.git(ctx, r.dir, nil, args...)
	if err != nil {
		return u, err
	}
	shas := strings.Fields(out)
	if len(shas) > 20 {
		shas = shas[len(shas)-20:]
	}
	if len(shas) == 0 {
		shas = nil
		if _, err := r.commit(ctx, u.commit); err != nil {
			return u, err
		}
	}
	for _, sha := range shas {
		p, err := r.pushedCommit(ctx, sha)
		if err != nil {
			return u, err
		}
		u.commits = append(u.commits, p)
	}
	return u, nil
}

func (r *Repo) pushedCommit(ctx context.Context, sha string) (pushedCommit, error) {
	c, err := r.commit(ctx, sha)
	if err != nil {
		return pushedCommit{}, err
	}
	if c == nil {
		return pushedCommit{}, fmt.Errorf("commit %s is not there", sha)
	}
	p := pushedCommit{commit: c}
	out, err := r.hub.git(ctx, r.dir, nil, "diff-tree", "-r", "-z", "--root", "--no-commit-id", "--no-renames", "--name-status", sha)
	if err != nil {
		return p, err
	}
	f := strings.Split(strings.TrimRight(out, "\x00"), "\x00")
	for i := 0; i+1 < len(f); i += 2 {
		path := strings.ToValidUTF8(f[i+1], "\uFFFD")
		switch f[i] {
		case "A":
			p.added = append(p.added, path)
		case "D":
			p.removed = append(p.removed, path)
		default:
			p.modified = append(p.modified, path)
		}
	}
	return p, nil
}

// movePulls brings the pull requests of a moved branch up to date: those
// whose head it is, in whatever repository, and those whose base it is.
func (r *Repo) movePulls(ctx context.Context, u refUpdate, sender *user) error {
	branch, ok := strings.CutPrefix(u.ref, "refs/heads/")
	if !ok {
		return nil
	}
	h := r.hub
	type work struct {
		base *Repo
		p    *pull
		head bool
	}
	var todo []work
	h.mu.Lock()
	for _, name := range slices.Sorted(maps.Keys(h.repos)) {
		base := h.repos[name]
		for _, n := range slices.Sorted(maps.Keys(base.pulls)) {
			p := base.pulls[n]
			if !p.open {
				continue
			}
			isHead := p.headRepo == r && p.headRef == branch
			if isHead || base == r && p.baseRef == branch {
				todo = append(todo, work{base, p, isHead})
			}
		}
	}
	h.mu.Unlock()
	for _, w := range todo {
		var err error
		switch {
		case u.after == "": // GitHub closes it, whichever side went
			err = w.base.closePull(ctx, w.p, sender)
		case w.head:
			err = w.base.synchronize(ctx, w.p, u, sender)
		default:
			err = w.base.refresh(ctx, w.p)
		}
		if err != nil {
			return fmt.Errorf("bring %s#%d up to date: %w", w.base.FullName(), w.p.number, err)
		}
	}
	return nil
}

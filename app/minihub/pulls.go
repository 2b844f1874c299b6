package minihub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// NewPull is a pull request to be opened.
type NewPull struct {
	Title, Body string
	// Head is the branch with the change: "branch", or "owner:branch" for a
	// fork of that owner.
	Head   string
	Base   string // the default branch when empty
	Author string // a login; the owner of the head's repository when empty
	Draft  bool
}

// OpenPull opens a pull request and returns its number.
func (r *Repo) OpenPull(ctx context.Context, n NewPull) (int, error) {
	h := r.hub
	h.refMu.Lock()
	defer h.refMu.Unlock()
	fail := func(err error) (int, error) { return 0, fmt.Errorf("open a pull request in %s: %w", r.FullName(), err) }
	if err := r.writable(); err != nil {
		return fail(err)
	}
	headRepo, headRef := r, n.Head
	if owner, branch, ok := strings.Cut(n.Head, ":"); ok {
		headRef = branch
		if headRepo = h.forkOf(r, owner); headRepo == nil {
			return fail(fmt.Errorf("%s has no fork of it", owner))
		}
	}
	if n.Base == "" {
		n.Base = r.defaultBranch
	}
	head, err := headRepo.Tip(ctx, headRef)
	if err != nil {
		return fail(err)
	}
	if _, err = r.Tip(ctx, n.Base); err != nil {
		return fail(err)
	}
	if n.Author == "" {
		n.Author = headRepo.owner.login
	}
	if n.Title == "" {
		n.Title = "Merge " + headRef
	}
	h.mu.Lock()
	for _, p := range r.pulls {
		if p.open && p.headRepo == headRepo && p.headRef == headRef && p.baseRef == n.Base {
			h.mu.Unlock()
			return fail(fmt.Errorf("#%d is open for %s already", p.number, n.Head))
		}
	}
	r.lastNumber++
	p := &pull{id: h.nextID("pull"), number: r.lastNumber, title: n.Title, body: n.Body, author: h.user(n.Author), draft: n.Draft,
		open: true, created: h.now(), updated: h.now(), headRepo: headRepo, headRef: headRef, headSHA: head, baseRef: n.Base}
	h.mu.Unlock()
	if err := r.refresh(ctx, p); err != nil {
		return fail(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	r.pulls[p.number] = p
	r.pullEvent(p, "opened", p.author, nil)
	h.touch()
	return p.number, nil
}

// synchronize moves an open pull request to its branch's new tip.
func (r *Repo) synchronize(ctx context.Context, p *pull, u refUpdate, sender *user) error {
	h := r.hub
	h.mu.Lock()
	p.headSHA, p.updated = u.after, h.now()
	h.mu.Unlock()
	if err := r.refresh(ctx, p); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	r.pullEvent(p, "synchronize", sender, obj{"before": u.before, "after": u.after})
	return nil
}

// refresh brings refs/pull/N/head, refs/pull/N/merge and what is told of the
// pull request in line with its branches. refMu is held.
func (r *Repo) refresh(ctx context.Context, p *pull) error {
	h := r.hub
	headRef := "refs/pull/" + strconv.Itoa(p.number) + "/head"
	if p.headRepo != r {
		if _, err := h.git(ctx, r.dir, nil, "fetch", "--quiet", "--no-auto-gc", "--no-tags", p.headRepo.dir, "+"+p.headSHA+":"+headRef); err != nil {
			return err
		}
	} else if _, err := h.git(ctx, r.dir, nil, "update-ref", headRef, p.headSHA); err != nil {
		return err
	}
	base, err := r.resolve(ctx, p.baseRef)
	if err != nil || base == "" {
		return err
	}
	facts, err := r.pullFacts(ctx, p, base)
	if err != nil {
		return err
	}
	for _, sha := range []string{p.headSHA, base} {
		if _, err := r.commit(ctx, sha); err != nil {
			return err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	p.facts, p.baseSHA, p.mergeableUnanswered = facts, base, h.opts.SlowMerge
	h.touch()
	return nil
}

func (r *Repo) pullFacts(ctx context.Context, p *pull, base string) (pullFacts, error) {
	h, f := r.hub, pullFacts{}
	files, err := r.changedFiles(ctx, base, p.headSHA)
	if err != nil {
		return f, err
	}
	f.files = len(files)
	for _, c := range files {
		f.additions += c.additions
		f.deletions += c.deletions
	}
	n, err := h.git(ctx, r.dir, nil, "rev-list", "--count", base+".."+p.headSHA)
	if err != nil {
		return f, err
	}
	f.commits, _ = strconv.Atoi(strings.TrimSpace(n))
	shas, err := h.git(ctx, r.dir, nil, "rev-list", "--topo-order", "--max-count=50", base+".."+p.headSHA)
	if err != nil {
		return f, err
	}
	f.list = strings.Fields(shas)
	slices.Reverse(f.list)
	for _, sha := range f.list {
		if _, err := r.commit(ctx, sha); err != nil {
			return f, err
		}
	}
	f.mergeSHA, err = r.testMerge(ctx, p, base)
	f.mergeable = f.mergeSHA != ""
	return f, err
}

// testMerge merges head into base and points refs/pull/N/merge at the result.
// On a conflict the ref stays where it was, as at GitHub, and the id is empty.
func (r *Repo) testMerge(ctx context.Context, p *pull, base string) (string, error) {
	h := r.hub
	tree, err := h.git(ctx, r.dir, nil, "merge-tree", "--write-tree", "--no-messages", base, p.headSHA)
	if exitCode(err) == 1 || exitCode(err) == 128 {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	sha, err := r.commitTree(ctx, strings.TrimSpace(tree), p.author.login, "Merge "+p.headSHA+" into "+base, base, p.headSHA)
	if err != nil {
		return "", err
	}
	_, err = h.git(ctx, r.dir, nil, "update-ref", "refs/pull/"+strconv.Itoa(p.number)+"/merge", sha)
	return sha, err
}

func (r *Repo) commitTree(ctx context.Context, tree, login, message string, parents ...string) (string, error) {
	args := []string{"commit-tree", "-m", message, tree}
	for _, p := range parents {
		args = append(args, "-p", p)
	}
	email, date := login+"@users.noreply.minihub.invalid", fmt.Sprintf("%d +0000", r.hub.now().Unix())
	out, err := r.hub.gitWith(ctx, r.dir, nil, []string{
		"GIT_AUTHOR_NAME=" + login, "GIT_AUTHOR_EMAIL=" + email, "GIT_AUTHOR_DATE=" + date,
		"GIT_COMMITTER_NAME=" + login, "GIT_COMMITTER_EMAIL=" + email, "GIT_COMMITTER_DATE=" + date}, args...)
	return strings.TrimSpace(out), err
}

// change runs f on a pull request with all locks that a change needs.
func (r *Repo) change(number int, verb string, f func(p *pull) error) error {
	r.hub.refMu.Lock()
	defer r.hub.refMu.Unlock()
	r.hub.mu.Lock()
	p := r.pulls[number]
	r.hub.mu.Unlock()
	err := r.writable()
	switch {
	case err != nil:
	case p == nil:
		err = errors.New("there is no such pull request")
	default:
		if err = f(p); err == nil {
			err = r.hub.settleQueues(r.hub.ctx)
		}
	}
	if err != nil {
		return fmt.Errorf("%s %s#%d: %w", verb, r.FullName(), number, err)
	}
	return nil
}

// ClosePull closes an open pull request without merging it.
func (r *Repo) ClosePull(ctx context.Context, number int, login string) error {
	return r.change(number, "close", func(p *pull) error {
		if !p.open {
			return errors.New("it is closed")
		}
		r.hub.mu.Lock()
		sender := r.hub.user(login)
		r.hub.mu.Unlock()
		return r.closePull(ctx, p, sender)
	})
}

func (r *Repo) closePull(ctx context.Context, p *pull, sender *user) error {
	if _, err := r.hub.git(ctx, r.dir, nil, "update-ref", "-d", "refs/pull/"+strconv.Itoa(p.number)+"/merge"); err != nil {
		return err
	}
	h := r.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	p.open, p.closed, p.updated = false, h.now(), h.now()
	r.pullEvent(p, "closed", sender, nil)
	h.touch()
	return nil
}

// ReopenPull opens a closed pull request again, at the present tip of its
// branch.
func (r *Repo) ReopenPull(ctx context.Context, number int, login string) error {
	return r.change(number, "reopen", func(p *pull) error {
		if p.open || p.merged {
			return errors.New("it is open or merged")
		}
		head, err := p.headRepo.Tip(ctx, p.headRef)
		if err != nil {
			return err
		}
		h := r.hub
		h.mu.Lock()
		p.open, p.headSHA, p.updated = true, head, h.now()
		h.mu.Unlock()
		if err := r.refresh(ctx, p); err != nil {
			return err
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		r.pullEvent(p, "reopened", h.user(login), nil)
		h.touch()
		return nil
	})
}

package source

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// comparison is a head, and what it is to be compared with.
type comparison struct {
	want
	head string
	// base is found out when want.branch is set (its tip) or push is (see
	// before). Empty otherwise: unbounded says why there is none.
	base      string
	push      *checks.Push
	unbounded string
	// merge: the tree to test is the head merged into base.
	merge bool
	fork  bool
	// line is a branch whose tree is much like the head's; it may be empty.
	line string
}

// comparisonOf is what an event asks to compare, and its name for errors. No
// name in it means anything to git but a ref.
func comparisonOf(ev checks.Event) (c comparison, what string, err error) {
	c.installation, c.repo = ev.Installation, ev.Repo
	switch {
	case ev.PullRequest != nil:
		pr := ev.PullRequest
		c.ofPull(pr, pr.Head.SHA)
		what = fmt.Sprintf("pull request %d", pr.Number)
		c.branch, c.fallback = pr.Base.Branch, pr.Base.SHA
		c.fork, c.line = pr.Fork(), pr.Base.Branch
		if !branchName(pr.Base.Branch) {
			err = fmt.Errorf("%q is not a branch name", pr.Base.Branch)
		}
	case ev.MergeGroup != nil:
		g := ev.MergeGroup
		c.ofRef(g.HeadRef, ev.HeadSHA)
		what = fmt.Sprintf("merge group %q", g.HeadRef)
		c.base, c.line = g.BaseSHA, g.Branch()
		c.shas = append(c.shas, g.BaseSHA)
		for _, ref := range []string{g.HeadRef, g.BaseRef} {
			if name, ok := strings.CutPrefix(ref, "refs/heads/"); !ok || !branchName(name) {
				err = fmt.Errorf("%q is not a branch", ref)
			}
		}
	case ev.Push != nil:
		p := ev.Push
		c.ofRef(p.Ref, ev.HeadSHA)
		what = fmt.Sprintf("push of %q", p.Ref)
		c.line = cmp.Or(p.DefaultBranch, p.Branch())
		if p.Tag() != "" {
			c.unbounded = "a tag was pushed"
		} else {
			c.push = p
		}
		if !refName(p.Ref) {
			err = fmt.Errorf("%q is not a branch or a tag", p.Ref)
		} else if p.DefaultBranch != "" && !branchName(p.DefaultBranch) {
			err = fmt.Errorf("%q is not a branch name", p.DefaultBranch)
		}
	default:
		err = fmt.Errorf("the event %s has no pull request, push or merge group", ev.Delivery)
	}
	return c, what, err
}

// ofPull makes c one of a pull request's head.
func (c *comparison) ofPull(pr *checks.PullRequest, head string) {
	c.head, c.shas, c.pull, c.merge = head, []string{head}, pr.Number, true
}

// ofRef makes c one of the head of a ref by its full name.
func (c *comparison) ofRef(ref, head string) {
	c.head, c.shas = head, []string{head}
	if refName(ref) {
		c.refs = []string{ref}
	}
}

// before finds what a pushed branch is to be compared with, or says why that
// is nothing. The head is in the mirror.
func (s *Source) before(ctx context.Context, m *mirror, c comparison) (base, unbounded string, err error) {
	p := c.push
	why := "the branch is new"
	if p.Before != "" {
		_, err := s.fetch(ctx, m, want{installation: c.installation, repo: c.repo, shas: []string{p.Before}})
		if err == nil {
			return p.Before, "", nil
		}
		if faultOf(err) != faultNoCommit {
			return "", "", err
		}
		why = "the branch was force-pushed, and the commit that it was at before is gone"
	}
	switch {
	case p.DefaultBranch == p.Branch():
		if p.Before == "" {
			why += " and is the default branch"
		}
		return "", why, nil
	case p.DefaultBranch == "":
		return "", why + "; which branch is the default one is not known", nil
	}
	tip, err := s.fetch(ctx, m, want{installation: c.installation, repo: c.repo, branch: p.DefaultBranch})
	if faultOf(err) == faultNoRef {
		return "", why + "; the default branch is not there", nil
	}
	if err != nil {
		return "", "", err
	}
	base, apart, err := m.mergeBase(ctx, tip, c.head)
	if base == "" && err == nil {
		unbounded = why + "; it has no common history with the default branch"
		if apart == cutOff {
			unbounded = apart
		}
	}
	return base, unbounded, err
}

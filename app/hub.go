package app

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/dudesons/loktar/app/github"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/engine"
)

// hub is what planning asks GitHub.
type hub interface {
	Permission(ctx context.Context, installation int64, repo checks.Repo, user checks.User) (checks.Permission, error)
	PullRequest(ctx context.Context, installation int64, repo checks.Repo, n int) (pr checks.PullRequest, open bool, err error)
	RequiredChecks(ctx context.Context, installation int64, repo checks.Repo, branch string) (github.Required, error)
	OpenPullOf(ctx context.Context, installation int64, repo checks.Repo, branch string) (number int, err error)
}

// Ask tells what counts for an event by which somebody asks for something.
func (c *changes) Ask(ctx context.Context, ev checks.Event) (engine.Facts, error) {
	var f engine.Facts
	var err error
	if f.Permission, err = c.hub.Permission(ctx, ev.Installation, ev.Repo, ev.Sender); err == nil && ev.Comment != nil && f.Permission.CanWrite() {
		f.PullRequest, f.Open, err = c.hub.PullRequest(ctx, ev.Installation, ev.Repo, ev.Comment.Number)
		if err == nil && f.PullRequest.Base.Repo.ID != ev.Repo.ID {
			err = checks.Errorf(checks.KindNotFound, nil, "The pull request is of another repository by now.")
		}
	}
	if err != nil {
		return engine.Facts{}, fmt.Errorf("ask GitHub about %s: %w", ev.Sender.Login, err)
	}
	return f, nil
}

// answers are what GitHub says of an event that is planned.
type answers struct {
	required       github.Required
	author, sender checks.Permission
	pull           int
	head           string // of the pull request, where the event is doubtful
	err            error
}

// said asks GitHub while git is at work.
func (c *changes) said(ctx context.Context, ev checks.Event) <-chan answers {
	out := make(chan answers, 1)
	if c.hub == nil {
		out <- answers{}
		return out
	}
	go func() {
		var a answers
		g, ctx := errgroup.WithContext(ctx)
		if branch := baseBranch(ev); branch != "" {
			g.Go(func() (err error) {
				a.required, err = c.hub.RequiredChecks(ctx, ev.Installation, ev.Repo, branch)
				return err
			})
		}
		if pr := ev.PullRequest; pr != nil {
			g.Go(func() (err error) {
				a.author, err = c.hub.Permission(ctx, ev.Installation, ev.Repo, pr.Author)
				return err
			})
		}
		if pr := ev.PullRequest; pr != nil && ev.Doubtful {
			g.Go(func() error {
				now, open, err := c.hub.PullRequest(ctx, ev.Installation, ev.Repo, pr.Number)
				if open {
					a.head = now.Head.SHA
				}
				return err
			})
		}
		own := ev.PullRequest != nil && ev.PullRequest.Author == ev.Sender
		if pr := ev.PullRequest; pr != nil && pr.Fork() && !own {
			g.Go(func() (err error) {
				a.sender, err = c.hub.Permission(ctx, ev.Installation, ev.Repo, ev.Sender)
				return err
			})
		}
		if p := ev.Push; p != nil && p.Branch() != "" && p.Branch() != p.DefaultBranch {
			g.Go(func() (err error) {
				a.pull, err = c.pullOf(ctx, ev)
				return err
			})
		}
		if a.err = g.Wait(); a.err != nil {
			a.err = fmt.Errorf("ask GitHub about the change: %w", a.err)
		}
		if own {
			a.sender = a.author // one question answers for both
		}
		out <- a
	}()
	return out
}

// pullOf is an open pull request that tests the pushed branch; 0 for none. Any
// reader can open a pull request of a branch: one whose author may not write
// keeps no push from being tested.
func (c *changes) pullOf(ctx context.Context, ev checks.Event) (int, error) {
	n, err := c.hub.OpenPullOf(ctx, ev.Installation, ev.Repo, ev.Push.Branch())
	if checks.KindOf(err) == checks.KindRefused {
		return 0, nil // the App may not read pull requests: the push is tested
	}
	if err != nil || n == 0 {
		return 0, err
	}
	pr, open, err := c.hub.PullRequest(ctx, ev.Installation, ev.Repo, n)
	if err != nil || !open {
		return 0, err
	}
	may, err := c.hub.Permission(ctx, ev.Installation, ev.Repo, pr.Author)
	if err != nil || !may.CanWrite() {
		return 0, err
	}
	return n, nil
}

// baseBranch is the branch whose rules count for the event; empty when none
// do.
func baseBranch(ev checks.Event) string {
	switch {
	case ev.PullRequest != nil:
		return ev.PullRequest.Base.Branch
	case ev.MergeGroup != nil:
		return ev.MergeGroup.Branch()
	}
	return ""
}

// fill puts the answers into a change.
func (a answers) fill(c *changes, ch *checks.Change, ev checks.Event) {
	if c.policy != nil {
		ch.Policy = c.policy(ev.Repo)
	}
	ch.PullOfBranch = a.pull
	if a.head != ev.HeadSHA {
		ch.Overtaken = a.head
	}
	ch.AuthorTrusted, ch.SenderTrusted = a.author.CanWrite(), a.sender.CanWrite()
	if a.required.Known {
		ch.Required, ch.RequiredOurs = a.required.Anyone, a.required.Ours
	}
	if ev.Push != nil {
		ch.AuthorTrusted = true // whoever pushed may write
	}
}

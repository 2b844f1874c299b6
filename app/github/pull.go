package github

import (
	"context"
	"fmt"

	gh "github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/checks"
)

// PullRequest reads pull request n of repo as it is now, and whether it is
// open. Head.Repo is zero when the head's repository was deleted.
func (a *App) PullRequest(ctx context.Context, installation int64, repo checks.Repo, n int) (pr checks.PullRequest, open bool, err error) {
	t := target{verb: "read pull request", repo: repo,
		missing: fmt.Sprintf("GitHub has no pull request %d in %s, or the App may not see it.", n, repo.FullName())}
	err = a.as(ctx, installation, t, func(ctx context.Context, rest *gh.Client) error {
		p, _, err := rest.PullRequests.Get(ctx, repo.Owner, repo.Name, n)
		if err != nil {
			return err
		}
		open = p.GetState() == "open"
		pr = checks.PullRequest{
			Number: p.GetNumber(),
			Title:  p.GetTitle(),
			Author: checks.User{ID: p.GetUser().GetID(), Login: p.GetUser().GetLogin()},
			Head:   ref(p.GetHead()),
			Base:   ref(p.GetBase()),
			Draft:  p.GetDraft(),
		}
		return nil
	})
	return pr, open, err
}

func ref(b *gh.PullRequestBranch) checks.Ref {
	r := b.GetRepo()
	return checks.Ref{SHA: b.GetSHA(), Branch: b.GetRef(), Repo: checks.Repo{
		ID: r.GetID(), Owner: r.GetOwner().GetLogin(), Name: r.GetName(),
	}}
}

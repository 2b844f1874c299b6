package github

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

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
		pr = pull(p)
		return nil
	})
	return pr, open, err
}

// pull is what we keep of a pull request.
func pull(p *gh.PullRequest) checks.PullRequest {
	pr := checks.PullRequest{
		Number: p.GetNumber(),
		Title:  p.GetTitle(),
		Author: checks.User{ID: p.GetUser().GetID(), Login: p.GetUser().GetLogin()},
		Head:   ref(p.GetHead()),
		Base:   ref(p.GetBase()),
		Draft:  p.GetDraft(),
		Labels: labels(p.Labels),
	}
	if at := p.GetUpdatedAt(); !at.IsZero() {
		pr.Updated = at.UTC()
	}
	return pr
}

func labels(in []*gh.Label) []string {
	var out []string
	for _, l := range in {
		if name := l.GetName(); name != "" {
			out = append(out, name)
		}
	}
	return out
}

func ref(b *gh.PullRequestBranch) checks.Ref {
	r := b.GetRepo()
	return checks.Ref{SHA: b.GetSHA(), Branch: b.GetRef(), Repo: checks.Repo{
		ID: r.GetID(), Owner: r.GetOwner().GetLogin(), Name: r.GetName(),
	}}
}

// maxPullPages bounds how far OpenPullOf reads. A page is small: the bodies of
// hostile pull requests are in it, and an answer is read up to maxBody.
const (
	maxPullPages = 20
	pullsPerPage = 30
)

// OpenPullOf is the number of an open pull request whose head is that branch
// of repo itself; 0 when there is none. With several, it is one of them.
func (a *App) OpenPullOf(ctx context.Context, installation int64, repo checks.Repo, branch string) (number int, err error) {
	if err := validBranch(branch); err != nil {
		return 0, err
	}
	t := target{verb: "list pull requests", repo: repo,
		missing: "GitHub does not find " + repo.FullName() + ", or the App may not see its pull requests."}
	err = a.as(ctx, installation, t, func(ctx context.Context, rest *gh.Client) error {
		// GitHub ignores a head that it cannot read, and lists all; and it
		// does not tell a repository from a fork with the same owner.
		q := url.Values{"state": {"open"}, "head": {repo.Owner + ":" + branch}}
		path := fmt.Sprintf("repos/%s/%s/pulls", repo.Owner, repo.Name)
		return pages(ctx, rest, path, q, pullsPerPage, maxPullPages, func(list []listedPull) bool {
			for _, p := range list {
				if p.State == "open" && p.Head.Ref == branch && p.Head.Repo.ID == repo.ID && repo.ID != 0 {
					number = p.Number
				}
			}
			return number == 0
		})
	})
	return number, err
}

type listedPull struct {
	Number int    `json:"number"`
	State  string `json:"state"`
	Head   struct {
		Ref  string `json:"ref"`
		Repo struct {
			ID int64 `json:"id"`
		} `json:"repo"`
	} `json:"head"`
}

// pages reads a list page by page, up to most pages, for as long as more asks
// for another.
func pages[T any](ctx context.Context, rest *gh.Client, path string, q url.Values, size, most int, more func([]T) bool) error {
	q.Set("per_page", fmt.Sprint(size))
	for page := 1; page <= most; {
		q.Set("page", fmt.Sprint(page))
		req, err := rest.NewRequest(http.MethodGet, path+"?"+q.Encode(), nil)
		if err != nil {
			return err
		}
		var list []T
		resp, err := rest.Do(ctx, req, &list)
		if err != nil {
			return err
		}
		if !more(list) || resp.NextPage <= page {
			return nil
		}
		page = resp.NextPage
	}
	return nil
}

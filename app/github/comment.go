package github

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/markdown"
)

const (
	// maxComment is how many characters GitHub takes in a comment.
	maxComment = 65_536
	// A page of comments is small: each may be as long as GitHub takes, and
	// an answer is read up to maxBody.
	maxCommentPages = 40
	commentsPerPage = 30
	// clockSkew is how far GitHub's clock may be behind ours.
	clockSkew = 10 * time.Minute
)

func commentTarget(verb string, repo checks.Repo, missing string) target {
	return target{verb: verb, repo: repo, missing: missing,
		denied: "GitHub does not allow the App to answer comments in " + repo.FullName() +
			". Give the App the permission \"Issues: read and write\" on its settings page; an owner of " + repo.Owner + " then accepts it under Settings, Applications."}
}

// React puts a reaction on a comment of an issue or a pull request. The same
// again is no error and changes nothing.
func (a *App) React(ctx context.Context, installation int64, repo checks.Repo, comment int64, content checks.Reaction) error {
	t := commentTarget("react to a comment", repo, fmt.Sprintf("GitHub has no comment %d in %s, or the App may not see it.", comment, repo.FullName()))
	return a.post(ctx, installation, t, fmt.Sprintf("issues/comments/%d/reactions", comment), struct {
		Content checks.Reaction `json:"content"`
	}{content})
}

// Comment writes a comment below issue or pull request number. A body that is
// longer than GitHub takes is cut at its end, so a marker for FindComment
// belongs at its beginning. Each call writes another one: after an answer that
// was lost, ask FindComment first.
func (a *App) Comment(ctx context.Context, installation int64, repo checks.Repo, number int, body string) error {
	return a.post(ctx, installation, conversation("write a comment", repo, number), fmt.Sprintf("issues/%d/comments", number), struct {
		Body string `json:"body"`
	}{markdown.Clip(valid(body), maxComment)})
}

func conversation(verb string, repo checks.Repo, number int) target {
	return commentTarget(verb, repo, fmt.Sprintf("GitHub has no pull request %d in %s, or the App may not see it.", number, repo.FullName()))
}

// post sends one POST below the repository's path.
func (a *App) post(ctx context.Context, installation int64, t target, path string, body any) error {
	return a.as(ctx, installation, t, func(ctx context.Context, rest *gh.Client) error {
		req, err := rest.NewRequest(http.MethodPost, fmt.Sprintf("repos/%s/%s/%s", t.repo.Owner, t.repo.Name, path), body)
		if err != nil {
			return err
		}
		_, err = rest.Do(ctx, req, nil)
		return err
	})
}

// FindComment reports whether our App wrote a comment with marker in it below
// issue or pull request number, since a time by our clock. It reads the first
// 1,200 comments from then on.
func (a *App) FindComment(ctx context.Context, installation int64, repo checks.Repo, number int, marker string, since time.Time) (bool, error) {
	if marker == "" {
		return false, nil
	}
	found := false
	var bots []string // who wrote the marker, and GitHub names no App
	err := a.as(ctx, installation, conversation("list comments", repo, number), func(ctx context.Context, rest *gh.Client) error {
		found, bots = false, nil
		q := url.Values{}
		if !since.IsZero() {
			q.Set("since", stamp(since.Add(-clockSkew)))
		}
		path := fmt.Sprintf("repos/%s/%s/issues/%d/comments", repo.Owner, repo.Name, number)
		return pages(ctx, rest, path, q, commentsPerPage, maxCommentPages, func(list []comment) bool {
			for _, c := range list {
				switch {
				case !strings.Contains(c.Body, marker):
				case c.App != nil && c.App.ID != 0:
					found = found || c.App.ID == a.o.AppID
				case c.User.Type == "Bot":
					bots = append(bots, c.User.Login)
				}
			}
			return !found
		})
	})
	if err != nil || found || len(bots) == 0 {
		return found, err
	}
	own, err := a.bot(ctx)
	if err != nil {
		return false, err
	}
	for _, login := range bots {
		found = found || strings.EqualFold(login, own)
	}
	return found, nil
}

type comment struct {
	Body string `json:"body"`
	User struct {
		Login string `json:"login"`
		Type  string `json:"type"`
	} `json:"user"`
	App *struct {
		ID int64 `json:"id"`
	} `json:"performed_via_github_app"`
}

// slug is the App's name in addresses, once GitHub told it.
type slug struct {
	mu   sync.Mutex
	name string
}

// bot is the login of the account that writes for the App.
func (a *App) bot(ctx context.Context) (string, error) {
	name := a.slug.get()
	if name == "" {
		app, err := a.self(ctx)
		if err != nil {
			return "", err
		}
		if name = app.GetSlug(); name == "" {
			return "", checks.Errorf(checks.KindUnavailable, nil, "GitHub answered without the App's name. It will be tried again.")
		}
		a.slug.set(name)
	}
	return name + "[bot]", nil
}

func (s *slug) get() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.name
}

func (s *slug) set(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.name = name
}

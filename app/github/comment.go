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

// CreateComment is as Comment, and returns the comment's id.
func (a *App) CreateComment(ctx context.Context, installation int64, repo checks.Repo, number int, body string) (id int64, err error) {
	var made struct {
		ID int64 `json:"id"`
	}
	err = a.send(ctx, installation, conversation("write a comment", repo, number), http.MethodPost, fmt.Sprintf("issues/%d/comments", number), struct {
		Body string `json:"body"`
	}{markdown.Clip(valid(body), maxComment)}, &made)
	if err == nil && made.ID == 0 {
		err = checks.Errorf(checks.KindUnavailable, nil, "GitHub answered without the comment's id. It will be tried again.")
	}
	return made.ID, err
}

// EditComment has a comment of ours say something else. The error is of kind
// checks.KindNotFound when it is there no more.
func (a *App) EditComment(ctx context.Context, installation int64, repo checks.Repo, id int64, body string) error {
	t := commentTarget("edit a comment", repo, fmt.Sprintf("GitHub has no comment %d in %s any more, or the App may not see it.", id, repo.FullName()))
	return a.send(ctx, installation, t, http.MethodPatch, fmt.Sprintf("issues/comments/%d", id), struct {
		Body string `json:"body"`
	}{markdown.Clip(valid(body), maxComment)}, nil)
}

// post sends one POST below the repository's path.
func (a *App) post(ctx context.Context, installation int64, t target, path string, body any) error {
	return a.send(ctx, installation, t, http.MethodPost, path, body, nil)
}

// send sends one request below the repository's path, whose answer goes into
// to.
func (a *App) send(ctx context.Context, installation int64, t target, method, path string, body, to any) error {
	return a.as(ctx, installation, t, func(ctx context.Context, rest *gh.Client) error {
		req, err := rest.NewRequest(method, fmt.Sprintf("repos/%s/%s/%s", t.repo.Owner, t.repo.Name, path), body)
		if err != nil {
			return err
		}
		_, err = rest.Do(ctx, req, to)
		return err
	})
}

// FindComment reports whether our App wrote a comment with marker in it below
// issue or pull request number, since a time by our clock. It reads the first
// 1,200 comments from then on.
func (a *App) FindComment(ctx context.Context, installation int64, repo checks.Repo, number int, marker string, since time.Time) (bool, error) {
	id, err := a.findComment(ctx, installation, repo, number, marker, since)
	return id != 0, err
}

// FindOwnComment is the id of the first comment that our App wrote with marker
// in it below issue or pull request number, 0 for none. It reads the first
// 1,200 comments.
func (a *App) FindOwnComment(ctx context.Context, installation int64, repo checks.Repo, number int, marker string) (int64, error) {
	return a.findComment(ctx, installation, repo, number, marker, time.Time{})
}

func (a *App) findComment(ctx context.Context, installation int64, repo checks.Repo, number int, marker string, since time.Time) (found int64, err error) {
	if marker == "" {
		return 0, nil
	}
	var bots []comment // that have the marker, and GitHub names no App
	err = a.as(ctx, installation, conversation("list comments", repo, number), func(ctx context.Context, rest *gh.Client) error {
		found, bots = 0, nil
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
					if found == 0 && c.App.ID == a.o.AppID {
						found = c.ID
					}
				case c.User.Type == "Bot":
					bots = append(bots, c)
				}
			}
			return found == 0
		})
	})
	if err != nil || found != 0 || len(bots) == 0 {
		return found, err
	}
	own, err := a.bot(ctx)
	if err != nil {
		return 0, err
	}
	for _, c := range bots {
		if strings.EqualFold(c.User.Login, own) {
			return c.ID, nil
		}
	}
	return 0, nil
}

type comment struct {
	ID   int64  `json:"id"`
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

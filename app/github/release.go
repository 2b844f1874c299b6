package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	gh "github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/markdown"
)

const (
	// maxRelease is how many characters GitHub takes in the notes of a
	// release, as its refusal says.
	maxRelease     = 125_000
	maxReleaseName = 200
)

// Release is a release of a tag.
type Release struct {
	Tag    string
	Commit string // of the tag
	Name   string // plain text
	// Notes are Markdown that is safe to show as it is. What is longer than
	// GitHub takes is cut at its end.
	Notes string
}

// CreateRelease makes a release of a tag, unless the tag has one: that stays
// as it is. It never becomes the repository's latest, of which there is one
// for all packages. The error is of checks.KindConfig when the App may not
// write.
func (a *App) CreateRelease(ctx context.Context, installation int64, repo checks.Repo, r Release) error {
	if err := errors.Join(validSHA(r.Commit), validTag(r.Tag)); err != nil {
		return err
	}
	return a.as(ctx, installation, contentsTarget("create release", repo), func(ctx context.Context, rest *gh.Client) error {
		path := fmt.Sprintf("repos/%s/%s/releases", repo.Owner, repo.Name)
		if err := ask(ctx, rest, http.MethodGet, path+"/tags/"+url.PathEscape(r.Tag), nil, nil); !notFound(err) {
			return err
		}
		err := ask(ctx, rest, http.MethodPost, path, struct {
			Tag    string `json:"tag_name"`
			Commit string `json:"target_commitish"`
			Name   string `json:"name"`
			Body   string `json:"body"`
			Latest string `json:"make_latest"`
		}{r.Tag, r.Commit, markdown.Plain(r.Name, maxReleaseName), markdown.Clip(valid(r.Notes), maxRelease), "false"}, nil)
		if says(err, "already_exists tag_name") {
			return nil // it came to be meanwhile
		}
		return err
	})
}

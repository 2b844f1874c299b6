package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	gh "github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/checks"
)

// contentsTarget is that of calls that write to the repository itself.
func contentsTarget(verb string, repo checks.Repo) target {
	return target{verb: verb, repo: repo,
		missing:    "GitHub does not find " + repo.FullName() + ", or the App may not see it. Install the App on it again.",
		deniedKind: checks.KindConfig, granted: true,
		denied: "GitHub does not allow the App to make tags and releases in " + repo.FullName() +
			". Give the App the permission \"Contents: read and write\" on its settings page; an owner of " + repo.Owner + " then accepts it under Settings, Applications. " +
			"A commit whose workflow files are not those of the default branch takes \"Workflows: read and write\" too."}
}

// CreateTag puts a lightweight tag on a commit. The same again is no error and
// changes nothing, and so is a tag with a message that somebody put there.
// The error is of checks.KindRefused when the tag is on another commit, when
// a rule of the repository forbids it, and when GitHub does not have the
// commit; of KindConfig when the App may not write.
func (a *App) CreateTag(ctx context.Context, installation int64, repo checks.Repo, name, sha string) error {
	if err := errors.Join(validSHA(sha), validTag(name)); err != nil {
		return err
	}
	return a.as(ctx, installation, contentsTarget("create tag", repo), func(ctx context.Context, rest *gh.Client) error {
		path := fmt.Sprintf("repos/%s/%s/git", repo.Owner, repo.Name)
		err := ask(ctx, rest, http.MethodPost, path+"/refs", struct {
			Ref string `json:"ref"`
			SHA string `json:"sha"`
		}{"refs/tags/" + name, sha}, nil)
		switch {
		case says(err, "already exists"):
			return sameTag(ctx, rest, path, name, sha)
		case says(err, "object does not exist"):
			return checks.Errorf(checks.KindRefused, nil, "GitHub does not know commit %s any more, so tag %q was not made.", checks.ShortSHA(sha), name)
		case says(err, ""):
			return checks.Errorf(checks.KindRefused, &fault{what: "create tag", said: "GitHub answered 422"},
				"GitHub does not take the tag %q. Look whether a rule of the repository keeps the App from making tags, and whether a part of the name before a slash is a tag itself.", name)
		}
		return err
	})
}

// sameTag is nil when the tag is on that commit.
func sameTag(ctx context.Context, rest *gh.Client, path, name, sha string) error {
	var at struct {
		Object struct {
			Type string `json:"type"`
			SHA  string `json:"sha"`
		} `json:"object"`
	}
	err := ask(ctx, rest, http.MethodGet, path+"/ref/"+url.PathEscape("tags/"+name), nil, &at)
	if err == nil && at.Object.Type == "tag" && objectID().MatchString(at.Object.SHA) {
		err = ask(ctx, rest, http.MethodGet, path+"/tags/"+at.Object.SHA, nil, &at)
	}
	switch {
	case notFound(err):
		return checks.Errorf(checks.KindUnavailable, nil, "The tag %q was removed meanwhile. It will be tried again.", name)
	case err != nil:
		return err
	case at.Object.SHA != sha:
		return checks.Errorf(checks.KindRefused, nil, "The tag %q is there already, on another commit than %s. Delete it, or let build_info.git_tag make other names.", name, checks.ShortSHA(sha))
	}
	return nil
}

// validTag refuses what git takes for no tag and, escaped, would be another
// path of the API.
func validTag(name string) error {
	if wrong := checks.TagFault(name); wrong != "" {
		return checks.Errorf(checks.KindRefused, nil, "%.64q cannot be the name of a tag: it %s. Let build_info.git_tag and the version make another.", name, wrong)
	}
	return nil
}

// ask sends one request and reads the answer into got, unless that is nil.
func ask(ctx context.Context, rest *gh.Client, method, path string, body, got any) error {
	req, err := rest.NewRequest(method, path, body)
	if err != nil {
		return err
	}
	_, err = rest.Do(ctx, req, got)
	return err
}

// says reports whether GitHub answered 422 with those words, in small letters.
func says(err error, words string) bool {
	var e *gh.ErrorResponse
	if !errors.As(err, &e) || e.Response == nil || e.Response.StatusCode != http.StatusUnprocessableEntity {
		return false
	}
	said := e.Message
	for _, one := range e.Errors {
		said += " " + one.Code + " " + one.Field + " " + one.Message
	}
	return strings.Contains(strings.ToLower(said), words)
}

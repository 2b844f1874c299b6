package github

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"

	gh "github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/checks"
)

// as runs do as an installation. A token that GitHub takes no more, or that
// was minted before the App's permissions changed, is dropped; when the
// refusal was for want of a valid token, or of a permission that t says may have
// been given meanwhile, do is run once again with a new one.
func (a *App) as(ctx context.Context, installation int64, t target, do func(context.Context, *gh.Client) error) error {
	if err := t.valid(); err != nil {
		return err
	}
	for first := true; ; first = false {
		c, err := a.installation(installation)
		if err != nil {
			return checks.Errorf(checks.KindInternal, err, "The server could not become its GitHub App.")
		}
		status, err := a.run(ctx, c, t, do)
		if status == http.StatusUnauthorized || status == http.StatusForbidden {
			a.forget(installation, c)
		}
		more := remedyOf(err) == renew || status == http.StatusForbidden && t.granted
		if !more || !first {
			return err
		}
	}
}

// run runs do as once does, and again where GitHub's clock is another than ours
// and has become known by its answer.
func (a *App) run(ctx context.Context, c *client, t target, do func(context.Context, *gh.Client) error) (status int, err error) {
	status, err = a.once(ctx, c, t, do)
	if remedyOf(err) == setClock {
		a.o.Logger.Warn().Dur("skew", a.clock.ahead()).Msg("this server's clock differs from GitHub's; its tokens are signed by GitHub's from now on")
		status, err = a.once(ctx, c, t, do)
	}
	return status, err
}

// once runs do with bounds and translates its error. status is GitHub's answer
// when it turned a request of do's down, but not one for a token.
func (a *App) once(ctx context.Context, c *client, t target, do func(context.Context, *gh.Client) error) (status int, err error) {
	if left := c.held(); left > 0 {
		return 0, checks.Errorf(checks.KindUnavailable, &limitFault{fault{what: t.what(), said: "waiting as GitHub asked"}, left},
			"GitHub asks this server to slow down. It will be tried again.")
	}
	tr := &trace{}
	bound, cancel := context.WithTimeout(withTrace(ctx, tr), callTimeout)
	defer cancel()
	began := time.Now()
	if err := do(bound, c.rest); err != nil {
		var known *checks.Error
		if errors.As(err, &known) {
			return 0, err
		}
		out := a.translate(bound, err, t, tr)
		var limit *limitFault
		if errors.As(out, &limit) {
			c.holdFor(limit.after)
			a.o.Logger.Warn().Str("repo", t.repo.FullName()).Dur("retry_after", limit.after).Msg("GitHub limits our requests")
		}
		var refused *gh.ErrorResponse
		if errors.As(err, &refused) && refused.Response != nil && !t.minting && limit == nil {
			status = refused.Response.StatusCode
		}
		return status, out
	}
	a.o.Logger.Debug().Str("call", t.verb).Str("repo", t.repo.FullName()).Dur("took", time.Since(began)).Msg("asked GitHub")
	return 0, nil
}

var repoPart = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`) })

// valid refuses names that would become another path of the API.
func (t target) valid() error {
	for _, part := range []string{t.repo.Owner, t.repo.Name} {
		if !repoPart().MatchString(part) || strings.Trim(part, ".") == "" {
			return checks.Errorf(checks.KindRefused, nil, "%q is not the name of a repository at GitHub.", t.repo.FullName())
		}
	}
	return nil
}

var objectID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`) })

func validSHA(sha string) error {
	if !objectID().MatchString(sha) {
		return checks.Errorf(checks.KindRefused, nil, "%.64q is not a commit's SHA.", sha)
	}
	return nil
}

// maxBranch bounds a branch's name, in bytes; git's own bound is a path's.
const maxBranch = 4096

// validBranch refuses what is the name of no branch and, escaped, would be
// another path of the API.
func validBranch(branch string) error {
	if branch == "" || branch == "." || branch == ".." || len(branch) > maxBranch {
		return checks.Errorf(checks.KindRefused, nil, "%.64q is not the name of a branch.", branch)
	}
	return nil
}

func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return ' '
}

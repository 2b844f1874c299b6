package github

import (
	"context"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/checks"
)

// tokenMargin is how long a clone token must still be good for when it is
// handed out: a large repository takes its time.
const tokenMargin = 10 * time.Minute

type tokenKey struct {
	installation int64
	owner, name  string
}

// cloneToken is a token and the turn to renew it.
type cloneToken struct {
	turn    chan struct{} // holds one value while somebody looks or mints
	value   string
	expires time.Time
	used    time.Time // guarded by App.mu
}

// CloneToken is a token that may read the contents of one repository and
// nothing else. It is good for at least ten minutes where GitHub grants that
// long; the same one is handed out until then. Whoever gets it keeps it out of
// logs, arguments and files.
func (a *App) CloneToken(ctx context.Context, installation int64, repo checks.Repo) (string, error) {
	t := target{verb: "mint clone token", repo: repo, minting: true}
	if err := t.valid(); err != nil {
		return "", err
	}
	c := a.cached(tokenKey{installation, repo.Owner, repo.Name})
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return "", checks.Errorf(checks.KindUnavailable, ctx.Err(), "GitHub does not answer. It will be tried again.")
	}
	defer func() { <-c.turn }()
	if time.Until(c.expires) > tokenMargin {
		return c.value, nil
	}
	_, err := a.run(ctx, a.app, t, func(ctx context.Context, rest *gh.Client) error {
		tok, _, err := rest.Apps.CreateInstallationToken(ctx, installation, &gh.InstallationTokenOptions{
			RepositoryIDs: []int64{repo.ID}, // which no rename changes
			Permissions:   &gh.InstallationPermissions{Contents: gh.String("read")},
		})
		if err != nil {
			return err
		}
		if tok.GetToken() == "" {
			return checks.Errorf(checks.KindUnavailable, nil, "GitHub answered without a token. It will be tried again.")
		}
		c.value, c.expires = tok.GetToken(), tok.GetExpiresAt().Time
		return nil
	})
	if err != nil {
		return "", err
	}
	return c.value, nil
}

func (a *App) cached(key tokenKey) *cloneToken {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.tokens[key]
	if c == nil {
		if len(a.tokens) >= maxTokens {
			a.evictToken()
		}
		c = &cloneToken{turn: make(chan struct{}, 1)}
		a.tokens[key] = c
	}
	c.used = time.Now()
	return c
}

// evictToken forgets the clone token that was used longest ago. mu is held.
func (a *App) evictToken() {
	var oldest tokenKey
	var used time.Time
	for k, c := range a.tokens {
		if used.IsZero() || c.used.Before(used) {
			oldest, used = k, c.used
		}
	}
	delete(a.tokens, oldest)
}

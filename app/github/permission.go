package github

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"sync"

	gh "github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/checks"
)

// login is an account's name at GitHub, those of Apps and of managed users
// among them.
var login = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}(\[bot\])?$`) })

// Permission asks what user may do in repo now. GitHub is asked by login, and
// its answer counts only when it is about the account with user's ID: when
// that was renamed and the login is another's, the permission is none. It is
// none, without an error, for an account that is not there and for one that
// GitHub does not tell of.
func (a *App) Permission(ctx context.Context, installation int64, repo checks.Repo, user checks.User) (checks.Permission, error) {
	if user.ID <= 0 || !login().MatchString(user.Login) {
		return checks.PermissionNone, nil
	}
	permission := checks.PermissionNone
	t := target{verb: "read permission", repo: repo,
		missing: "GitHub does not find " + repo.FullName() + ", or the App may not see it."}
	err := a.as(ctx, installation, t, func(ctx context.Context, rest *gh.Client) error {
		var got struct {
			Permission checks.Permission `json:"permission"`
			User       struct {
				ID int64 `json:"id"`
			} `json:"user"`
		}
		path := fmt.Sprintf("repos/%s/%s/collaborators/%s/permission", repo.Owner, repo.Name, url.PathEscape(user.Login))
		req, err := rest.NewRequest(http.MethodGet, path, nil)
		if err != nil {
			return err
		}
		switch _, err := rest.Do(ctx, req, &got); {
		case notFound(err):
			return nil
		case err != nil:
			return err
		}
		switch got.Permission {
		case checks.PermissionRead, checks.PermissionWrite, checks.PermissionAdmin:
			if got.User.ID == user.ID {
				permission = got.Permission
			}
		}
		return nil
	})
	if err != nil {
		return checks.PermissionNone, err
	}
	return permission, nil
}

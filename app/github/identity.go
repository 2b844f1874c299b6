package github

import (
	"context"

	gh "github.com/google/go-github/v60/github"
)

// Identify asks GitHub who we are and returns the App's name there. Its
// errors tell an operator what is wrong with the App's ID, its key, or the way
// to GitHub.
func (a *App) Identify(ctx context.Context) (name string, err error) {
	app, err := a.self(ctx)
	return app.GetName(), err
}

// self is what GitHub knows of the App.
func (a *App) self(ctx context.Context) (app *gh.App, err error) {
	_, err = a.run(ctx, a.app, target{verb: "read the App", asApp: true, missing: "GitHub does not know this App. Set github.app_id and github.private_key_file to those of one App."},
		func(ctx context.Context, rest *gh.Client) error {
			app, _, err = rest.Apps.Get(ctx, "")
			return err
		})
	return app, err
}

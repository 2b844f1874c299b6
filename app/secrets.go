package app

import (
	"context"
	"errors"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs"
	"github.com/dudesons/loktar/runner"
)

// secretsOf are the secrets of the configuration, in the runner's terms.
func secretsOf(cfg configs.Config) runner.Secrets {
	return func(_ context.Context, run checks.Run, job checks.Job) (map[string]string, error) {
		a := configs.Asker{Owner: run.Repo.Owner, Repo: run.Repo.Name, Package: job.Package.Name}
		a.Default = run.PullRequest == nil && run.Push != nil && run.Push.Default()
		if job.Release != nil {
			a.Package, a.Publish = job.Release.Package, a.Default
		}
		held, err := cfg.SecretsFor(a, job.Package.Secrets)
		var refused *configs.SecretError
		if errors.As(err, &refused) {
			return nil, checks.Errorf(checks.KindConfig, refused.Err, "%s", refused.Text)
		}
		out := make(map[string]string, len(held))
		for name, secret := range held {
			out[name] = secret.Reveal()
		}
		return out, err
	}
}

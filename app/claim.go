package app

import (
	"context"

	"github.com/dudesons/loktar/checks"
)

// claim takes a package's name in its registry for the repository. Several may
// publish to one registry, and none may publish what another began to.
func (r *releases) claim(ctx context.Context, repo checks.Repo, pkg checks.Package) error {
	reg, err := r.registry(repo, pkg)
	if err != nil {
		return err
	}
	name := reg.NameOf(pkg.Name)
	if name == "" {
		return nil
	}
	holder, err := r.store.Claim(ctx, name, repo)
	if err != nil {
		return err
	}
	if holder != repo {
		return checks.Errorf(checks.KindRefused, nil,
			"Another repository publishes a package of the name `%s` to the same registry. Give this one another pkg_name, or have the server's operator give each repository a registry, or `packages`, of its own.", pkg.Name)
	}
	return nil
}

package app

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/markdown"
	"github.com/dudesons/loktar/configs"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/publish"
)

// planTry tells of which packages a pull request publishes a build to try:
// those that go to storage, which alone has a place for them.
func (r *releases) planTry(repo checks.Repo, m *checks.Manifest) *checks.Releases {
	out := &checks.Releases{Tried: map[string]bool{}, Refused: map[string]string{}}
	for _, pkg := range m.Packages {
		if !published(pkg) || pkg.PkgType == "docker" {
			continue // images have no place for builds to try
		}
		reg, err := r.registry(repo, pkg)
		switch {
		case err != nil:
			out.Refused[pkg.Name] = err.Error()
		case reg.Type == configs.RegistryS3 || reg.Type == configs.RegistryFile:
			out.Tried[pkg.Name] = true
		}
	}
	return out
}

// try carries out a job that publishes a build to try. Nothing is reserved,
// and nothing kept but in the registry: whoever dies on the way begins anew.
func (r *releases) try(ctx context.Context, run checks.Run, job checks.Job) (checks.Result, error) {
	pkg := job.Package
	pkg.Name = job.Release.Package
	if err := r.claim(ctx, run.Repo, pkg); err != nil {
		return r.owed(ctx, pkg, "", err)
	}
	to, closer, err := r.publisher(run.Repo, &pkg)
	if err != nil {
		return checks.Result{}, err
	}
	defer closer()
	version := "0+" + checks.ShortSHA(run.HeadSHA)
	var items []checks.PublishedItem
	result, err := r.runner.Release(ctx, run, job, runner.ReleaseOptions{
		Version: version,
		Collect: func(ctx context.Context, name string, _ int64, _ fs.FileMode, open func() (io.ReadCloser, error)) error {
			item, err := r.keep(ctx, name, open)
			items = append(items, item)
			return err
		},
	})
	if err != nil || result.Outcome != checks.OutcomePassed {
		return result, err
	}
	done, err := to.Publish(ctx, publish.Release{
		Repo: run.Repo, Package: pkg, Version: version, Commit: run.HeadSHA, Files: r.files(ctx, items),
		PullRequest: true, Branch: job.Release.Branch,
	})
	if err != nil {
		return r.owed(ctx, pkg, version, err)
	}
	return checks.Result{Outcome: checks.OutcomePassed, Version: version, Items: done.Items,
		Detail: fmt.Sprintf("This is a build to try. The next one of the branch `%s` replaces it.", strings.ReplaceAll(markdown.Plain(job.Release.Branch, 100), "`", "'"))}, nil
}

package app

import (
	"context"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs/manifest/infer"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/source"
)

// workspaces lends out worktrees, and brings back a tree or commits that the
// mirror lost.
type workspaces struct {
	source    *source.Source
	manifests *manifests
	sights    *sights
}

func newWorkspaces(src *source.Source, i *infer.Inferrer) workspaces {
	w := workspaces{source: src, manifests: &manifests{}}
	w.sights = &sights{source: src, manifests: w.manifests, inferrer: i}
	return w
}

// Lease implements runner.Workspaces. The errors are those of source.Lease and
// source.Restore, and one of checks.KindConfig where files of the package are
// missing in any worktree.
func (w workspaces) Lease(ctx context.Context, run checks.Run, job checks.Job) (runner.Workspace, error) {
	space, err := w.lease(ctx, run, job)
	if checks.KindOf(err) != checks.KindNotFound {
		return space, err
	}
	if err := w.source.Restore(ctx, run); err != nil {
		return runner.Workspace{}, err
	}
	return w.lease(ctx, run, job)
}

// again leases the worktree once more that an earlier process had leased.
func (w workspaces) again(left runner.Left) (runner.Workspace, error) {
	lease, err := w.source.LeaseLeft(left.Tree)
	if err != nil {
		return runner.Workspace{}, err
	}
	return runner.Workspace{Release: lease.Release}, nil
}

func (w workspaces) lease(ctx context.Context, run checks.Run, job checks.Job) (space runner.Workspace, err error) {
	lease, err := w.source.Lease(ctx, run.Repo, run.Tree)
	if err != nil {
		return space, err
	}
	defer func() {
		if err != nil {
			lease.Release()
		}
	}()
	name := job.Package.Name
	if job.Release != nil {
		name = job.Release.Package
	}
	if err := w.whole(ctx, run, name, lease.Gaps); err != nil {
		return space, err
	}
	space = runner.Workspace{Dir: lease.Dir, Release: lease.Release}
	if job.Package.Sandbox == declared {
		if space.Hidden, err = w.sights.hidden(ctx, run, name); err != nil {
			return runner.Workspace{}, err
		}
	}
	if job.Package.Git {
		git, err := w.source.DotGit(ctx, lease, run, runner.GitObjects)
		if err != nil {
			return runner.Workspace{}, err
		}
		space.Git = &runner.Git{Dir: git.Dir, Objects: git.Objects}
	}
	return space, nil
}

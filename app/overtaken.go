package app

import (
	"context"
	"fmt"
	"slices"

	"github.com/dudesons/loktar/checks"
)

// overtaken says why a release is not to be published any more; empty when it
// is. The versions of a package have the order of its commits: once a later
// commit's state is published, an earlier one, as a re-run asks for it, would
// take its place.
func (r *releases) overtaken(ctx context.Context, run checks.Run, job checks.Job, last checks.Publication) (string, error) {
	own, err := r.turn(run, run.HeadSHA)
	if err != nil {
		return "", err
	}
	published, err := r.turn(run, last.Commit)
	if err != nil {
		return "", err
	}
	instead := fmt.Sprintf(" Version %s is that of a later commit. To publish this state, bring it back with a commit of its own.", last.Version)
	if published > own {
		return fmt.Sprintf("A later commit, %s, is published.", checks.ShortSHA(last.Commit)) + instead, nil
	}
	newest, found, err := r.store.LatestFresh(run.Target())
	if err != nil || !found || newest.Seq <= own || newest.Verdict != nil && newest.Verdict.Conclusion != checks.ConclusionSuccess {
		return "", err
	}
	if slices.Contains(newest.Packages, job.Package.Name) {
		return "", nil
	}
	if late, err := r.passed(ctx, run.Installation, run.Repo, run.Push, newest.HeadSHA, run.HeadSHA); late || err != nil {
		return "", err
	}
	return fmt.Sprintf("The newest commit of the branch, %s, owes nothing of it.", checks.ShortSHA(newest.HeadSHA)) +
		fmt.Sprintf(" What it holds is published, as version %s.", last.Version), nil
}

// turn is the place of a commit among the pushes of run's branch: that of the
// last push which brought it there, as a branch may be set back. A re-run is no
// push. It is 0 for a commit that had none.
func (r *releases) turn(run checks.Run, commit string) (uint64, error) {
	runs, err := r.store.RunsOf(run.Repo.ID, commit)
	if err != nil {
		return 0, fmt.Errorf("read the runs of %s: %w", checks.ShortSHA(commit), err)
	}
	for _, other := range runs { // newest first
		if other.Target() == run.Target() && other.RerunOf == "" {
			return other.Seq, nil
		}
	}
	return 0, nil
}

// late is the commit of a push that was heard of before ev, though it came
// after it; empty when there is none. GitHub keeps no order, and somebody may
// have it send again what this server missed.
func (r *releases) late(ctx context.Context, ev checks.Event) (string, error) {
	newest, found, err := r.store.LatestFresh(ev.Target())
	if err != nil || !found {
		return "", err
	}
	if late, err := r.passed(ctx, ev.Installation, ev.Repo, ev.Push, ev.HeadSHA, newest.HeadSHA); !late || err != nil {
		return "", err
	}
	return newest.HeadSHA, nil
}

// passed reports whether the branch of push went from older to newer.
func (r *releases) passed(ctx context.Context, installation int64, repo checks.Repo, push *checks.Push, older, newer string) (bool, error) {
	if push == nil {
		return false, nil
	}
	passed, err := r.historian.Passed(ctx, installation, repo, push.Branch(), older, newer)
	if err != nil {
		return false, fmt.Errorf("compare %s with %s: %w", checks.ShortSHA(older), checks.ShortSHA(newer), err)
	}
	return passed, nil
}

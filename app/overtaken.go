package app

import (
	"fmt"
	"slices"

	"github.com/dudesons/loktar/checks"
)

// overtaken says why a release is not to be published any more; empty when it
// is. The versions of a package have the order of its commits: once a later
// commit's state is published, an earlier one, as a re-run asks for it, would
// take its place.
func (r *releases) overtaken(run checks.Run, job checks.Job, last checks.Publication) (string, error) {
	newest, found, err := r.store.Latest(run.Target())
	if err != nil || !found || newest.HeadSHA == run.HeadSHA {
		return "", err
	}
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
	if newest.Seq < own || newest.Verdict != nil && newest.Verdict.Conclusion != checks.ConclusionSuccess {
		return "", nil
	}
	if !slices.Contains(newest.Packages, job.Package.Name) {
		return fmt.Sprintf("The newest commit of the branch, %s, owes nothing of it.", checks.ShortSHA(newest.HeadSHA)) +
			fmt.Sprintf(" What it holds is published, as version %s.", last.Version), nil
	}
	return "", nil
}

// turn is the place of a commit among the pushes of run's branch: that of the
// first run that it had. It is 0 for one that had none.
func (r *releases) turn(run checks.Run, commit string) (uint64, error) {
	runs, err := r.store.RunsOf(run.Repo.ID, commit)
	if err != nil {
		return 0, fmt.Errorf("read the runs of %s: %w", checks.ShortSHA(commit), err)
	}
	first := uint64(0)
	for _, other := range runs { // newest first
		if other.Target() == run.Target() {
			first = other.Seq
		}
	}
	return first, nil
}

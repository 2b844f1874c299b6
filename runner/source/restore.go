package source

import (
	"context"
	"fmt"

	"github.com/dudesons/loktar/checks"
)

// Has reports whether repo's mirror holds a tree.
func (s *Source) Has(ctx context.Context, repo checks.Repo, tree string) (bool, error) {
	if !isObjectName(tree) {
		return false, fmt.Errorf("look for tree: %q is not an object id", tree)
	}
	m := s.mirror(repo)
	if !m.exists() {
		return false, nil
	}
	_, err := m.run(ctx, "cat-file", "-e", tree+"^{tree}")
	switch {
	case err == nil:
		return true, nil
	case exitOf(err) > 0:
		return false, nil
	}
	return false, fmt.Errorf("look for tree: %w", err)
}

// Restore brings a run's tree back after the mirror lost it. For a pull
// request it fetches the run's two commits and merges them again; for a push
// or a merge group it fetches the head. It is an error when another tree
// results. The other kinds of error are those of Fetch.
func (s *Source) Restore(ctx context.Context, run checks.Run) error {
	c := comparison{want: want{installation: run.Installation, repo: run.Repo}}
	switch {
	case run.PullRequest != nil:
		pr := run.PullRequest
		c.ofPull(pr, run.HeadSHA)
		if branchName(pr.Base.Branch) {
			c.refs = []string{"refs/heads/" + pr.Base.Branch}
		}
	case run.Push != nil:
		c.ofRef(run.Push.Ref, run.HeadSHA)
	case run.MergeGroup != nil:
		c.ofRef(run.MergeGroup.HeadRef, run.HeadSHA)
	default:
		c.head, c.shas, c.merge = run.HeadSHA, []string{run.HeadSHA}, true
	}
	if c.merge {
		c.base, c.shas = run.BaseSHA, append(c.shas, run.BaseSHA)
	}
	l, err := s.compare(ctx, c)
	if err != nil {
		return fmt.Errorf("restore run %s: %w", run.ID, err)
	}
	defer l.Close()
	if l.Change.Tree != run.Tree {
		return checks.Errorf(checks.KindInternal, fmt.Errorf("restore run %s: got tree %q, want %s", run.ID, l.Change.Tree, run.Tree),
			"The files to test could not be restored: the same commits give other files now. Push again to start a new run.")
	}
	return nil
}

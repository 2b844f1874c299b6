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

// Restore brings a run's tree back after the mirror lost it: it fetches the
// run's two commits and merges them again. It is an error when another tree
// results. The other kinds of error are those of Fetch.
func (s *Source) Restore(ctx context.Context, run checks.Run) error {
	w := want{installation: run.Installation, repo: run.Repo, shas: []string{run.HeadSHA, run.BaseSHA}}
	if pr := run.PullRequest; pr != nil {
		w.pull = pr.Number
		if branchName(pr.Base.Branch) {
			w.heads = []string{pr.Base.Branch}
		}
	}
	l, err := s.compare(ctx, comparison{want: w, head: run.HeadSHA, base: run.BaseSHA})
	if err != nil {
		return fmt.Errorf("restore run %s: %w", run.ID, err)
	}
	defer l.Close()
	if l.Change.Tree != run.Tree {
		return checks.Errorf(checks.KindInternal, fmt.Errorf("restore run %s: got tree %q, want %s", run.ID, l.Change.Tree, run.Tree),
			"The files to test could not be restored: merging the same commits gives other files now. Push again to start a new run.")
	}
	return nil
}

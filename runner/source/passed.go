package source

import (
	"context"

	"github.com/dudesons/loktar/checks"
)

// Passed reports whether a branch has gone from one commit to another: older
// is before newer, and newer is on the branch as the other side has it now.
// The other side is asked only where the first is so. Of a commit or a branch
// that is gone the answer is no. The kinds of error are those of Fetch.
func (s *Source) Passed(ctx context.Context, installation int64, repo checks.Repo, branch, older, newer string) (bool, error) {
	if older == newer || !branchName(branch) {
		return false, nil
	}
	m := s.mirror(repo)
	ctx, done, err := m.use(ctx)
	if err != nil {
		return false, err
	}
	defer done()
	w := want{installation: installation, repo: repo, shas: []string{older, newer}}
	if _, err := s.fetch(ctx, m, w); err != nil {
		return gone(forgotten(ctx, err))
	}
	if before, err := m.before(ctx, older, newer); !before || err != nil {
		return false, forgotten(ctx, err)
	}
	w.branch = branch
	tip, err := s.fetch(ctx, m, w)
	if err != nil {
		return gone(forgotten(ctx, err))
	}
	on, err := m.before(ctx, newer, tip)
	return on, forgotten(ctx, err)
}

// gone is no for what is not there, and else the error.
func gone(err error) (bool, error) {
	if checks.KindOf(err) == checks.KindNotFound {
		return false, nil
	}
	return false, err
}

// before reports whether a commit is in the history of another, or is it.
func (m *mirror) before(ctx context.Context, commit, of string) (bool, error) {
	_, err := m.run(ctx, "merge-base", "--is-ancestor", "--end-of-options", commit, of)
	if exitOf(err) == 1 {
		return false, nil
	}
	return err == nil, err
}

package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/dudesons/loktar/checks"
)

// Look gives the tested tree of a run whose files are leased: a Loaded with
// Tree, and with Links, LinksUnknown and Tree of its Change, as Load gave them when the run
// was planned. Nothing is fetched. Close must be called. A tree that the mirror
// does not have is an error of checks.KindNotFound. What else Load fills in,
// LookBack does.
func (s *Source) Look(ctx context.Context, run checks.Run) (l Loaded, err error) {
	m := s.mirror(run.Repo)
	outer := ctx
	ctx, done, err := m.use(ctx)
	if err != nil {
		return Loaded{}, err
	}
	defer done()
	objects, err := s.Objects(outer, run.Repo)
	if err != nil {
		return Loaded{}, forgotten(ctx, err)
	}
	l = Loaded{
		Change: checks.Change{HeadSHA: run.HeadSHA, BaseSHA: run.BaseSHA, MergeBase: run.BaseSHA, Tree: run.Tree},
		Forked: run.Untrusted(), objects: objects, tree: newTree(objects, run.Tree),
	}
	if _, err = l.tree.List("."); err == nil {
		l.Change.Links, err = m.links(ctx, objects, lineOf(run), run.Tree)
	}
	switch {
	case errors.Is(err, errTooMany), errors.Is(err, errTooMuch):
		l.Change.LinksUnknown = true // as in Load
		return l, nil
	case err != nil:
		return Loaded{}, errors.Join(fmt.Errorf("look at tree %s: %w", run.Tree, forgotten(ctx, err)), l.Close())
	}
	return l, nil
}

// LookBack fills in what l, that Look gave for run, is seen against, and the
// text of loktar.json on both sides.
func (s *Source) LookBack(ctx context.Context, run checks.Run, l *Loaded) (err error) {
	m, c := s.mirror(run.Repo), &l.Change
	ctx, done, err := m.use(ctx)
	if err != nil {
		return err
	}
	defer done()
	if run.PullRequest != nil && c.BaseSHA != "" {
		if c.MergeBase, _, err = m.mergeBase(ctx, c.BaseSHA, c.HeadSHA); err != nil {
			return forgotten(ctx, err)
		}
	}
	if c.MergeBase != "" {
		l.base = newTree(l.objects, c.MergeBase)
	}
	return l.manifests()
}

// lineOf is the branch whose tree is like that of a run, see comparison.line.
func lineOf(run checks.Run) string {
	switch {
	case run.PullRequest != nil:
		return run.PullRequest.Base.Branch
	case run.MergeGroup != nil:
		return run.MergeGroup.Branch()
	case run.Push != nil:
		return cmp.Or(run.Push.DefaultBranch, run.Push.Branch())
	}
	return ""
}

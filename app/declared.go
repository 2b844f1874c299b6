package app

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/keys"
	"github.com/dudesons/loktar/configs/manifest/infer"
	"github.com/dudesons/loktar/runner/source"
)

// declared is the value of `sandbox` that has a package see what it declares.
const declared = "declared"

// maxSights bounds the trees of which it is kept what packages see.
const maxSights = 8

// sights tell what packages see of the trees of runs. They are worked out of
// the run's tree and the loktar.json that counted for it, as its plan was: so
// they are the same after a restart. They are safe for concurrent use.
type sights struct {
	source    *source.Source
	manifests *manifests
	inferrer  *infer.Inferrer

	mu   sync.Mutex
	kept []*sight // the one used last comes first
}

// sight is one tree.
type sight struct {
	key sightKey

	mu    sync.Mutex
	views *keys.Views // nil until made
}

// sightKey is a tree and the commits that it was planned with.
type sightKey struct {
	repo             int64
	tree, base, head string
	untrusted        bool
}

// hidden are the paths of run's tree that a package is not to see. The errors
// are those of source.Look, of reading loktar.json and of inference.
func (s *sights) hidden(ctx context.Context, run checks.Run, name string) (_ []string, err error) {
	tree, err := s.source.Look(ctx, run)
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	views, err := s.of(run).open(ctx, s, run, &tree)
	if err != nil {
		return nil, err
	}
	return views.Hidden(keyTree{tree.Tree()}, name)
}

// of is what is kept of run's tree.
func (s *sights) of(run checks.Run) *sight {
	key := sightKey{run.Repo.ID, run.Tree, run.BaseSHA, run.HeadSHA, run.Untrusted()}
	s.mu.Lock()
	defer s.mu.Unlock()
	one := &sight{key: key}
	if i := slices.IndexFunc(s.kept, func(k *sight) bool { return k.key == key }); i >= 0 {
		one = s.kept[i]
		s.kept = slices.Delete(s.kept, i, i+1)
	}
	s.kept = slices.Insert(s.kept, 0, one)
	s.kept = s.kept[:min(len(s.kept), maxSights)]
	return one
}

// open works out what packages see, once.
func (one *sight) open(ctx context.Context, s *sights, run checks.Run, tree *source.Loaded) (*keys.Views, error) {
	one.mu.Lock()
	defer one.mu.Unlock()
	if one.views != nil {
		return one.views, nil
	}
	m, err := s.manifest(ctx, run, tree)
	if err != nil {
		return nil, err
	}
	views, err := keys.NewViews(m, keyTree{tree.Tree()}, keyOptions(&tree.Change))
	if err != nil {
		return nil, err
	}
	one.views = views
	return views, nil
}

// manifest is the loktar.json that counted for run, with the dependencies that
// it was planned with.
func (s *sights) manifest(ctx context.Context, run checks.Run, l *source.Loaded) (*checks.Manifest, error) {
	if err := s.source.LookBack(ctx, run, l); err != nil {
		return nil, err
	}
	m, problems := s.manifests.parse(l.Change.ManifestBlob, l.Manifest, nil)
	if m == nil {
		return nil, fmt.Errorf("parse %s: %d problems", checks.ManifestFile, len(problems))
	}
	if err := readEdges(ctx, s.inferrer, m, l.Tree()); err != nil {
		return nil, err
	}
	if len(m.Unread) == 0 || l.BaseTree() == nil {
		return m, nil
	}
	text, blob := l.BaseManifest, l.BaseManifestBlob
	if l.Forked {
		text, blob = l.Manifest, l.Change.ManifestBlob
	}
	if text == nil {
		return m, nil
	}
	base, _ := s.manifests.parse(blob, text, nil)
	if base == nil {
		return m, nil
	}
	if err := readEdges(ctx, s.inferrer, base, l.BaseTree()); err != nil {
		return nil, err
	}
	stillNeed(m, base)
	return m, nil
}

// readEdges fills in what the files of m's packages tell of dependencies.
func readEdges(ctx context.Context, i *infer.Inferrer, m *checks.Manifest, t *source.Tree) (err error) {
	if m.Edges, m.Unread, err = i.Edges(ctx, tree{t}, m.Packages); err != nil {
		return fmt.Errorf("read packages' files for dependencies: %w", err)
	}
	return nil
}

package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/graph"
	"github.com/dudesons/loktar/checks/plan"
	"github.com/dudesons/loktar/configs/manifest/infer"
	"github.com/dudesons/loktar/runner/source"
)

// LocalOptions say which repository to look at, and how.
type LocalOptions struct {
	// Dir is a folder in it; empty is the working directory.
	Dir string
	// Head is the revision to look at; empty is HEAD. Uncommitted has what is
	// in the working tree instead.
	Head        string
	Uncommitted bool
	// Base is the revision to compare with; empty is the one that Getenv (what
	// a CI system says) or the repository tells of.
	Base string
	// Merge looks at the head merged into the base, as a pull request is
	// tested, instead of at the head as it is.
	Merge bool
	// Text asks for the text of loktar.json too.
	Text   bool
	Getenv func(string) string
	// CacheDir is where what was read of a tree is kept for the next time;
	// empty keeps nothing.
	CacheDir string
}

// LocalAnswer is what is known of a local repository.
type LocalAnswer struct {
	Change   checks.Change // its manifests have the keys alone that count for what is affected
	Base     string        // the revision that was compared with, as a person calls it
	Notice   string        // something that will surprise, for a person; may be empty
	Graph    *graph.Graph
	Affected graph.Result
	Held     []string // what the commit rule kept out, a sentence each
	Text     []byte   // loktar.json of the tree that was looked at, where it was asked for

	base baseline
}

// ManifestError says that loktar.json cannot be used as it is.
type ManifestError struct{ Problems []checks.Problem }

func (e *ManifestError) Error() string {
	return fmt.Sprintf("%s cannot be used as it is", checks.ManifestFile)
}

// local is one look at a repository.
type local struct {
	LocalOptions
	src      *source.Local
	cache    localCache
	inferrer *infer.Inferrer
	revs     revisions
	read     map[string]bool // the blobs that dependencies were looked for in

	mu    sync.Mutex
	diffs map[[2]string]func() (diff, error)
}

// revisions tells what commit a revision names; it is empty when there is
// none.
type revisions interface {
	Commit(rev string) (string, error)
	Shallow() bool // the history is cut off
}

// AskLocal works out what a change in a local repository affects, by the code
// that the server does it with. Nothing is written to the repository. The
// error is a *ManifestError when loktar.json is wrong; others have a public
// sentence with the remedy where there is one.
func AskLocal(ctx context.Context, o LocalOptions) (*LocalAnswer, error) {
	return look(ctx, o, (*local).affected)
}

// ReadLocal is AskLocal without a change: Graph and the manifest of the head.
func ReadLocal(ctx context.Context, o LocalOptions) (*LocalAnswer, error) {
	return look(ctx, o, (*local).graph)
}

func look(ctx context.Context, o LocalOptions, at func(*local, context.Context) (*LocalAnswer, error)) (_ *LocalAnswer, err error) {
	// The process ends with the answer: collecting garbage before that is lost
	// time, unless there is very much.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(maxGarbage)
	src, err := source.OpenLocal(ctx, cmp.Or(o.Dir, "."))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	l := &local{LocalOptions: o, src: src, cache: openLocalCache(o.CacheDir), inferrer: infer.New(), revs: src, read: map[string]bool{}, diffs: map[[2]string]func() (diff, error){}}
	return at(l, ctx)
}

// maxGarbage is how much memory may be taken before garbage is collected.
const maxGarbage = 512 << 20

// target is what is looked at.
type target struct{ commit, tree string }

func (l *local) headName() string { return cmp.Or(l.Head, "HEAD") }

// head finds the commit to look at, and its tree or the working tree's.
func (l *local) head(ctx context.Context) (t target, err error) {
	name := l.headName()
	if t.commit, err = l.revs.Commit(name); err != nil {
		return t, err
	}
	if t.commit == "" {
		if name == "HEAD" {
			return t, checks.Errorf(checks.KindNotFound, nil, "This repository has no commit yet. Commit something first.")
		}
		return t, l.unknown("--head", name)
	}
	if l.Uncommitted {
		t.tree, err = l.src.Uncommitted(ctx)
	} else {
		t.tree, err = l.src.TreeID(t.commit)
	}
	return t, err
}

// graph answers without a change.
func (l *local) graph(ctx context.Context) (*LocalAnswer, error) {
	head, err := l.head(ctx)
	if err != nil {
		return nil, err
	}
	s, err := l.side(ctx, head.tree, nil)
	if err != nil {
		return nil, err
	}
	if s.manifest == nil {
		return nil, s.wrong(head.commit)
	}
	g, err := graph.New(s.manifest.Packages, s.manifest.Edges...)
	if err != nil {
		return nil, err
	}
	a := &LocalAnswer{Graph: g, Change: checks.Change{HeadSHA: head.commit, Tree: head.tree, ManifestBlob: s.blob, Manifest: s.manifest}}
	return a, l.keepText(a, s)
}

func (l *local) affected(ctx context.Context) (*LocalAnswer, error) {
	head, err := l.head(ctx)
	if err != nil {
		return nil, err
	}
	base, err := l.base(head.commit)
	if err != nil {
		return nil, err
	}
	a := &LocalAnswer{Base: base.name, Notice: base.notice, base: base}
	c := &a.Change
	seen := make(chan *side, 1) // read while git looks for the merge base
	go func() { seen <- l.cache.side(head.tree, nil) }()
	c.HeadSHA, c.BaseSHA, c.MergeBase, c.Tree = head.commit, base.commit, base.commit, head.tree
	if !base.direct {
		if c.MergeBase, c.Unbounded, err = l.src.MergeBase(ctx, base.commit, head.commit); err != nil {
			return nil, err
		}
		if c.MergeBase == "" && l.src.Shallow() {
			return nil, checks.Errorf(checks.KindNotFound, nil,
				"The history here is cut off (a shallow clone) before the commit where %s and the head part. Get the rest with: git fetch --unshallow. In GitHub Actions give actions/checkout fetch-depth: 0.", base.name)
		}
	}
	if l.Merge {
		if c.Tree, c.Conflicts, err = l.src.Merged(ctx, c.BaseSHA, c.HeadSHA); err != nil {
			return nil, err
		}
		if len(c.Conflicts) > 0 {
			return nil, checks.Errorf(checks.KindRefused, nil, "The head cannot be merged into %s: %s conflicts. Solve that, or leave --merge away.", base.name, some(c.Conflicts))
		}
	}
	s, err := l.compare(ctx, a, head, <-seen)
	if err != nil {
		return nil, err
	}
	var planner plan.Planner
	if a.Graph, a.Affected, err = planner.Affected(*c); err != nil {
		return nil, err
	}
	a.Held = plan.HeldNotes(c.Manifest.Packages, a.Affected.Held)
	return a, l.keepText(a, s)
}

// compare reads both sides of a change at once.
// seen is what is remembered of the head; it may be nil.
func (l *local) compare(ctx context.Context, a *LocalAnswer, head target, seen *side) (*side, error) {
	c := &a.Change
	g, gctx := errgroup.WithContext(ctx)
	var files []string
	var from, unbounded string
	var err error
	if c.MergeBase != "" {
		if from, err = l.src.TreeID(c.MergeBase); err != nil {
			return nil, err
		}
		g.Go(func() error {
			d, err := l.diff(gctx, from, head.tree)
			files, unbounded = d.files(), d.unbounded
			return err
		})
	}
	var now, before, tip *side
	g.Go(func() (err error) {
		if from != "" {
			if before, err = l.side(gctx, from, seen); err != nil {
				return err
			}
		}
		near := before
		if seen != nil {
			near = seen
		}
		if now, err = l.side(gctx, c.Tree, near); err != nil || !l.Merge || c.MergeBase == c.BaseSHA {
			return err
		}
		tree, err := l.src.TreeID(c.BaseSHA)
		if err == nil {
			tip, err = l.side(gctx, tree, now)
		}
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if now.manifest == nil {
		return nil, now.wrong(c.HeadSHA)
	}
	c.Files, c.ManifestBlob, c.Links = files, now.blob, now.leading()
	for _, why := range []string{unbounded, now.unbounded} {
		if c.Unbounded == "" && why != "" {
			c.Files, c.Unbounded = nil, why
		}
	}
	if slices.Contains(c.Files, checks.ManifestFile) {
		if err := errors.Join(now.whole(l), before.whole(l)); err != nil {
			return nil, err
		}
	}
	c.Manifest = now.manifest
	if before != nil {
		c.BaseManifest = before.manifest
	}
	if tip != nil {
		c.TipManifest = tip.manifest
	}
	stillNeed(c.Manifest, c.BaseManifest)
	c.CommitsUnknown = true
	if slices.ContainsFunc(c.Manifest.Packages, func(p checks.Package) bool { return len(p.ExcludeKeywords) > 0 }) && !l.Uncommitted {
		c.CommitsUnknown = false
		return now, l.src.Commits(ctx, c)
	}
	return now, nil
}

// keepText has the answer hold loktar.json, for who needs the lines of it.
func (l *local) keepText(a *LocalAnswer, s *side) error {
	if !l.Text {
		return nil
	}
	err := s.read(l, l.src.Tree(s.tree))
	a.Text = s.text
	return err
}

// LocalRoot is the root folder of the working tree around dir.
func LocalRoot(ctx context.Context, dir string) (root string, err error) {
	src, err := source.OpenLocal(ctx, cmp.Or(dir, "."))
	if err != nil {
		return "", err
	}
	if root = src.Top(); root == "" {
		err = checks.Errorf(checks.KindRefused, nil, "This repository is bare: it has no working tree. Clone it, and go there.")
	}
	return root, errors.Join(err, src.Close())
}

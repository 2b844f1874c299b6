package source

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/dudesons/loktar/checks"
)

// compare fetches and examines c. When the mirror turns out to be broken it
// is made anew and all is done again, once.
func (s *Source) compare(ctx context.Context, c comparison) (Loaded, error) {
	m := s.mirror(c.repo)
	// What was loaded is read on after this returns.
	outer := ctx
	open := func() (*Objects, error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.read(outer)
	}
	ctx, done, err := m.use(ctx)
	if err != nil {
		return Loaded{}, err
	}
	defer done()
	l, err := s.fetchAndExamine(ctx, m, c, open)
	if broken(err) && ctx.Err() == nil {
		if err := m.replace(ctx); err != nil {
			return Loaded{}, s.onDisk(forgotten(ctx, err))
		}
		l, err = s.fetchAndExamine(ctx, m, c, open)
	}
	return l, s.onDisk(forgotten(ctx, err))
}

func (s *Source) fetchAndExamine(ctx context.Context, m *mirror, c comparison, open func() (*Objects, error)) (Loaded, error) {
	tip, err := s.fetch(ctx, m, c.want)
	if err != nil {
		return Loaded{}, err
	}
	switch {
	case c.push != nil:
		c.base, c.unbounded, err = s.before(ctx, m, c)
	case c.branch != "":
		c.base = tip
	}
	if err != nil {
		return Loaded{}, err
	}
	return m.examine(ctx, c, open)
}

// examine looks at c's commits, which are complete in the mirror.
func (m *mirror) examine(ctx context.Context, c comparison, open func() (*Objects, error)) (Loaded, error) {
	l := Loaded{Change: checks.Change{HeadSHA: c.head, BaseSHA: c.base, Unbounded: c.unbounded}, Forked: c.fork}
	objects, err := open()
	if err != nil {
		return Loaded{}, err
	}
	l.objects = objects
	err = l.compare(ctx, m, c.merge)
	if err == nil {
		err = l.read(ctx, m, c.line)
	}
	if err == nil {
		return l, nil
	}
	if checks.KindOf(err) == checks.KindNotFound {
		err = fmt.Errorf("%w: %s", errBroken, err.Error())
	}
	return Loaded{}, errors.Join(err, l.Close())
}

// tested is the tree to test, or the head when there is none.
func (l *Loaded) tested() string {
	if l.Change.Tree != "" {
		return l.Change.Tree
	}
	return l.Change.HeadSHA
}

// compare fills in what the commits alone say. Without merge the tree is the
// head's, and the files are what differs from the base itself.
func (l *Loaded) compare(ctx context.Context, m *mirror, merge bool) error {
	c := &l.Change
	g, ctx := errgroup.WithContext(ctx)
	if merge {
		g.Go(func() error { return m.diffMergeBase(ctx, c) })
		g.Go(func() (err error) {
			c.Tree, c.Conflicts, err = m.merge(ctx, c.BaseSHA, c.HeadSHA)
			return err
		})
	} else {
		c.MergeBase = c.BaseSHA
		g.Go(func() error { return m.diff(ctx, c) })
		g.Go(func() (err error) {
			c.Tree, err = l.objects.treeOf(c.HeadSHA)
			return err
		})
	}
	g.Go(func() error { return m.commits(ctx, c) })
	g.Go(func() (err error) {
		l.HeadSubject, err = l.objects.subject(c.HeadSHA)
		return err
	})
	if err := g.Wait(); err != nil {
		return err
	}
	if n := len(c.Commits); n > 0 && c.Commits[n-1].SHA == c.HeadSHA {
		// Git minds the encoding that a commit names.
		l.HeadSubject = c.Commits[n-1].Subject
	}
	return nil
}

// read fills in what is in the trees, and keeps them from being collected.
// line is the branch for whose links there is a memory; it may be empty.
func (l *Loaded) read(ctx context.Context, m *mirror, line string) error {
	c := &l.Change
	l.tree = newTree(l.objects, l.tested())
	if c.MergeBase != "" {
		l.base = newTree(l.objects, c.MergeBase)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(l.manifests)
	var unbounded string
	g.Go(func() (err error) {
		c.Links, err = m.links(ctx, l.objects, line, l.tested())
		switch {
		case errors.Is(err, errTooMany):
			unbounded = fmt.Sprintf("the repository has more than %d symbolic links", maxLinks)
		case errors.Is(err, errTooMuch):
			unbounded = "the repository has too many files to look for symbolic links among them"
		default:
			return err
		}
		return nil
	})
	g.Go(func() error {
		commits := []string{c.HeadSHA}
		if c.BaseSHA != "" {
			commits = append(commits, c.BaseSHA)
		}
		if err := m.anchor(ctx, commits...); err != nil || c.Tree == "" {
			return err
		}
		return m.anchorTree(ctx, c.Tree)
	})
	err := g.Wait()
	c.LinksUnknown = unbounded != ""
	if unbounded != "" && c.Unbounded == "" {
		c.Files, c.Unbounded = nil, unbounded
	}
	return err
}

// manifests reads loktar.json on both sides. Who may not write to the
// repository does not say what is run: a fork's own file is not looked at.
func (l *Loaded) manifests() error {
	tree := l.tree
	if l.Forked {
		tree = newTree(l.objects, l.Change.BaseSHA)
	}
	file, err := tree.manifest(manifestFile{})
	if err != nil {
		return err
	}
	l.Change.ManifestBlob, l.Manifest = file.blob, file.text
	if file.problem != "" {
		l.Change.Problems = []checks.Problem{{Line: 1, Column: 1, Message: file.problem}}
	}
	if l.base == nil {
		return nil
	}
	old, err := l.base.manifest(file)
	if err == nil && old.text != nil {
		l.BaseManifestBlob, l.BaseManifest = old.blob, old.text
	}
	return err
}

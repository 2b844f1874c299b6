package source

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/dudesons/loktar/checks"
)

// maxManifest bounds loktar.json, in bytes.
const maxManifest = 16 << 20

// maxCommit bounds the commit object that is read for its subject, in bytes.
const maxCommit = 1 << 20

// Loaded is what git says of a change, and a git process that reads on in it.
// The process ends with Close, which must be called, and with the context
// that it was loaded with.
type Loaded struct {
	// Change has all fields but Manifest, BaseManifest and AuthorTrusted. Its
	// Problems are about loktar.json as git holds it (a link, too large), not
	// about its text.
	Change checks.Change
	// Manifest is the text of Change.ManifestBlob; nil when there is none or
	// Problems tell why it was not read.
	Manifest []byte
	// BaseManifest is loktar.json at the merge base and BaseManifestBlob its
	// object id; nil and empty when it has none that is a plain file.
	BaseManifest     []byte
	BaseManifestBlob string
	// HeadSubject is the first paragraph of the head commit's message on one
	// line. It is hostile text, valid UTF-8.
	HeadSubject string

	objects    *Objects
	tree, base *Tree
}

// Tip reads loktar.json at Change.BaseSHA: the tree of that commit, the file's
// text and its blob id. The text is nil when there is none that can be read.
func (l *Loaded) Tip() (tree *Tree, text []byte, blob string, err error) {
	tree = newTree(l.objects, l.Change.BaseSHA)
	file, err := tree.manifest(manifestFile{blob: l.Change.ManifestBlob, text: l.Manifest})
	return tree, file.text, file.blob, err
}

// Tree is the tested tree (the head's when the merge conflicts). It reads
// through the same process as BaseTree and Dirs.
func (l *Loaded) Tree() *Tree { return l.tree }

// BaseTree is the tree of the merge base, nil when there is none.
func (l *Loaded) BaseTree() *Tree { return l.base }

// Dirs answers questions about the folders of Tree.
func (l *Loaded) Dirs() *Dirs { return &Dirs{tree: l.tree} }

// Close ends the reading; the trees give errors after it.
func (l *Loaded) Close() error {
	if l.objects == nil {
		return nil
	}
	return l.objects.Close()
}

// comparison is a head to be merged into a base.
type comparison struct {
	want
	head string
	base string // empty: the tip of want.branch
}

// Load fetches what a pull request's event tells of and looks at it. The base
// is the present tip of the base branch, or ev's base commit when the branch
// is gone. Of several merge bases the first that git merge-base --all prints
// counts, which is the one that git itself picks. The kinds of error are those
// of Fetch.
func (s *Source) Load(ctx context.Context, ev checks.Event) (Loaded, error) {
	pr := ev.PullRequest
	if pr == nil {
		return Loaded{}, fmt.Errorf("load %s: the event %s has no pull request", ev.Repo.FullName(), ev.Delivery)
	}
	if !branchName(pr.Base.Branch) {
		return Loaded{}, fmt.Errorf("load %s: %q is not a branch name", ev.Repo.FullName(), pr.Base.Branch)
	}
	l, err := s.compare(ctx, comparison{head: pr.Head.SHA, want: want{
		installation: ev.Installation, repo: ev.Repo, shas: []string{pr.Head.SHA},
		branch: pr.Base.Branch, fallback: pr.Base.SHA, pull: pr.Number,
	}})
	if err != nil {
		return Loaded{}, fmt.Errorf("load pull request %d: %w", pr.Number, err)
	}
	return l, nil
}

// compare fetches and examines c. When the mirror turns out to be broken it
// is made anew and all is done again, once.
func (s *Source) compare(ctx context.Context, c comparison) (Loaded, error) {
	m := s.mirror(c.repo)
	l, err := s.fetchAndExamine(ctx, m, c)
	if !broken(err) {
		return l, err
	}
	if err := m.replace(ctx); err != nil {
		return Loaded{}, err
	}
	return s.fetchAndExamine(ctx, m, c)
}

func (s *Source) fetchAndExamine(ctx context.Context, m *mirror, c comparison) (Loaded, error) {
	tip, err := s.fetch(ctx, m, c.want)
	if err != nil {
		return Loaded{}, err
	}
	if c.base == "" {
		c.base = tip
	}
	branch := c.branch
	if branch == "" && len(c.heads) > 0 {
		branch = c.heads[0]
	}
	return s.examine(ctx, m, c.head, c.base, branch)
}

// examine looks at two commits that are complete in the mirror. branch is the
// name of the base, for what is remembered of it; it may be empty.
func (s *Source) examine(ctx context.Context, m *mirror, head, base, branch string) (Loaded, error) {
	l := Loaded{Change: checks.Change{HeadSHA: head, BaseSHA: base}}
	objects, err := s.git.objects(ctx, m.dir)
	if err != nil {
		return Loaded{}, err
	}
	l.objects = objects
	err = l.compare(ctx, m)
	if err == nil {
		err = l.read(ctx, m, branch)
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

// compare fills in what the two commits alone say.
func (l *Loaded) compare(ctx context.Context, m *mirror) error {
	c := &l.Change
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return m.diff(ctx, c) })
	g.Go(func() (err error) {
		c.Tree, c.Conflicts, err = m.merge(ctx, c.BaseSHA, c.HeadSHA)
		return err
	})
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
func (l *Loaded) read(ctx context.Context, m *mirror, branch string) error {
	c := &l.Change
	l.tree = newTree(l.objects, l.tested())
	if c.MergeBase != "" {
		l.base = newTree(l.objects, c.MergeBase)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(l.manifests)
	var unbounded string
	g.Go(func() (err error) {
		c.Links, err = m.links(ctx, l.objects, branch, l.tested())
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
		if err := m.anchor(ctx, c.HeadSHA, c.BaseSHA); err != nil || c.Tree == "" {
			return err
		}
		return m.anchorTree(ctx, c.Tree)
	})
	err := g.Wait()
	if unbounded != "" && c.Unbounded == "" {
		c.Files, c.Unbounded = nil, unbounded
	}
	return err
}

// manifests reads loktar.json on both sides.
func (l *Loaded) manifests() error {
	file, err := l.tree.manifest(manifestFile{})
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

// diff fills MergeBase and Files, or Unbounded.
func (m *mirror) diff(ctx context.Context, c *checks.Change) error {
	out, err := m.run(ctx, "merge-base", "--all", c.BaseSHA, c.HeadSHA)
	if exitOf(err) == 1 && stderrOf(err) == "" {
		c.Unbounded = "the branch and its base have no common history"
		if m.shallow() {
			c.Unbounded = "the repository that was fetched from is shallow, and the common history is not in it"
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the merge base: %w", err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	if !isObjectName(first) {
		return fmt.Errorf("find the merge base: git printed %q", first)
	}
	c.MergeBase = first
	out, err = m.run(ctx, "diff-tree", "-r", "--no-renames", "--no-ext-diff", "--ignore-submodules=none",
		"--name-status", "-z", c.MergeBase, c.HeadSHA, "--")
	if errors.Is(err, errTooMuch) {
		c.Unbounded = "the list of changed files is too long to be kept"
		return nil
	}
	if err != nil {
		return fmt.Errorf("list the changed files: %w", err)
	}
	if c.Files, err = parseNameStatus(out); err != nil {
		return fmt.Errorf("list the changed files: %w", err)
	}
	return nil
}

// merge merges head into base, without a common history too.
func (m *mirror) merge(ctx context.Context, base, head string) (tree string, conflicts []string, err error) {
	out, err := m.run(ctx, "merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", "--allow-unrelated-histories", base, head)
	conflicted := exitOf(err) == 1
	if err != nil && !conflicted {
		return "", nil, fmt.Errorf("merge %s into %s: %w", head, base, mergeFault(err))
	}
	tree, conflicts, perr := parseMergeTree(out)
	switch {
	case perr != nil:
		return "", nil, fmt.Errorf("merge %s into %s: %w", head, base, errors.Join(perr, err))
	case conflicted != (len(conflicts) > 0):
		return "", nil, fmt.Errorf("merge %s into %s: git names %d conflicts: %w", head, base, len(conflicts), err)
	case conflicted:
		return "", conflicts, nil
	}
	return tree, nil, nil
}

// mergeFault tells of trees that git cannot merge as such: it stops, or fails
// one of its assertions, on trees that no honest git makes.
func mergeFault(err error) error {
	f := faultOf(err)
	if f == faultUnknown && (exitOf(err) > 1 || strings.Contains(stderrOf(err), "Assertion")) {
		return checks.Errorf(checks.KindRefused, err, "Git could not merge the branch into its base. A folder in one of them is malformed: look at it with git fsck.")
	}
	return diskFault(err)
}

// subject is the first paragraph of a commit's message on one line.
func (o *Objects) subject(sha string) (string, error) {
	_, raw, err := o.Read(sha, maxCommit)
	var large *TooLargeError
	if errors.As(err, &large) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return subjectOf(string(raw)), nil
}

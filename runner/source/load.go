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

// Loaded is what git says of a change.
type Loaded struct {
	// Change has all fields but Manifest and BaseManifest. Its Problems are
	// about loktar.json as git holds it (a link, too large), not about its text.
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

	dirs func(ctx context.Context) (*Dirs, error)
}

// Dirs answers questions about the folders of the tested tree (of the head
// when the merge conflicts). The caller closes it.
func (l Loaded) Dirs(ctx context.Context) (*Dirs, error) { return l.dirs(ctx) }

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
	return s.examine(ctx, m, c.head, c.base)
}

// examine looks at two commits that are complete in the mirror.
func (s *Source) examine(ctx context.Context, m *mirror, head, base string) (Loaded, error) {
	l := Loaded{Change: checks.Change{HeadSHA: head, BaseSHA: base}}
	objects, err := s.git.objects(ctx, m.dir)
	if err != nil {
		return Loaded{}, err
	}
	err = s.fill(ctx, m, objects, &l)
	if checks.KindOf(err) == checks.KindNotFound {
		err = fmt.Errorf("%w: %s", errBroken, err.Error())
	}
	if err = errors.Join(err, objects.Close()); err != nil {
		return Loaded{}, err
	}
	if err := m.anchor(ctx, head, base); err != nil {
		return Loaded{}, err
	}
	if l.Change.Tree != "" {
		if err := m.anchorTree(ctx, l.Change.Tree); err != nil {
			return Loaded{}, err
		}
	}
	tree := l.tested()
	l.dirs = func(ctx context.Context) (*Dirs, error) {
		objects, err := s.git.objects(ctx, m.dir)
		if err != nil {
			return nil, err
		}
		return newDirs(objects, tree), nil
	}
	return l, nil
}

// tested is the tree to test, or the head when there is none.
func (l *Loaded) tested() string {
	if l.Change.Tree != "" {
		return l.Change.Tree
	}
	return l.Change.HeadSHA
}

func (s *Source) fill(ctx context.Context, m *mirror, objects *Objects, l *Loaded) error {
	c := &l.Change
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return m.diff(gctx, c) })
	g.Go(func() (err error) {
		c.Tree, c.Conflicts, err = m.merge(gctx, c.BaseSHA, c.HeadSHA)
		return err
	})
	g.Go(func() (err error) {
		l.HeadSubject, err = objects.subject(c.HeadSHA)
		return err
	})
	if err := g.Wait(); err != nil {
		return err
	}
	file, err := objects.manifest(l.tested())
	if err != nil {
		return err
	}
	c.ManifestBlob, l.Manifest = file.blob, file.text
	if file.problem != "" {
		c.Problems = []checks.Problem{{Line: 1, Column: 1, Message: file.problem}}
	}
	if c.MergeBase == "" {
		return nil
	}
	old, err := objects.manifestBut(c.MergeBase, file)
	if err != nil {
		return err
	}
	if old.text != nil {
		l.BaseManifestBlob, l.BaseManifest = old.blob, old.text
	}
	return nil
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

func subjectOf(commit string) string {
	_, message, _ := strings.Cut(commit, "\n\n")
	paragraph, _, _ := strings.Cut(strings.TrimLeft(message, "\n"), "\n\n")
	return strings.ToValidUTF8(strings.Join(strings.Fields(paragraph), " "), "\uFFFD")
}

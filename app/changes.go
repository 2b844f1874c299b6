package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/app/github"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs"
	"github.com/dudesons/loktar/configs/manifest/infer"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/source"
)

// openHub is the App's client, which tells left what GitHub says is left of an
// installation's requests.
func openHub(cfg configs.Config, left func(installation int64, left int, reset time.Time), log zerolog.Logger, version string) (*github.App, error) {
	key, err := os.ReadFile(cfg.GitHub.PrivateKeyFile)
	if err != nil {
		return nil, fmt.Errorf("read the App's private key: %w", err)
	}
	return github.New(github.Options{
		AppID: cfg.GitHub.AppID, Key: key, APIURL: cfg.APIURL(), Version: version, Left: left, Unsaid: unsaid,
		Logger: log.With().Str("part", "github").Logger(),
	})
}

// unsaid is how long GitHub is left alone when it limits and does not say for
// how long; zero, which stands for its documentation's minute, outside of tests.
var unsaid time.Duration

// openSource is the git side, which reaches repositories as the App.
func openSource(cfg configs.Config, hub *github.App, left []runner.Left) (*source.Source, error) {
	var trees []string
	for _, l := range left {
		trees = append(trees, l.Tree)
	}
	return source.New(source.Options{
		Left:  trees,
		Dir:   filepath.Join(cfg.DataDir, "git"),
		URL:   func(r checks.Repo) string { return cfg.GitURL(r.Owner, r.Name) },
		Token: hub.CloneToken, MaxSize: cfg.Git.MaxSize.Bytes(), MinFree: cfg.Git.MinFree.Bytes(),
	})
}

// changes is the engine's Source: what git says of a change, with the
// loktar.json of both sides parsed and the dependencies that their files tell
// of, beside what GitHub and the configuration say of it. What did not change
// since it was last read is not read again.
type changes struct {
	source    *source.Source
	hub       hub // nil in tests that need no GitHub
	policy    func(checks.Repo) checks.Policy
	releases  *releases // nil where nothing is published
	prover    *prover   // nil where nothing is reused
	manifests manifests
	inferrer  *infer.Inferrer
}

// Load reads, parses and infers. Its errors are those of source.Load, and of
// GitHub when what it says counts and cannot be had.
func (c *changes) Load(ctx context.Context, ev checks.Event) (checks.Change, error) {
	said := c.said(ctx, ev)
	loaded, err := c.source.Load(ctx, ev)
	if err != nil {
		<-said
		return checks.Change{}, err
	}
	defer loaded.Close()
	ch := loaded.Change
	if loaded.Manifest != nil {
		dirs := loaded.Dirs()
		m, problems := c.manifests.parse(ch.ManifestBlob, loaded.Manifest, dirs)
		if err := dirs.Err(); err != nil {
			<-said
			return checks.Change{}, fmt.Errorf("look for packages' folders: %w", err)
		}
		ch.Manifest, ch.Problems = m, append(ch.Problems, problems...)
	}
	switch {
	case loaded.Forked && loaded.Manifest != nil:
		// The base's file counts on both sides.
		ch.BaseManifest, _ = c.manifests.parse(ch.ManifestBlob, loaded.Manifest, nil)
	case loaded.BaseManifest != nil:
		ch.BaseManifest, _ = c.manifests.parse(loaded.BaseManifestBlob, loaded.BaseManifest, nil)
	}
	err = c.dependencies(ctx, &loaded, &ch)
	var all map[string]string
	if err == nil && ch.Manifest != nil && ch.Tree != "" && (ev.Push != nil && c.releases != nil || c.prover != nil && reusable(ch.Manifest)) {
		all, err = packageKeys(&ch, loaded.Tree())
	}
	if err == nil && all != nil && c.prover != nil {
		err = c.prover.prove(ctx, ev, &ch, all)
	}
	answers := <-said
	if err == nil {
		err = answers.err
	}
	if err != nil {
		return checks.Change{}, err
	}
	answers.fill(c, &ch, ev)
	switch {
	case c.releases == nil || ch.Manifest == nil || ch.Tree == "":
	case ev.Push != nil && ch.Policy.Publishes(ev.Push):
		ch.Releases, err = c.releases.plan(ctx, ev, ch.Manifest, all)
	case ch.Policy.Tries(ev.PullRequest):
		ch.Releases = c.releases.planTry(ev.Repo, ch.Manifest)
	}
	if err != nil {
		return checks.Change{}, err
	}
	return ch, nil
}

// dependencies fills in what files tell of dependencies, on all sides.
func (c *changes) dependencies(ctx context.Context, l *source.Loaded, ch *checks.Change) error {
	if ch.Manifest != nil {
		if err := c.infer(ctx, ch.Manifest, l.Tree()); err != nil {
			return err
		}
	}
	if ch.BaseManifest != nil && l.BaseTree() != nil {
		if err := c.infer(ctx, ch.BaseManifest, l.BaseTree()); err != nil {
			return err
		}
	}
	if err := c.tip(ctx, l, ch); err != nil {
		return err
	}
	stillNeed(ch.Manifest, ch.BaseManifest)
	return nil
}

// tip fills in what the files at the base's tip tell of dependencies, where
// that may be something else than at the merge base: what the base's own
// commits did is not the change's.
func (c *changes) tip(ctx context.Context, l *source.Loaded, ch *checks.Change) error {
	if ch.Manifest == nil || ch.MergeBase == "" || ch.MergeBase == ch.BaseSHA {
		return nil
	}
	tree, text, blob, err := l.Tip()
	if err != nil || text == nil {
		return err
	}
	m, _ := c.manifests.parse(blob, text, nil)
	if m == nil {
		return nil
	}
	ch.TipManifest = m
	return c.infer(ctx, m, tree)
}

// infer fills in what the files of m's packages tell of dependencies.
func (c *changes) infer(ctx context.Context, m *checks.Manifest, t *source.Tree) error {
	return readEdges(ctx, c.inferrer, m, t)
}

// stillNeed keeps the base's dependencies on packages of which a file cannot
// be read now: what such a file provides to others is not known, and who
// needed it is taken to need it still. Such an edge counts for what is
// affected, not for the order.
func stillNeed(m, base *checks.Manifest) {
	if m == nil || base == nil || len(m.Unread) == 0 {
		return
	}
	unread, listed, known := map[string]bool{}, map[string]bool{}, map[[2]string]bool{}
	for _, f := range m.Unread {
		unread[f.Package] = unread[f.Package] || !f.Warning
	}
	for _, p := range m.Packages {
		listed[p.Name] = true
	}
	for _, e := range m.Edges {
		known[[2]string{e.From, e.To}] = true
	}
	for _, e := range base.Edges {
		if unread[e.To] && listed[e.To] && listed[e.From] && !known[[2]string{e.From, e.To}] {
			e.Cyclic = true
			m.Edges = append(m.Edges, e)
		}
	}
}

// tree is a source.Tree in the terms of infer.
type tree struct{ *source.Tree }

func (t tree) List(dir string) ([]infer.Entry, error) {
	entries, err := t.Tree.List(dir)
	if err != nil || entries == nil {
		return nil, err
	}
	out := make([]infer.Entry, len(entries))
	for i, e := range entries {
		out[i] = infer.Entry{Name: e.Name, OID: e.OID, IsFile: e.IsFile(), IsDir: e.IsDir(), IsLink: e.IsLink()}
	}
	return out, nil
}

func (t tree) Read(oid string, limit int64) ([]byte, error) {
	b, err := t.Tree.Read(oid, limit)
	if large := new(source.TooLargeError); errors.As(err, &large) {
		return nil, fmt.Errorf("%w: %w", infer.ErrTooLarge, err)
	}
	return b, err
}

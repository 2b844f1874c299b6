package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs/manifest"
	"github.com/dudesons/loktar/runner/source"
)

// side is what one tree says of its packages.
type side struct {
	tree    string
	blob    string // of loktar.json; empty when there is none
	text    []byte // of it; nil when it was not read
	problem string // why it cannot be read at all
	// manifest is nil when there is none that can be used; problems say why.
	// Where partial is true its packages have only what packed names.
	manifest *checks.Manifest
	problems []checks.Problem
	partial  bool
	// links are all links of the tree; unbounded says why they are not known.
	links     []checks.Link
	linked    bool // links are known
	unbounded string
	// reads are the blobs that dependencies were looked for in, and maybe more.
	reads []string
}

// side reads a tree, or remembers what it read of it before. What near says
// of a tree that is much the same makes it cheap; near may be nil.
func (l *local) side(ctx context.Context, id string, near *side) (*side, error) {
	if near != nil && near.tree == id {
		return near, nil
	}
	if s := l.cache.side(id, near); s != nil {
		return s, nil
	}
	if s := l.edited(ctx, id, near); s != nil {
		l.cache.keep(s)
		return s, nil
	}
	s, t := &side{tree: id}, l.src.Tree(id)
	var known *checks.Manifest
	blob, text, problem, err := l.src.Manifest(t, func(blob string) bool {
		s.blob = blob
		if known = near.packages(s); known == nil {
			known = l.cache.manifest(blob)
			s.partial = known != nil
		}
		return known != nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", checks.ManifestFile, err)
	}
	if s.blob, s.problem = blob, problem; known == nil {
		s.text = text
	}
	if blob == "" || problem != "" {
		return s, nil
	}
	if err := s.parse(l, t, known); err != nil || s.manifest == nil {
		return s, err
	}
	if s.manifest.Edges, s.manifest.Unread, err = l.inferrer.Edges(ctx, noting{tree{t}, l.read}, s.manifest.Packages); err != nil {
		return nil, fmt.Errorf("read packages' files for dependencies: %w", err)
	}
	s.reads = slices.Sorted(maps.Keys(l.read))
	from, links := "", []checks.Link(nil)
	if near != nil && near.linked {
		from, links = near.tree, near.links
	}
	if s.links, s.unbounded, err = l.src.Links(ctx, from, links, id); err != nil {
		return nil, err
	}
	s.linked = s.unbounded == ""
	l.cache.keep(s)
	return s, nil
}

// packages is a manifest without edges that shares the packages of near with
// s, when both have the same loktar.json; else nil.
func (near *side) packages(s *side) *checks.Manifest {
	if near == nil || near.blob != s.blob || near.manifest == nil {
		return nil
	}
	own := *near.manifest
	own.Edges, own.Unread = nil, nil
	s.text, s.partial = near.text, near.partial
	return &own
}

// parse reads the packages, of which each must have its folder in the tree.
func (s *side) parse(l *local, t *source.Tree, known *checks.Manifest) error {
	dirs := t.Dirs()
	missing := func(p checks.Package) bool { return !dirs.Exists(p.Dir) }
	if known != nil && !slices.ContainsFunc(known.Packages, missing) {
		s.manifest = known
		return dirs.Err()
	}
	if err := s.read(l, t); err != nil {
		return err
	}
	s.partial = false
	s.manifest, s.problems = manifest.Parse(s.text, manifest.Options{DirExists: dirs.Exists, Dirs: func() []string { return folders(dirs) }})
	return dirs.Err()
}

// whole has every key of the packages be known.
func (s *side) whole(l *local) error {
	if s == nil || s.manifest == nil || !s.partial {
		return nil
	}
	if err := s.read(l, l.src.Tree(s.tree)); err != nil {
		return err
	}
	m, problems := manifest.Parse(s.text, manifest.Options{})
	if m == nil {
		return &ManifestError{problems}
	}
	m.Edges, m.Unread = s.manifest.Edges, s.manifest.Unread
	s.manifest, s.partial = m, false
	return nil
}

// read has the text of loktar.json be there.
func (s *side) read(l *local, t *source.Tree) (err error) {
	if s.text == nil {
		_, s.text, _, err = l.src.Manifest(t, func(string) bool { return false })
	}
	return err
}

// leading are the links that lead somewhere in the repository.
func (s *side) leading() []checks.Link {
	var out []checks.Link
	for _, l := range s.links {
		if l.Target != "" {
			out = append(out, l)
		}
	}
	return out
}

// wrong is why a side has no manifest that can be used.
func (s *side) wrong(commit string) error {
	switch {
	case s.blob == "":
		return checks.Errorf(checks.KindNotFound, nil, "There is no %s at the root of commit %s. `loktar init` writes one; commit it.", checks.ManifestFile, short(commit))
	case s.problem != "":
		return checks.Errorf(checks.KindRefused, nil, "%s", s.problem)
	}
	return &ManifestError{s.problems}
}

// some names the first of several paths, fit for a sentence.
func some(paths []string) string {
	text := fmt.Sprintf("%q", paths[0])
	if len(paths) > 1 {
		text += fmt.Sprintf(" and %d more", len(paths)-1)
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

func short(sha string) string { return sha[:min(len(sha), 12)] }

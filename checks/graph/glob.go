package graph

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// The author of a manifest must not choose how long a server works: what the
// braces of one glob stand for together is bounded, and so is its length.
const (
	maxAlternatives = 64
	maxGlob         = 4096 // bytes
)

// glob is one alternative of a glob, made ready to match. It is kept in a
// trie at its literal folder, so that only paths below that meet it.
type glob struct {
	id   int32
	form globForm
	base int    // the length of its literal folder; 0 is the root
	text string // of formPattern the whole, of the suffix forms the suffix
}

type globForm uint8

const (
	formAll        globForm = iota // FOLDER/**
	formDeepSuffix                 // FOLDER/**/*SUFFIX
	formSuffix                     // FOLDER/*SUFFIX
	formPattern                    // all others
)

// matches reports whether g matches path, which is at or below g's folder.
func (g *glob) matches(path string) bool {
	switch g.form {
	case formAll:
		return true
	case formPattern:
		return doublestar.MatchUnvalidated(g.text, path)
	}
	if len(path) == g.base {
		return false // the folder itself
	}
	below := path[g.base:]
	if g.base > 0 {
		below = below[1:]
	}
	return strings.HasSuffix(below, g.text) && (g.form == formDeepSuffix || strings.IndexByte(below, '/') < 0)
}

// globIndex finds the globs that match a path. A glob that is added twice is
// kept once.
type globIndex struct {
	root trie[glob]
	ids  map[string]int32
}

func newGlobIndex() *globIndex { return &globIndex{ids: map[string]int32{}} }

// add adds a glob, without a leading "!", and returns its id; ids count from 0.
func (x *globIndex) add(text string) (int32, error) {
	if id, ok := x.ids[text]; ok {
		return id, nil
	}
	patterns, err := expand(text)
	if err != nil {
		return 0, err
	}
	id := int32(len(x.ids))
	x.ids[text] = id
	for _, p := range patterns {
		folder, g := compile(p)
		g.id = id
		n := x.root.node(folder)
		n.values = append(n.values, g)
	}
	return id, nil
}

// globMatcher asks a globIndex about one path after the other.
type globMatcher struct {
	paths walker[glob]
	empty bool
	hits  []int32
}

func (x *globIndex) matcher() *globMatcher {
	return &globMatcher{paths: walker[glob]{root: &x.root}, empty: len(x.ids) == 0}
}

// match returns the ids of the globs that match path, each once, valid until
// the next call.
func (m *globMatcher) match(path string) []int32 {
	if m.empty {
		return nil
	}
	m.hits = m.hits[:0]
	along, node := m.paths.lookup(path)
	var here []glob
	if node != nil {
		here = node.values
	}
	for _, globs := range [2][]glob{along, here} {
		for i := range globs {
			if g := &globs[i]; g.matches(path) && !slices.Contains(m.hits, g.id) {
				m.hits = append(m.hits, g.id)
			}
		}
	}
	return m.hits
}

// globSet is a list of globs of which some exclude: it holds a path that at
// least one matches and none excludes, in whatever order they stand.
type globSet struct {
	matcher *globMatcher
	exclude map[int32]bool
}

// newGlobSet makes the set of those globs that can be read, and returns the
// error of the first that cannot.
func newGlobSet(texts []string) (*globSet, error) {
	x := newGlobIndex()
	include, exclude := map[int32]bool{}, map[int32]bool{}
	var first error
	for _, text := range texts {
		bare, not := strings.CutPrefix(text, "!")
		id, err := x.add(bare)
		switch {
		case err != nil && first == nil:
			first = err
		case err != nil:
		case not:
			exclude[id] = true
		default:
			include[id] = true
		}
	}
	return &globSet{matcher: x.matcher(), exclude: exclude}, first
}

func (s *globSet) has(path string) bool {
	hits := s.matcher.match(path)
	for _, id := range hits {
		if s.exclude[id] {
			return false
		}
	}
	return len(hits) > 0
}

// CheckGlob says in words for its author what is wrong with a glob of inputs,
// global_inputs or ignore; nil when it can be used.
func CheckGlob(text string) error {
	_, err := expand(strings.TrimPrefix(text, "!"))
	return err
}

// expand resolves a glob's braces and makes it match below the folders that
// it names: a last element without *, ? and [ stands for the file or for all
// that is in the folder of that name.
func expand(text string) ([]string, error) {
	if text == "" {
		return nil, errors.New("a glob is empty")
	}
	if len(text) > maxGlob {
		return nil, fmt.Errorf("the glob %.40q... is longer than %d characters", text, maxGlob)
	}
	if !doublestar.ValidatePattern(text) {
		return nil, fmt.Errorf("the glob %q cannot be read: a bracket, a brace or a backslash has no partner", text)
	}
	patterns, ok := alternatives(text, maxAlternatives)
	if !ok {
		return nil, fmt.Errorf("the glob %q has more than %d alternatives; split it up", text, maxAlternatives)
	}
	for i, p := range patterns {
		patterns[i] = below(p)
	}
	return patterns, nil
}

// below cleans p and has it match below the folder that it names.
func below(p string) string {
	for {
		rest, ok := strings.CutPrefix(p, "./")
		if !ok {
			rest, ok = strings.CutPrefix(p, "/")
		}
		if !ok {
			break
		}
		p = rest
	}
	folder := strings.TrimRight(p, "/")
	switch last := folder[strings.LastIndexByte(folder, '/')+1:]; {
	case folder == "" || folder == ".":
		return "**"
	case last == "**":
		return folder
	case folder != p || !strings.ContainsAny(last, "*?["):
		return folder + "/**"
	}
	return p
}

// compile sorts out the simple forms of p, a pattern without braces, and
// finds its literal folder.
func compile(p string) (folder string, g glob) {
	elems := strings.Split(p, "/")
	n := 0
	for n < len(elems)-1 && !strings.ContainsAny(elems[n], `*?[]{}\`) {
		n++
	}
	folder = strings.Join(elems[:n], "/")
	rest := elems[n:]
	last := rest[len(rest)-1]
	g = glob{form: formPattern, base: len(folder), text: p}
	suffix, star := strings.CutPrefix(last, "*")
	star = star && suffix != "" && !strings.ContainsAny(suffix, `*?[]{}\`)
	switch {
	case len(rest) == 1 && last == "**":
		g.form, g.text = formAll, ""
	case len(rest) == 1 && star:
		g.form, g.text = formSuffix, suffix
	case len(rest) == 2 && rest[0] == "**" && star:
		g.form, g.text = formDeepSuffix, suffix
	}
	return folder, g
}

// alternatives writes out the braces of a valid pattern; false when that
// makes more than most.
func alternatives(p string, most int) ([]string, bool) {
	open, end, commas := firstBraces(p)
	if open < 0 {
		return []string{p}, true
	}
	tails, ok := alternatives(p[end+1:], most)
	if !ok {
		return nil, false
	}
	var out []string
	from := open + 1
	for _, to := range append(commas, end) {
		heads, ok := alternatives(p[from:to], most)
		if !ok || len(out)+len(heads)*len(tails) > most {
			return nil, false
		}
		for _, h := range heads {
			for _, t := range tails {
				out = append(out, p[:open]+h+t)
			}
		}
		from = to + 1
	}
	return out, true
}

// firstBraces finds the first brace of p, its partner, and the commas that
// separate its alternatives; open is -1 when there is none.
func firstBraces(p string) (open, end int, commas []int) {
	open = -1
	depth, class := 0, false
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case c == '\\':
			i++
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case c == '{':
			if depth++; depth == 1 {
				open = i
			}
		case c == ',' && depth == 1:
			commas = append(commas, i)
		case c == '}' && depth > 0:
			if depth--; depth == 0 {
				return open, i, commas
			}
		}
	}
	return -1, 0, nil
}

package keys

import (
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/dudesons/loktar/checks/graph"
)

// Globs mean what they mean to checks/graph, whose CheckGlob says which can be
// read: braces are alternatives, and one whose last element has no wildcard
// stands for the file or for all that is in the folder of that name. A
// property of the tests holds the two against each other.

// pattern is one alternative of a glob, made ready to match. It is kept at
// its literal folder, so that only paths below that meet it.
type pattern struct {
	id     int32
	form   form
	folder string // its literal folder; "" is the root
	text   string // of formOther the whole, of the suffix forms the suffix
}

type form uint8

const (
	formAll        form = iota // FOLDER/**
	formDeepSuffix             // FOLDER/**/*SUFFIX
	formSuffix                 // FOLDER/*SUFFIX
	formOther
)

const wildcards = `*?[]{}\`

// compile makes a pattern without braces ready.
func compile(text string) pattern {
	elems := strings.Split(text, "/")
	n := 0
	for n < len(elems)-1 && !strings.ContainsAny(elems[n], wildcards) {
		n++
	}
	p := pattern{form: formOther, folder: strings.Join(elems[:n], "/"), text: text}
	rest := elems[n:]
	last := rest[len(rest)-1]
	suffix, star := strings.CutPrefix(last, "*")
	star = star && suffix != "" && !strings.ContainsAny(suffix, wildcards)
	switch {
	case len(rest) == 1 && last == "**":
		p.form, p.text = formAll, ""
	case len(rest) == 1 && star:
		p.form, p.text = formSuffix, suffix
	case len(rest) == 2 && rest[0] == "**" && star:
		p.form, p.text = formDeepSuffix, suffix
	}
	return p
}

// matches reports whether p matches path, which is at or below p's folder.
func (p *pattern) matches(path string) bool {
	switch p.form {
	case formAll:
		return true
	case formOther:
		return doublestar.MatchUnvalidated(p.text, path)
	}
	below := strings.TrimPrefix(path[len(p.folder):], "/")
	return below != "" && strings.HasSuffix(below, p.text) && (p.form == formDeepSuffix || !strings.Contains(below, "/"))
}

// expand gives the patterns that a glob without "!" stands for.
func expand(glob string) []string {
	out := alternatives(glob)
	for i := range out {
		out[i] = below(out[i])
	}
	return out
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

// alternatives writes out the braces of a glob that graph.CheckGlob takes, so
// that there are few.
func alternatives(p string) []string {
	depth, class := 0, false
	var cuts []int // the first brace, its commas and its partner
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
				cuts = append(cuts, i)
			}
		case c == ',' && depth == 1:
			cuts = append(cuts, i)
		case c == '}' && depth > 0:
			if depth--; depth > 0 {
				continue
			}
			cuts = append(cuts, i)
			tails := alternatives(p[i+1:])
			var out []string
			for k := 1; k < len(cuts); k++ {
				for _, head := range alternatives(p[cuts[k-1]+1 : cuts[k]]) {
					for _, tail := range tails {
						out = append(out, p[:cuts[0]]+head+tail)
					}
				}
			}
			return out
		}
	}
	return []string{p}
}

// index finds the patterns that match a path. Git lists the files of a folder
// one after the other: what is known of the last folder is kept.
type index struct {
	ids   map[string]int32
	at    map[string][]pattern // by literal folder, "." the root
	known bool
	dir   string
	along []pattern // of dir and the folders around it
	hits  []int32
}

func newIndex() *index { return &index{ids: map[string]int32{}, at: map[string][]pattern{}} }

// add adds a pattern and returns its id; ids count from 0.
func (x *index) add(p pattern, text string) int32 {
	if id, ok := x.ids[text]; ok {
		return id
	}
	p.id = int32(len(x.ids))
	x.ids[text] = p.id
	at := p.folder
	if at == "" {
		at = "."
	}
	x.at[at] = append(x.at[at], p)
	return p.id
}

// match returns the ids of the patterns that match path, each once, valid
// until the next call.
func (x *index) match(path string) []int32 {
	if len(x.ids) == 0 {
		return nil
	}
	dir := path[:max(strings.LastIndexByte(path, '/'), 0)]
	if !x.known || dir != x.dir {
		x.known, x.dir, x.along = true, dir, x.along[:0]
		parents(path, func(dir string) { x.along = append(x.along, x.at[dir]...) })
	}
	x.hits = x.hits[:0]
	for _, patterns := range [2][]pattern{x.along, x.at[path]} {
		for i := range patterns {
			if patterns[i].matches(path) {
				x.hits = append(x.hits, patterns[i].id)
			}
		}
	}
	return x.hits
}

// ignored is the list of globs of what affects no package.
type ignored struct {
	index   *index
	exclude map[int32]bool
	below   map[string]bool // the folders that are around some pattern's
}

// newIgnored leaves out the globs that cannot be read: they ignore nothing.
func newIgnored(globs []string) *ignored {
	g := &ignored{index: newIndex(), exclude: map[int32]bool{}, below: map[string]bool{}}
	for _, text := range globs {
		if graph.CheckGlob(text) != nil {
			continue
		}
		bare, not := strings.CutPrefix(text, "!")
		for _, alternative := range expand(bare) {
			p := compile(alternative)
			id := g.index.add(p, alternative)
			if not {
				g.exclude[id] = true
			} else if p.folder != "" {
				parents(p.folder, func(dir string) { g.below[dir] = true })
			}
		}
	}
	return g
}

func (g *ignored) has(path string) bool {
	hits := g.index.match(path)
	for _, id := range hits {
		if g.exclude[id] {
			return false
		}
	}
	return len(hits) > 0
}

// within reports whether something at dir or below may be ignored, whatever
// is there.
func (g *ignored) within(dir string) bool {
	if g.below[dir] {
		return true
	}
	found := false
	look := func(folder string) {
		for _, p := range g.index.at[folder] {
			direct := p.form == formSuffix && folder != dir // it matches nothing deeper
			if !g.exclude[p.id] && (!direct || p.matches(dir)) {
				found = true
			}
		}
	}
	parents(dir, look)
	look(dir)
	return found
}

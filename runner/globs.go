package runner

import (
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// What the braces of one glob stand for together, and its length, are bounded:
// its author must not choose how long a server works.
const (
	maxAlternatives = 64
	maxGlob         = 4096
)

// globs are what artifacts are looked for with.
type globs struct {
	texts []string
	list  []glob
}

type glob struct {
	pattern string
	// elems are the pattern's elements up to the first that may hold a slash
	// itself (braces, a class): what comes from there on may match at any
	// depth.
	elems []string
	open  bool   // elems are not all of the pattern
	base  string // the folder before the first element that is not literal
}

// newGlobs reads globs, or refuses.
func newGlobs(texts []string) (*globs, error) {
	g := &globs{texts: texts}
	for _, text := range texts {
		switch {
		case text == "" || len(text) > maxGlob:
			return nil, Refusedf("A glob in `artifacts` is empty or longer than %d bytes.", maxGlob)
		case !doublestar.ValidatePattern(text):
			return nil, Refusedf("The glob %s in `artifacts` cannot be read: a bracket, a brace or a backslash has no partner.", quote(text))
		case alternatives(text) > maxAlternatives:
			return nil, Refusedf("The glob %s in `artifacts` has more than %d alternatives. Split it up.", quote(text), maxAlternatives)
		}
		p := strings.TrimLeft(strings.TrimRight(text, "/"), "/")
		for strings.HasPrefix(p, "./") {
			p = strings.TrimLeft(p[2:], "/")
		}
		if p == "." || p == "" {
			p = "**"
		}
		g.add(p)
		// A name without a wildcard may be that of a folder.
		if last := p[strings.LastIndexByte(p, '/')+1:]; !strings.ContainsAny(last, "*?[") {
			g.add(p + "/**")
		}
	}
	return g, nil
}

func (g *globs) add(p string) {
	base, _ := doublestar.SplitPattern(p)
	elems := strings.Split(p, "/")
	n := 0
	for n < len(elems) && !strings.ContainsAny(elems[n], `{}[]\`) {
		n++
	}
	g.list = append(g.list, glob{pattern: p, elems: elems[:n], open: n < len(elems), base: base})
}

// alternatives is how many patterns the braces of the valid pattern p stand
// for, or some number above maxAlternatives.
func alternatives(p string) int {
	type group struct{ sum, product int }
	stack := []group{{0, 1}}
	for i := 0; i < len(p); i++ {
		top := &stack[len(stack)-1]
		switch {
		case p[i] == '\\':
			i++
		case p[i] == '{':
			stack = append(stack, group{0, 1})
		case p[i] == ',' && len(stack) > 1:
			top.sum, top.product = top.sum+top.product, 1
		case p[i] == '}' && len(stack) > 1:
			inner := top.sum + top.product
			stack = stack[:len(stack)-1]
			stack[len(stack)-1].product *= inner
		}
		if last := stack[len(stack)-1]; last.sum+last.product > maxAlternatives {
			return maxAlternatives + 1
		}
	}
	return stack[0].product
}

// match reports whether name is asked for.
func (g *globs) match(name string) bool {
	for _, one := range g.list {
		if doublestar.MatchUnvalidated(one.pattern, name) {
			return true
		}
	}
	return false
}

// below reports whether something in the folder dir may be asked for.
func (g *globs) below(dir string) bool {
	elems := strings.Split(dir, "/")
	for _, one := range g.list {
		if one.below(elems) {
			return true
		}
	}
	return false
}

func (one *glob) below(dir []string) bool {
	for i, elem := range one.elems {
		switch {
		case elem == "**":
			return true
		case i == len(dir):
			return true
		case !doublestar.MatchUnvalidated(elem, dir[i]):
			return false
		}
	}
	return one.open
}

// through reports whether a glob begins with the folder name, or one in it.
func (g *globs) through(name string) bool {
	for _, one := range g.list {
		if one.base == name || strings.HasPrefix(one.base, name+"/") {
			return true
		}
	}
	return false
}

// String lists the globs for a sentence.
func (g *globs) String() string { return globsText(g.texts) }

func globsText(texts []string) string {
	quoted := make([]string, 0, len(texts))
	for i, text := range texts {
		if i == 10 {
			quoted = append(quoted, "…")
			break
		}
		quoted = append(quoted, quote(text))
	}
	return strings.Join(quoted, ", ")
}

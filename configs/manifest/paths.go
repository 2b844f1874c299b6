package manifest

import (
	"cmp"
	"fmt"
	"path"
	"strings"
	"unicode"

	"github.com/bmatcuk/doublestar/v4"
)

// dir reads the path of a folder.
func (p *parser) dir(n *node) string {
	s, ok := p.text(n, `"services/pet_api"`)
	if !ok {
		return ""
	}
	if wrong := pathFault(s); wrong != "" {
		if s == "" {
			p.fault(n, "%s", wrong)
		} else {
			p.fault(n, "%s %s", show(s), wrong)
		}
		return ""
	}
	return s
}

// pathFault says what is wrong with a path from the root, or nothing.
func pathFault(s string) string {
	switch {
	case s == "":
		return "is empty; write \".\" for the root of the repository"
	case strings.ContainsFunc(s, unicode.IsControl):
		return "holds a control character; remove it"
	case strings.Contains(s, `\`):
		return "holds a backslash; write `/` between folders"
	case climbs(s):
		return "goes up by `..`; write the path from the root of the repository"
	case strings.HasPrefix(s, "/"):
		return "starts with `/`; write it from the root of the repository, as " + show(path.Clean("."+s))
	case path.Clean(s) != s:
		return "is not in its plain form; write " + show(path.Clean(s))
	}
	return ""
}

func climbs(s string) bool {
	return s == ".." || strings.HasPrefix(s, "../") || strings.HasSuffix(s, "/..") || strings.Contains(s, "/../")
}

// Bounds of a glob: whoever writes one must not choose how long a server
// works at matching it.
const (
	maxGlob         = 4096 // bytes
	maxAlternatives = 64   // what its braces stand for together
)

const globExample = `["docs/**"]`

// globs reads globs that are relative to the root. A leading "!" excludes
// from the others of the list, in whatever order they stand.
func (p *parser) globs(n *node) []string {
	excludes := 0
	out := p.words(n, globExample, func(kid *node, s string) {
		glob, not := strings.CutPrefix(s, "!")
		if not {
			excludes++
		}
		if wrong := globFault(glob, "the root of the repository"); wrong != "" {
			p.fault(kid, "%s %s", show(s), wrong)
		}
	})
	if excludes > 0 && excludes == len(out) {
		p.fault(n, "only excludes; add a glob without `!` for what it excludes from")
	}
	return out
}

// packageGlobs reads globs that are relative to the package's folder.
func (p *parser) packageGlobs(n *node) []string {
	return p.words(n, globExample, func(kid *node, s string) {
		if strings.HasPrefix(s, "!") {
			p.fault(kid, "%s excludes by `!`, which %s cannot; write what is meant without it", show(s), n.key)
		} else if wrong := globFault(s, "the folder of the package"); wrong != "" {
			p.fault(kid, "%s %s", show(s), wrong)
		}
	})
}

// globFault says what is wrong with a glob, or nothing. from is what it is
// relative to.
func globFault(s, from string) string {
	switch {
	case s == "":
		return "is empty; write for example `docs/**`"
	case len(s) > maxGlob:
		return fmt.Sprintf("is longer than %d bytes; write several globs", maxGlob)
	case strings.ContainsFunc(s, unicode.IsControl):
		return "holds a control character; remove it"
	case deadEscape(s):
		return "holds a backslash that escapes nothing; write `/` between folders"
	case climbs(s):
		return "goes up by `..`; write it from " + from
	case strings.HasPrefix(s, "/"):
		return "starts with `/`; write it from " + from + ", as " + show(cmp.Or(strings.TrimLeft(s, "/"), "**"))
	case s == ".", strings.HasPrefix(s, "./"), strings.Contains(s, "/./"), strings.HasSuffix(s, "/."), strings.Contains(s, "//"):
		return "matches no file, for no path has an empty or `.` part; write for example `docs/**`"
	case !doublestar.ValidatePattern(s):
		return "is not a glob; close every `[` and `{`, or write a backslash before one that is meant as it is"
	case alternatives(s) > maxAlternatives:
		return fmt.Sprintf("has more than %d alternatives in its braces; write several globs", maxAlternatives)
	}
	return ""
}

// alternatives counts what the braces of a valid glob stand for together; it
// stops counting above maxAlternatives.
func alternatives(s string) int {
	type group struct{ before, now int } // of the alternatives that are over, and of the one it is in
	open := []group{{0, 1}}
	class := false
	for i := 0; i < len(s); i++ {
		top := &open[len(open)-1]
		switch c := s[i]; {
		case c == '\\':
			i++
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case c == '{':
			open = append(open, group{0, 1})
		case c == ',' && len(open) > 1:
			top.before, top.now = min(top.before+top.now, maxAlternatives+1), 1
		case c == '}' && len(open) > 1:
			open = open[:len(open)-1]
			outer := &open[len(open)-1]
			outer.now = min(outer.now*(top.before+top.now), maxAlternatives+1)
		}
	}
	return open[0].now
}

// deadEscape reports a backslash that stands before no special character.
func deadEscape(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			continue
		}
		if i++; i == len(s) || !strings.ContainsRune(`*?[]{}\!,-^`, rune(s[i])) {
			return true
		}
	}
	return false
}

package manifest

import (
	"cmp"
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

// cachePathFault says what is wrong with a path to keep: one that is relative
// to the package's folder, absolute in the container, or under its home.
func cachePathFault(s string) string {
	switch {
	case strings.ContainsFunc(s, unicode.IsControl):
		return "holds a control character; remove it"
	case strings.Contains(s, `\`):
		return "holds a backslash; write `/` between folders"
	case climbs(s):
		return "goes up by `..`; write the whole path"
	case path.Clean(s) != s || s == "/":
		return "is not the plain path of a folder; write for example `~/.cache/pip`"
	}
	return ""
}

func climbs(s string) bool {
	return s == ".." || strings.HasPrefix(s, "../") || strings.HasSuffix(s, "/..") || strings.Contains(s, "/../")
}

// How a list of globs is read.
const (
	fromRoot   = 1 << iota // the globs are relative to the root, not to the package's folder
	mayExclude             // a leading "!" excludes
)

func (p *parser) globs(n *node, how int) []string {
	return p.words(n, `["docs/**"]`, func(kid *node, s string) {
		glob, excludes := strings.CutPrefix(s, "!")
		switch {
		case excludes && how&mayExclude == 0:
			p.fault(kid, "%s excludes by `!`, which only inputs can; write what is meant without it", show(s))
		case excludes && kid == &n.kids[0]:
			p.fault(kid, "%s excludes from nothing; put what it excludes from before it", show(s))
		default:
			if wrong := globFault(glob, how); wrong != "" {
				p.fault(kid, "%s %s", show(s), wrong)
			} else if how&fromRoot != 0 {
				p.folder(kid, glob)
			}
		}
	})
}

// globFault says what is wrong with a glob, or nothing.
func globFault(s string, how int) string {
	from := "the folder of the package"
	if how&fromRoot != 0 {
		from = "the root of the repository"
	}
	switch {
	case s == "":
		return "is empty; write for example `docs/**`"
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
	case strings.HasSuffix(s, "/"):
		return "matches no file, for it ends in `/`; write " + show(s+"**")
	case !doublestar.ValidatePattern(s):
		return "is not a glob; close every `[` and `{`, or write a backslash before one that is meant as it is"
	}
	return ""
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

// folder warns of a glob that names a folder of the tree: globs match files.
func (p *parser) folder(n *node, glob string) {
	if p.opts.DirExists == nil || strings.ContainsAny(glob, `*?[{\`) || !p.opts.DirExists(glob) {
		return
	}
	p.warn(n, "%s is a folder and so matches no file; write %s", show(glob), show(glob+"/**"))
}

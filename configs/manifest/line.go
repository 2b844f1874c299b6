package manifest

import (
	"bytes"
	"slices"

	"github.com/dudesons/loktar/configs/internal/value"
)

// Line is the line of a loktar.json, from 1, on which the package name
// declares that it depends on another, in its own depends_on or in that of the
// defaults; with an empty dependency it is the line of the package's entry. It
// is 0 when the file says no such thing or cannot be read.
func Line(data []byte, name, dependency string) int {
	p := &parser{data: data, effort: maxEffort}
	if p.root = p.tree(); p.root == nil || p.root.kind != '{' {
		return 0
	}
	list := p.root.member("packages")
	if list == nil {
		return 0
	}
	at := slices.IndexFunc(list.kids, func(n node) bool {
		own := n.member("pkg_name")
		return own != nil && own.text == name
	})
	if at < 0 {
		return 0
	}
	entry := &list.kids[at]
	if dependency == "" {
		return p.line(int(entry.off))
	}
	needs := entry.member("depends_on")
	if defaults := p.root.member("defaults"); needs == nil && defaults != nil {
		needs = defaults.member("depends_on")
	}
	if needs == nil {
		return 0
	}
	for i := range needs.kids {
		if needs.kids[i].text == dependency {
			return p.line(int(needs.kids[i].off))
		}
	}
	return 0
}

// line is the line of an offset, from 1.
func (p *parser) line(off int) int { return 1 + bytes.Count(p.data[:off], []byte{'\n'}) }

// Nearest is the name of among that word was most likely meant to be, or "".
func Nearest(word string, among []string) string {
	effort := value.Effort(maxEffort)
	return value.Nearest(word, among, &effort)
}

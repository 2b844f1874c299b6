package graph

import "github.com/dudesons/loktar/checks"

// kinds are the prefixes of commits, a bit each.
type kinds uint64

// noKind is the bit of a commit without a prefix, and of a change that no
// commit explains.
const noKind kinds = 1

// kindSet gives prefixes their bits.
type kindSet map[string]kinds

// of is the bits of prefixes. What is beyond the bits counts as no prefix.
func (s kindSet) of(prefixes []string) kinds {
	var out kinds
	for _, p := range prefixes {
		bit, ok := s[p]
		if !ok {
			bit = noKind
			if len(s) < 63 {
				bit <<= len(s) + 1
			}
			s[p] = bit
		}
		out |= bit
	}
	if out == 0 {
		return noKind
	}
	return out
}

// hold finds the packages that are kept from affecting others: all that
// affects them are files, commits explain each of these files, and every
// commit that touches the package bears only prefixes of its ExcludeKeywords.
func (g *Graph) hold(s *findings, at *scanner) {
	if s.all() || !g.anyToHold(s) {
		return
	}
	touched := make([]kinds, len(g.packages))
	touch := func(file string, k kinds) {
		if hit := at.inputs.find(file); hit != nil {
			hit.kinds |= k
		}
		if file == checks.ManifestFile || at.ignore.has(file) {
			return
		}
		if i := at.owners.of(file); i >= 0 {
			touched[i] |= k
		}
	}
	bits := kindSet{}
	explained := map[string]struct{}{}
	for i := range s.q.Commits {
		c := &s.q.Commits[i]
		k := bits.of(c.Prefixes)
		for _, file := range c.Files {
			explained[file] = struct{}{}
			touch(file, k)
		}
	}
	for _, file := range s.q.Files {
		if _, ok := explained[file]; !ok {
			touch(file, noKind)
		}
	}
	for _, hit := range at.inputs.inOrder {
		if hit.linked {
			hit.kinds |= noKind
		}
		for _, i := range hit.packages {
			touched[i] |= hit.kinds
		}
	}
	for i := range s.of {
		if g.toHold(s, i) {
			allowed := bits.of(g.packages[i].ExcludeKeywords)
			s.of[i].held = touched[i]&^allowed == 0
		}
	}
}

func (g *Graph) anyToHold(s *findings) bool {
	for i := range s.of {
		if g.toHold(s, i) {
			return true
		}
	}
	return false
}

func (g *Graph) toHold(s *findings, i int) bool {
	return len(g.packages[i].ExcludeKeywords) > 0 && s.of[i].onlyFiles()
}

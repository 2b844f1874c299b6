package graph

import (
	"slices"

	"github.com/dudesons/loktar/checks"
)

// Changes are what a change of loktar.json means.
type Changes struct {
	// Entries are the packages that were added or whose own entry, with the
	// defaults filled in, means something else than before.
	Entries []string
	// Removed are the packages that are no longer listed.
	Removed []Removed
	// Everything, when not empty, says why every package is affected.
	Everything string
	// Rewired are packages of which something that is not theirs makes the
	// dependencies others than before, see Graph.Rewired.
	Rewired []Rewired
}

// Rewired is a package, and the changed file that told its dependencies or
// tells them now. With To it is the dependency that is Lost or new although
// File, which tells of it at Line, is as it was.
type Rewired struct {
	Package, File string
	Line          int
	To            string
	Lost          bool
}

// Removed is a package that is no longer listed, and those that depended on
// it, as they declared or as was inferred, and are still there; sorted.
type Removed struct {
	Name       string
	Dependents []string
}

// Compare compares loktar.json before and after a change. Layout, and the
// order of whatever is not carried out in its order, do not matter. Without a
// base every package is new. What base and head share is not changed by it.
func Compare(base, head *checks.Manifest) Changes {
	if base == nil {
		base = &checks.Manifest{GlobalInputs: head.GlobalInputs}
	}
	var c Changes
	if !slices.Equal(sorted(base.GlobalInputs), sorted(head.GlobalInputs)) {
		c.Everything = "global_inputs in " + checks.ManifestFile + " changed"
	}
	before := make(map[string]*checks.Package, len(base.Packages))
	for i := range base.Packages {
		before[base.Packages[i].Name] = &base.Packages[i]
	}
	after := make(map[string]bool, len(head.Packages))
	for i := range head.Packages {
		p := &head.Packages[i]
		after[p.Name] = true
		if old := before[p.Name]; old == nil || !checks.SameEntry(*old, *p) {
			c.Entries = append(c.Entries, p.Name)
		}
	}
	place := map[string]int{}
	for i := range base.Packages {
		if name := base.Packages[i].Name; !after[name] {
			place[name] = len(c.Removed)
			c.Removed = append(c.Removed, Removed{Name: name})
		}
	}
	if len(place) == 0 {
		return c
	}
	depended := func(from, to string) {
		if at, gone := place[to]; gone && after[from] {
			c.Removed[at].Dependents = append(c.Removed[at].Dependents, from)
		}
	}
	for i := range base.Packages {
		for _, d := range base.Packages[i].DependsOn {
			depended(base.Packages[i].Name, d)
		}
	}
	for _, e := range base.Edges {
		depended(e.From, e.To)
	}
	for i := range c.Removed {
		c.Removed[i].Dependents = sorted(c.Removed[i].Dependents)
	}
	return c
}

// Rewired finds the packages whose inferred dependencies the change makes
// others than before: by a changed file that another owns, or nobody, as a
// go.work or requirements that several include, and by a name or a folder that
// the package needed is no longer, or is now, found by. A changed file that a
// package reads and nobody owns is among them too. before are the edges of the
// base that the head is merged into: what they are not, the change did.
func (g *Graph) Rewired(before []checks.Edge, files []string) []Rewired {
	type told struct{ from, to, file string }
	type pair struct{ from, to string }
	owners := g.owners()
	was, is := map[told]bool{}, map[told]bool{}
	had, has := map[pair]bool{}, map[pair]bool{}
	same := slices.Equal(before, g.edges)
	byFile := map[string][]string{} // packages by the changed file that matters to them
	note := func(edges []checks.Edge, told1 map[told]bool, pairs map[pair]bool) {
		for _, e := range edges {
			if e.To == "" {
				byFile[e.File] = append(byFile[e.File], e.From)
			} else if !same {
				told1[told{e.From, e.To, e.File}], pairs[pair{e.From, e.To}] = true, true
			}
		}
	}
	note(before, was, had)
	note(g.edges, is, has)
	own := map[string]bool{} // files that may have changed, of who tells its needs in them
	var turned []Rewired
	differ := func(edges []checks.Edge, other map[told]bool, pairs map[pair]bool, lost bool) {
		for _, e := range edges {
			from, listed := g.byName[e.From]
			if _, there := g.byName[e.To]; !listed || !there {
				continue
			}
			if !other[told{e.From, e.To, e.File}] && owners.of(e.File) != from {
				byFile[e.File] = append(byFile[e.File], e.From)
			}
			if !pairs[pair{e.From, e.To}] {
				turned = append(turned, Rewired{Package: e.From, File: e.File, Line: e.Line, To: e.To, Lost: lost})
				own[e.File] = false
			}
		}
	}
	if !same {
		differ(before, is, has, true)
		differ(g.edges, was, had, false)
	}
	if len(byFile)+len(turned) == 0 {
		return nil
	}
	var out []Rewired
	for _, f := range files {
		if _, asked := own[f]; asked {
			own[f] = true
		}
		for _, name := range sorted(byFile[f]) {
			out = append(out, Rewired{Package: name, File: f})
		}
	}
	for _, r := range turned {
		if !own[r.File] { // else the file itself is the reason
			out = append(out, r)
		}
	}
	return out
}

// sorted is list as a set: a sorted copy, each once.
func sorted(list []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(list)))
}

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
	// Rewired are packages of which a file that is not theirs tells other
	// dependencies than before, see Graph.Rewired.
	Rewired []Rewired
}

// Rewired is a package, and the changed file that told its dependencies or
// tells them now.
type Rewired struct {
	Package, File string
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

// Rewired finds the packages whose inferred dependencies a changed file that
// another owns, or nobody, adds or takes away: a go.work, or requirements that
// several include. base is the manifest before the change, with its edges; nil
// is as one without any.
func (g *Graph) Rewired(base *checks.Manifest, files []string) []Rewired {
	var before []checks.Edge
	if base != nil {
		before = base.Edges
	}
	if slices.Equal(before, g.edges) {
		return nil
	}
	type told struct{ from, to, file string }
	now := make(map[told]bool)
	owners := g.owners()
	foreign := func(e checks.Edge) bool {
		i, listed := g.byName[e.From]
		return listed && owners.of(e.File) != i
	}
	for _, e := range g.edges {
		if foreign(e) {
			now[told{e.From, e.To, e.File}] = false
		}
	}
	byFile := map[string][]string{}
	for _, e := range before {
		if !foreign(e) {
			continue
		}
		at := told{e.From, e.To, e.File}
		if _, still := now[at]; still {
			now[at] = true
		} else {
			byFile[e.File] = append(byFile[e.File], e.From)
		}
	}
	for at, was := range now {
		if !was {
			byFile[at.file] = append(byFile[at.file], at.from)
		}
	}
	if len(byFile) == 0 {
		return nil
	}
	var out []Rewired
	for _, f := range files {
		for _, name := range sorted(byFile[f]) {
			out = append(out, Rewired{Package: name, File: f})
		}
	}
	return out
}

// sorted is list as a set: a sorted copy, each once.
func sorted(list []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(list)))
}

package graph

import (
	"slices"

	"github.com/dudesons/loktar/checks"
)

// Step is a package on the way from a change, and why it is affected.
type Step struct {
	Name   string
	Reason checks.Reason
}

// Path is how the change comes to a package: first one that is affected by
// something else than a dependency, then each time one that depends on the
// package before it; the last is name. It is nil when name is not affected.
func (r Result) Path(name string) []Step {
	reasons := make(map[string][]checks.Reason, len(r.Affected))
	for _, a := range r.Affected {
		reasons[a.Name] = a.Reasons
	}
	var path []Step
	for range r.Affected { // a cause is nearer with each step
		why := reasons[name]
		if len(why) == 0 {
			break
		}
		path = append(path, Step{name, why[0]})
		if why[0].Kind != checks.ReasonDependency {
			slices.Reverse(path)
			return path
		}
		name = why[0].Subject
	}
	return nil
}

// Dependency is one between two packages.
type Dependency struct {
	From, To string
	// File and Line tell of it; File is empty when depends_on does.
	File string
	Line int
	// Cycle: it closes a cycle, and so counts for what is affected and not
	// for the order.
	Cycle bool
}

// Dependencies are those between all packages, each pair once: by From in the
// order of the manifest, the declared ones first.
func (g *Graph) Dependencies() []Dependency {
	var out []Dependency
	for i, arcs := range g.needs {
		for _, a := range arcs {
			d := Dependency{From: g.packages[i].Name, To: g.packages[a.to].Name, Cycle: !a.order}
			if a.edge != declared {
				d.File, d.Line = g.edges[a.edge].File, g.edges[a.edge].Line
			}
			out = append(out, d)
		}
	}
	return out
}

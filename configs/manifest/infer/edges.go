package infer

import (
	"cmp"
	"slices"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// arc is an edge between packages by their places in the list sorted by name.
type arc struct {
	from, to int32
	file     string
	line     int
	cyclic   bool
}

// edges are the arcs that the needs make, by from, then to.
func (r *reader) edges() []arc {
	all := make([]arc, 0, 4*len(r.packages))
	for n, asks := range r.asks {
		first := len(all)
		for _, a := range asks {
			for i := range a.needs {
				all = r.arcs(all, n, &a, &a.needs[i])
			}
		}
		mine := all[first:]
		slices.SortFunc(mine, func(a, b arc) int {
			return cmp.Or(cmp.Compare(a.to, b.to), strings.Compare(a.file, b.file), cmp.Compare(a.line, b.line))
		})
		mine = slices.CompactFunc(mine, func(a, b arc) bool { return a.to == b.to })
		all = all[:first+len(mine)]
	}
	return all
}

// arcs appends those that one need of the package from makes.
func (r *reader) arcs(all []arc, from int, a *ask, need *Need) []arc {
	add := func(to int32) {
		if to >= 0 && int(to) != from {
			all = append(all, arc{from: int32(from), to: to, file: a.file, line: need.Line})
		}
	}
	if need.Path != "" {
		add(r.owner(need.Path))
		return all
	}
	p := &parsers[a.parser]
	for _, to := range r.provides[a.parser][p.comparable(need.Name)] {
		if p.kind != Docker && p.kind != Compose || imageOf(r.packages[to], need.Name) {
			add(to)
		}
	}
	return all
}

// outside are the edges to files that nobody owns, each once.
func (r *reader) outside() []checks.Edge {
	slices.SortFunc(r.loose, func(a, b checks.Edge) int {
		return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.File, b.File))
	})
	return slices.Compact(r.loose)
}

func flatten(packages []*checks.Package, arcs []arc) []checks.Edge {
	if len(arcs) == 0 {
		return nil
	}
	edges := make([]checks.Edge, len(arcs))
	for i, a := range arcs {
		edges[i] = checks.Edge{From: packages[a.from].Name, To: packages[a.to].Name, File: a.file, Line: a.line, Cyclic: a.cyclic}
	}
	return edges
}

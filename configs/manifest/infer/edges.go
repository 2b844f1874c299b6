package infer

import (
	"cmp"
	"slices"

	"github.com/dudesons/loktar/checks"
)

// arc is an edge between packages by their places in the list sorted by name.
type arc struct {
	from, to int32
	file     string
	line     int
	cyclic   bool
	out      *checks.Package // to's entry
	in       *checks.Package // from's
}

// edges are the arcs that the needs make, by from, then to.
func (r *reader) edges() []arc {
	var all []arc
	for n, asks := range r.asks {
		first := len(all)
		add := func(to int32, a *ask) {
			if to >= 0 && int(to) != n {
				all = append(all, arc{from: int32(n), to: to, file: a.file, line: a.need.Line, in: r.packages[n], out: r.packages[to]})
			}
		}
		for i := range asks {
			a := &asks[i]
			if a.need.Path != "" {
				add(r.owner(a.need.Path), a)
				continue
			}
			name := a.need.Name
			if f := parsers[a.parser].name; f != nil {
				name = f(name)
			}
			kind := parsers[a.parser].kind
			for _, to := range r.provides[a.parser][name] {
				if kind != Docker && kind != Compose || imageOf(r.packages[to], a.need.Name) {
					add(to, a)
				}
			}
		}
		mine := all[first:]
		slices.SortFunc(mine, func(a, b arc) int {
			return cmp.Or(cmp.Compare(a.to, b.to), cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line))
		})
		mine = slices.CompactFunc(mine, func(a, b arc) bool { return a.to == b.to })
		all = all[:first+len(mine)]
	}
	return all
}

func flatten(arcs []arc) []checks.Edge {
	var edges []checks.Edge
	for _, a := range arcs {
		edges = append(edges, checks.Edge{From: a.in.Name, To: a.out.Name, File: a.file, Line: a.line, Cyclic: a.cyclic})
	}
	return edges
}

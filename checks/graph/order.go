package graph

import (
	"container/heap"
	"fmt"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// arc is a dependency of a package.
type arc struct {
	to    int32
	edge  int32 // its place in the graph's edges; declared for depends_on
	order bool  // whether it counts for the order
}

const declared = -1

// link reads the dependencies of all packages.
func (g *Graph) link() error {
	inferred := make([][]int32, len(g.packages))
	for e := range g.edges {
		from, known := g.byName[g.edges[e].From]
		to, listed := g.byName[g.edges[e].To]
		if known && listed && from != to {
			inferred[from] = append(inferred[from], int32(e))
		}
	}
	g.needs = make([][]arc, len(g.packages))
	g.dependents = make([][]int32, len(g.packages))
	namedBy := make([]int32, len(g.packages)) // the last package that named it, from 1
	place := make([]int32, len(g.packages))   // and where in its needs
	for i := range g.packages {
		add := func(a arc) (isNew bool) {
			if namedBy[a.to] == int32(i)+1 {
				return false
			}
			namedBy[a.to], place[a.to] = int32(i)+1, int32(len(g.needs[i]))
			g.needs[i] = append(g.needs[i], a)
			g.dependents[a.to] = append(g.dependents[a.to], int32(i))
			return true
		}
		p := &g.packages[i]
		for _, name := range p.DependsOn {
			d, ok := g.byName[name]
			switch {
			case !ok:
				return refuse("Package %q depends on %q, which is not listed. List it or remove the dependency.", p.Name, name)
			case int(d) == i:
				return refuse("Package %q depends on itself. Remove that dependency.", p.Name)
			}
			add(arc{to: d, edge: declared, order: true})
		}
		for _, e := range inferred[i] {
			to := g.byName[g.edges[e].To]
			if add(arc{to: to, edge: e, order: !g.edges[e].Cyclic}) {
				continue
			}
			if a := &g.needs[i][place[to]]; a.edge != declared {
				a.order = a.order && !g.edges[e].Cyclic
				if before(&g.edges[e], &g.edges[a.edge]) {
					a.edge = e
				}
			}
		}
	}
	return nil
}

// before picks the edge to show of two between the same packages.
func before(a, b *checks.Edge) bool {
	return a.File < b.File || a.File == b.File && a.Line < b.Line
}

func isDeclared(a arc) bool { return a.edge == declared }
func isOrdered(a arc) bool  { return a.order }

// sort finds the dependency order: of the packages whose dependencies are
// placed, always the first of the manifest.
func (g *Graph) sort() error {
	order, left := g.place(isOrdered)
	if len(order) < len(g.packages) {
		if order, left := g.place(isDeclared); len(order) < len(g.packages) {
			return g.cycle(left)
		}
		g.loosen(left)
		order, _ = g.place(isOrdered)
	}
	g.order = order
	for i := range g.needs {
		for _, a := range g.needs[i] {
			if !a.order {
				g.cycles = g.components(func(arc) bool { return true }, nil)
				return nil
			}
		}
	}
	return nil
}

// place orders the packages by those arcs that use tells. Those in a cycle,
// and what needs them, are not placed; left counts what each waits for.
func (g *Graph) place(use func(arc) bool) (order, left []int32) {
	left = make([]int32, len(g.packages))
	waiting := make([][]int32, len(g.packages))
	for i := range g.needs {
		for _, a := range g.needs[i] {
			if use(a) {
				left[i]++
				waiting[a.to] = append(waiting[a.to], int32(i))
			}
		}
	}
	ready := &minHeap{}
	for i := range left {
		if left[i] == 0 {
			*ready = append(*ready, int32(i)) // ascending is a heap
		}
	}
	order = make([]int32, 0, len(g.packages))
	for ready.Len() > 0 {
		i := heap.Pop(ready).(int32)
		order = append(order, i)
		for _, d := range waiting[i] {
			if left[d]--; left[d] == 0 {
				heap.Push(ready, d)
			}
		}
	}
	return order, left
}

// loosen takes the inferred edges of each cycle out of the order. The
// declared ones make no cycle. left tells which packages could not be placed.
func (g *Graph) loosen(left []int32) {
	of := g.components(isOrdered, left)
	for i := range g.needs {
		for k := range g.needs[i] {
			if a := &g.needs[i][k]; a.edge != declared && of[i] != 0 && of[i] == of[a.to] {
				a.order = false
			}
		}
	}
}

// components numbers the sets of packages that need each other by the arcs
// that use tells, from 1; a package in no such set has 0. Where left is given
// only packages with something left are looked at. It is Tarjan's algorithm.
func (g *Graph) components(use func(arc) bool, left []int32) []int32 {
	n := len(g.packages)
	of, seen, low := make([]int32, n), make([]int32, n), make([]int32, n)
	on := make([]bool, n)
	var stack []int32
	var count, clock int32
	var visit func(i int32)
	visit = func(i int32) {
		clock++
		seen[i], low[i], on[i] = clock, clock, true
		stack = append(stack, i)
		for _, a := range g.needs[i] {
			switch {
			case !use(a) || left != nil && left[a.to] == 0:
			case seen[a.to] == 0:
				visit(a.to)
				low[i] = min(low[i], low[a.to])
			case on[a.to]:
				low[i] = min(low[i], seen[a.to])
			}
		}
		if low[i] < seen[i] {
			return
		}
		alone := stack[len(stack)-1] == i
		if !alone {
			count++
		}
		for {
			top := stack[len(stack)-1]
			stack, on[top] = stack[:len(stack)-1], false
			if !alone {
				of[top] = count
			}
			if top == i {
				return
			}
		}
	}
	for i := range g.packages {
		if seen[i] == 0 && (left == nil || left[i] > 0) {
			visit(int32(i))
		}
	}
	return of
}

// cycle names a cycle of declared dependencies. Each package that has some
// left leads into one.
func (g *Graph) cycle(left []int32) error {
	at := int32(0)
	for left[at] == 0 {
		at++
	}
	seen := map[int32]int{}
	var walk []int32
	for {
		if from, ok := seen[at]; ok {
			walk = walk[from:]
			break
		}
		seen[at] = len(walk)
		walk = append(walk, at)
		for _, a := range g.needs[at] {
			if isDeclared(a) && left[a.to] > 0 {
				at = a.to
				break
			}
		}
	}
	first := 0
	for i := range walk {
		if walk[i] < walk[first] {
			first = i
		}
	}
	const most = 20
	var names []string
	for i := range walk {
		if i == most-1 && len(walk) > most {
			names = append(names, fmt.Sprintf("(%d more)", len(walk)-i))
			break
		}
		names = append(names, g.packages[walk[(first+i)%len(walk)]].Name)
	}
	names = append(names, names[0])
	return refuse("The packages depend on each other in a circle: %s. Remove one of these dependencies.", strings.Join(names, " -> "))
}

type minHeap []int32

func (h minHeap) Len() int           { return len(h) }
func (h minHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h minHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *minHeap) Push(x any)        { *h = append(*h, x.(int32)) }
func (h *minHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// Package graph finds the packages of a monorepo that a change affects, and
// says why. It is pure: it reads no file and knows no git.
package graph

import (
	"container/heap"
	"fmt"
	"io/fs"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// Graph is a repository's packages, their folders, inputs and dependencies,
// made ready for questions. It does not change after New; any number of
// goroutines may ask at once.
type Graph struct {
	packages []checks.Package
	byName   map[string]int32
	// needs and dependents hold each edge once; needs are in the order of
	// depends_on, dependents in the order of the packages.
	needs      [][]int32
	dependents [][]int32
	order      []int32 // dependency order, ties by place in the manifest

	folders *trie[int32] // the package of a folder
	inputs  *globIndex
	// including and excluding are the packages that name a glob in inputs,
	// by the glob's id.
	including [][]int32
	excluding [][]int32
}

// New makes a graph of packages, in the order of the manifest. It keeps the
// slice: the caller must not change it afterwards. It refuses what no answer
// could be right for: a name or a folder given twice, a folder that is no
// clean path, a dependency that is not listed, on itself or in a cycle (the
// error names the path), a glob that cannot be read. The error is of kind
// checks.KindRefused and its public sentence is for the manifest's author.
func New(packages []checks.Package) (*Graph, error) {
	g := &Graph{
		packages: packages,
		byName:   make(map[string]int32, len(packages)),
		folders:  &trie[int32]{},
		inputs:   newGlobIndex(),
	}
	for i := range packages {
		p := &packages[i]
		if _, dup := g.byName[p.Name]; dup {
			return nil, refuse("Two packages are named %q. Rename one of them.", p.Name)
		}
		g.byName[p.Name] = int32(i)
		if !fs.ValidPath(p.Dir) {
			return nil, refuse("Package %q: the folder %q is no clean path from the repository's root.", p.Name, p.Dir)
		}
		folder := g.folders.node(p.Dir)
		if len(folder.values) > 0 {
			return nil, refuse("Packages %q and %q have the same folder %q. Give each its own.", packages[folder.values[0]].Name, p.Name, p.Dir)
		}
		folder.values = append(folder.values, int32(i))
		if err := g.addInputs(int32(i)); err != nil {
			return nil, err
		}
	}
	if err := g.link(); err != nil {
		return nil, err
	}
	if err := g.sort(); err != nil {
		return nil, err
	}
	return g, nil
}

func refuse(format string, args ...any) error {
	return checks.Errorf(checks.KindRefused, nil, format, args...)
}

func (g *Graph) addInputs(i int32) error {
	p := &g.packages[i]
	seen := make(map[string]bool, len(p.Inputs))
	for _, text := range p.Inputs {
		if seen[text] {
			continue
		}
		seen[text] = true
		bare, exclude := strings.CutPrefix(text, "!")
		id, err := g.inputs.add(bare)
		if err != nil {
			return refuse("Package %q: inputs: %v.", p.Name, err)
		}
		for int(id) >= len(g.including) {
			g.including = append(g.including, nil)
			g.excluding = append(g.excluding, nil)
		}
		if exclude {
			g.excluding[id] = append(g.excluding[id], i)
		} else {
			g.including[id] = append(g.including[id], i)
		}
	}
	return nil
}

func (g *Graph) link() error {
	g.needs = make([][]int32, len(g.packages))
	g.dependents = make([][]int32, len(g.packages))
	linkedBy := make([]int32, len(g.packages)) // the last package that named it, from 1
	for i := range g.packages {
		p := &g.packages[i]
		for _, name := range p.DependsOn {
			d, ok := g.byName[name]
			switch {
			case !ok:
				return refuse("Package %q depends on %q, which is not listed. List it or remove the dependency.", p.Name, name)
			case int(d) == i:
				return refuse("Package %q depends on itself. Remove that dependency.", p.Name)
			case linkedBy[d] == int32(i)+1:
				continue
			}
			linkedBy[d] = int32(i) + 1
			g.needs[i] = append(g.needs[i], d)
			g.dependents[d] = append(g.dependents[d], int32(i))
		}
	}
	return nil
}

// sort finds the dependency order: of the packages whose dependencies are
// placed, always the first of the manifest.
func (g *Graph) sort() error {
	left := make([]int, len(g.packages))
	ready := &minHeap{}
	for i := range g.packages {
		if left[i] = len(g.needs[i]); left[i] == 0 {
			*ready = append(*ready, int32(i)) // ascending is a heap
		}
	}
	g.order = make([]int32, 0, len(g.packages))
	for ready.Len() > 0 {
		i := heap.Pop(ready).(int32)
		g.order = append(g.order, i)
		for _, d := range g.dependents[i] {
			if left[d]--; left[d] == 0 {
				heap.Push(ready, d)
			}
		}
	}
	if len(g.order) < len(g.packages) {
		return g.cycle(left)
	}
	return nil
}

// cycle names a cycle among the packages that have dependencies left. Every
// one of them leads into a cycle.
func (g *Graph) cycle(left []int) error {
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
		for _, d := range g.needs[at] {
			if left[d] > 0 {
				at = d
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

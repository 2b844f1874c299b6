// Package graph finds the packages of a monorepo that a change affects, and
// says why. It is pure: it reads no file and knows no git.
package graph

import (
	"io/fs"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// Graph is a repository's packages, their folders, inputs and dependencies,
// made ready for questions. It does not change after New; any number of
// goroutines may ask at once.
type Graph struct {
	packages []checks.Package
	edges    []checks.Edge
	byName   map[string]int32
	// needs and dependents hold each pair once; needs are in the order of
	// depends_on, then of the edges, dependents in the order of the packages.
	needs      [][]arc
	dependents [][]int32
	order      []int32 // dependency order, ties by place in the manifest
	// cycles tells packages that need each other apart from others: they have
	// the same number. It is nil when there are none.
	cycles []int32

	folders *trie[int32] // the package of a folder
	inputs  *globIndex
	// including and excluding are the packages that name a glob in inputs,
	// by the glob's id.
	including [][]int32
	excluding [][]int32
}

// New makes a graph of packages, in the order of the manifest, with what they
// declare in depends_on and the edges that were inferred. It keeps both
// slices: the caller must not change them afterwards.
//
// It refuses what no answer could be right for: a name or a folder given
// twice, a folder that is no clean path, a declared dependency that is not
// listed, on itself or in a cycle (the error names the path), a glob that
// cannot be read. The error is of kind checks.KindRefused and its public
// sentence is for the manifest's author.
//
// Of the edges it takes what makes sense: one between packages that are not
// listed, or from a package to itself, says nothing. One that is marked
// Cyclic counts for what is affected and not for the order; so do all those
// of a cycle that declared dependencies do not close alone.
func New(packages []checks.Package, edges ...checks.Edge) (*Graph, error) {
	g := &Graph{
		packages: packages,
		edges:    edges,
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
	reads := ReadBy(p.Dir, p.Inputs)
	seen := make(map[string]bool, len(reads))
	for _, text := range reads {
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

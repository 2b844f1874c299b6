package plan

import (
	"slices"
	"sync"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/graph"
)

// maxGraphs bounds the graphs that a Planner keeps. One of 10,000 packages
// takes some megabytes.
const maxGraphs = 16

// Planner makes plans and keeps the graphs of the manifests that it met last.
// A graph is found again by the memory of Manifest.Packages, which therefore
// must not change, and by the edges: manifests that share their packages and
// have equal edges share the graph. The zero value is ready; any number of
// goroutines may use it at once.
type Planner struct {
	mu     sync.Mutex
	graphs []built // the one used last comes first
}

type built struct {
	packages []checks.Package
	edges    []checks.Edge
	graph    *graph.Graph
}

func (b *built) of(m *checks.Manifest) bool {
	return len(b.packages) == len(m.Packages) && &b.packages[0] == &m.Packages[0] && slices.Equal(b.edges, m.Edges)
}

// graph is the graph of m, made when it is not kept.
func (p *Planner) graph(m *checks.Manifest) (*graph.Graph, error) {
	if len(m.Packages) == 0 {
		return graph.New(nil)
	}
	if g := p.find(m); g != nil {
		return g, nil
	}
	g, err := graph.New(m.Packages, m.Edges...)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.graphs = slices.Insert(p.graphs, 0, built{m.Packages, m.Edges, g})
	if len(p.graphs) > maxGraphs {
		p.graphs = slices.Delete(p.graphs, maxGraphs, len(p.graphs))
	}
	return g, nil
}

func (p *Planner) find(m *checks.Manifest) *graph.Graph {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.graphs {
		if p.graphs[i].of(m) {
			b := p.graphs[i]
			p.graphs = slices.Insert(slices.Delete(p.graphs, i, i+1), 0, b)
			return b.graph
		}
	}
	return nil
}

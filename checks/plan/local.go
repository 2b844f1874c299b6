package plan

import (
	"fmt"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/graph"
)

// Affected is what a change affects by what git and loktar.json say alone,
// and the graph that says so: no person, policy or required check counts.
// ch.Manifest must be there. The error is that of graph.New.
func (p *Planner) Affected(ch checks.Change) (*graph.Graph, graph.Result, error) {
	if ch.Manifest == nil {
		return nil, graph.Result{}, fmt.Errorf("plan commit %s: there is no manifest", ch.HeadSHA)
	}
	g, err := p.graph(ch.Manifest)
	if err != nil {
		return nil, graph.Result{}, err
	}
	return g, g.Affected(query(g, checks.Event{}, ch)), nil
}

// HeldNotes tell which packages the commit rule kept out, and why, as the
// notes of a plan do.
func HeldNotes(packages []checks.Package, held []graph.Held) []string {
	return heldNotes(packages, held)
}

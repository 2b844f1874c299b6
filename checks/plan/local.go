package plan

import (
	"fmt"
	"slices"

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

// named has the plan be exactly those packages of g that somebody names, in the
// order of their dependencies. Of what they need, only what is named too has
// to pass before them.
func named(p *checks.Plan, packages []checks.Package, g *graph.Graph, names []string) {
	all := jobs(packages, g.Affected(graph.Query{Everything: "asked for"}).Affected)
	in := func(name string) bool { return slices.Contains(names, name) }
	p.Jobs, p.Notes, p.Unaffected = nil, nil, nil
	for _, j := range all {
		if !in(j.Package.Name) {
			p.Unaffected = append(p.Unaffected, j.Package.Name)
			continue
		}
		j.Needs = slices.DeleteFunc(slices.Clone(j.Needs), func(n string) bool { return !in(n) })
		j.Reasons = []checks.Reason{{Kind: checks.ReasonRerun}}
		p.Jobs = append(p.Jobs, j)
	}
	slices.Sort(p.Unaffected)
}

// HeldNotes tell which packages the commit rule kept out, and why, as the
// notes of a plan do.
func HeldNotes(packages []checks.Package, held []graph.Held) []string {
	return heldNotes(packages, held)
}

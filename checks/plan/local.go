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

// named has the plan be exactly those packages of g that somebody names, or
// those that it has, in the order of their dependencies; with ev.Needed also
// all that these need. What a package needs has to pass before it only where
// the plan has it.
func named(p *checks.Plan, packages []checks.Package, g *graph.Graph, ev checks.Event) {
	all := jobs(packages, g.Affected(graph.Query{Everything: "asked for"}).Affected)
	reasons := map[string][]checks.Reason{}
	if ev.Packages == nil {
		for _, j := range p.Jobs {
			reasons[j.Package.Name] = j.Reasons
		}
	} else {
		p.Notes = nil
	}
	for _, name := range ev.Packages {
		reasons[name] = []checks.Reason{{Kind: checks.ReasonRerun}}
	}
	if ev.Needed {
		need(all, reasons)
	}
	p.Jobs, p.Unaffected = nil, nil
	for _, j := range all {
		why, in := reasons[j.Package.Name]
		if !in {
			p.Unaffected = append(p.Unaffected, j.Package.Name)
			continue
		}
		j.Reasons = why
		j.Needs = slices.DeleteFunc(slices.Clone(j.Needs), func(n string) bool { return !has(reasons, n) })
		p.Jobs = append(p.Jobs, j)
	}
	slices.Sort(p.Unaffected)
}

// need adds what the packages in reasons need. all are in the order of their
// dependencies.
func need(all []checks.PlannedJob, reasons map[string][]checks.Reason) {
	by := map[string]*checks.Reason{}
	for _, j := range slices.Backward(all) {
		name := j.Package.Name
		if why := by[name]; why != nil {
			reasons[name] = []checks.Reason{*why}
		}
		if !has(reasons, name) {
			continue
		}
		for _, n := range j.Needs {
			switch why := by[n]; {
			case why != nil:
				why.More++
			case !has(reasons, n):
				by[n] = &checks.Reason{Kind: checks.ReasonNeeded, Subject: name}
			}
		}
	}
}

func has(reasons map[string][]checks.Reason, name string) bool {
	_, in := reasons[name]
	return in
}

// HeldNotes tell which packages the commit rule kept out, and why, as the
// notes of a plan do.
func HeldNotes(packages []checks.Package, held []graph.Held) []string {
	return heldNotes(packages, held)
}

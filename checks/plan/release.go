package plan

import (
	"maps"
	"slices"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/graph"
	"github.com/dudesons/loktar/checks/markdown"
)

// owe adds a job for each package whose present state is not published.
// It goes by the state and not by the change: what failed to be published, or
// was missed, is owed until it is done. A package is tested before it is
// published, affected or not, and what it depends on is published first.
func owe(p *checks.Plan, g *graph.Graph, ch checks.Change) {
	if ch.Releases == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(ch.Releases.Refused)) {
		if len(p.Warnings) < maxWarnings {
			p.Warnings = append(p.Warnings, markdown.Plain(name+" is not published: "+ch.Releases.Refused[name], maxWarning))
		}
	}
	owed := map[string]bool{}
	for _, pkg := range ch.Manifest.Packages {
		key := ch.Releases.Keys[pkg.Name]
		owed[pkg.Name] = key != "" && ch.Releases.Last[pkg.Name] != key
	}
	at := make(map[string]int, len(p.Jobs))
	for i, j := range p.Jobs {
		at[j.Package.Name] = i
	}
	// All packages, in dependency order and each with all that it needs.
	all := g.Affected(graph.Query{Everything: "what is owed is published"}).Affected
	out := make([]checks.PlannedJob, 0, len(p.Jobs))
	in := map[string]bool{}
	for _, a := range all {
		i, affected := at[a.Name]
		if !affected && !owed[a.Name] {
			continue
		}
		j := checks.PlannedJob{Package: ch.Manifest.Packages[a.Index], Needs: kept(a.Needs, in), Reasons: []checks.Reason{{Kind: checks.ReasonOwed}}}
		if affected {
			j.Reasons = p.Jobs[i].Reasons
		}
		out, in[a.Name] = append(out, j), true
	}
	for _, a := range all {
		if !owed[a.Name] {
			continue
		}
		pkg := ch.Manifest.Packages[a.Index]
		j := checks.PlannedJob{
			Package: pkg, Needs: []string{pkg.Name}, Reasons: []checks.Reason{{Kind: checks.ReasonOwed}},
			Release: &checks.Release{Package: pkg.Name, Key: ch.Releases.Keys[pkg.Name]},
		}
		j.Package.Name = checks.ReleaseName(pkg.Name)
		for _, n := range a.Needs {
			if owed[n] {
				j.Needs = append(j.Needs, checks.ReleaseName(n))
			}
		}
		out = append(out, j)
	}
	p.Jobs = out
	p.Unaffected = slices.DeleteFunc(p.Unaffected, func(name string) bool { return in[name] })
}

func kept(names []string, in map[string]bool) []string {
	var out []string
	for _, n := range names {
		if in[n] {
			out = append(out, n)
		}
	}
	return out
}

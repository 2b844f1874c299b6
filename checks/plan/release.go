package plan

import (
	"maps"
	"slices"
	"strings"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/graph"
	"github.com/dudesons/loktar/checks/markdown"
)

// owe adds a job for each package whose present state is not published.
// It goes by the state and not by the change: what failed to be published, or
// was missed, is owed until it is done. A package is tested before it is
// published, affected or not, and what it depends on is published first.
func owe(p *checks.Plan, g *graph.Graph, ch checks.Change, pr *checks.PullRequest) {
	if ch.Releases == nil {
		return
	}
	defer refuse(p, ch.Releases.Refused)
	if ch.Releases.Tried != nil {
		try(p, ch.Releases.Tried, pr)
		return
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
		if pkg.BuildInfo.GitHubRelease {
			j.Release.Nested = nested(pkg.Dir, ch.Manifest.Packages)
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

// nested are the folders of packages in a folder, without those in one of
// them: what is in them is not the package's.
func nested(dir string, packages []checks.Package) []string {
	var inside []string
	for _, pkg := range packages {
		if pkg.Dir != dir && within(pkg.Dir, dir) {
			inside = append(inside, pkg.Dir)
		}
	}
	// A folder comes before all that is in it, and that before all else.
	slices.SortFunc(inside, func(a, b string) int { return strings.Compare(a+"/", b+"/") })
	var out []string
	for _, d := range inside {
		if len(out) == 0 || !within(d, out[len(out)-1]) {
			out = append(out, d)
		}
	}
	return out
}

func within(dir, of string) bool { return of == "." || dir == of || strings.HasPrefix(dir, of+"/") }

// refuse warns of packages that would be published and may not be: once of all
// that have the same reason.
func refuse(p *checks.Plan, why map[string]string) {
	alike := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(why)) {
		alike[why[name]] = append(alike[why[name]], name)
	}
	first := func(a, b string) int { return strings.Compare(alike[a][0], alike[b][0]) }
	for _, reason := range slices.SortedFunc(maps.Keys(alike), first) {
		are := " is"
		if len(alike[reason]) > 1 {
			are = " are"
		}
		if len(p.Warnings) < maxWarnings {
			p.Warnings = append(p.Warnings, markdown.Plain(someOf(alike[reason])+are+" not published: "+reason, maxWarning))
		}
	}
}

// try adds a job for each affected package of which the pull request publishes
// a build to try, once its tests passed.
func try(p *checks.Plan, tried map[string]bool, pr *checks.PullRequest) {
	for _, j := range slices.Clone(p.Jobs) {
		name := j.Package.Name
		if !tried[name] {
			continue
		}
		j.Release = &checks.Release{Package: name, Branch: pr.Head.Branch}
		j.Needs, j.Package.Name = []string{name}, checks.ReleaseName(name)
		p.Jobs = append(p.Jobs, j)
	}
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

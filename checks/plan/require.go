package plan

import (
	"fmt"
	"slices"

	"github.com/dudesons/loktar/checks"
)

// require adds a job that ends at once for each package whose check is
// required and which the plan does not test: a required check that is never
// reported would block a merge for ever. Required is what loktar.json or the
// rules of the branch say. Rules that leave it open who reports a check count
// for the names of packages alone.
func require(p *checks.Plan, ev checks.Event, ch checks.Change) {
	if p.None != "" || ev.PullRequest == nil && ev.MergeGroup == nil {
		return
	}
	known := map[string]bool{checks.AggregateName: true}
	for _, j := range p.Jobs {
		known[j.Package.Name] = true
	}
	result := unaffectedResult
	if v := p.Verdict; v != nil && v.Conclusion != checks.ConclusionSuccess && v.Conclusion != checks.ConclusionNeutral {
		result = checks.Result{Outcome: checks.OutcomeBlocked, Detail: fmt.Sprintf("Not tested. The check `%s` says why: %s", checks.AggregateName, sentenceOf(v.Title))}
	}
	add := func(pkg checks.Package, r checks.Result) {
		known[pkg.Name] = true
		p.Jobs = append(p.Jobs, checks.PlannedJob{Package: pkg, Result: &r})
	}
	named := map[string]bool{}
	for _, list := range [][]string{ch.Required, ch.RequiredOurs} {
		for _, name := range list {
			named[name] = true
		}
	}
	for _, m := range []*checks.Manifest{ch.Manifest, ch.TipManifest, ch.BaseManifest} {
		if m == nil {
			continue
		}
		for _, pkg := range m.Packages {
			if !known[pkg.Name] && (pkg.Required || named[pkg.Name]) {
				add(pkg, result)
			}
		}
		break // the file that counts, or else the one before it
	}
	ours := slices.Sorted(slices.Values(ch.RequiredOurs))
	for _, name := range ours {
		if !known[name] {
			add(checks.Package{Name: name, Dir: ".", TestType: checks.TestNone}, checks.Result{Outcome: result.Outcome,
				Detail: "The rules of the branch require this check, and `loktar.json` lists no package of that name. Take it out of the rules, or list the package."})
		}
	}
}

var unaffectedResult = checks.Result{Outcome: checks.OutcomeUnaffected}

// sentenceOf is a title as a sentence.
func sentenceOf(title string) string { return title + "." }

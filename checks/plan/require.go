package plan

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/markdown"
)

// maxCheckName is how many characters GitHub takes in a check run's name.
const maxCheckName = 255

// require adds a job that ends at once for each package whose check is
// required and which the plan does not test: a required check that is never
// reported would block a merge for ever. Required is what loktar.json or the
// rules of the branch say. Rules that leave it open who reports a check count
// for the names of packages alone.
//
// Whether GitHub tells names apart that differ in case alone is not
// documented. So a package is reported for either, and no second check is
// made up that could stand for a red one: a warning tells of the rule.
func require(p *checks.Plan, ev checks.Event, ch checks.Change) {
	if ev.PullRequest == nil && ev.MergeGroup == nil {
		return
	}
	named := make(map[string]bool, len(ch.Required)+len(ch.RequiredOurs)) // in small letters
	for _, list := range [][]string{ch.Required, ch.RequiredOurs} {
		for _, name := range list {
			named[strings.ToLower(name)] = true
		}
	}
	packages, planned, result := listed(ch), len(p.Jobs), resultOf(p.Verdict)
	reported := make(map[string]bool, planned+len(named))
	for i := range p.Jobs {
		reported[p.Jobs[i].Package.Name] = true
	}
	var more []int // places in packages
	alike := map[string]string{checks.AggregateName: checks.AggregateName}
	for i := range packages {
		name := packages[i].Name
		small := strings.ToLower(name)
		if named[small] {
			alike[small] = name
		}
		if (packages[i].Required || named[small]) && !reported[name] {
			reported[name] = true
			more = append(more, i)
		}
	}
	var unlisted, warnings []string
	for _, name := range slices.Sorted(slices.Values(ch.RequiredOurs)) {
		switch right, found := alike[strings.ToLower(name)]; {
		case reported[name] || right == name || !reportable(name):
		case found:
			warnings = append(warnings, markdown.Plain(fmt.Sprintf("The rules of the branch require the check %s. It is never reported, because the name is %s. Correct the rules.", name, right), maxWarning))
		default:
			reported[name] = true
			unlisted = append(unlisted, name)
		}
	}

	for i := range p.Jobs {
		j := &p.Jobs[i]
		j.Required = j.Package.Required || named[strings.ToLower(j.Package.Name)]
	}
	p.Jobs = slices.Grow(p.Jobs, len(more)+len(unlisted))
	for _, i := range more {
		p.Jobs = append(p.Jobs, checks.PlannedJob{Package: packages[i], Result: &result, Required: true})
	}
	other := result
	if other.Outcome == checks.OutcomeUnaffected && other.Detail == "" {
		other.Detail = "The rules of the branch require this check, and `loktar.json` lists no package of that name. Take it out of the rules, or list the package."
	}
	for _, name := range unlisted {
		p.Jobs = append(p.Jobs, checks.PlannedJob{Package: checks.Package{Name: name, Dir: ".", TestType: checks.TestNone}, Result: &other, Required: true})
	}
	if n := len(warnings) - maxNames; n > 0 {
		warnings = append(warnings[:maxNames], fmt.Sprintf("The rules of the branch require %s in the wrong case.", markdown.Count(n, "more check")))
	}
	p.Warnings = append(warnings, p.Warnings...)
	if len(p.Jobs) > planned {
		p.Unaffected = slices.DeleteFunc(p.Unaffected, func(name string) bool { return reported[name] })
	}
}

// listed are the packages of the loktar.json that counts or, where it cannot
// be used, of the one before it.
func listed(ch checks.Change) []checks.Package {
	for _, m := range []*checks.Manifest{ch.Manifest, ch.TipManifest, ch.BaseManifest} {
		if m != nil {
			return m.Packages
		}
	}
	return nil
}

// resultOf is how a required check ends that the plan does not test. A
// verdict that lets a merge pass has it pass too.
func resultOf(v *checks.Verdict) checks.Result {
	switch {
	case v == nil || v.Conclusion == checks.ConclusionSuccess:
		return checks.Result{Outcome: checks.OutcomeUnaffected}
	case v.Conclusion == checks.ConclusionNeutral:
		return checks.Result{Outcome: checks.OutcomeUnaffected, Detail: "There is no `loktar.json` that lists this package."}
	}
	return checks.Result{Outcome: checks.OutcomeBlocked, Detail: fmt.Sprintf("Not tested. The check `%s` says why: %s.", checks.AggregateName, v.Title)}
}

// reportable reports whether a check run can bear the name.
func reportable(name string) bool {
	return name != "" && utf8.ValidString(name) && !strings.ContainsRune(name, 0) && utf8.RuneCountInString(name) <= maxCheckName
}

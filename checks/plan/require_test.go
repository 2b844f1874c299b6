package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/plan"
)

// demands is a manifest whose every package but "a" and "free" is required,
// each by another source, and a change to it by the rules of the branch.
func demands(files ...string) checks.Change {
	said := pkg("said")
	said.Required = true
	ch := change(manifest(pkg("a"), said, pkg("any"), pkg("our"), pkg("free"), pkg("both", "a")), files...)
	ch.Required = []string{"any", "other-ci", "both"}
	ch.RequiredOurs = []string{"our", "gone", "loktar", "both"}
	return ch
}

// Each source of a requirement in each kind of plan.
func TestRequire(t *testing.T) {
	const rules = "The rules of the branch require this check, and `loktar.json` lists no package of that name. Take it out of the rules, or list the package."
	const nowhere = "There is no `loktar.json` that lists this package."
	blocked := func(title string) string { return "Not tested. The check `loktar` says why: " + title + "." }
	broken := demands("a/x")
	broken.Manifest, broken.Problems = nil, problems(1)
	deleted := demands("a/x", "loktar.json")
	deleted.Manifest, deleted.ManifestBlob = nil, ""
	never := deleted
	never.BaseManifest = nil
	brokenFirst := broken
	brokenFirst.BaseManifest = nil
	dropped := demands("a/x", "loktar.json") // no package is required any more, but by the rules
	dropped.Manifest = manifest(pkg("a"), pkg("said"))
	circle := demands("a/x")
	circle.Manifest = manifest(slices.Concat(circle.Manifest.Packages, []checks.Package{pkg("x", "y"), pkg("y", "x")})...)
	conflict := demands("a/x")
	conflict.Tree, conflict.Conflicts = "", []string{"a/x"}
	nobuild := committed(demands("a/x"), checks.CommitInfo{SHA: "abc", Subject: "NOBUILD: x", Files: []string{"a/x"}})
	nobuild.AuthorTrusted = true
	noPackages := demands("x")
	noPackages.Manifest = manifest()
	draft := pullRequest()
	draft.PullRequest.Draft = true
	waiting, hidden := demands("a/x"), demands("a/x")
	waiting.Policy.Drafts, hidden.Policy.Forks = checks.DraftsWait, checks.ForksIgnore
	of := func(o checks.Outcome, names ...string) []string {
		for i := range names {
			names[i] += " " + string(o)
		}
		return names
	}
	un, bl := checks.OutcomeUnaffected, checks.OutcomeBlocked
	for name, c := range map[string]struct {
		event  checks.Event // of a pull request; its change is a merge group's and a push's too, unless it says more
		change checks.Change
		want   []string
		last   string // the detail of the last, which no package bears
		said   string // the detail of the others that are not affected or blocked
		pulls  bool   // the case is one of pull requests alone
		onPush []string
	}{
		"some are affected":    {change: demands("a/x"), want: append([]string{"a", "both"}, of(un, "said", "any", "our", "gone")...), last: rules, onPush: []string{"a", "both"}},
		"none is affected":     {change: demands("doc/x"), want: of(un, "said", "any", "our", "both", "gone"), last: rules},
		"all are affected":     {change: unbounded(demands(), "why"), want: append([]string{"a", "said", "any", "our", "free", "both"}, of(un, "gone")...), last: rules, onPush: []string{"a", "said", "any", "our", "free", "both"}},
		"nothing changed":      {change: demands(), want: of(un, "said", "any", "our", "both", "gone"), last: rules},
		"nothing is listed":    {change: noPackages, want: of(un, "both", "gone", "our"), last: rules},
		"NOBUILD":              {change: nobuild, want: append(of(skipped, "a", "both"), of(un, "said", "any", "our", "gone")...), last: rules, pulls: true},
		"a conflict":           {change: conflict, want: of(bl, "said", "any", "our", "both", "gone"), said: blocked("Merge conflict in 1 file")},
		"problems":             {change: broken, want: of(bl, "said", "any", "our", "both", "gone"), said: blocked("loktar.json has 1 problem")},
		"problems, new file":   {change: brokenFirst, want: of(bl, "both", "gone", "our"), said: blocked("loktar.json has 1 problem")},
		"a circle":             {change: circle, want: of(bl, "said", "any", "our", "both", "gone"), said: blocked("loktar.json has 1 problem")},
		"loktar.json deleted":  {change: deleted, want: of(un, "said", "any", "our", "both", "gone"), said: nowhere, last: nowhere},
		"no loktar.json":       {change: never, want: of(un, "both", "gone", "our"), said: nowhere, last: nowhere},
		"packages taken out":   {change: dropped, want: append([]string{"a", "said"}, of(un, "both", "gone", "our")...), last: rules, onPush: []string{"a", "said"}},
		"a draft waits":        {event: draft, change: waiting, want: of(bl, "said", "any", "our", "both", "gone"), said: blocked(asDraft), pulls: true},
		"a fork waits":         {event: fork(eve), change: demands("a/x"), want: of(bl, "said", "any", "our", "both", "gone"), said: blocked(waits), pulls: true},
		"a fork is ignored":    {event: fork(eve), change: hidden, want: of(bl, "said", "any", "our", "both", "gone"), said: blocked(ignored), pulls: true},
		"a fork affects none":  {event: fork(eve), change: demands("doc/x"), want: of(un, "said", "any", "our", "both", "gone"), last: rules, pulls: true},
		"a fork is not listed": {event: fork(eve), change: never, want: of(un, "both", "gone", "our"), said: nowhere, last: nowhere, pulls: true},
	} {
		t.Run(name, func(t *testing.T) {
			if c.event.Kind == "" {
				c.event = pullRequest()
			}
			events := []checks.Event{c.event}
			if !c.pulls {
				events = append(events, mergeGroup())
			}
			for _, ev := range events {
				p := mustMake(t, ev, c.change)
				if name == "packages taken out" {
					slices.SortFunc(p.Jobs, func(a, b checks.PlannedJob) int { return strings.Compare(a.Package.Name, b.Package.Name) })
					slices.Sort(c.want)
				}
				if d := cmp.Diff(c.want, ends(p)); d != "" {
					t.Errorf("%s: %s", ev.Kind, d)
				}
				for _, j := range p.Jobs {
					if j.Result == nil || j.Result.Outcome == skipped {
						continue
					}
					want := c.said
					if c.last != "" && !slices.ContainsFunc(listed(c.change), func(l checks.Package) bool { return l.Name == j.Package.Name }) {
						want = c.last
					}
					if j.Result.Detail != want || len(j.Needs)+len(j.Reasons) > 0 {
						t.Errorf("%s: %q, want %q", j.Package.Name, j.Result.Detail, want)
					}
				}
			}
			if c.pulls {
				return
			}
			if d := cmp.Diff(c.onPush, ends(mustMake(t, pushed("main"), c.change))); d != "" {
				t.Errorf("a push: %s", d)
			}
		})
	}
}

// listed are the packages that count.
func listed(ch checks.Change) []checks.Package {
	for _, m := range []*checks.Manifest{ch.Manifest, ch.TipManifest, ch.BaseManifest} {
		if m != nil {
			return m.Packages
		}
	}
	return nil
}

// A package is in one list alone, and what it needs of the unaffected ones
// does not hold it back.
func TestRequiredPackagesAreNotAlsoUnaffected(t *testing.T) {
	lib, api := pkg("lib"), pkg("api", "lib")
	lib.Required = true
	p := mustMake(t, pullRequest(), change(manifest(lib, api, pkg("doc")), "api/x"))
	if d := cmp.Diff([]string{"api", "lib unaffected"}, ends(p)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"doc"}, p.Unaffected); d != "" {
		t.Error(d)
	}
	var jobs []*checks.Job
	byName := map[string]*checks.Job{}
	for i, pj := range p.Jobs {
		j := &checks.Job{Package: pj.Package, Index: i, Needs: pj.Needs, State: checks.StateQueued}
		if pj.Result != nil {
			j.State, j.Result = checks.StateDone, *pj.Result
		}
		jobs, byName[pj.Package.Name] = append(jobs, j), j
	}
	if changed, _ := checks.Settle(new(checks.Run), jobs, time.Unix(1, 0)); len(changed) > 0 || !checks.Ready(byName["api"], byName) {
		t.Errorf("api needs %v and is not ready", byName["api"].Needs)
	}
}

// Names that differ in case alone: the package is reported, nothing is made
// up, and a warning names the rule.
func TestRequiredNamesInAnotherCase(t *testing.T) {
	const warning = "The rules of the branch require the check %s. It is never reported, because the name is %s. Correct the rules."
	for name, c := range map[string]struct {
		packages  []checks.Package
		any, ours []string
		want      []string
		warnings  []string
	}{
		"ours":                 {[]checks.Package{pkg("a"), pkg("api")}, nil, []string{"API"}, []string{"a", "api unaffected"}, []string{fmt.Sprintf(warning, "API", "api")}},
		"anyone's":             {[]checks.Package{pkg("a"), pkg("api")}, []string{"Api"}, nil, []string{"a", "api unaffected"}, nil},
		"of an affected one":   {[]checks.Package{pkg("a")}, nil, []string{"A"}, []string{"a"}, []string{fmt.Sprintf(warning, "A", "a")}},
		"both are there":       {[]checks.Package{pkg("a"), pkg("api"), pkg("API")}, nil, []string{"API"}, []string{"a", "api unaffected", "API unaffected"}, nil},
		"both are required":    {[]checks.Package{pkg("a"), pkg("api")}, nil, []string{"API", "api"}, []string{"a", "api unaffected"}, []string{fmt.Sprintf(warning, "API", "api")}},
		"the aggregate":        {[]checks.Package{pkg("a")}, nil, []string{"Loktar", "loktar"}, []string{"a"}, []string{fmt.Sprintf(warning, "Loktar", "loktar")}},
		"a letter that folds":  {[]checks.Package{pkg("a"), pkg("kit")}, nil, []string{"\u212ait"}, []string{"a", "kit unaffected"}, []string{fmt.Sprintf(warning, "\u212ait", "kit")}},
		"two that nobody has":  {[]checks.Package{pkg("a")}, nil, []string{"x", "X"}, []string{"a", "X unaffected", "x unaffected"}, nil},
		"twice, and not there": {[]checks.Package{pkg("a")}, nil, []string{"x", "x"}, []string{"a", "x unaffected"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			ch := change(manifest(c.packages...), "a/x")
			ch.Required, ch.RequiredOurs = c.any, c.ours
			p := mustMake(t, pullRequest(), ch)
			if d := cmp.Diff(c.want, ends(p)); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(c.warnings, p.Warnings); d != "" {
				t.Error(d)
			}
			ch.Files = []string{"doc/x"} // the verdict that nothing is affected says it too
			if v := mustMake(t, pullRequest(), ch).Verdict; strings.Contains(v.Summary, "never reported") != (c.warnings != nil) {
				t.Error(v.Summary)
			}
		})
	}
	ch := change(manifest(pkg("a")), "a/x")
	ch.RequiredOurs = nil
	for i := range 40 {
		name := fmt.Sprintf("lib%d", i)
		ch.Manifest.Packages = append(ch.Manifest.Packages, pkg(name))
		ch.RequiredOurs = append(ch.RequiredOurs, strings.ToUpper(name))
	}
	if w := mustMake(t, pullRequest(), ch).Warnings; len(w) != 11 || w[10] != "The rules of the branch require 30 more checks in the wrong case." {
		t.Errorf("%d warnings: %q", len(w), w)
	}
}

// Names that no check run can bear are left out; all others are there, as
// many as there are and as strange as they may be.
func TestRequiredNamesAreHostile(t *testing.T) {
	ch := change(manifest(pkg("a")), "a/x")
	bad := []string{"", "x\x00y", "x\xffy", strings.Repeat("é", 256)}
	odd := []string{"../../etc", "a/b", " ", "ci (ubuntu, 1.2)", "x\ny", hostile[:20], "-", strings.Repeat("é", 255)}
	ch.RequiredOurs = slices.Concat(bad, odd)
	want := append([]string{"a"}, slices.Sorted(slices.Values(odd))...)
	var got []string
	for _, j := range mustMake(t, pullRequest(), ch).Jobs {
		got = append(got, j.Package.Name)
		if j.Result != nil && (j.Package.TestType != checks.TestNone || len(j.Package.Commands) > 0) {
			t.Errorf("%q could run: %+v", j.Package.Name, j.Package)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}

	ch.RequiredOurs = nil
	for i := range 5000 {
		ch.RequiredOurs = append(ch.RequiredOurs, fmt.Sprintf("%0255d", i))
	}
	p := mustMake(t, pullRequest(), ch)
	if len(p.Jobs) != 5001 || utf8.RuneCountInString(p.Jobs[5000].Package.Name) != 255 || len(p.Warnings) > 0 {
		t.Errorf("%d jobs, warnings %q", len(p.Jobs), p.Warnings)
	}
	var planner plan.Planner
	if _, err := planner.Make(pullRequest(), ch); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(3, func() { _, _ = planner.Make(pullRequest(), ch) }); n > 4*5000 {
		t.Errorf("%.0f allocations for 5,000 names", n)
	}
}

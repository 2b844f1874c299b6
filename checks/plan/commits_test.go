package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
)

// NOBUILD in subject, in body, in passing; and from whom.
func TestNoBuild(t *testing.T) {
	const says = "The head commit's subject says "
	commit := func(sha, message string) checks.CommitInfo {
		return checks.CommitInfo{SHA: sha, Subject: message, Files: []string{"lib/x"}}
	}
	for name, c := range map[string]struct {
		commits  []checks.CommitInfo
		stranger bool
		unknown  bool
		skipped  string
		warned   bool
	}{
		"in subject":                {commits: []checks.CommitInfo{commit("abc", "NOBUILD: x")}, skipped: "NOBUILD"},
		"combined":                  {commits: []checks.CommitInfo{commit("abc", "DOC/NOBUILD: x")}, skipped: "NOBUILD"},
		"skip ci":                   {commits: []checks.CommitInfo{commit("abc", "x [skip ci]")}, skipped: "[skip ci]"},
		"in body":                   {commits: []checks.CommitInfo{commit("abc", "x\n\nNOBUILD: y")}},
		"in passing":                {commits: []checks.CommitInfo{commit("abc", "Explain NOBUILD")}},
		"in an older commit":        {commits: []checks.CommitInfo{commit("1", "NOBUILD: x"), commit("abc", "ENH: y")}},
		"in the last of several":    {commits: []checks.CommitInfo{commit("1", "ENH: y"), commit("abc", "NOBUILD: x")}, skipped: "NOBUILD"},
		"not the head":              {commits: []checks.CommitInfo{commit("def", "NOBUILD: x")}},
		"commits not known":         {commits: []checks.CommitInfo{commit("abc", "NOBUILD: x")}, unknown: true},
		"no commits":                {},
		"without write permission":  {commits: []checks.CommitInfo{commit("abc", "NOBUILD: x")}, stranger: true, warned: true},
		"nothing asked, a stranger": {commits: []checks.CommitInfo{commit("abc", "ENH: x")}, stranger: true},
	} {
		t.Run(name, func(t *testing.T) {
			ch := committed(change(manifest(pkg("lib"), pkg("api", "lib"), pkg("web")), "lib/x"), c.commits...)
			ch.AuthorTrusted, ch.CommitsUnknown = !c.stranger, c.unknown
			ev := pullRequest()
			ev.PullRequest.Author.Login = "eve"
			p := mustMake(t, ev, ch)
			if d := cmp.Diff([]string{libChange, apiToo}, told(p)); d != "" {
				t.Error(d)
			}
			for _, j := range p.Jobs {
				want := ""
				if c.skipped != "" {
					want = "Nothing was run, because the head commit's subject says " + c.skipped + ". Press Re-run to test it all the same."
				}
				got := ""
				if j.Result != nil {
					got = j.Result.Detail
				}
				if got != want {
					t.Errorf("%s: skip %q", j.Package.Name, got)
				}
			}
			var warnings []string
			if c.warned {
				warnings = []string{says + "NOBUILD. It is ignored, because eve has no write permission here."}
			}
			if d := cmp.Diff(warnings, p.Warnings); d != "" {
				t.Error(d)
			}
		})
	}
}

// exclude_dependencies_only_on_keywords, from all sides.
func TestKeywordsHoldDependentsBack(t *testing.T) {
	lib, api, web := pkg("lib"), pkg("api", "lib"), pkg("web", "api", "auth")
	lib.ExcludeKeywords = []string{"DOC", "CLN"}
	auth := pkg("auth")
	m := manifest(lib, api, web, auth)
	c := func(subject string, files ...string) checks.CommitInfo {
		return checks.CommitInfo{SHA: subject, Subject: subject, Files: files}
	}
	merge := func(files ...string) checks.CommitInfo {
		return checks.CommitInfo{SHA: "m", Subject: "Merge main", Files: files, Merge: true}
	}
	held := []string{libChange}
	pulled := []string{libChange, apiToo, "web <- api: depends on api"}
	reading := lib
	reading.Inputs = []string{"proto/**"}
	ignoring := manifest(lib, api, web, auth)
	ignoring.Ignore = []string{"lib/*.md"}
	needing := lib
	needing.DependsOn = []string{"auth"}
	for name, s := range map[string]struct {
		change checks.Change
		want   []string
	}{
		"one commit":                     {committed(change(m, "lib/x"), c("DOC: x", "lib/x")), held},
		"several":                        {committed(change(m, "lib/x"), c("DOC: x", "lib/x"), c("CLN: y", "lib/y")), held},
		"one bears another":              {committed(change(m, "lib/x"), c("DOC: x", "lib/x"), c("BUG: y", "lib/y")), pulled},
		"one bears none":                 {committed(change(m, "lib/x"), c("DOC: x", "lib/x"), c("a word", "lib/y")), pulled},
		"NOBUILD is no kind":             {committed(change(m, "lib/x"), c("DOC/NOBUILD: x", "lib/x")), held},
		"NOBUILD alone":                  {committed(change(m, "lib/x"), c("NOBUILD: x", "lib/x")), pulled},
		"others elsewhere do not count":  {committed(change(m, "lib/x", "docs/y"), c("DOC: x", "lib/x"), c("BUG: y", "docs/y")), held},
		"a merge of the base":            {committed(change(m, "lib/x"), c("DOC: x", "lib/x"), merge()), held},
		"a merge that changed more":      {committed(change(m, "lib/x", "lib/z"), c("DOC: x", "lib/x"), merge("lib/z")), []string{"lib: lib changed: x and 1 more", apiToo, "web <- api: depends on api"}},
		"a merge that resolved":          {committed(change(m, "lib/x"), c("DOC: x", "lib/x"), merge("lib/x")), pulled},
		"a file that no commit explains": {committed(change(m, "lib/x"), c("DOC: x", "docs/y")), pulled},
		"no commits":                     {committed(change(m, "lib/x")), pulled},
		"pulled in by another": {committed(change(m, "lib/x", "auth/y"), c("DOC: x", "lib/x"), c("BUG: y", "auth/y")),
			[]string{libChange, "auth: auth changed: y", "web <- auth: depends on auth"}},
		"a held one that others affect spreads": {
			committed(change(manifest(needing, api, web, auth), "lib/x", "auth/y"), c("DOC: x", "lib/x"), c("BUG: y", "auth/y")),
			[]string{"auth: auth changed: y", "lib <- auth: lib changed: x; depends on auth", apiToo, "web <- api,auth: depends on auth and 1 more"}},
		"an input":               {committed(change(manifest(reading, api), "proto/x"), c("DOC: x", "proto/x")), []string{"lib: input changed: proto/x"}},
		"an input of a bug fix":  {committed(change(manifest(reading, api), "proto/x"), c("BUG: x", "proto/x")), []string{"lib: input changed: proto/x", apiToo}},
		"ignored files":          {committed(change(ignoring, "lib/x", "lib/a.md"), c("DOC: x", "lib/x"), c("BUG: y", "lib/a.md")), held},
		"a link":                 {linked(committed(change(m, "auth/x"), c("DOC: x", "auth/x")), checks.Link{Path: "lib/l", Target: "auth/x"}), []string{"lib: lib/l links to auth/x, which changed", apiToo, "auth: auth changed: x", "web <- api,auth: depends on auth and 1 more"}},
		"a link inside":          {linked(committed(change(m, "lib/x"), c("DOC: x", "lib/x")), checks.Link{Path: "lib/l", Target: "lib/x"}), held},
		"its entry changed":      {committed(between(manifest(pkg("lib"), api), manifest(lib, api), "lib/x", "loktar.json"), c("DOC: x", "lib/x", "loktar.json")), []string{"lib: lib changed: x; its entry in loktar.json changed", apiToo}},
		"everything is affected": {unbounded(committed(change(manifest(lib, api)), c("DOC: x", "lib/x")), "a test"), []string{"lib: everything is affected: a test", "api <- lib: everything is affected: a test"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := mustMake(t, pullRequest(), s.change)
			if d := cmp.Diff(s.want, told(p)); d != "" {
				t.Error(d)
			}
			notes := 1
			for _, j := range p.Jobs {
				if j.Package.Name == "api" {
					notes = 0
				}
			}
			if len(p.Notes) != notes {
				t.Errorf("notes %q", p.Notes)
			}
		})
	}
	ch := committed(change(m, "lib/x"), c("DOC: x", "lib/x"))
	ch.CommitsUnknown = true
	if d := cmp.Diff(pulled, told(mustMake(t, pullRequest(), ch))); d != "" {
		t.Errorf("unknown commits: %s", d)
	}
	p := mustMake(t, pullRequest(), committed(change(m, "lib/x"), c("DOC: x", "lib/x")))
	if d := cmp.Diff([]string{"Not tested: api, web, which depend on lib. Every commit that touches lib bears only DOC or CLN, which its exclude_dependencies_only_on_keywords names."}, p.Notes); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"api", "auth", "web"}, p.Unaffected); d != "" {
		t.Error(d)
	}
}

// What a plan says is bounded, whatever the repository holds.
func TestTextsAreBounded(t *testing.T) {
	m := manifest()
	var commits []checks.CommitInfo
	var files []string
	for i := range 200 {
		lib := pkg(fmt.Sprintf("lib%d", i))
		lib.ExcludeKeywords = []string{"DOC"}
		m.Packages = append(m.Packages, lib)
		for k := range 30 {
			m.Packages = append(m.Packages, pkg(fmt.Sprintf("app%d-%d", i, k), lib.Name))
		}
		files = append(files, lib.Dir+"/x")
	}
	commits = append(commits, checks.CommitInfo{SHA: "abc", Subject: "DOC: x", Files: files})
	p := mustMake(t, pullRequest(), committed(change(m, files...), commits...))
	if n := len(p.Notes); n != 51 || p.Notes[50] != "150 more packages whose dependents were not tested" || !strings.Contains(p.Notes[0], "app0-9 and 20 more, which") {
		t.Errorf("%d notes: %q", n, p.Notes[:1])
	}
	bad := manifest(pkg("lib"))
	for i := range 200 {
		bad.Unread = append(bad.Unread, checks.FileProblem{Package: "lib", File: strings.Repeat("d/", 3000), Line: i, Message: strings.Repeat(hostile, 500)})
	}
	p = mustMake(t, pullRequest(), change(bad))
	if n := len(p.Warnings); n != 51 || p.Warnings[50] != "150 more problems of files that tell dependencies not shown" {
		t.Errorf("%d warnings, the last %q", n, p.Warnings[n-1])
	}
	for _, w := range append(p.Warnings, p.Jobs[0].Reasons[0].Subject) {
		if len([]rune(w)) > 500 || strings.ContainsAny(w, "\n\u202e") {
			t.Errorf("a warning of %d characters", len(w))
		}
	}
}

package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
)

// story is a change and what is to come of it.
type story struct {
	change checks.Change
	want   []string // the jobs, as told tells them
	ends   string   // the verdict's title, where there are no jobs
	says   []string // parts of the verdict's summary, the warnings or the notes
}

func (s story) check(t *testing.T) {
	t.Helper()
	p := mustMake(t, pullRequest(), s.change)
	if d := cmp.Diff(s.want, told(p)); d != "" {
		t.Error(d)
	}
	all := strings.Join(append(p.Warnings, p.Notes...), "\n")
	title := ""
	if p.Verdict != nil {
		title, all = p.Verdict.Title, all+p.Verdict.Summary
	}
	if title != s.ends {
		t.Errorf("ends as %q, not as %q", title, s.ends)
	}
	for _, part := range s.says {
		if !strings.Contains(all, part) {
			t.Errorf("%q is not in\n%s", part, all)
		}
	}
	for i, j := range p.Jobs {
		for _, n := range j.Needs {
			if !strings.Contains(strings.Join(told(checks.Plan{Jobs: p.Jobs[:i]}), "\n")+"\n", n) {
				t.Errorf("%s needs %s, which does not come before it", j.Package.Name, n)
			}
		}
	}
}

func between(base, head *checks.Manifest, files ...string) checks.Change {
	ch := change(head, files...)
	ch.BaseManifest = base
	return ch
}

func edged(m *checks.Manifest, edges ...checks.Edge) *checks.Manifest {
	with := *m
	with.Edges = edges
	return &with
}

func linked(ch checks.Change, links ...checks.Link) checks.Change {
	ch.Links = links
	return ch
}

func committed(ch checks.Change, commits ...checks.CommitInfo) checks.Change {
	ch.Commits = commits
	return ch
}

func unbounded(ch checks.Change, why string) checks.Change {
	ch.Unbounded, ch.Files = why, nil
	return ch
}

const (
	nothing   = "No package is affected"
	oneWrong  = "loktar.json has 1 problem"
	libChange = "lib: lib changed: x"
	apiToo    = "api <- lib: depends on lib"
)

// The rows of the table of what other tools get wrong, by their names.
func TestPeers(t *testing.T) {
	a, b, c := pkg("a"), pkg("b"), pkg("c", "a")
	m := manifest(a, b, c)
	inputs := manifest(a, checks.Package{Name: "b", Dir: "b", Inputs: []string{"yarn.lock"}})
	entry := pkg("a")
	entry.Image = "other"
	for name, s := range map[string]story{
		"a package's folder deleted, its dependents remain": {
			change: change(m, "a/Makefile", "a/main.py"),
			want:   []string{"a: a changed: Makefile and 1 more", "c <- a: depends on a"}},
		"a package's folder deleted, its dependents remain: the error": {
			change: checks.Change{Tree: "tree", ManifestBlob: "blob", Problems: []checks.Problem{
				{Path: "packages[0].pkg_dir", Line: 3, Column: 5, Message: "folder `a` does not exist"}}},
			ends: oneWrong, says: []string{"packages[0].pkg_dir", "does not exist"}},
		"a package's folder deleted, its dependents remain: with its entry": {
			change: between(edged(manifest(a, b), checks.Edge{From: "b", To: "a", File: "b/requirements.txt", Line: 1}), manifest(b), "a/main.py", "loktar.json"),
			want:   []string{"b: depended on a, no longer listed"}},
		"a lockfile line of one package": {
			change: change(m, "yarn.lock"), ends: nothing, says: []string{"yarn.lock"}},
		"a lockfile line of one package: declared": {
			change: change(inputs, "yarn.lock"), want: []string{"b: input changed: yarn.lock"}},
		"root config re-formatted": {
			change: between(m, manifest(c, b, a), "loktar.json"), ends: nothing, says: []string{"still means the same"}},
		"one package's entry changed": {
			change: between(m, manifest(entry, b, c), "loktar.json"),
			want:   []string{"a: its entry in loktar.json changed", "c <- a: depends on a"}},
		"pure rename from A to B": {
			change: change(m, "a/x", "b/x"),
			want:   []string{"a: a changed: x", "b: b changed: x", "c <- a: depends on a"}},
		"a symlink in B points into A, A's file edited": {
			change: linked(change(m, "a/conf.yaml"), checks.Link{Path: "b/conf.yaml", Target: "a/conf.yaml"}),
			want:   []string{"a: a changed: conf.yaml", "b: b/conf.yaml links to a/conf.yaml, which changed", "c <- a: depends on a"}},
		"base not there (depth 1)": {
			change: unbounded(change(manifest(a, c)), "the base commit is not there"),
			want:   []string{"a: everything is affected: the base commit is not there", "c <- a: everything is affected: the base commit is not there"}},
	} {
		t.Run(name, s.check)
	}
}

// The traps that concern planning, by their names.
func TestTraps(t *testing.T) {
	lib, api, web := pkg("lib"), pkg("api", "lib"), pkg("web")
	m := manifest(lib, api, web)
	bare := manifest(lib, pkg("api"), web)
	edge := checks.Edge{From: "api", To: "lib", File: "api/requirements.txt", Line: 2}
	inferred := edged(bare, edge)
	image := pkg("lib")
	image.Image = "other"
	nested := manifest(lib, checks.Package{Name: "deep", Dir: "lib/deep"})
	root := manifest(checks.Package{Name: "root", Dir: "."}, lib)
	sub := manifest(lib, checks.Package{Name: "zlib", Dir: "third_party/zlib"}, checks.Package{Name: "tp", Dir: "third_party"})
	ignoring := manifest(lib, checks.Package{Name: "web", Dir: "web", Inputs: []string{"lib/api.md"}})
	ignoring.Ignore = []string{"**/*.md"}
	global := manifest(lib, web)
	global.GlobalInputs = []string{"build/**"}
	unread := edged(bare, edge)
	unread.Unread = []checks.FileProblem{{Package: "lib", File: "lib/go.mod", Line: 3, Message: "unknown directive: requir"}}
	warned := edged(bare, edge)
	warned.Unread = []checks.FileProblem{{Package: "api", File: "api/go.mod", Line: 4, Message: "it closes a cycle", Warning: true}}
	docs := manifest(lib, api, web)
	docs.Packages[0].ExcludeKeywords = []string{"DOC", "CLN"}
	many := func(n int) (files []string) {
		for i := range n {
			files = append(files, fmt.Sprintf("docs/%06d", i))
		}
		return append(files, "lib/x")
	}
	long := strings.Repeat("d/", 2000) + "x"
	wrong := func(name string, packages []checks.Package, says string) story {
		return story{change: change(manifest(packages...), "a/x"), ends: oneWrong, says: []string{says}}
	}
	for name, s := range map[string]story{
		"renames and copies across packages": {
			change: change(m, "web/old", "lib/new"), want: []string{"lib: lib changed: new", apiToo, "web: web changed: old"}},
		"case-only rename": {
			change: change(m, "web/README", "web/readme"), want: []string{"web: web changed: README and 1 more"}},
		"deletion of a whole package, with its entry": {
			change: between(m, manifest(pkg("api"), web), "lib/x", "loktar.json"),
			want:   []string{"api: its entry in loktar.json changed; depended on lib, no longer listed"}},
		"deletion of a whole package, with its entry and the line that named it": {
			change: between(inferred, manifest(pkg("api"), web), "api/requirements.txt", "lib/x", "loktar.json"),
			want:   []string{"api: api changed: requirements.txt; depended on lib, no longer listed"}},
		"deletion of a whole package, without its entry": {
			change: change(m, "lib/Makefile", "lib/x"), want: []string{"lib: lib changed: Makefile and 1 more", apiToo}},
		"a package renamed": {
			change: between(inferred, manifest(pkg("library"), pkg("api"), web), "lib/x", "library/x", "loktar.json"),
			want:   []string{"library: library changed: x; its entry in loktar.json changed", "api: depended on lib, no longer listed"}},
		"package added": {
			change: between(manifest(web), manifest(web, lib), "lib/x", "loktar.json"),
			want:   []string{"lib: lib changed: x; its entry in loktar.json changed"}},
		"entry changed": {
			change: between(m, manifest(image, api, web), "loktar.json"), want: []string{"lib: its entry in loktar.json changed", apiToo}},
		"entry re-ordered": {
			change: between(m, manifest(web, api, lib), "loktar.json"), ends: nothing},
		"entry re-formatted": {
			change: between(m, m, "loktar.json"), ends: nothing},
		"dependency removed in the manifest": {
			change: between(m, bare, "loktar.json"), want: []string{"api: its entry in loktar.json changed"}},
		"dependency added in the manifest": {
			change: between(bare, m, "loktar.json"), want: []string{"api: its entry in loktar.json changed"}},
		"dependency added by a file that is nobody's": {
			change: between(bare, edged(bare, checks.Edge{From: "api", To: "lib", File: "go.work", Line: 4}), "go.work"),
			want:   []string{"api: input changed: go.work"}},
		"dependency removed by a file of another": {
			change: between(edged(bare, checks.Edge{From: "api", To: "lib", File: "web/common.txt", Line: 4}), bare, "web/common.txt"),
			want:   []string{"api: input changed: web/common.txt", "web: web changed: common.txt"}},
		"dependency on a package that is not listed": wrong("", []checks.Package{pkg("a", "b")}, "not listed"),
		"cycle (name its path)":                      wrong("", []checks.Package{pkg("a", "b"), pkg("b", "c"), pkg("c", "a")}, "a -&gt; b -&gt; c -&gt; a"),
		"cycle of declared and inferred": {
			change: change(edged(m, checks.Edge{From: "lib", To: "api", File: "lib/go.mod", Line: 3}), "lib/x"),
			want:   []string{libChange, apiToo}},
		"cycle of inferred": {
			change: change(edged(bare, edge, checks.Edge{From: "lib", To: "api", File: "lib/go.mod", Line: 3}), "api/x"),
			want:   []string{"lib: depends on api (lib/go.mod:3)", "api: api changed: x"}},
		"self-dependency":            wrong("", []checks.Package{pkg("a", "a")}, "depends on itself"),
		"self-dependency, inferred":  {change: change(edged(bare, checks.Edge{From: "lib", To: "lib", File: "lib/x", Line: 1}), "lib/x"), want: []string{libChange}},
		"two packages on one folder": wrong("", []checks.Package{pkg("a"), {Name: "b", Dir: "a"}}, "same folder"),
		"nested packages":            {change: change(nested, "lib/deep/x"), want: []string{"deep: lib/deep changed: x"}},
		"nested packages: the outer": {change: change(nested, "lib/x"), want: []string{libChange}},
		"package at the root folder": {change: change(root, "x", "lib/x"), want: []string{"root: the root folder changed: x", libChange}},
		"file mode change only":      {change: change(m, "web/run.sh"), want: []string{"web: web changed: run.sh"}},
		"binary files":               {change: change(m, "web/logo.png"), want: []string{"web: web changed: logo.png"}},
		"symlink into another package": {
			change: linked(change(m, "lib/proto/x"), checks.Link{Path: "web/proto", Target: "lib/proto"}),
			want:   []string{"lib: lib changed: proto/x", "api <- lib: depends on lib", "web: web/proto links to lib/proto, which changed: lib/proto/x"}},
		"submodule pointer": {change: change(sub, "third_party/zlib"), want: []string{"zlib: third_party/zlib changed: third_party/zlib"}},
		"submodule pointer, and a link into it": {
			change: linked(change(sub, "third_party/zlib"), checks.Link{Path: "lib/zlib.h", Target: "third_party/zlib/zlib.h"}),
			want:   []string{"lib: lib/zlib.h links to third_party/zlib/zlib.h, which changed: third_party/zlib", "zlib: third_party/zlib changed: third_party/zlib"}},
		"names with spaces, quotes, tabs, newlines, non-UTF-8 bytes": {
			change: change(m, "web/ a\t\"b\"\n\xff"), want: []string{"web: web changed:  a\t\"b\"\n\xff"}},
		"very long paths": {change: change(m, "web/"+long), want: []string{"web: web changed: " + long}},
		"merge commits on the branch": {
			change: committed(change(docs, "lib/README"),
				checks.CommitInfo{SHA: "1", Subject: "DOC: x", Files: []string{"lib/README"}},
				checks.CommitInfo{SHA: "abc", Subject: "Merge branch 'main'", Merge: true}),
			want: []string{"lib: lib changed: README"}, says: []string{"Not tested: api, which depends on lib."}},
		"base moved on (merge base, not tip)": {
			change: between(m, manifest(image, api, web), "web/x"), want: []string{"web: web changed: x"}},
		"force push, rewritten base": {
			change: unbounded(change(manifest(lib)), "the base was rewritten"), want: []string{"lib: everything is affected: the base was rewritten"}},
		"first commit": {
			change: between(nil, manifest(lib, api), "lib/x", "loktar.json"),
			want:   []string{"lib: lib changed: x; its entry in loktar.json changed", "api <- lib: its entry in loktar.json changed; depends on lib"}},
		"shallow history":         {change: unbounded(change(manifest(lib)), "the history is shallow"), want: []string{"lib: everything is affected: the history is shallow"}},
		"more than 3,000 files":   {change: change(m, many(3001)...), want: []string{libChange, apiToo}},
		"more than 100,000 files": {change: change(m, many(100001)...), want: []string{libChange, apiToo}},
		"change only in ignore":   {change: change(ignoring, "lib/README.md"), ends: nothing, says: []string{"leaves out 1 changed file"}},
		"ignore and inputs match": {change: change(ignoring, "lib/api.md"), want: []string{"web: input changed: lib/api.md"}},
		"global_inputs":           {change: change(global, "build/x"), want: []string{"lib: global input changed: build/x", "web: global input changed: build/x"}},
		"commit prefixes combined": {
			change: committed(change(docs, "lib/x"), checks.CommitInfo{SHA: "abc", Subject: "DOC/CLN: x", Files: []string{"lib/x"}}),
			want:   []string{libChange}, says: []string{"bears only DOC or CLN"}},
		"commit prefixes combined, one not named": {
			change: committed(change(docs, "lib/x"), checks.CommitInfo{SHA: "abc", Subject: "DOC/BUG: x", Files: []string{"lib/x"}}),
			want:   []string{libChange, apiToo}},
		"inferred dependency": {
			change: change(inferred, "lib/x"), want: []string{libChange, "api <- lib: depends on lib (api/requirements.txt:2)"}},
		"inferred dependency in a file that does not parse": {
			change: change(unread, "web/x"),
			want: []string{"lib: its dependencies could not be read: lib/go.mod:3: unknown directive: requir",
				"api <- lib: depends on lib (api/requirements.txt:2)", "web: web changed: x"},
			says: []string{"lib counts as affected by every change, because lib/go.mod:3 could not be read for dependencies: unknown directive: requir"}},
		"inferred dependency that is a warning alone": {
			change: change(warned, "web/x"), want: []string{"web: web changed: x"}, says: []string{"api/go.mod:4: it closes a cycle"}},
		"manifest at the merge differs from both": {
			change: between(bare, manifest(image, api, web), "loktar.json"),
			want:   []string{"lib: its entry in loktar.json changed", "api <- lib: its entry in loktar.json changed; depends on lib"}},
	} {
		t.Run(name, s.check)
	}
	t.Run("a pull request that changes loktar.json itself: a fork", func(t *testing.T) {
		p := mustMake(t, fork(checks.Repo{ID: 2, Owner: "eve", Name: "shop"}), between(m, manifest(image), "loktar.json"))
		if p.Verdict == nil || len(p.Jobs) > 0 {
			t.Errorf("%v", p)
		}
	})
}

package plan_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/graph"
	"github.com/dudesons/loktar/checks/plan"
)

var update = flag.Bool("update", false, "write the golden files")

var (
	ours = checks.Repo{ID: 1, Owner: "acme", Name: "shop"}
	eve  = checks.Repo{ID: 2, Owner: "eve", Name: "shop"}
)

func pullRequest() checks.Event {
	return checks.Event{
		Kind: checks.EventPullRequest, Repo: ours, HeadSHA: "abc",
		PullRequest: &checks.PullRequest{
			Number: 7, Head: checks.Ref{Branch: "feature", Repo: ours}, Base: checks.Ref{Branch: "main", Repo: ours},
		},
	}
}

func fork(head checks.Repo) checks.Event {
	ev := pullRequest()
	ev.PullRequest.Head.Repo = head
	return ev
}

func pkg(name string, deps ...string) checks.Package {
	return checks.Package{Name: name, Dir: name, TestType: checks.TestMake, DependsOn: deps}
}

func change(m *checks.Manifest, files ...string) checks.Change {
	return checks.Change{HeadSHA: "abc", MergeBase: "base", Tree: "tree", ManifestBlob: "blob", Manifest: m, BaseManifest: m, Files: files}
}

func manifest(packages ...checks.Package) *checks.Manifest {
	return &checks.Manifest{Packages: packages}
}

func mustMake(t testing.TB, ev checks.Event, ch checks.Change) checks.Plan {
	t.Helper()
	p, err := new(plan.Planner).Make(ev, ch)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// told is a plan's jobs as "name <- needs: reasons".
func told(p checks.Plan) []string {
	var out []string
	for _, j := range p.Jobs {
		line := j.Package.Name
		if len(j.Needs) > 0 {
			line += " <- " + strings.Join(j.Needs, ",")
		}
		var reasons []string
		for _, r := range j.Reasons {
			reasons = append(reasons, r.String())
		}
		line += ": " + strings.Join(reasons, "; ")
		if j.Carried != nil {
			line += fmt.Sprintf(" (%s in %s)", j.Carried.Result.Outcome, j.Carried.CarriedFrom)
		}
		out = append(out, line)
	}
	return out
}

func TestMakeJobs(t *testing.T) {
	m := manifest(pkg("web", "api", "auth", "api"), pkg("api", "lib"), pkg("lib"), pkg("auth"), pkg("other"), pkg("batch"))
	m.Ignore = []string{"**/*.md"}
	m.Warnings = []checks.Problem{{Path: "packages[0].inputs[1]", Line: 4, Column: 9, Message: "no file matches\n\"x\""}, {Line: 1, Message: "a word"}}
	p := mustMake(t, pullRequest(), change(m, "lib/main.py", "README", "lib/README.md"))
	want := []string{"lib: lib changed: main.py", "api <- lib: depends on lib", "web <- api: depends on api"}
	if d := cmp.Diff(want, told(p)); d != "" {
		t.Error(d)
	}
	p.Jobs = nil
	if d := cmp.Diff(checks.Plan{
		Unaffected: []string{"auth", "batch", "other"}, Unowned: []string{"README"}, UnownedCount: 1, Ignored: 1,
		Warnings: []string{`loktar.json:4: packages[0].inputs[1]: no file matches "x"`, "loktar.json:1: a word"},
	}, p); d != "" {
		t.Error(d)
	}
}

func TestMakeManifest(t *testing.T) {
	lib, api := pkg("lib"), pkg("api", "lib")
	changed := lib
	changed.Image = "other"
	for name, c := range map[string]struct {
		base  *checks.Manifest
		head  *checks.Manifest
		files []string
		want  []string
	}{
		"an entry changed":            {manifest(lib, api), manifest(changed, api), []string{"loktar.json"}, []string{"lib: its entry in loktar.json changed", "api <- lib: depends on lib"}},
		"changed on the base alone":   {manifest(lib, api), manifest(changed, api), []string{"api/x"}, []string{"api: api changed: x"}},
		"the first loktar.json":       {nil, manifest(api, lib), []string{"loktar.json"}, []string{"lib: its entry in loktar.json changed", "api <- lib: its entry in loktar.json changed; depends on lib"}},
		"a package removed":           {manifest(lib, api), manifest(pkg("api")), []string{"loktar.json"}, []string{"api: its entry in loktar.json changed; depended on lib, no longer listed"}},
		"re-ordered and a file":       {manifest(lib, api), manifest(api, lib), []string{"loktar.json", "api/x"}, []string{"api: api changed: x"}},
		"global_inputs changed":       {manifest(lib), &checks.Manifest{Packages: []checks.Package{lib}, GlobalInputs: []string{"x"}}, []string{"loktar.json"}, []string{"lib: everything is affected: global_inputs in loktar.json changed"}},
		"a global input":              {manifest(lib), &checks.Manifest{Packages: []checks.Package{lib}, GlobalInputs: []string{"x"}}, []string{"x"}, []string{"lib: global input changed: x"}},
		"nothing runs but dependents": {manifest(), manifest(checks.Package{Name: "n", Dir: "n", TestType: checks.TestNone}, pkg("m", "n")), []string{"n/x"}, []string{"n: n changed: x", "m <- n: depends on n"}},
	} {
		t.Run(name, func(t *testing.T) {
			ch := change(c.head, c.files...)
			ch.BaseManifest = c.base
			if d := cmp.Diff(c.want, told(mustMake(t, pullRequest(), ch))); d != "" {
				t.Error(d)
			}
		})
	}
	ch := change(manifest(lib))
	ch.Unbounded = "the base commit is gone"
	if d := cmp.Diff([]string{"lib: everything is affected: the base commit is gone"}, told(mustMake(t, pullRequest(), ch))); d != "" {
		t.Error(d)
	}
}

func TestMakeRefusesContradictions(t *testing.T) {
	for name, ch := range map[string]checks.Change{
		"a blob without a manifest": {Tree: "tree", ManifestBlob: "blob"},
		"no tree":                   {Manifest: manifest(pkg("a")), ManifestBlob: "blob", Files: []string{"a/x"}},
	} {
		if p, err := new(plan.Planner).Make(pullRequest(), ch); err == nil {
			t.Errorf("%s: %v", name, p)
		}
	}
}

const hostile = "a`b|<img src=x>@octocat\n# \u202e*x*_y_[z](https://evil)\xff"

func problems(n int) []checks.Problem {
	var out []checks.Problem
	for i := range n {
		out = append(out, checks.Problem{Path: fmt.Sprintf("packages[%d].pkg_dir", i), Line: i + 2, Column: 5, Message: fmt.Sprintf("folder `x%d` does not exist", i)})
	}
	return out
}

// verdicts are the ends without jobs, each with the text that its reader gets.
func verdicts() map[string]struct {
	event  checks.Event
	change checks.Change
} {
	type c = struct {
		event  checks.Event
		change checks.Change
	}
	many := make([]string, 130)
	for i := range many {
		many[i] = fmt.Sprintf("docs/page%03d.md", i)
	}
	base := pullRequest()
	base.PullRequest.Base.Branch = "rel|ease`1"
	gone := change(manifest(pkg("a"), pkg("b")), "loktar.json")
	ignored := change(manifest(pkg("a")), "docs/a.md", "tool/x", hostile)
	ignored.Manifest.Ignore = []string{"docs"}
	ignored.Manifest.Warnings = []checks.Problem{{Path: "packages[0]", Line: 3, Message: "its folder has no Makefile"}}
	circle := change(manifest(pkg("a", "b"), pkg("b", "a")), "a/x")
	ignoring, waiting := change(manifest(pkg("a")), "a/x"), change(manifest(pkg("a"), pkg("b", "a")), "a/x")
	ignoring.Policy.Forks, waiting.Policy.Drafts = checks.ForksIgnore, checks.DraftsWait
	draft := pullRequest()
	draft.PullRequest.Draft = true
	var crowd []checks.Package // all of them depend on the first
	for i := range 130 {
		crowd = append(crowd, pkg(fmt.Sprintf("p%03d", i), "p000"))
	}
	crowd[0].DependsOn = nil
	unsorted := append(problems(2), checks.Problem{Line: 1, Column: 1, Message: hostile})
	return map[string]c{
		"fork":              {fork(eve), change(manifest(pkg("a")), "a/x")},
		"fork-deleted":      {fork(checks.Repo{}), change(manifest(crowd...), "p000/x")},
		"fork-ignored":      {fork(eve), ignoring},
		"fork-no-manifest":  {fork(eve), checks.Change{Tree: "tree", Files: []string{"a"}}},
		"fork-problems":     {fork(eve), checks.Change{Tree: "tree", ManifestBlob: "blob", Problems: problems(60)}},
		"fork-circle":       {fork(eve), circle},
		"fork-unaffected":   {fork(eve), gone},
		"draft":             {draft, waiting},
		"conflict":          {pullRequest(), checks.Change{Conflicts: []string{"lib/main.py"}, ManifestBlob: "blob"}},
		"conflict-hostile":  {base, checks.Change{Conflicts: append([]string{hostile, strings.Repeat("long/", 200)}, many...)}},
		"no-manifest":       {pullRequest(), checks.Change{Tree: "tree", Files: []string{"a"}}},
		"problem":           {pullRequest(), checks.Change{Tree: "tree", ManifestBlob: "blob", Problems: problems(1)}},
		"problems-hostile":  {pullRequest(), checks.Change{Tree: "tree", ManifestBlob: "blob", Problems: unsorted}},
		"problems-120":      {pullRequest(), checks.Change{Tree: "tree", ManifestBlob: "blob", Problems: problems(120)}},
		"circle":            {pullRequest(), circle},
		"unaffected":        {pullRequest(), change(manifest(pkg("a"), pkg("b")), many...)},
		"unaffected-ignore": {pullRequest(), ignored},
		"re-formatted":      {pullRequest(), gone},
		"no-packages":       {pullRequest(), change(manifest(), "a")},
		"no-files":          {pullRequest(), change(manifest(pkg("a")))},
	}
}

func TestVerdicts(t *testing.T) {
	for name, c := range verdicts() {
		t.Run(name, func(t *testing.T) {
			p := mustMake(t, c.event, c.change)
			v := p.Verdict
			if v == nil || len(p.Jobs) > 0 {
				t.Fatalf("no verdict, or jobs beside it: %v", p)
			}
			checkVerdict(t, v)
			got := fmt.Sprintf("%s: %s\n\n%s", v.Conclusion, v.Title, v.Summary)
			for i, a := range v.Annotations {
				if i < 2 || i == len(v.Annotations)-1 {
					got += fmt.Sprintf("\nannotation %d: %+v", i+1, a)
				}
			}
			path := filepath.Join("testdata", name+".md")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Error(d)
			}
		})
	}
}

// checkVerdict holds what is true of every text that goes to GitHub.
func checkVerdict(t interface{ Fatalf(string, ...any) }, v *checks.Verdict) {
	if n := utf8.RuneCountInString(v.Summary); n > 65535 || n == 0 || !utf8.ValidString(v.Summary) {
		t.Fatalf("summary of %d characters", n)
	}
	if v.Title == "" || utf8.RuneCountInString(v.Title) > 100 {
		t.Fatalf("title %q", v.Title)
	}
	for _, r := range v.Title + v.Summary {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Fatalf("an unseen character %U", r)
		}
	}
	if len(v.Annotations) > 50 {
		t.Fatalf("%d annotations", len(v.Annotations))
	}
	for _, a := range v.Annotations {
		if a.Path == "" || a.StartLine < 1 || a.EndLine != a.StartLine || a.StartColumn < 1 || a.Message == "" || a.Level != "failure" {
			t.Fatalf("annotation %+v", a)
		}
	}
}

// Whatever the names in it, a verdict keeps to GitHub's bounds and to its own
// lines.
func TestVerdictsOfHostileText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.OneOf(rapid.String(), rapid.Just(hostile), rapid.Just(strings.Repeat("x|", 20000))), 1, 60).Draw(t, "texts")
		var problems []checks.Problem
		for _, s := range texts {
			problems = append(problems, checks.Problem{Path: s, Line: rapid.IntRange(-1, 9).Draw(t, "line"), Message: s + "!"})
		}
		ev := pullRequest()
		ev.PullRequest.Base.Branch = texts[0]
		for _, ch := range []checks.Change{
			{Conflicts: texts},
			{ManifestBlob: "b", Problems: problems},
			change(&checks.Manifest{Packages: []checks.Package{pkg("no-such")}, Warnings: problems}, texts...),
		} {
			p, err := new(plan.Planner).Make(ev, ch)
			if err != nil {
				t.Fatal(err)
			}
			if p.Verdict == nil {
				continue
			}
			checkVerdict(t, p.Verdict)
			for line := range strings.SplitSeq(p.Verdict.Summary, "\n") {
				if strings.HasPrefix(line, "#") || strings.Contains(line, "<img") && !strings.Contains(line, "`") {
					t.Fatalf("markup of another: %q", line)
				}
			}
		}
	})
}

// The example is JSON with documented keys, and its packages make a graph.
func TestExample(t *testing.T) {
	var doc struct {
		Packages []struct {
			Name      string   `json:"pkg_name"`
			Dir       string   `json:"pkg_dir"`
			DependsOn []string `json:"depends_on"`
		} `json:"packages"`
	}
	dec := json.NewDecoder(strings.NewReader(plan.Example))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	var packages []checks.Package
	for _, p := range doc.Packages {
		packages = append(packages, checks.Package{Name: p.Name, Dir: p.Dir, DependsOn: p.DependsOn})
	}
	g, err := graph.New(packages)
	if err != nil {
		t.Fatal(err)
	}
	if r := g.Affected(graph.Query{Files: []string{"libs/awesome_lib/x"}}); len(r.Affected) != 2 {
		t.Errorf("the example's sentence is wrong: %v", r.Affected)
	}
}

func TestWarningsAreBounded(t *testing.T) {
	m := manifest(pkg("a"))
	m.Warnings = problems(500)
	w := mustMake(t, pullRequest(), change(m, "a/x")).Warnings
	if len(w) != 101 || w[100] != "loktar.json: 400 more warnings not shown" {
		t.Errorf("%d warnings, the last %q", len(w), w[len(w)-1])
	}
}

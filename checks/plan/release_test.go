package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/plan"
)

// released is a push of the default branch that touches files, with what was
// published before; every package whose name is in keys is published.
func released(m *checks.Manifest, keys, last map[string]string, files ...string) (checks.Event, checks.Change) {
	ev := checks.Event{Kind: checks.EventPush, Name: "push", HeadSHA: "abc", Push: &checks.Push{Ref: "refs/heads/main", DefaultBranch: "main"}}
	ch := change(m, files...)
	ch.Releases = &checks.Releases{Keys: keys, Last: last}
	return ev, ch
}

// steps tells a plan's jobs with what they need.
func steps(p checks.Plan) []string {
	var out []string
	for _, j := range p.Jobs {
		s := j.Package.Name
		if len(j.Needs) > 0 {
			s += " after " + strings.Join(j.Needs, ", ")
		}
		if j.Release != nil {
			s += " as " + j.Release.Package + "@" + j.Release.Key
		}
		out = append(out, s)
	}
	return out
}

// What is in a nested package's folder is told where notes are made, once.
func TestReleasesKnowNestedFolders(t *testing.T) {
	in := func(name, dir string) checks.Package {
		p := pkg(name)
		p.Dir, p.BuildInfo.GitHubRelease = dir, name != "silent"
		return p
	}
	m := manifest(in("root", "."), in("lib", "lib"), in("a", "lib/a"), in("aa", "lib/a/a"), in("ab", "lib/a-b"), in("c", "lib/a/c"), in("other", "libs"), in("silent", "lib/s"), in("deep", "lib/s/d"))
	keys := map[string]string{}
	for _, p := range m.Packages {
		keys[p.Name] = "1"
	}
	ev, ch := released(m, keys, nil)
	got := map[string][]string{}
	for _, j := range mustMake(t, ev, ch).Jobs {
		if j.Release != nil && j.Release.Nested != nil {
			got[j.Release.Package] = j.Release.Nested
		}
	}
	want := map[string][]string{"root": {"lib", "libs"}, "lib": {"lib/a-b", "lib/a", "lib/s"}, "a": {"lib/a/a", "lib/a/c"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestReleases(t *testing.T) {
	m := manifest(pkg("lib"), pkg("api", "lib"), pkg("web", "api"), pkg("doc"))
	keys := map[string]string{"lib": "l2", "api": "a2", "doc": "d1"}
	for name, c := range map[string]struct {
		last  map[string]string
		files []string
		want  []string
	}{
		"what changed":            {map[string]string{"lib": "l1", "api": "a1", "doc": "d1"}, []string{"lib/x"}, []string{"lib", "api after lib", "web after api", "lib / publish after lib as lib@l2", "api / publish after api, lib / publish as api@a2"}},
		"nothing changed":         {keys, nil, nil},
		"tested, published":       {keys, []string{"doc/x"}, []string{"doc"}},
		"owed since before":       {map[string]string{"lib": "l2", "doc": "d1"}, nil, []string{"api", "api / publish after api as api@a2"}},
		"owed beside a change":    {map[string]string{"lib": "l2", "api": "a2"}, []string{"web/x"}, []string{"web", "doc", "doc / publish after doc as doc@d1"}},
		"never published":         {nil, nil, []string{"lib", "api after lib", "doc", "lib / publish after lib as lib@l2", "api / publish after api, lib / publish as api@a2", "doc / publish after doc as doc@d1"}},
		"a dependency is not new": {map[string]string{"lib": "l2", "doc": "d1"}, []string{"web/x"}, []string{"api", "web after api", "api / publish after api as api@a2"}},
	} {
		t.Run(name, func(t *testing.T) {
			ev, ch := released(m, keys, c.last, c.files...)
			p := mustMake(t, ev, ch)
			if d := cmp.Diff(c.want, steps(p)); d != "" {
				t.Error(d)
			}
			if (p.Verdict != nil) != (len(c.want) == 0) {
				t.Errorf("verdict %+v", p.Verdict)
			}
			for _, name := range p.Unaffected {
				if slices.ContainsFunc(p.Jobs, func(j checks.PlannedJob) bool { return j.Package.Name == name }) {
					t.Errorf("%s is a job and not affected", name)
				}
			}
		})
	}
}

// TestReleasesAreOwedUntilDone: a package has a job that publishes it exactly
// when its key is not the one that was published last, and each need of a job
// comes before it.
func TestReleasesAreOwedUntilDone(t *testing.T) {
	m := manifest(pkg("lib"), pkg("api", "lib"), pkg("web", "api"), pkg("doc"))
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.MapOf(rapid.SampledFrom([]string{"lib", "api", "web", "doc"}), rapid.SampledFrom([]string{"1", "2"}))
		keys, last := key.Draw(t, "keys"), key.Draw(t, "last")
		files := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"lib/x", "api/x", "web/x", "doc/x"}), rapid.ID).Draw(t, "files")
		ev, ch := released(m, keys, last, files...)
		p, err := new(plan.Planner).Make(ev, ch)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, j := range p.Jobs {
			for _, n := range j.Needs {
				if !seen[n] {
					t.Fatalf("%s needs %s, which does not come before it: %q", j.Package.Name, n, steps(p))
				}
			}
			seen[j.Package.Name] = true
		}
		for _, pkg := range m.Packages {
			want := keys[pkg.Name] != "" && keys[pkg.Name] != last[pkg.Name]
			if seen[checks.ReleaseName(pkg.Name)] != want || want && !seen[pkg.Name] {
				t.Fatalf("%s is to be published: %v; the plan is %q", pkg.Name, want, steps(p))
			}
		}
	})
}

// TestTries: a build to try is published of affected packages alone, after
// their tests, and nothing else of the releases counts.
func TestTries(t *testing.T) {
	m := manifest(pkg("lib"), pkg("api", "lib"), pkg("doc"))
	ch := change(m, "lib/x")
	ch.Releases = &checks.Releases{Tried: map[string]bool{"lib": true, "doc": true}, Refused: map[string]string{"api": "It has no registry."}}
	ev := checks.Event{Kind: checks.EventPullRequest, HeadSHA: "abc", PullRequest: &checks.PullRequest{
		Number: 1, Head: checks.Ref{Branch: "topic/x", SHA: "abc", Repo: checks.Repo{ID: 1}}, Base: checks.Ref{Branch: "main", Repo: checks.Repo{ID: 1}},
	}}
	p := mustMake(t, ev, ch)
	if d := cmp.Diff([]string{"lib", "api after lib", "lib / publish after lib as lib@"}, steps(p)); d != "" {
		t.Error(d)
	}
	if r := p.Jobs[len(p.Jobs)-1].Release; r.Branch != "topic/x" {
		t.Errorf("of the branch %q", r.Branch)
	}
	if len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], "api is not published: It has no registry.") {
		t.Errorf("warnings %q", p.Warnings)
	}
}

// Who has a package of a kind that goes nowhere here hears so once.
func TestRefusedAlike(t *testing.T) {
	m := manifest(pkg("a"), pkg("b"), pkg("c"), pkg("d"))
	ch := change(m, "a/x")
	ch.Releases = &checks.Releases{Keys: map[string]string{}, Last: map[string]string{},
		Refused: map[string]string{"d": "There is none.", "c": "Its name is taken.", "b": "There is none.", "a": "There is none."}}
	p := mustMake(t, checks.Event{Kind: checks.EventPush, HeadSHA: "abc", Push: &checks.Push{Ref: "refs/heads/main", After: "abc"}}, ch)
	want := []string{"a, b, d are not published: There is none.", "c is not published: Its name is taken."}
	if d := cmp.Diff(want, p.Warnings); d != "" {
		t.Error(d)
	}
}

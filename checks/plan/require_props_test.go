package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/plan"
)

// scene is any change to a repository of a few packages, some of whose checks
// are required.
type scene struct{ change checks.Change }

func drawManifest(t *rapid.T, label string) *checks.Manifest {
	m := manifest()
	for i := range rapid.IntRange(0, 7).Draw(t, label) {
		p := pkg(fmt.Sprintf("p%d", i))
		for d := range i {
			if rapid.IntRange(0, 3).Draw(t, "dep") == 0 {
				p.DependsOn = append(p.DependsOn, fmt.Sprintf("p%d", d))
			}
		}
		p.Required = rapid.Bool().Draw(t, "required")
		if rapid.IntRange(0, 4).Draw(t, "no-test") == 0 {
			p.TestType = checks.TestNone
		}
		if rapid.IntRange(0, 4).Draw(t, "keywords") == 0 {
			p.ExcludeKeywords = []string{"DOC"}
		}
		m.Packages = append(m.Packages, p)
	}
	return m
}

func drawScene(t *rapid.T) scene {
	names := rapid.SliceOfN(rapid.SampledFrom([]string{"p0", "p1", "p2", "p5", "P1", "P6", "loktar", "LOKTAR", "gone", "Gone", "", "a/b", "\x00", hostile, strings.Repeat("n", 256)}), 0, 6)
	ch := change(drawManifest(t, "packages"), rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"p0/x", "p1/x", "p3/x", "p6/x", "doc/x", "loktar.json"}), 0, 4, rapid.ID[string]).Draw(t, "files")...)
	ch.BaseManifest = drawManifest(t, "base packages")
	ch.Required, ch.RequiredOurs = names.Draw(t, "any"), names.Draw(t, "ours")
	subject := rapid.SampledFrom([]string{"x", "DOC: x", "NOBUILD: x"}).Draw(t, "subject")
	ch.Commits = []checks.CommitInfo{{SHA: "abc", Subject: subject, Files: ch.Files}}
	ch.AuthorTrusted, ch.SenderTrusted = rapid.Bool().Draw(t, "author"), rapid.Bool().Draw(t, "sender")
	ch.Policy = checks.Policy{
		Forks:     rapid.SampledFrom([]checks.ForkPolicy{"", checks.ForksRun, checks.ForksIgnore}).Draw(t, "forks"),
		Drafts:    rapid.SampledFrom([]checks.DraftPolicy{"", checks.DraftsWait}).Draw(t, "drafts"),
		FullLabel: rapid.SampledFrom([]string{"", "full"}).Draw(t, "label"),
	}
	switch rapid.IntRange(0, 9).Draw(t, "state") {
	case 0:
		ch.Conflicts, ch.Tree = []string{"x"}, ""
	case 1:
		ch.Problems, ch.Manifest = problems(1), nil
	case 2:
		ch.Manifest, ch.ManifestBlob = nil, ""
	case 3:
		ch.Manifest.Packages = append(ch.Manifest.Packages, pkg("x", "y"), pkg("y", "x"))
	case 4:
		ch.Unbounded, ch.Files = "why", nil
	}
	if rapid.IntRange(0, 3).Draw(t, "first") == 0 {
		ch.BaseManifest = nil
	}
	return scene{ch}
}

func (w scene) pull(t *rapid.T) checks.Event {
	ev := fork(rapid.SampledFrom([]checks.Repo{ours, eve, {}}).Draw(t, "head"))
	ev.Name = rapid.SampledFrom([]string{"pull_request.opened", "pull_request.synchronize", "pull_request.reopened"}).Draw(t, "name")
	ev.PullRequest.Draft, ev.Insist = rapid.Bool().Draw(t, "draft"), rapid.Bool().Draw(t, "insist")
	if rapid.Bool().Draw(t, "labelled") {
		ev.PullRequest.Labels = []string{"full"}
	}
	if rapid.Bool().Draw(t, "approved") {
		ev.Approved = &ann
	}
	return ev
}

func (w scene) make(t *rapid.T, ev checks.Event, ch checks.Change) checks.Plan {
	p, err := new(plan.Planner).Make(ev, ch)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// free is the change with nothing required.
func (w scene) free() checks.Change {
	ch := w.change
	ch.Required, ch.RequiredOurs = nil, nil
	for _, m := range []**checks.Manifest{&ch.Manifest, &ch.BaseManifest} {
		if *m == nil {
			continue
		}
		without := **m
		without.Packages = slices.Clone(without.Packages)
		for i := range without.Packages {
			without.Packages[i].Required = false
		}
		*m = &without
	}
	// Required is part of an entry: what changed in it stays changed.
	if slices.Contains(ch.Files, checks.ManifestFile) {
		ch.Files = slices.DeleteFunc(slices.Clone(ch.Files), func(f string) bool { return f == checks.ManifestFile })
	}
	return ch
}

// What is required is there once, ends at once where it is not tested, and
// changes nothing of what is.
func TestRequireProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawScene(t)
		ev := rapid.SampledFrom([]checks.Event{w.pull(t), mergeGroup(), pushed("main")}).Draw(t, "event")
		ch := w.change
		p := w.make(t, ev, ch)

		count, at := map[string]int{}, map[string]int{}
		for i, j := range p.Jobs {
			count[j.Package.Name]++
			at[j.Package.Name] = i
			if p.Verdict != nil && j.Result == nil {
				t.Fatalf("%s runs beside the verdict %q", j.Package.Name, p.Verdict.Title)
			}
			for _, n := range j.Needs {
				if d, ok := at[n]; !ok || d >= i {
					t.Fatalf("%s needs %s, which does not come before it", j.Package.Name, n)
				}
			}
			if slices.Contains(p.Unaffected, j.Package.Name) || j.Package.Name == checks.AggregateName {
				t.Fatalf("%s is a job and one of %q", j.Package.Name, p.Unaffected)
			}
			if r := j.Result; r != nil && r.Outcome == checks.OutcomeBlocked && (p.Verdict == nil || p.Verdict.Conclusion == checks.ConclusionSuccess || p.Verdict.Conclusion == checks.ConclusionNeutral) {
				t.Fatalf("%s is blocked beside %v", j.Package.Name, p.Verdict)
			}
		}
		for name, n := range count {
			if n != 1 {
				t.Fatalf("%d jobs of %q", n, name)
			}
		}
		if ev.Push == nil {
			for _, l := range listed(ch) {
				if (l.Required || slices.Contains(ch.Required, l.Name) || slices.Contains(ch.RequiredOurs, l.Name)) && count[l.Name] != 1 {
					t.Fatalf("%s is required and left out of %q", l.Name, ends(p))
				}
			}
			for _, name := range []string{"gone", "Gone", "a/b"} {
				if slices.Contains(ch.RequiredOurs, name) != (count[name] == 1) {
					t.Fatalf("the rules require %q: %q", ch.RequiredOurs, ends(p))
				}
			}
		}

		// The same without requirements begins with the same jobs.
		ch.Files = w.free().Files
		if len(ch.Problems) == 0 && ch.ManifestBlob != "" {
			with, without := w.make(t, ev, ch), w.make(t, ev, w.free())
			if ev.Push != nil && len(with.Jobs) != len(without.Jobs) {
				t.Fatalf("a push tests %q, not %q", ends(with), ends(without))
			}
			if d := cmp.Diff(told(without), told(checks.Plan{Jobs: with.Jobs[:len(without.Jobs)]})); d != "" {
				t.Fatal(d)
			}
			for _, j := range with.Jobs[len(without.Jobs):] {
				if j.Result == nil {
					t.Fatalf("%s runs because it is required", j.Package.Name)
				}
			}
		}
	})
}

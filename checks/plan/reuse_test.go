package plan_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/plan"
)

// TestReuse: a job ends at once just where its package may be reused, has a
// key, and passed with that very key, and nobody asked for a run.
func TestReuse(t *testing.T) {
	key := rapid.SampledFrom([]string{"", "k1", "k2"})
	rapid.Check(t, func(r *rapid.T) {
		m := manifest(pkg("lib"), pkg("api", "lib"), pkg("doc"))
		ch := change(m, "lib/x", "doc/x")
		ch.Keys, ch.Proofs = map[string]string{}, map[string]checks.Proof{}
		for i := range m.Packages {
			p := &m.Packages[i]
			p.Reuse = rapid.Bool().Draw(r, "reuse")
			if rapid.IntRange(0, 4).Draw(r, "no test") == 0 {
				p.TestType = checks.TestNone
			}
			if rapid.Bool().Draw(r, "has a key") {
				ch.Keys[p.Name] = key.Draw(r, "key")
			}
			if rapid.Bool().Draw(r, "has a proof") {
				ch.Proofs[p.Name] = checks.Proof{Key: key.Draw(r, "proven"), Image: "sha256:i", Run: "earlier", Commit: "abc"}
			}
		}
		ev := checks.Event{Kind: checks.EventPullRequest, HeadSHA: "abc", Insist: rapid.Bool().Draw(r, "asked for"), PullRequest: &checks.PullRequest{
			Number: 1, Head: checks.Ref{Repo: checks.Repo{ID: 1}}, Base: checks.Ref{Branch: "main", Repo: checks.Repo{ID: 1}},
		}}
		full := rapid.Bool().Draw(r, "full")
		if full {
			ch.Policy.FullLabel, ev.PullRequest.Labels = "full", []string{"full"}
		}
		p, err := new(plan.Planner).Make(ev, ch)
		if err != nil {
			r.Fatal(err)
		}
		if len(p.Jobs) != 3 {
			r.Fatalf("%d jobs", len(p.Jobs))
		}
		for _, j := range p.Jobs {
			name := j.Package.Name
			proof, proven := ch.Proofs[name]
			may := j.Package.Reuse && j.Package.TestType != checks.TestNone
			want := may && proven && ch.Keys[name] != "" && proof.Key == ch.Keys[name] && !ev.Insist && !full
			switch {
			case want != (j.Result != nil):
				r.Fatalf("%s: result %+v, key %q, proof %+v", name, j.Result, ch.Keys[name], proof)
			case want && (!j.Result.Outcome.Passed() || *j.Result.Reused != proof || j.Result.Image != proof.Image):
				r.Fatalf("%s: %+v", name, j.Result)
			case may && j.Key != ch.Keys[name], !may && j.Key != "":
				r.Fatalf("%s has the key %q", name, j.Key)
			}
		}
	})
}

// TestReuseOfReleases: a publication is never reused, and follows tests that
// are.
func TestReuseOfReleases(t *testing.T) {
	m := manifest(pkg("lib"))
	m.Packages[0].Reuse = true
	ev, ch := released(m, map[string]string{"lib": "k1"}, nil, "lib/x")
	ch.Keys = map[string]string{"lib": "k1"}
	ch.Proofs = map[string]checks.Proof{"lib": {Key: "k1", Image: "i"}, "lib / publish": {Key: "k1", Image: "i"}}
	p := mustMake(t, ev, ch)
	if len(p.Jobs) != 2 || p.Jobs[0].Result == nil || p.Jobs[1].Result != nil || p.Jobs[1].Key != "" {
		t.Errorf("%+v", p.Jobs)
	}
}

// TestRerunOfWhatWasReused: it runs, with the key by which it counts later.
func TestRerunOfWhatWasReused(t *testing.T) {
	m := manifest(pkg("lib"))
	jobs := []checks.Job{{Run: "r1", Package: m.Packages[0], State: checks.StateDone, Key: "k1",
		Result: checks.Result{Outcome: checks.OutcomePassed, Reused: &checks.Proof{Key: "k1"}}}}
	for _, ev := range []checks.Event{
		{Kind: checks.EventRerunAll},
		{Kind: checks.EventRerunPackage, CheckRun: &checks.CheckRunRef{Name: "lib"}},
		{Kind: checks.EventRerunPackage, CheckRun: &checks.CheckRunRef{Name: checks.AggregateName}},
	} {
		p, err := plan.Rerun(checks.Run{ID: "r1"}, jobs, ev)
		if err != nil || len(p.Jobs) != 1 || p.Jobs[0].Result != nil || p.Jobs[0].Carried != nil || p.Jobs[0].Key != "k1" {
			t.Errorf("%s: %+v, %v", ev.Kind, p.Jobs, err)
		}
	}
}

// TestReuseInAnotherImage: what runs for the image's sake alone is told of.
func TestReuseInAnotherImage(t *testing.T) {
	m := manifest(pkg("lib"), pkg("api", "lib"), pkg("doc"), pkg("never"))
	for i := range m.Packages {
		m.Packages[i].Reuse = m.Packages[i].Name != "never"
	}
	m.Packages[1].Image = "img:1"
	ch := change(m, "lib/x", "doc/x", "never/x")
	ch.Keys = map[string]string{"lib": "k1", "api": "k2", "doc": "k3"}
	ch.Proofs = map[string]checks.Proof{"doc": {Key: "k3", Image: "i"}}
	ch.OtherImage = map[string]string{"lib": "", "api": "img:1", "never": "", "unaffected": ""}
	ev := checks.Event{Kind: checks.EventPullRequest, HeadSHA: "abc", PullRequest: &checks.PullRequest{
		Number: 1, Head: checks.Ref{Repo: checks.Repo{ID: 1}}, Base: checks.Ref{Branch: "main", Repo: checks.Repo{ID: 1}},
	}}
	want := []string{
		"Run again, although all else is as it was when it passed: lib. The image of the server is another one since.",
		"Run again, although all else is as it was when it passed: api. The image img:1 is another one since.",
	}
	if p := mustMake(t, ev, ch); !slices.Equal(p.Notes, want) || len(p.Jobs) != 4 {
		t.Errorf("%d jobs, %q", len(p.Jobs), p.Notes)
	}
	ev.Insist = true
	if p := mustMake(t, ev, ch); p.Notes != nil {
		t.Errorf("asked for: %q", p.Notes)
	}
}

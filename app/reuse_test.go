package app

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
)

// TestProve: a proof counts in the image that the package would run in now,
// and no other hides it.
func TestProve(t *testing.T) {
	stored := map[checks.Scope]map[string]checks.Proof{
		checks.ScopeMain: {"lib": {Image: "sha256:old", Run: "main"}, "api": {Image: "sha256:old"}, "web": {Image: "sha256:web"}, "far": {Image: "sha256:far"}, "bad": {Image: "sha256:bad"}},
		"pull/7":         {"lib": {Image: "sha256:now", Run: "pull"}, "web": {Image: "sha256:other"}},
	}
	p := prover{
		proofs: func(_ int64, scopes []checks.Scope, want map[string]string) (map[string]checks.Proof, error) {
			out := map[string]checks.Proof{}
			for _, s := range scopes {
				for name, proof := range stored[s] {
					if _, have := out[name]; want[name] != "" && !have {
						proof.Key = want[name]
						out[name] = proof
					}
				}
			}
			return out, nil
		},
		digest: func(_ context.Context, image string) (string, error) {
			if image == "bad" {
				return "sha256:bad", errors.New("the engine is away")
			}
			return map[string]string{"": "sha256:now", "web": "sha256:web"}[image], nil
		},
	}
	pkg := func(name, image string) checks.Package { return checks.Package{Name: name, Image: image, Reuse: true} }
	never := pkg("never", "")
	never.Reuse = false
	ch := checks.Change{Tree: "t", Manifest: &checks.Manifest{Packages: []checks.Package{
		pkg("lib", ""), pkg("api", ""), pkg("web", "web"), pkg("far", "far"), pkg("bad", "bad"), pkg("new", ""), never,
	}}}
	all := map[string]string{"lib": "k", "api": "k", "web": "k", "far": "k", "bad": "k", "new": "k", "never": "k"}
	ev := checks.Event{PullRequest: &checks.PullRequest{Number: 7, Head: checks.Ref{Repo: checks.Repo{ID: 1}}, Base: checks.Ref{Repo: checks.Repo{ID: 1}}}}
	if err := p.prove(t.Context(), ev, &ch, all); err != nil {
		t.Fatal(err)
	}
	if len(ch.Proofs) != 2 || ch.Proofs["lib"].Run != "pull" || ch.Proofs["web"].Image != "sha256:web" {
		t.Errorf("proofs %+v", ch.Proofs)
	}
	if !maps.Equal(ch.OtherImage, map[string]string{"api": ""}) {
		t.Errorf("in another image %v", ch.OtherImage)
	}
	if len(ch.Keys) != 6 || ch.Keys["never"] != "" {
		t.Errorf("keys %v", ch.Keys)
	}
}

// TestProveWithServices: what passed beside some image of a service says
// nothing of it beside another.
func TestProveWithServices(t *testing.T) {
	digests := map[string]string{"": "sha256:i", "db:1": "sha256:db", "cache:1": "sha256:cache"}
	passed := checks.ServiceImages(map[string]string{"db": "sha256:db", "cache": "sha256:cache"})
	p := prover{
		proofs: func(int64, []checks.Scope, map[string]string) (map[string]checks.Proof, error) {
			return map[string]checks.Proof{"lib": {Image: "sha256:i", Services: passed}}, nil
		},
		digest: func(_ context.Context, image string) (string, error) { return digests[image], nil },
	}
	for _, c := range []struct {
		image, digest string // of the service
		want          bool
		other         string
	}{
		{"db:1", "sha256:db", true, ""},
		{"db:1", "sha256:moved", false, "cache:1 or db:1"},
		{"db:1", "", false, "none"},
	} {
		digests["db:1"] = c.digest
		lib := checks.Package{Name: "lib", Reuse: true, Services: map[string]checks.Service{"db": {Image: c.image}, "cache": {Image: "cache:1"}}}
		ch := checks.Change{Manifest: &checks.Manifest{Packages: []checks.Package{lib}}}
		if err := p.prove(t.Context(), checks.Event{}, &ch, map[string]string{"lib": "k"}); err != nil {
			t.Fatal(err)
		}
		other, told := ch.OtherImage["lib"]
		if _, ok := ch.Proofs["lib"]; ok != c.want || told != (c.other != "" && c.other != "none") || told && other != c.other {
			t.Errorf("%+v: proofs %v, other images %v", c, ch.Proofs, ch.OtherImage)
		}
	}
}

// TestLimited: what passed within some limits says nothing about others.
func TestLimited(t *testing.T) {
	seen := map[string]int{}
	for i, p := range []checks.Package{
		{}, {Timeout: time.Minute}, {Timeout: time.Second}, {Resources: checks.Resources{CPUs: 0.5}},
		{Resources: checks.Resources{Memory: 1}}, {Resources: checks.Resources{PIDs: 1}},
	} {
		for _, key := range []string{"k1", "k2"} {
			got := limited(key, p)
			if before, ok := seen[got]; ok || got != limited(key, p) {
				t.Errorf("packages %d and %d have one key", before, i)
			}
			seen[got] = i
		}
	}
}

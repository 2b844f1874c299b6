package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/graph"
)

func TestPath(t *testing.T) {
	packages := []checks.Package{pkg("a"), pkg("b", "a"), pkg("c"), pkg("d", "c"), pkg("alone")}
	g, err := graph.New(packages, edge(t, "c b c/x:3"), edge(t, "b d b/x:9!"))
	if err != nil {
		t.Fatal(err)
	}
	r := g.Affected(graph.Query{Files: []string{"a/1"}})
	for name, want := range map[string]string{
		"a": "a: a changed: 1", "b": "a: a changed: 1; b: depends on a",
		"d":     "a: a changed: 1; b: depends on a; c: depends on b (c/x:3); d: depends on c",
		"alone": "", "nosuch": "",
	} {
		var got []string
		for _, s := range r.Path(name) {
			got = append(got, s.Name+": "+s.Reason.String())
		}
		if diff := cmp.Diff(want, strings.Join(got, "; ")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	want := []graph.Dependency{
		{From: "b", To: "a"}, {From: "b", To: "d", File: "b/x", Line: 9, Cycle: true}, {From: "c", To: "b", File: "c/x", Line: 3}, {From: "d", To: "c"},
	}
	if diff := cmp.Diff(want, g.Dependencies()); diff != "" {
		t.Error(diff)
	}
}

// TestPathOfAnything: every affected package has a way from a cause, whose
// steps are dependencies of the graph; no other has one.
func TestPathOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "n")
		var packages []checks.Package
		var edges []checks.Edge
		for i := range n {
			p := checks.Package{Name: fmt.Sprint("p", i), Dir: fmt.Sprint("p", i)}
			for k := range i {
				if rapid.IntRange(0, 4).Draw(t, "needs") == 0 {
					p.DependsOn = append(p.DependsOn, fmt.Sprint("p", k))
				}
			}
			packages = append(packages, p)
			if to := rapid.IntRange(0, n-1).Draw(t, "to"); rapid.Bool().Draw(t, "inferred") {
				edges = append(edges, checks.Edge{From: p.Name, To: fmt.Sprint("p", to), File: p.Dir + "/x", Line: 1})
			}
		}
		g, err := graph.New(packages, edges...)
		if err != nil {
			t.Fatal(err)
		}
		has := map[[2]string]bool{}
		for _, d := range g.Dependencies() {
			has[[2]string{d.From, d.To}] = true
		}
		r := g.Affected(graph.Query{Files: []string{fmt.Sprintf("p%d/f", rapid.IntRange(0, n-1).Draw(t, "changed")), "p0/x"}})
		in := map[string]bool{}
		for _, a := range r.Affected {
			in[a.Name] = true
		}
		for _, p := range packages {
			path := r.Path(p.Name)
			if in[p.Name] != (len(path) > 0) {
				t.Fatalf("%s has the path %v", p.Name, path)
			}
			for i, s := range path {
				if (i == 0) == (s.Reason.Kind == checks.ReasonDependency) || i > 0 && !has[[2]string{s.Name, path[i-1].Name}] {
					t.Fatalf("%s has the path %v", p.Name, path)
				}
			}
			if len(path) > 0 && path[len(path)-1].Name != p.Name {
				t.Fatalf("%s has the path %v", p.Name, path)
			}
		}
	})
}

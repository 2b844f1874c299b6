package graph_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/graph"
)

func TestCompare(t *testing.T) {
	full := checks.Package{
		Name: "a", Dir: "a", TestType: checks.TestCommand, Commands: []string{"x", "y"}, Timeout: time.Minute,
		DependsOn: []string{"b", "c"}, Inputs: []string{"p/**", "q"}, Secrets: []string{"S", "T"},
		Env: map[string]string{"A": "1", "B": "2"}, Services: map[string]checks.Service{"db": {Image: "pg", Ports: []int{1, 2}}},
		Cache: []checks.Cache{{Key: "k", Paths: []string{"1", "2"}}, {Key: "l"}},
	}
	change := func(f func(*checks.Package)) *checks.Manifest {
		p := full
		f(&p)
		return &checks.Manifest{Packages: []checks.Package{p, pkg("b"), pkg("c")}}
	}
	same := change(func(*checks.Package) {})
	for name, c := range map[string]struct {
		base, head *checks.Manifest
		want       graph.Changes
	}{
		"the same":      {same, same, graph.Changes{}},
		"another order": {same, &checks.Manifest{Packages: []checks.Package{pkg("c"), pkg("b"), full}}, graph.Changes{}},
		"sets in other order": {same, change(func(p *checks.Package) {
			p.DependsOn, p.Inputs, p.Secrets = []string{"c", "b"}, []string{"q", "p/**", "q"}, []string{"T", "S"}
			p.Services = map[string]checks.Service{"db": {Image: "pg", Ports: []int{2, 1}}}
			p.Cache = []checks.Cache{{Key: "l", Paths: []string{}}, {Key: "k", Paths: []string{"2", "1"}}}
			p.Clean = []string{}
		}), graph.Changes{}},
		"commands in other order": {same, change(func(p *checks.Package) { p.Commands = []string{"y", "x"} }), graph.Changes{Entries: []string{"a"}}},
		"an environment":          {same, change(func(p *checks.Package) { p.Env = map[string]string{"A": "1"} }), graph.Changes{Entries: []string{"a"}}},
		"a dependency removed":    {same, change(func(p *checks.Package) { p.DependsOn = []string{"b"} }), graph.Changes{Entries: []string{"a"}}},
		"a boolean":               {same, change(func(p *checks.Package) { p.Network = true }), graph.Changes{Entries: []string{"a"}}},
		"no base":                 {nil, &checks.Manifest{Packages: []checks.Package{pkg("x"), pkg("y")}, GlobalInputs: []string{"g"}}, graph.Changes{Entries: []string{"x", "y"}}},
		"one added":               {&checks.Manifest{}, &checks.Manifest{Packages: []checks.Package{pkg("x")}}, graph.Changes{Entries: []string{"x"}}},
		"one removed": {
			&checks.Manifest{Packages: []checks.Package{pkg("w", "x"), pkg("x"), pkg("y", "x"), pkg("z", "y")}},
			&checks.Manifest{Packages: []checks.Package{pkg("y"), pkg("z", "y")}},
			graph.Changes{Entries: []string{"y"}, Removed: []graph.Removed{{Name: "w"}, {Name: "x", Dependents: []string{"y"}}}}},
		"global inputs": {&checks.Manifest{GlobalInputs: []string{"a"}}, &checks.Manifest{GlobalInputs: []string{"a", "b"}},
			graph.Changes{Everything: "global_inputs in loktar.json changed"}},
		"global inputs in other order": {&checks.Manifest{GlobalInputs: []string{"a", "b"}}, &checks.Manifest{GlobalInputs: []string{"b", "a"}}, graph.Changes{}},
		"ignore":                       {&checks.Manifest{}, &checks.Manifest{Ignore: []string{"x"}}, graph.Changes{}},
		"warnings":                     {&checks.Manifest{}, &checks.Manifest{Warnings: []checks.Problem{{Line: 1}}}, graph.Changes{}},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(c.want, graph.Compare(c.base, c.head)); d != "" {
				t.Error(d)
			}
		})
	}
}

// A re-ordered manifest is the same one, and comparing changes neither.
func TestCompareReordered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := func(name string) []string {
			return rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}), 0, 4, rapid.ID).Draw(t, name)
		}
		p := checks.Package{Name: "p", Dir: "p", DependsOn: list("deps"), Inputs: list("inputs"), Artifacts: list("artifacts"), Reports: list("reports")}
		q := p
		q.DependsOn = rapid.Permutation(p.DependsOn).Draw(t, "deps2")
		q.Inputs = rapid.Permutation(p.Inputs).Draw(t, "inputs2")
		before, after := slices.Clone(p.Inputs), slices.Clone(q.Inputs)
		got := graph.Compare(&checks.Manifest{Packages: []checks.Package{p}}, &checks.Manifest{Packages: []checks.Package{q}})
		if len(got.Entries) > 0 {
			t.Fatalf("changed: %v", got)
		}
		if !slices.Equal(before, p.Inputs) || !slices.Equal(after, q.Inputs) {
			t.Fatal("Compare changed its arguments")
		}
	})
}

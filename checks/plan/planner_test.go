package plan_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/plan"
)

// A planner's plans are those of a fresh one, whatever it planned before: manifests
// that share packages but not edges, more of them than it keeps, and ones
// that no graph can be made of.
func TestPlanner(t *testing.T) {
	var p plan.Planner
	var changes []checks.Change
	for i := range 30 {
		m := manifest(pkg("lib"), pkg("api"), pkg("web", "api"))
		files := []string{"lib/x", "loktar.json"}
		changes = append(changes, change(m, files...))
		bare := change(m, files...)
		with := *m
		with.Edges = []checks.Edge{{From: "api", To: "lib", File: "api/go.mod", Line: i + 1}}
		changes = append(changes, change(&with, files...), bare)
	}
	changes = append(changes, change(manifest(), "x"), change(manifest(pkg("a", "a")), "a/x"))
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for round := range 3 {
				for i := range changes {
					ch := changes[(i*(round+1)+worker)%len(changes)]
					got, err := p.Make(pullRequest(), ch)
					want, wantErr := new(plan.Planner).Make(pullRequest(), ch)
					if d := cmp.Diff(want, got); d != "" || err != nil || wantErr != nil {
						t.Errorf("%v, %v: %s", err, wantErr, d)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

// Planning again on a known manifest makes no graph: it costs a small part of
// the first time, also when only the edges' memory is another.
func TestPlannerKeepsGraphs(t *testing.T) {
	m, _ := monorepo(2000, 1)
	m.Edges = []checks.Edge{{From: "p1", To: "p0", File: "p1/go.mod", Line: 3}}
	copied := *m
	copied.Edges = slices.Clone(m.Edges)
	var p plan.Planner
	for _, m := range []*checks.Manifest{m, &copied} {
		if _, err := p.Make(pullRequest(), change(m, "p1999/x")); err != nil {
			t.Fatal(err)
		}
		ch := change(m, "p1999/x")
		warm := testing.AllocsPerRun(3, func() {
			if _, err := p.Make(pullRequest(), ch); err != nil {
				t.Error(err)
			}
		})
		cold := testing.AllocsPerRun(3, func() { mustMake(t, pullRequest(), ch) })
		if warm > cold/10 {
			t.Errorf("%.0f allocations warm, %.0f cold", warm, cold)
		}
	}
}

// monorepo is n packages in a chain, and files changed files in each.
func monorepo(n, files int) (*checks.Manifest, []string) {
	m := manifest()
	var changed []string
	for i := range n {
		p := pkg(fmt.Sprintf("p%d", i))
		if i > 0 {
			p.DependsOn = []string{m.Packages[i-1].Name}
		}
		m.Packages = append(m.Packages, p)
		for f := range files {
			changed = append(changed, fmt.Sprintf("%s/src/f%d.go", p.Dir, f))
		}
	}
	return m, changed
}

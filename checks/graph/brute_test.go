package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/graph"
)

// Brute force: the rules as the documentation tells them, in loops over all
// packages and all files, sharing nothing with the package under test.

func bruteGlob(glob, path string) bool {
	if ok, _ := doublestar.Match(glob, path); ok {
		return true
	}
	last := glob[strings.LastIndex(glob, "/")+1:]
	if strings.ContainsAny(last, "*?[") {
		return false
	}
	// It names a file or a folder: what is below matches too.
	for i, c := range path {
		if c == '/' {
			if ok, _ := doublestar.Match(glob, path[:i]); ok {
				return true
			}
		}
	}
	return false
}

func bruteGlobs(globs []string, path string) bool {
	in := false
	for _, g := range globs {
		if strings.HasPrefix(g, "!") {
			if bruteGlob(g[1:], path) {
				return false
			}
		} else if bruteGlob(g, path) {
			in = true
		}
	}
	return in
}

func bruteOwner(packages []checks.Package, path string) string {
	owner, deepest := "", -1
	for _, p := range packages {
		depth := strings.Count(p.Dir, "/") + 1
		inside := path == p.Dir || strings.HasPrefix(path, p.Dir+"/")
		if p.Dir == "." {
			depth, inside = 0, true
		}
		if inside && depth > deepest {
			owner, deepest = p.Name, depth
		}
	}
	return owner
}

func brute(packages []checks.Package, q graph.Query) (affected map[string][]string, unowned []string, ignored int) {
	affected = map[string][]string{}
	files := func(match func(string) bool) (some []string) {
		for _, f := range q.Files {
			if match(f) {
				some = append(some, f)
			}
		}
		return some
	}
	more := func(list []string) string {
		if len(list) > 1 {
			return fmt.Sprintf("%s and %d more", list[0], len(list)-1)
		}
		return list[0]
	}
	ignore := func(f string) bool { return bruteGlobs(q.Ignore, f) }
	global := files(func(f string) bool { return bruteGlobs(q.GlobalInputs, f) })
	used := map[string]bool{}
	for _, f := range global {
		used[f] = true
	}
	var order []string
	for len(order) < len(packages) { // the first of the manifest whose dependencies are placed
		for _, p := range packages {
			ready := !slices.Contains(order, p.Name)
			for _, d := range p.DependsOn {
				ready = ready && slices.Contains(order, d)
			}
			if ready {
				order = append(order, p.Name)
				break
			}
		}
	}
	dist := map[string]int{}
	for _, p := range packages {
		own := files(func(f string) bool {
			return f != "loktar.json" && !ignore(f) && bruteOwner(packages, f) == p.Name
		})
		if len(own) > 0 {
			used[own[0]] = true
			for _, f := range own {
				used[f] = true
			}
			shown := slices.Clone(own)
			for i := range shown {
				if p.Dir != "." && shown[i] != p.Dir {
					shown[i] = shown[i][len(p.Dir)+1:]
				}
			}
			where := p.Dir
			if where == "." {
				where = "the root folder"
			}
			affected[p.Name] = append(affected[p.Name], where+" changed: "+more(shown))
		}
		inputs := files(func(f string) bool { return bruteGlobs(p.Inputs, f) })
		if len(inputs) > 0 {
			for _, f := range inputs {
				used[f] = true
			}
			affected[p.Name] = append(affected[p.Name], "input changed: "+more(inputs))
		}
		if slices.Contains(q.Changes.Entries, p.Name) {
			affected[p.Name] = append(affected[p.Name], "its entry in loktar.json changed")
		}
		if len(global) > 0 {
			affected[p.Name] = append(affected[p.Name], "global input changed: "+more(global))
		}
		if len(affected[p.Name]) > 0 {
			dist[p.Name] = 0
		}
	}
	for round := range packages {
		for _, p := range packages {
			if _, done := dist[p.Name]; done {
				continue
			}
			for _, d := range p.DependsOn {
				if at, ok := dist[d]; ok && at == round {
					dist[p.Name] = round + 1
				}
			}
		}
	}
	for _, p := range packages {
		if _, ok := dist[p.Name]; !ok || len(global) > 0 {
			continue
		}
		near, n := "", 0
		for _, d := range packages { // in the order of the manifest
			at, ok := dist[d.Name]
			if !ok || !slices.Contains(p.DependsOn, d.Name) {
				continue
			}
			n++
			if near == "" || at < dist[near] {
				near = d.Name
			}
		}
		if n > 0 {
			why := "depends on " + near
			if n > 1 {
				why += fmt.Sprintf(" and %d more", n-1)
			}
			affected[p.Name] = append(affected[p.Name], why)
		}
	}
	for _, f := range q.Files {
		switch {
		case used[f] || f == "loktar.json":
		case ignore(f):
			ignored++
		default:
			unowned = append(unowned, f)
		}
	}
	out := map[string][]string{"order": nil}
	for _, name := range order {
		if why := affected[name]; len(why) > 0 {
			out["order"] = append(out["order"], name)
			out[name] = why
		}
	}
	return out, unowned, ignored
}

var elements = []string{"a", "b", "c", "ab"}

func drawPath(t *rapid.T, label string) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(elements), 1, 4).Draw(t, label), "/")
}

func drawGlobs(t *rapid.T, label string, most int) []string {
	elems := rapid.SampledFrom([]string{"a", "b", "c", "ab", "a", "b", "**", "*", "a*", "*b", "?", "[ab]", "{a,b}", "{c,a/b}"})
	one := rapid.Custom(func(t *rapid.T) string {
		not := rapid.SampledFrom([]string{"", "", "", "!"}).Draw(t, "not")
		return not + strings.Join(rapid.SliceOfN(elems, 1, 4).Draw(t, "elems"), "/")
	})
	return rapid.SliceOfN(one, 0, most).Draw(t, label)
}

func drawPackages(t *rapid.T) []checks.Package {
	dirs := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) string {
		if rapid.IntRange(0, 9).Draw(t, "root") == 0 {
			return "."
		}
		return drawPath(t, "dir")
	}), 0, 9, rapid.ID).Draw(t, "dirs")
	var packages []checks.Package
	for i, dir := range dirs {
		p := checks.Package{Name: fmt.Sprintf("p%d", i), Dir: dir, Inputs: drawGlobs(t, "inputs", 3)}
		for d := range i {
			if rapid.IntRange(0, 3).Draw(t, "edge") == 0 {
				p.DependsOn = append(p.DependsOn, fmt.Sprintf("p%d", d))
			}
		}
		packages = append(packages, p)
	}
	if len(packages) > 0 {
		packages = rapid.Permutation(packages).Draw(t, "order")
	}
	return packages
}

func TestAgainstBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		packages := drawPackages(t)
		q := graph.Query{
			Files: rapid.SliceOfDistinct(rapid.Custom(func(t *rapid.T) string {
				if rapid.IntRange(0, 15).Draw(t, "manifest") == 0 {
					return "loktar.json"
				}
				return drawPath(t, "file")
			}), rapid.ID).Draw(t, "files"),
			Ignore: drawGlobs(t, "ignore", 2),
		}
		if rapid.IntRange(0, 3).Draw(t, "with global") == 0 {
			q.GlobalInputs = drawGlobs(t, "global", 2)
		}
		for _, p := range packages {
			if rapid.IntRange(0, 9).Draw(t, "entry") == 0 {
				q.Changes.Entries = append(q.Changes.Entries, p.Name)
			}
		}
		g, err := graph.New(packages)
		if err != nil {
			t.Fatal(err)
		}
		r := g.Affected(q)
		got := map[string][]string{"order": names(r)}
		for _, a := range r.Affected {
			if packages[a.Index].Name != a.Name {
				t.Fatalf("%s is not at %d", a.Name, a.Index)
			}
			for _, why := range a.Reasons {
				got[a.Name] = append(got[a.Name], why.String())
			}
		}
		want, unowned, ignored := brute(packages, q)
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("affected (-brute +graph):\n%s", d)
		}
		if d := cmp.Diff(unowned[:min(len(unowned), graph.MaxUnowned)], r.Unowned); d != "" || len(unowned) != r.UnownedCount {
			t.Fatalf("unowned %d, brute %d: %s", r.UnownedCount, len(unowned), d)
		}
		if ignored != r.Ignored {
			t.Fatalf("ignored %d, brute %d", r.Ignored, ignored)
		}
	})
}

// Affected is closed under dependents, and every package in it has a reason.
func TestClosure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		packages := drawPackages(t)
		g, err := graph.New(packages)
		if err != nil {
			t.Fatal(err)
		}
		r := g.Affected(graph.Query{Files: rapid.SliceOfDistinct(rapid.Custom(func(t *rapid.T) string { return drawPath(t, "file") }), rapid.ID).Draw(t, "files")})
		at := map[string]int{}
		for i, a := range r.Affected {
			at[a.Name] = i
			if len(a.Reasons) == 0 {
				t.Fatalf("%s has no reason", a.Name)
			}
			for _, why := range a.Reasons {
				if j, in := at[why.Subject]; why.Kind == checks.ReasonDependency && (!in || j >= i) {
					t.Fatalf("%s comes before %s, which it depends on", a.Name, why.Subject)
				}
			}
		}
		for _, p := range packages {
			for _, d := range p.DependsOn {
				_, needs := at[d]
				if _, in := at[p.Name]; needs && !in {
					t.Fatalf("%s depends on %s and is not affected", p.Name, d)
				}
			}
		}
	})
}

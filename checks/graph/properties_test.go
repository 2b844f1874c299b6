package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/graph"
)

var elements = []string{"a", "b", "c", "ab", ".gitattributes"}

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
	keywords := rapid.SampledFrom([][]string{nil, nil, {"DOC"}, {"DOC", "CLN"}})
	var packages []checks.Package
	for i, dir := range dirs {
		p := checks.Package{
			Name: fmt.Sprintf("p%d", i), Dir: dir,
			Inputs: drawGlobs(t, "inputs", 3), ExcludeKeywords: keywords.Draw(t, "keywords"),
		}
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

func drawEdges(t *rapid.T) []checks.Edge {
	name := rapid.SampledFrom([]string{"p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "not-listed"})
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) checks.Edge {
		return checks.Edge{
			From: name.Draw(t, "from"), To: name.Draw(t, "to"),
			File: rapid.SampledFrom([]string{"x/go.mod", "y/Dockerfile"}).Draw(t, "file"), Line: rapid.IntRange(1, 9).Draw(t, "line"),
			Cyclic: rapid.IntRange(0, 4).Draw(t, "cyclic") == 0,
		}
	}), 0, 12).Draw(t, "edges")
}

func drawFiles(t *rapid.T, label string) []string {
	return rapid.SliceOfDistinct(rapid.Custom(func(t *rapid.T) string {
		if rapid.IntRange(0, 15).Draw(t, "manifest") == 0 {
			return "loktar.json"
		}
		return drawPath(t, "file")
	}), rapid.ID).Draw(t, label)
}

func drawLinks(t *rapid.T) []checks.Link {
	return rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) checks.Link {
		l := checks.Link{Path: drawPath(t, "path"), Target: drawPath(t, "target")}
		switch rapid.IntRange(0, 19).Draw(t, "odd") {
		case 0:
			l.Target = "."
		case 1:
			l.Target = "loktar.json"
		case 2:
			l.Path = "loktar.json"
		}
		return l
	}), 0, 5, func(l checks.Link) string { return l.Path }).Draw(t, "links")
}

func drawCommits(t *rapid.T, files []string) []graph.Commit {
	subjects := rapid.SampledFrom([][]string{{"DOC"}, {"DOC"}, {"CLN", "DOC"}, {"DOC"}, {"BUG"}, nil})
	var commits []graph.Commit
	for range rapid.IntRange(0, 3).Draw(t, "commits") {
		c := graph.Commit{Prefixes: subjects.Draw(t, "prefixes")}
		for _, f := range append(slices.Clone(files), "a/b", "c") {
			if rapid.IntRange(0, 2).Draw(t, "touches") > 0 {
				c.Files = append(c.Files, f)
			}
		}
		commits = append(commits, c)
	}
	return commits
}

func drawQuery(t *rapid.T, packages []checks.Package) graph.Query {
	q := graph.Query{Files: drawFiles(t, "files"), Ignore: drawGlobs(t, "ignore", 2)}
	if rapid.IntRange(0, 3).Draw(t, "with global") == 0 {
		q.GlobalInputs = drawGlobs(t, "global", 2)
	}
	if rapid.Bool().Draw(t, "with links") {
		q.Links = drawLinks(t)
	}
	if rapid.Bool().Draw(t, "with commits") {
		q.Commits = drawCommits(t, q.Files)
	}
	for _, p := range packages {
		switch rapid.IntRange(0, 19).Draw(t, "more") {
		case 0, 1:
			q.Changes.Entries = append(q.Changes.Entries, p.Name)
		case 2:
			q.Unread = append(q.Unread, checks.FileProblem{Package: p.Name, File: "f", Line: 1, Message: "bad"})
		case 3:
			q.Unread = append(q.Unread, checks.FileProblem{Package: p.Name, File: "g", Message: "bad"}, checks.FileProblem{Package: p.Name, File: "h", Line: 2, Message: "worse"})
		}
	}
	for i := range q.Unread {
		q.Unread[i].Line = i + 1
		q.Unread[i].Warning = rapid.IntRange(0, 4).Draw(t, "warning") == 0
	}
	return q
}

func TestAgainstBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		packages, edges := drawPackages(t), drawEdges(t)
		q := drawQuery(t, packages)
		g, err := graph.New(packages, edges...)
		if err != nil {
			t.Fatal(err)
		}
		r := g.Affected(q)
		got, gotNeeds := map[string][]string{"order": names(r)}, map[string][]string{}
		for _, a := range r.Affected {
			if packages[a.Index].Name != a.Name {
				t.Fatalf("%s is not at %d", a.Name, a.Index)
			}
			if len(a.Needs) > 0 {
				gotNeeds[a.Name] = a.Needs
			}
			for _, why := range a.Reasons {
				switch {
				case why.Kind == checks.ReasonLink:
					checkLink(t, packages, q, a.Name, why)
					got[a.Name] = append(got[a.Name], "link")
					continue
				case (why.Kind == checks.ReasonInput || why.Kind == checks.ReasonGlobal) && !slices.Contains(q.Files, why.Subject):
					why.Subject = "(a link)"
				}
				got[a.Name] = append(got[a.Name], why.String())
			}
		}
		want, needs, unowned, ignored := brute(packages, edges, q)
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("affected (-brute +graph):\n%s", d)
		}
		if d := cmp.Diff(needs, gotNeeds); d != "" {
			t.Fatalf("needs (-brute +graph):\n%s", d)
		}
		if d := cmp.Diff(unowned[:min(len(unowned), graph.MaxUnowned)], r.Unowned); d != "" || len(unowned) != r.UnownedCount {
			t.Fatalf("unowned %d, brute %d: %s", r.UnownedCount, len(unowned), d)
		}
		if ignored != r.Ignored {
			t.Fatalf("ignored %d, brute %d", r.Ignored, ignored)
		}
		// What is held back is what the same change affects without the rule.
		q.Commits = nil
		var more []string
		for _, name := range names(g.Affected(q)) {
			if !slices.Contains(names(r), name) {
				more = append(more, name)
			}
		}
		var held []string
		for _, h := range r.Held {
			if packages[h.Index].Name != h.Name || len(h.Dependents) == 0 {
				t.Fatalf("held by %+v", h)
			}
			held = append(held, h.Dependents...)
		}
		slices.Sort(more)
		slices.Sort(held)
		if d := cmp.Diff(more, held); d != "" {
			t.Fatalf("held back: %s", d)
		}
	})
}

// checkLink holds what a reason says about links against the query: the link
// is the package's own, and the file is at its target or leads there.
func checkLink(t *rapid.T, packages []checks.Package, q graph.Query, name string, why checks.Reason) {
	if !slices.Contains(q.Links, checks.Link{Path: why.File, Target: why.Dir}) || bruteOwner(packages, why.File) != name || !slices.Contains(q.Files, why.Subject) {
		t.Fatalf("%s: no such link: %+v", name, why)
	}
	reached, seen := []string{why.Subject}, map[string]bool{}
	for k := 0; k < len(reached); k++ {
		if related(reached[k], why.Dir) {
			return
		}
		for _, l := range q.Links {
			if !seen[l.Path] && related(reached[k], l.Target) {
				seen[l.Path] = true
				reached = append(reached, l.Path)
			}
		}
	}
	t.Fatalf("%s: %+v leads elsewhere", name, why)
}

// Affected is closed under dependents but for those that are held back, every
// package in it has a reason, and it comes in an order that a run can keep.
func TestClosure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		packages, edges := drawPackages(t), drawEdges(t)
		g, err := graph.New(packages, edges...)
		if err != nil {
			t.Fatal(err)
		}
		r := g.Affected(graph.Query{Files: drawFiles(t, "files"), Links: drawLinks(t)})
		at := map[string]int{}
		for i, a := range r.Affected {
			at[a.Name] = i
			if len(a.Reasons) == 0 {
				t.Fatalf("%s has no reason", a.Name)
			}
			for _, n := range a.Needs {
				if j, in := at[n]; !in || j >= i {
					t.Fatalf("%s comes before %s, which it needs", a.Name, n)
				}
			}
		}
		all, _, _ := bruteDeps(packages, edges)
		for _, p := range packages {
			for _, d := range all[p.Name] {
				_, needs := at[d]
				if place, in := at[p.Name]; needs && !in {
					t.Fatalf("%s depends on %s and is not affected", p.Name, d)
				} else if in && slices.Contains(p.DependsOn, d) && needs && !slices.Contains(r.Affected[place].Needs, d) {
					t.Fatalf("%s does not wait for %s, which it declares", p.Name, d)
				}
			}
		}
	})
}

// A further changed file, link, edge or unread file takes no package away.
func TestMoreNeverShrinks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		packages, edges := drawPackages(t), drawEdges(t)
		q := drawQuery(t, packages)
		q.Commits = nil
		ask := func(q graph.Query, edges []checks.Edge) []string {
			g, err := graph.New(packages, edges...)
			if err != nil {
				t.Fatal(err)
			}
			return names(g.Affected(q))
		}
		before := ask(q, edges)
		more := q
		for _, f := range drawFiles(t, "more files") {
			if !slices.Contains(more.Files, f) {
				more.Files = append(slices.Clip(more.Files), f)
			}
		}
		for _, l := range drawLinks(t) {
			if !slices.ContainsFunc(more.Links, func(o checks.Link) bool { return o.Path == l.Path }) {
				more.Links = append(slices.Clip(more.Links), l)
			}
		}
		after := ask(more, append(slices.Clip(edges), drawEdges(t)...))
		for _, name := range before {
			if !slices.Contains(after, name) {
				t.Fatalf("%s is affected no more", name)
			}
		}
	})
}

// The order of packages, of edges, of links and of files decides nothing about
// what is affected and what waits for what.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		packages, edges := drawPackages(t), drawEdges(t)
		q := drawQuery(t, packages)
		ask := func(packages []checks.Package, edges []checks.Edge, q graph.Query) (map[string][]string, graph.Result) {
			g, err := graph.New(packages, edges...)
			if err != nil {
				t.Fatal(err)
			}
			r := g.Affected(q)
			out := map[string][]string{}
			for _, a := range r.Affected {
				out[a.Name] = slices.Sorted(slices.Values(a.Needs))
				for _, why := range a.Reasons {
					out[a.Name] = append(out[a.Name], string(why.Kind))
				}
			}
			return out, r
		}
		want, before := ask(packages, edges, q)
		if len(packages) > 0 {
			packages = rapid.Permutation(packages).Draw(t, "packages again")
		}
		if len(edges) > 0 {
			edges = rapid.Permutation(edges).Draw(t, "edges again")
		}
		if len(q.Links) > 0 {
			q.Links = rapid.Permutation(q.Links).Draw(t, "links again")
		}
		if len(q.Files) > 0 {
			q.Files = rapid.Permutation(q.Files).Draw(t, "files again")
		}
		if len(q.Commits) > 0 {
			q.Commits = rapid.Permutation(q.Commits).Draw(t, "commits again")
		}
		got, after := ask(packages, edges, q)
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
		if before.UnownedCount != after.UnownedCount || before.Ignored != after.Ignored {
			t.Fatalf("%d and %d, %d and %d", before.UnownedCount, before.Ignored, after.UnownedCount, after.Ignored)
		}
	})
}

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

// related reports whether a change of path changes what target is.
func related(path, target string) bool {
	return target == "." || path == target || strings.HasPrefix(path, target+"/") || strings.HasPrefix(target, path+"/")
}

// bruteDeps are the packages that each needs: all of them, and those that
// count for the order, with the place where each was read first.
func bruteDeps(packages []checks.Package, edges []checks.Edge) (all, ordered map[string][]string, read map[[2]string]string) {
	all, ordered, read = map[string][]string{}, map[string][]string{}, map[[2]string]string{}
	listed := map[string]bool{}
	for _, p := range packages {
		listed[p.Name] = true
	}
	loose := map[[2]string]bool{}
	for _, p := range packages {
		all[p.Name] = append(all[p.Name], p.DependsOn...)
	}
	for _, e := range edges {
		if !listed[e.From] || !listed[e.To] || e.From == e.To {
			continue
		}
		key := [2]string{e.From, e.To}
		at := fmt.Sprintf("%s:%d", e.File, e.Line)
		if !slices.Contains(all[e.From], e.To) {
			all[e.From] = append(all[e.From], e.To)
			read[key] = at
		} else if was, inferred := read[key]; inferred && at < was {
			read[key] = at
		}
		if e.Cyclic && read[key] != "" {
			loose[key] = true
		}
	}
	for _, p := range packages {
		for _, d := range all[p.Name] {
			if !loose[[2]string{p.Name, d}] {
				ordered[p.Name] = append(ordered[p.Name], d)
			}
		}
	}
	tight := map[string][]string{}
	for _, p := range packages {
		for _, d := range ordered[p.Name] {
			if read[[2]string{p.Name, d}] == "" || !reaches(ordered, d, p.Name) {
				tight[p.Name] = append(tight[p.Name], d)
			}
		}
	}
	return all, tight, read
}

func reaches(deps map[string][]string, from, to string) bool {
	seen := map[string]bool{}
	var visit func(string) bool
	visit = func(at string) bool {
		if at == to {
			return true
		}
		if seen[at] {
			return false
		}
		seen[at] = true
		return slices.ContainsFunc(deps[at], visit)
	}
	return visit(from)
}

func brute(packages []checks.Package, edges []checks.Edge, q graph.Query) (affected map[string][]string, needs map[string][]string, unowned []string, ignored int) {
	affected = map[string][]string{}
	all, ordered, read := bruteDeps(packages, edges)
	more := func(list []string) string {
		if len(list) > 1 {
			return fmt.Sprintf("%s and %d more", list[0], len(list)-1)
		}
		return list[0]
	}
	// Of several links that count as changed any may be shown.
	withLinks := func(list []string) string {
		if !slices.Contains(q.Files, list[0]) {
			list = append([]string{"(a link)"}, list[1:]...)
		}
		return more(list)
	}
	ignore := func(f string) bool { return bruteGlobs(q.Ignore, f) }
	owned := func(f string) string {
		if f == "loktar.json" || ignore(f) {
			return ""
		}
		return bruteOwner(packages, f)
	}

	// A link whose target changed counts as changed.
	changed := slices.Clone(q.Files)
	stands := map[string][]string{} // the links that a file makes count
	byLink := map[string]bool{}
	for _, f := range q.Files {
		if ignore(f) {
			continue
		}
		queue, seen := []string{f}, map[string]bool{}
		for len(queue) > 0 {
			at := queue[0]
			queue = queue[1:]
			for _, l := range q.Links {
				if seen[l.Path] || !related(at, l.Target) {
					continue
				}
				seen[l.Path] = true
				stands[f] = append(stands[f], l.Path)
				if owner := owned(l.Path); owner != "" && !own(packages, owner, l.Target) {
					byLink[owner] = true
				}
				if !slices.Contains(changed, l.Path) {
					changed = append(changed, l.Path)
				}
				if !ignore(l.Path) {
					queue = append(queue, l.Path)
				}
			}
		}
	}
	some := func(of []string, match func(string) bool) (out []string) {
		for _, f := range of {
			if match(f) {
				out = append(out, f)
			}
		}
		return out
	}
	isGlobal := func(f string) bool { return bruteGlobs(q.GlobalInputs, f) }
	global := some(changed, isGlobal)
	reads := func(f string) bool {
		return slices.ContainsFunc(packages, func(p checks.Package) bool { return bruteGlobs(p.Inputs, f) })
	}
	uses := func(f string) bool { return isGlobal(f) || reads(f) || owned(f) != "" }

	source, spreads := map[string]bool{}, map[string]bool{}
	for _, p := range packages {
		own := some(q.Files, func(f string) bool { return owned(f) == p.Name })
		if len(own) > 0 {
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
		inputs := some(changed, func(f string) bool { return bruteGlobs(p.Inputs, f) })
		if len(inputs) > 0 {
			affected[p.Name] = append(affected[p.Name], "input changed: "+withLinks(inputs))
		}
		touches := func(f string) bool { return owned(f) == p.Name || bruteGlobs(p.Inputs, f) }
		held := len(affected[p.Name]) > 0 && len(p.ExcludeKeywords) > 0 && len(global) == 0
		for _, f := range some(q.Files, touches) {
			held = held && slices.ContainsFunc(q.Commits, func(c graph.Commit) bool { return !c.Merge && slices.Contains(c.Files, f) })
		}
		for _, f := range q.Files { // what links alone make count is not explained
			for _, l := range stands[f] {
				held = held && !bruteGlobs(p.Inputs, l)
			}
		}
		for _, c := range q.Commits {
			if !c.Merge && slices.ContainsFunc(c.Files, touches) {
				held = held && len(c.Prefixes) > 0
				for _, word := range c.Prefixes {
					held = held && slices.Contains(p.ExcludeKeywords, word)
				}
			}
		}
		if byLink[p.Name] {
			affected[p.Name] = append(affected[p.Name], "link")
			held = false
		}
		if slices.Contains(q.Changes.Entries, p.Name) {
			affected[p.Name] = append(affected[p.Name], "its entry in loktar.json changed")
			held = false
		}
		var unread []string
		for _, u := range q.Unread {
			if u.Package == p.Name {
				unread = append(unread, fmt.Sprintf("%s:%d: %s", u.File, u.Line, u.Message))
			}
		}
		if len(unread) > 0 {
			affected[p.Name] = append(affected[p.Name], "its dependencies could not be read: "+more(unread))
			held = false
		}
		if len(global) > 0 {
			affected[p.Name] = append(affected[p.Name], "global input changed: "+withLinks(global))
		}
		source[p.Name] = len(affected[p.Name]) > 0
		spreads[p.Name] = source[p.Name] && !held
	}
	dist := map[string]int{}
	for _, p := range packages {
		if spreads[p.Name] {
			dist[p.Name] = 0
		}
	}
	for round := range packages {
		for _, p := range packages {
			if _, done := dist[p.Name]; done {
				continue
			}
			for _, d := range all[p.Name] {
				if at, ok := dist[d]; ok && at == round {
					dist[p.Name] = round + 1
				}
			}
		}
	}
	for _, p := range packages {
		mine, in := dist[p.Name]
		if !in {
			mine = -1
		}
		if len(global) > 0 {
			continue
		}
		near, n := "", 0
		for _, d := range packages { // in the order of the manifest
			at, ok := dist[d.Name]
			if !ok || !slices.Contains(all[p.Name], d.Name) || at > 0 && at >= mine && reaches(all, d.Name, p.Name) {
				continue
			}
			n++
			if near == "" || at < dist[near] {
				near = d.Name
			}
		}
		if n > 0 {
			why := "depends on " + near
			if at := read[[2]string{p.Name, near}]; at != "" {
				why += " (" + at + ")"
			}
			if n > 1 {
				why += fmt.Sprintf(" and %d more", n-1)
			}
			affected[p.Name] = append(affected[p.Name], why)
		}
	}
	for _, f := range q.Files {
		switch {
		case f == "loktar.json" || uses(f) || slices.ContainsFunc(stands[f], uses):
		case ignore(f):
			ignored++
		default:
			unowned = append(unowned, f)
		}
	}

	// The first of the manifest whose dependencies are placed, and so on.
	var order []string
	for len(order) < len(packages) {
		for _, p := range packages {
			ready := !slices.Contains(order, p.Name)
			for _, d := range ordered[p.Name] {
				ready = ready && slices.Contains(order, d)
			}
			if ready {
				order = append(order, p.Name)
				break
			}
		}
	}
	out, needs := map[string][]string{"order": nil}, map[string][]string{}
	for _, name := range order {
		if why := affected[name]; len(why) > 0 {
			out["order"] = append(out["order"], name)
			out[name] = why
		}
	}
	for _, name := range out["order"] {
		for _, d := range ordered[name] {
			if len(affected[d]) > 0 && !slices.Contains(needs[name], d) {
				needs[name] = append(needs[name], d)
			}
		}
	}
	return out, needs, unowned, ignored
}

// own reports whether all at path and below belongs to the package.
func own(packages []checks.Package, name, path string) bool {
	for _, p := range packages {
		if p.Name != name && (path == "." || strings.HasPrefix(p.Dir, path+"/")) || p.Name == name && path == "." && p.Dir != "." {
			return false
		}
	}
	return path == "." || bruteOwner(packages, path) == name
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
		c := graph.Commit{Prefixes: subjects.Draw(t, "prefixes"), Merge: rapid.IntRange(0, 5).Draw(t, "merge") == 0}
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

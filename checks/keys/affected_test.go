package keys_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/graph"
	"github.com/dudesons/loktar/checks/keys"
)

var elements = []string{"a", "b", "c", "ab", "d.md", ".gitattributes"}

func drawPath(t *rapid.T, label string) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(elements), 1, 4).Draw(t, label), "/")
}

func drawGlobs(t *rapid.T, label string, most int) []string {
	elems := rapid.SampledFrom([]string{"a", "b", "c", "ab", "a", "b", "**", "*", "a*", "*b", "*.md", "?", "[ab]", "{a,b}", "{c,a/b*}", "{a,b*}", "d.md"})
	one := rapid.Custom(func(t *rapid.T) string {
		not := rapid.SampledFrom([]string{"", "", "", "!"}).Draw(t, "not")
		start := rapid.SampledFrom([]string{"", "", "", "./", "/"}).Draw(t, "start")
		end := rapid.SampledFrom([]string{"", "", "", "/"}).Draw(t, "end")
		return not + start + strings.Join(rapid.SliceOfN(elems, 1, 4).Draw(t, "elems"), "/") + end
	})
	return rapid.SliceOfN(one, 0, most).Draw(t, label)
}

func drawManifest(t *rapid.T) *checks.Manifest {
	m := &checks.Manifest{}
	dirs := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) string {
		if rapid.IntRange(0, 9).Draw(t, "root") == 0 {
			return "."
		}
		return drawPath(t, "dir")
	}), 0, 7, rapid.ID).Draw(t, "dirs")
	for i, dir := range dirs {
		p := checks.Package{Name: fmt.Sprintf("p%d", i), Dir: dir, Env: map[string]string{"A": "b"}}
		if rapid.IntRange(0, 2).Draw(t, "reads") == 0 {
			p.Inputs = drawGlobs(t, "inputs", 3)
		}
		for d := range i {
			if rapid.IntRange(0, 4).Draw(t, "needs") == 0 {
				p.DependsOn = append(p.DependsOn, fmt.Sprintf("p%d", d))
			}
		}
		m.Packages = append(m.Packages, p)
		if rapid.IntRange(0, 19).Draw(t, "unread") == 0 {
			m.Unread = append(m.Unread, checks.FileProblem{Package: p.Name, File: "f", Warning: rapid.Bool().Draw(t, "warning")})
		}
	}
	name := rapid.SampledFrom([]string{"p0", "p1", "p2", "p3", "p4", "p5", "p6", "not-listed"})
	m.Edges = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) checks.Edge {
		e := checks.Edge{From: name.Draw(t, "from"), File: drawPath(t, "file"), Cyclic: rapid.IntRange(0, 4).Draw(t, "cyclic") == 0}
		if rapid.Bool().Draw(t, "to a package") {
			e.To = name.Draw(t, "to")
		}
		return e
	}), 0, 5).Draw(t, "edges")
	switch rapid.IntRange(0, 9).Draw(t, "global") {
	case 0:
		m.GlobalInputs = drawGlobs(t, "global inputs", 2)
	case 1:
		m.GlobalInputs = []string{"{"}
	}
	if rapid.Bool().Draw(t, "with ignore") {
		m.Ignore = append(drawGlobs(t, "ignore", 2), "[")
	}
	return m
}

func drawContent(t *rapid.T) string {
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0:
		return "@" + rapid.SampledFrom([]string{"1", "2"}).Draw(t, "commit")
	case 1:
		return "!1"
	case 2, 3, 4:
		up := strings.Repeat("../", rapid.IntRange(0, 4).Draw(t, "up"))
		if rapid.IntRange(0, 5).Draw(t, "only up") == 0 {
			return "->" + up + "."
		}
		return "->" + up + rapid.SampledFrom([]string{"loktar.json", "a", "a", "a"}).Draw(t, "to") + strings.TrimPrefix("/"+drawPath(t, "target"), "/a")
	}
	return rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "content")
}

func drawFiles(t *rapid.T, f files, label string, least, most int) files {
	f = f.clone()
	for range rapid.IntRange(least, most).Draw(t, label) {
		p := "loktar.json"
		if rapid.IntRange(0, 15).Draw(t, "manifest") > 0 {
			p = drawPath(t, "path")
		}
		if rapid.IntRange(0, 3).Draw(t, "again") == 0 && len(f) > 0 {
			p = rapid.SampledFrom(f.paths()).Draw(t, "which")
		}
		if rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
			delete(f, p)
			continue
		}
		f.put(p, drawContent(t))
	}
	return f
}

// Exactly the packages that a difference between two trees affects have other
// keys than before, whatever owns, reads, ignores and links to what differs.
func TestKeysAreWhatIsAffected(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawManifest(t)
		base := drawFiles(t, files{}, "files", 0, 12)
		head := drawFiles(t, base, "changes", 1, 4)
		changed := base.diff(head)
		g, err := graph.New(m.Packages, m.Edges...)
		if err != nil {
			t.Fatal(err)
		}
		r := g.Affected(graph.Query{
			Files: changed, GlobalInputs: m.GlobalInputs, Ignore: m.Ignore, Links: head.links(), Unread: m.Unread,
			Changes: graph.Changes{Rewired: g.Rewired(m.Edges, changed)},
		})
		before, err := keys.Of(m, base.tree(), keys.Options{Links: base.links()})
		if err != nil {
			t.Fatal(err)
		}
		after, err := keys.Of(m, head.tree(), keys.Options{Links: head.links()})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range m.Packages {
			at := slices.IndexFunc(r.Affected, func(a graph.Affected) bool { return a.Name == p.Name })
			same := before[p.Name] == after[p.Name]
			switch {
			case len(before[p.Name]) != 64:
				t.Fatalf("the key of %s is %q", p.Name, before[p.Name])
			case at < 0 && !same:
				t.Fatalf("%s is not affected by %q and has another key", p.Name, changed)
			case at >= 0 && same && len(changed) > 0:
				t.Fatalf("%s is affected by %q and has the same key: %v", p.Name, changed, r.Affected[at].Reasons)
			}
		}
	})
}

// The order in which packages, edges, links and globs stand decides nothing.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawManifest(t)
		f := drawFiles(t, files{}, "files", 0, 12)
		want, err := keys.Of(m, f.tree(), keys.Options{Links: f.links()})
		if err != nil {
			t.Fatal(err)
		}
		again := &checks.Manifest{GlobalInputs: mix(t, m.GlobalInputs), Ignore: mix(t, m.Ignore), Edges: mix(t, m.Edges), Unread: mix(t, m.Unread), Packages: mix(t, m.Packages)}
		for i := range again.Packages {
			again.Packages[i].Inputs = mix(t, again.Packages[i].Inputs)
			again.Packages[i].DependsOn = mix(t, again.Packages[i].DependsOn)
		}
		got, err := keys.Of(again, f.tree(), keys.Options{Links: mix(t, f.links())})
		if err != nil {
			t.Fatal(err)
		}
		for name := range want {
			if want[name] != got[name] {
				t.Fatalf("%s has another key", name)
			}
		}
	})
}

func mix[T any](t *rapid.T, list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return rapid.Permutation(slices.Clone(list)).Draw(t, "order")
}

// A package that nobody depends on, with whatever globs and links of its own,
// is nothing to the keys of the others where it holds none of their files.
func TestOthersDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawManifest(t)
		m.Packages = append(m.Packages, checks.Package{Name: "beside", Dir: "z/beside"})
		f := drawFiles(t, files{}, "files", 0, 12)
		want, err := keys.Of(m, f.tree(), keys.Options{Links: f.links()})
		if err != nil {
			t.Fatal(err)
		}
		more := *m
		more.Packages = append(slices.Clip(m.Packages), checks.Package{Name: "more", Dir: "z/more", Inputs: drawGlobs(t, "more", 3)})
		got, err := keys.Of(&more, f.tree(), keys.Options{Links: f.links()})
		if err != nil {
			t.Fatal(err)
		}
		for name := range want {
			if want[name] != got[name] {
				t.Fatalf("%s has another key", name)
			}
		}
	})
}

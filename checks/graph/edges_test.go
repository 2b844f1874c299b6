package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/graph"
)

// edge reads "from to file:line", with a final "!" for one that is cyclic and
// "-" for no package.
func edge(t testing.TB, text string) checks.Edge {
	t.Helper()
	var e checks.Edge
	text, e.Cyclic = strings.CutSuffix(text, "!")
	if _, err := fmt.Sscanf(strings.ReplaceAll(text, ":", " "), "%s %s %s %d", &e.From, &e.To, &e.File, &e.Line); err != nil {
		t.Fatal(err)
	}
	e.To = strings.TrimPrefix(e.To, "-")
	return e
}

func TestEdges(t *testing.T) {
	a, b, c := pkg("a"), pkg("b"), pkg("c")
	for name, s := range map[string]struct {
		packages []checks.Package
		edges    []string
		files    []string
		want     []string
	}{
		"one":                    {[]checks.Package{a, b}, []string{"b a b/x:3"}, []string{"a/1"}, []string{"a: a changed: 1", "b < a: depends on a (b/x:3)"}},
		"the whole file says it": {[]checks.Package{a, b}, []string{"b a b/x:0"}, []string{"a/1"}, []string{"a: a changed: 1", "b < a: depends on a (b/x)"}},
		"before its dependency":  {[]checks.Package{b, a}, []string{"b a b/x:3"}, []string{"a/1"}, []string{"a: a changed: 1", "b < a: depends on a (b/x:3)"}},
		"transitive":             {[]checks.Package{a, b, c}, []string{"c b c/x:1", "b a b/x:3"}, []string{"a/1"}, []string{"a: a changed: 1", "b < a: depends on a (b/x:3)", "c < b: depends on b (c/x:1)"}},
		"with a declared one":    {[]checks.Package{a, b, pkg("c", "b")}, []string{"c a c/x:1"}, []string{"a/1", "b/1"}, []string{"a: a changed: 1", "b: b changed: 1", "c < b,a: depends on a (c/x:1) and 1 more"}},
		"declared too":           {[]checks.Package{a, pkg("b", "a")}, []string{"b a b/x:3"}, []string{"a/1"}, []string{"a: a changed: 1", "b < a: depends on a"}},
		"of several the first":   {[]checks.Package{a, b}, []string{"b a b/y:1", "b a b/x:7", "b a b/x:3"}, []string{"a/1"}, []string{"a: a changed: 1", "b < a: depends on a (b/x:3)"}},
		"of names not listed":    {[]checks.Package{a, b}, []string{"b gone b/x:1", "gone a x:1", "a a a/x:1"}, []string{"a/1"}, []string{"a: a changed: 1"}},
		"cyclic does not order":  {[]checks.Package{a, b}, []string{"b a b/x:3", "a b a/x:1!"}, []string{"b/1"}, []string{"a: depends on b (a/x:1)", "b < a: b changed: 1"}},
		"cyclic, the other way":  {[]checks.Package{a, b}, []string{"b a b/x:3", "a b a/x:1!"}, []string{"a/1"}, []string{"a: a changed: 1", "b < a: depends on a (b/x:3)"}},
		"cyclic and both changed": {[]checks.Package{a, b}, []string{"b a b/x:3", "a b a/x:1!"}, []string{"a/1", "b/1"}, []string{
			"a: a changed: 1; depends on b (a/x:1)", "b < a: b changed: 1; depends on a (b/x:3)"}},
		"cyclic though it closes none": {[]checks.Package{a, b}, []string{"b a b/x:3!"}, []string{"a/1"}, []string{"a: a changed: 1", "b: depends on a (b/x:3)"}},
		"cyclic and declared":          {[]checks.Package{a, pkg("b", "a")}, []string{"b a b/x:3!"}, []string{"a/1"}, []string{"a: a changed: 1", "b < a: depends on a"}},
		"a cycle nobody marked":        {[]checks.Package{a, b, pkg("c", "b")}, []string{"b a b/x:3", "a b a/x:1"}, []string{"b/1"}, []string{"a: depends on b (a/x:1)", "b: b changed: 1", "c < b: depends on b"}},
		"a cycle with a declared one":  {[]checks.Package{pkg("a", "b"), b, c}, []string{"b c b/x:1", "c a c/x:1"}, []string{"c/1"}, []string{"b: depends on c (b/x:1)", "a < b: depends on b", "c: c changed: 1"}},
		"behind a cycle": {[]checks.Package{a, b, c}, []string{"b a b/x:1", "a b a/x:1", "c b c/x:1", "c a c/x:2"}, []string{"c/1", "a/1"}, []string{
			"a: a changed: 1", "b: depends on a (b/x:1)", "c < b,a: c changed: 1; depends on a (c/x:2) and 1 more"}},
	} {
		t.Run(name, func(t *testing.T) {
			var edges []checks.Edge
			for _, text := range s.edges {
				edges = append(edges, edge(t, text))
			}
			g, err := graph.New(s.packages, edges...)
			if err != nil {
				t.Fatal(err)
			}
			r := g.Affected(graph.Query{Files: s.files})
			var got []string
			for i, line := range told(r) {
				if needs := r.Affected[i].Needs; len(needs) > 0 {
					line = strings.Replace(line, ":", " < "+strings.Join(needs, ",")+":", 1)
				}
				got = append(got, line)
			}
			if d := cmp.Diff(s.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// Declared dependencies in a circle are an error, whatever was inferred, and
// the path it names is of declared ones.
func TestEdgesDoNotHideACircle(t *testing.T) {
	_, err := graph.New([]checks.Package{pkg("a", "b"), pkg("b", "c"), pkg("c", "a"), pkg("d")},
		edge(t, "a d a/x:1"), edge(t, "d b d/x:1"), edge(t, "a c a/x:1!"))
	if got := checks.PublicText(err, ""); got != "The packages depend on each other in a circle: a -> b -> c -> a. Remove one of these dependencies." {
		t.Errorf("got %q", got)
	}
}

// A circle of very many packages is no deeper than others.
func TestLongCircle(t *testing.T) {
	const n = 100000
	packages, edges := make([]checks.Package, n), make([]checks.Edge, n)
	for i := range n {
		packages[i] = pkg(fmt.Sprintf("p%d", i))
		edges[i] = checks.Edge{From: fmt.Sprintf("p%d", i), To: fmt.Sprintf("p%d", (i+1)%n), File: "x", Line: 1}
	}
	g, err := graph.New(packages, edges...)
	if err != nil {
		t.Fatal(err)
	}
	if r := g.Affected(graph.Query{Files: []string{"p7/x"}}); len(r.Affected) != n {
		t.Errorf("%d affected", len(r.Affected))
	}
}

func TestRewired(t *testing.T) {
	packages := []checks.Package{pkg("a"), pkg("b"), in(pkg("n"), "b/n")}
	for name, c := range map[string]struct {
		before, after []string
		files         []string
		want          []graph.Rewired
	}{
		"nothing":                      {nil, nil, []string{"go.work"}, nil},
		"the same":                     {[]string{"b a go.work:1"}, []string{"b a go.work:1"}, []string{"go.work"}, nil},
		"on another line":              {[]string{"b a go.work:1"}, []string{"b a go.work:7"}, []string{"go.work"}, nil},
		"added":                        {nil, []string{"b a go.work:1"}, []string{"go.work", "x"}, []graph.Rewired{{Package: "b", File: "go.work"}}},
		"removed":                      {[]string{"b a go.work:1"}, nil, []string{"x", "go.work"}, []graph.Rewired{{Package: "b", File: "go.work"}}},
		"to another":                   {[]string{"b a go.work:1"}, []string{"b n go.work:1"}, []string{"go.work"}, []graph.Rewired{{Package: "b", File: "go.work"}}},
		"lost by another":              {[]string{"b a go.work:1"}, nil, []string{"x"}, []graph.Rewired{{Package: "b", File: "go.work", Line: 1, To: "a", Lost: true}}},
		"found by another":             {nil, []string{"b a b/x:2"}, []string{"x"}, []graph.Rewired{{Package: "b", File: "b/x", Line: 2, To: "a"}}},
		"told by another file":         {[]string{"b a go.work:1"}, []string{"b a b/x:2"}, []string{"b/x"}, nil},
		"a file that nobody owns":      {[]string{"b - r.txt:0"}, []string{"b - r.txt:0"}, []string{"r.txt"}, []graph.Rewired{{Package: "b", File: "r.txt"}}},
		"one that is not read now":     {[]string{"b - r.txt:0"}, nil, []string{"r.txt"}, []graph.Rewired{{Package: "b", File: "r.txt"}}},
		"by a file of its own":         {[]string{"b a b/x:1"}, nil, []string{"b/x"}, nil},
		"by a file of another":         {[]string{"b a a/x:1"}, nil, []string{"a/x"}, []graph.Rewired{{Package: "b", File: "a/x"}}},
		"by a file of one inside":      {[]string{"b a b/n/x:1"}, nil, []string{"b/n/x"}, []graph.Rewired{{Package: "b", File: "b/n/x"}}},
		"a package that is not listed": {[]string{"gone a go.work:1"}, nil, []string{"go.work"}, nil},
		"several":                      {[]string{"b a go.work:1"}, []string{"n a go.work:1"}, []string{"go.work"}, []graph.Rewired{{Package: "b", File: "go.work"}, {Package: "n", File: "go.work"}}},
	} {
		t.Run(name, func(t *testing.T) {
			read := func(texts []string) (edges []checks.Edge) {
				for _, text := range texts {
					edges = append(edges, edge(t, text))
				}
				return edges
			}
			g, err := graph.New(packages, read(c.after)...)
			if err != nil {
				t.Fatal(err)
			}
			got := g.Rewired(read(c.before), c.files)
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			r := g.Affected(graph.Query{Files: c.files, Changes: graph.Changes{Rewired: got}, Ignore: []string{"**"}})
			if len(r.Affected) > 0 && c.want[0].To == "" {
				t.Errorf("ignored, and yet %q", names(r))
			}
			r = g.Affected(graph.Query{Files: c.files, Changes: graph.Changes{Rewired: got}})
			for _, w := range c.want {
				if w.To != "" {
					if !strings.Contains(strings.Join(told(r), "\n"), w.Package+": "+map[bool]string{true: "depended on ", false: "newly depends on "}[w.Lost]+w.To) {
						t.Errorf("%s: %q", w.Package, told(r))
					}
					continue
				}
				if !slices.Contains(told(r), w.Package+": input changed: "+w.File) {
					t.Errorf("%s is not affected by %s: %q", w.Package, w.File, told(r))
				}
			}
		})
	}
	g, err := graph.New(packages, edge(t, "b a go.work:1"))
	if err != nil {
		t.Fatal(err)
	}
	if got := g.Rewired(nil, []string{"go.work"}); len(got) != 1 {
		t.Errorf("without a base: %v", got)
	}
}

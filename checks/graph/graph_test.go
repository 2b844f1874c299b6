package graph_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/graph"
)

// pkg is a package in the folder of its name.
func pkg(name string, deps ...string) checks.Package {
	return checks.Package{Name: name, Dir: name, DependsOn: deps}
}

func in(p checks.Package, dir string) checks.Package {
	p.Dir = dir
	return p
}

func reads(p checks.Package, globs ...string) checks.Package {
	p.Inputs = globs
	return p
}

func build(t testing.TB, packages ...checks.Package) *graph.Graph {
	t.Helper()
	g, err := graph.New(packages)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestNewRefuses(t *testing.T) {
	long := make([]checks.Package, 50)
	for i := range long {
		long[i] = pkg(fmt.Sprintf("p%02d", i), fmt.Sprintf("p%02d", (i+1)%len(long)))
	}
	for name, c := range map[string]struct {
		packages []checks.Package
		want     string
	}{
		"a name twice":         {[]checks.Package{pkg("a"), in(pkg("a"), "b")}, `Two packages are named "a". Rename one of them.`},
		"a folder twice":       {[]checks.Package{in(pkg("a"), "x/y"), in(pkg("b"), "x/y")}, `Packages "a" and "b" have the same folder "x/y". Give each its own.`},
		"the root twice":       {[]checks.Package{in(pkg("a"), "."), in(pkg("b"), ".")}, `Packages "a" and "b" have the same folder ".". Give each its own.`},
		"a folder outside":     {[]checks.Package{in(pkg("a"), "../a")}, `Package "a": the folder "../a" is no clean path from the repository's root.`},
		"an absolute folder":   {[]checks.Package{in(pkg("a"), "/a")}, `Package "a": the folder "/a" is no clean path from the repository's root.`},
		"no folder":            {[]checks.Package{in(pkg("a"), "")}, `Package "a": the folder "" is no clean path from the repository's root.`},
		"not listed":           {[]checks.Package{pkg("a", "b")}, `Package "a" depends on "b", which is not listed. List it or remove the dependency.`},
		"itself":               {[]checks.Package{pkg("a", "a")}, `Package "a" depends on itself. Remove that dependency.`},
		"two in a circle":      {[]checks.Package{pkg("a", "b"), pkg("b", "a")}, `The packages depend on each other in a circle: a -> b -> a. Remove one of these dependencies.`},
		"a circle below":       {[]checks.Package{pkg("top", "x"), pkg("z", "x"), pkg("x", "ok", "y"), pkg("y", "z"), pkg("ok")}, `The packages depend on each other in a circle: z -> x -> y -> z. Remove one of these dependencies.`},
		"a long circle":        {long, `The packages depend on each other in a circle: ` + chain(19) + `(31 more) -> p00. Remove one of these dependencies.`},
		"a glob with no end":   {[]checks.Package{reads(pkg("a"), "x/[ab")}, `Package "a": inputs: the glob "x/[ab" cannot be read: a bracket, a brace or a backslash has no partner.`},
		"an empty glob":        {[]checks.Package{reads(pkg("a"), "!")}, `Package "a": inputs: a glob is empty.`},
		"too many in one glob": {[]checks.Package{reads(pkg("a"), strings.Repeat("{a,b}", 7))}, `Package "a": inputs: the glob "{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}" has more than 64 alternatives; split it up.`},
		"a glob too long":      {[]checks.Package{reads(pkg("a"), strings.Repeat("a", 5000))}, `Package "a": inputs: the glob "` + strings.Repeat("a", 40) + `"... is longer than 4096 characters.`},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := graph.New(c.packages)
			if err == nil || g != nil {
				t.Fatal("New took it")
			}
			if got := checks.PublicText(err, ""); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if checks.KindOf(err) != checks.KindRefused {
				t.Errorf("kind %v", checks.KindOf(err))
			}
		})
	}
}

func chain(n int) string {
	out := ""
	for i := range n {
		out += fmt.Sprintf("p%02d -> ", i)
	}
	return out
}

func names(r graph.Result) []string {
	var out []string
	for _, a := range r.Affected {
		out = append(out, a.Name)
	}
	return out
}

func TestOrder(t *testing.T) {
	for name, c := range map[string]struct {
		packages []checks.Package
		want     []string
	}{
		"none":                  {nil, nil},
		"as in the manifest":    {[]checks.Package{pkg("c"), pkg("a"), pkg("b")}, []string{"c", "a", "b"}},
		"needs first":           {[]checks.Package{pkg("c", "b"), pkg("b", "a"), pkg("a")}, []string{"a", "b", "c"}},
		"ties by the manifest":  {[]checks.Package{pkg("top", "l"), pkg("z"), pkg("l"), pkg("y")}, []string{"z", "l", "top", "y"}},
		"a diamond":             {[]checks.Package{pkg("d", "c", "b"), pkg("b", "a"), pkg("c", "a"), pkg("a")}, []string{"a", "b", "c", "d"}},
		"a dependency repeated": {[]checks.Package{pkg("b", "a", "a"), pkg("a")}, []string{"a", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := names(build(t, c.packages...).Affected(graph.Query{Everything: "a test"}))
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestConcurrentUse(t *testing.T) {
	g := build(t, reads(pkg("a"), "x/**"), pkg("b", "a"), in(pkg("c"), "a/c"))
	q := graph.Query{Files: []string{"a/c/1", "x/1", "y"}, GlobalInputs: []string{"z"}, Ignore: []string{"y"}}
	want := g.Affected(q)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if d := cmp.Diff(want, g.Affected(q)); d != "" {
					t.Error(d)
					return
				}
			}
		})
	}
	wg.Wait()
}

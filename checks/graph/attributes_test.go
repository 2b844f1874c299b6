package graph_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/graph"
)

// Attributes affect the packages below them, whatever their folders are
// called, and no others.
func TestAttributes(t *testing.T) {
	packages := []checks.Package{{Name: "root", Dir: "."}, {Name: "other", Dir: "other"}}
	var want []string
	for i, dir := range []string{"a", "!a", "a*", "[a]", "{a,b}", `a\`, "-a?", "é\n"} {
		name := string(rune('A' + i))
		packages = append(packages, checks.Package{Name: name, Dir: "top/" + dir + "/sub/pkg"})
		want = append(want, name)
		g := build(t, packages...)
		got := affectedBy(g, "top/"+dir+"/.gitattributes", "top/"+dir+"/sub/.gitattributes")
		if !slices.Equal(got, []string{"root", name}) {
			t.Errorf("attributes in %q affect %q", dir, got)
		}
	}
	g := build(t, packages...)
	if got := affectedBy(g, "top/.gitattributes"); !slices.Equal(got, append([]string{"root"}, want...)) {
		t.Errorf("those above all affect %q", got)
	}
	if got := affectedBy(g, ".gitattributes"); len(got) != len(packages) {
		t.Errorf("those of the root affect %q", got)
	}
	if got := affectedBy(g, "top/a/sub/pkg/.gitattributes"); !slices.Equal(got, []string{"A"}) {
		t.Errorf("a package's own affect %q", got)
	}
	if got := graph.ReadBy(strings.Repeat("x", 5000)+"/y", nil); len(got) != 1 {
		t.Errorf("a path that git cannot check out gives %d globs", len(got))
	}
}

func affectedBy(g *graph.Graph, files ...string) (out []string) {
	for _, a := range g.Affected(graph.Query{Files: files}).Affected {
		out = append(out, a.Name)
	}
	return out
}

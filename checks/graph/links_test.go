package graph_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/graph"
)

func TestLinks(t *testing.T) {
	a, b, root := pkg("a"), pkg("b"), in(pkg("root"), ".")
	type L = checks.Link
	for name, c := range map[string]struct {
		packages []checks.Package
		links    []L
		query    graph.Query
		want     []string
	}{
		"to a file": {[]checks.Package{a, b}, []L{{Path: "b/f", Target: "a/f"}}, graph.Query{Files: []string{"a/f"}}, []string{
			"a: a changed: f", "b: b/f links to a/f, which changed"}},
		"to another file": {[]checks.Package{a, b}, []L{{Path: "b/f", Target: "a/f"}}, graph.Query{Files: []string{"a/g", "a/f.txt"}}, []string{"a: a changed: g and 1 more"}},
		"to a folder": {[]checks.Package{a, b}, []L{{Path: "b/d", Target: "a/d"}}, graph.Query{Files: []string{"a/d/x", "a/d/e/y", "a/z"}}, []string{
			"a: a changed: d/x and 2 more", "b: b/d links to a/d, which changed: a/d/x and 1 more"}},
		"to a package's folder": {[]checks.Package{a, b}, []L{{Path: "b/d", Target: "a"}}, graph.Query{Files: []string{"a/x"}}, []string{
			"a: a changed: x", "b: b/d links to a, which changed: a/x"}},
		"to what nobody owns": {[]checks.Package{b}, []L{{Path: "b/f", Target: "conf/f"}}, graph.Query{Files: []string{"conf/f", "conf/g"}}, []string{
			"b: b/f links to conf/f, which changed", `unowned 1: ["conf/g"]`}},
		"to the root folder": {[]checks.Package{a, b}, []L{{Path: "b/all", Target: "."}}, graph.Query{Files: []string{"x"}}, []string{
			"b: b/all links to ., which changed: x"}},
		"to what is deleted": {[]checks.Package{a, b}, []L{{Path: "b/f", Target: "a/gone"}}, graph.Query{Files: []string{"a/gone"}}, []string{
			"a: a changed: gone", "b: b/f links to a/gone, which changed"}},
		"into a submodule": {[]checks.Package{b}, []L{{Path: "b/z.h", Target: "zlib/include/z.h"}}, graph.Query{Files: []string{"zlib"}}, []string{
			"b: b/z.h links to zlib/include/z.h, which changed: zlib"}},
		"to a link": {[]checks.Package{a, b, pkg("c")}, []L{{Path: "c/f", Target: "b/f"}, {Path: "b/f", Target: "a/f"}}, graph.Query{Files: []string{"a/f"}}, []string{
			"a: a changed: f", "b: b/f links to a/f, which changed", "c: c/f links to b/f, which changed: a/f"}},
		"through a link": {[]checks.Package{a, b, pkg("c")}, []L{{Path: "c/f", Target: "b/d/f"}, {Path: "b/d", Target: "a/d"}}, graph.Query{Files: []string{"a/d/f"}}, []string{
			"a: a changed: d/f", "b: b/d links to a/d, which changed: a/d/f", "c: c/f links to b/d/f, which changed: a/d/f"}},
		"through a link that nobody owns": {[]checks.Package{a, b}, []L{{Path: "current", Target: "v2"}, {Path: "b/f", Target: "current/f"}}, graph.Query{Files: []string{"v2/f"}}, []string{
			"b: b/f links to current/f, which changed: v2/f"}},
		"that nobody owns": {[]checks.Package{a}, []L{{Path: "README", Target: "docs/README"}}, graph.Query{Files: []string{"docs/README"}}, []string{`unowned 1: ["docs/README"]`}},
		"in a circle": {[]checks.Package{a, b}, []L{{Path: "a/l", Target: "b/l"}, {Path: "b/l", Target: "a/l"}}, graph.Query{Files: []string{"a/l"}}, []string{
			"a: a changed: l; a/l links to b/l, which changed: a/l", "b: b/l links to a/l, which changed"}},
		"around itself": {[]checks.Package{a, b}, []L{{Path: "a/l", Target: "."}}, graph.Query{Files: []string{"b/x"}}, []string{
			"a: a/l links to ., which changed: b/x", "b: b changed: x"}},
		"inside its package": {[]checks.Package{a}, []L{{Path: "a/current", Target: "a/v2"}}, graph.Query{Files: []string{"a/v2/x"}}, []string{"a: a changed: v2/x"}},
		"from a nested package out": {[]checks.Package{a, in(pkg("n"), "a/n")}, []L{{Path: "a/n/f", Target: "a/f"}}, graph.Query{Files: []string{"a/f"}}, []string{
			"a: a changed: f", "n: a/n/f links to a/f, which changed"}},
		"into a nested package": {[]checks.Package{a, in(pkg("n"), "a/d/n")}, []L{{Path: "a/l", Target: "a/d"}}, graph.Query{Files: []string{"a/d/n/x"}}, []string{
			"a: a/l links to a/d, which changed: a/d/n/x", "n: a/d/n changed: x"}},
		"an ignored file": {[]checks.Package{a, b}, []L{{Path: "b/f", Target: "a/f.md"}}, graph.Query{Files: []string{"a/f.md"}, Ignore: []string{"**/*.md"}}, []string{"ignored 1"}},
		"an ignored link": {[]checks.Package{a, b}, []L{{Path: "b/f.md", Target: "a/f"}}, graph.Query{Files: []string{"a/f"}, Ignore: []string{"**/*.md"}}, []string{"a: a changed: f"}},
		"an input": {[]checks.Package{reads(b, "shared/**")}, []L{{Path: "shared/f", Target: "conf/f"}}, graph.Query{Files: []string{"conf/f"}}, []string{
			"b: input changed: shared/f"}},
		"an input that is ignored": {[]checks.Package{reads(b, "shared/**")}, []L{{Path: "shared/f", Target: "conf/f"}}, graph.Query{Files: []string{"conf/f"}, Ignore: []string{"shared"}}, []string{
			"b: input changed: shared/f"}},
		"a global input": {[]checks.Package{a, b}, []L{{Path: "go.work", Target: "conf/go.work"}}, graph.Query{Files: []string{"conf/go.work"}, GlobalInputs: []string{"go.work"}}, []string{
			"a: global input changed: go.work", "b: global input changed: go.work"}},
		"changed itself": {[]checks.Package{reads(b, "shared/**")}, []L{{Path: "shared/f", Target: "conf/f"}}, graph.Query{Files: []string{"conf/f", "shared/f"}}, []string{
			"b: input changed: shared/f"}},
		"to loktar.json": {[]checks.Package{b}, []L{{Path: "b/f", Target: "loktar.json"}}, graph.Query{Files: []string{"loktar.json"}}, []string{
			"b: b/f links to loktar.json, which changed"}},
		"loktar.json itself": {[]checks.Package{root}, []L{{Path: "loktar.json", Target: "conf/l.json"}}, graph.Query{Files: []string{"conf/l.json"}}, []string{
			"root: the root folder changed: conf/l.json"}},
		"the first of several": {[]checks.Package{a, b}, []L{{Path: "b/2", Target: "a/2"}, {Path: "b/1", Target: "a/1"}}, graph.Query{Files: []string{"a/1", "a/2"}}, []string{
			"a: a changed: 1 and 1 more", "b: b/2 links to a/2, which changed"}},
		"odd targets": {[]checks.Package{b}, []L{{Path: "b/1", Target: "/etc/passwd"}, {Path: "b/2", Target: "../x"}, {Path: "b/3", Target: "a\xff"}}, graph.Query{Files: []string{"x", "etc/passwd", "a\xff"}}, []string{
			"b: b/3 links to a\xff, which changed", `unowned 2: ["x" "etc/passwd"]`}},
	} {
		t.Run(name, func(t *testing.T) {
			c.query.Links = c.links
			if d := cmp.Diff(c.want, told(build(t, c.packages...).Affected(c.query))); d != "" {
				t.Error(d)
			}
		})
	}
}

// BenchmarkLinks has 10,000 links lead into one folder in which 100,000 files
// change, and 10,000 more lead to one link each. x-bare is the ratio to the
// same change without links, in the same run.
func BenchmarkLinks(b *testing.B) {
	packages, _ := monorepo(10000, 0)
	var links []checks.Link
	for i := range packages {
		links = append(links, checks.Link{Path: packages[i].Dir + "/proto", Target: "proto"},
			checks.Link{Path: fmt.Sprintf("out/%05d", i), Target: packages[i].Dir + "/proto"})
	}
	files := make([]string, 100000)
	for i := range files {
		files[i] = fmt.Sprintf("proto/d%d/f%d.proto", i/50, i)
	}
	g := build(b, packages...)
	var bare, work time.Duration
	for b.Loop() {
		t0 := time.Now()
		g.Affected(graph.Query{Files: files})
		t1 := time.Now()
		if r := g.Affected(graph.Query{Files: files, Links: links}); len(r.Affected) != len(packages) {
			b.Fatal(len(r.Affected))
		}
		work += time.Since(t1)
		bare += t1.Sub(t0)
	}
	b.ReportMetric(float64(work.Nanoseconds())/float64(b.N)/1e6, "links-ms")
	b.ReportMetric(float64(work)/float64(bare), "x-bare")
}

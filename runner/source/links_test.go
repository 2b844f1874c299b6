package source

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
)

func TestLeadsTo(t *testing.T) {
	for _, tc := range []struct{ link, target, want string }{
		{"a/l", "../b/f", "b/f"},
		{"a/l", "../b", "b"},
		{"a/l", "../b/", "b"},
		{"a/l", "f", "a/f"},
		{"a/l", "d/./../f", "a/f"},
		{"a/l", ".", "a"},
		{"a/l", "..", "."},
		{"l", ".", "."},
		{"a/b/c/l", "../../../x", "x"},
		{"a/l", "..b/f", "a/..b/f"},
		{"l", "..b", "..b"},
		{"a/l", " ", "a/ "},
		{"a/l", "\xff\n", "a/\xff\n"},
		{"a/l", "../../b", ""},
		{"l", "..", ""},
		{"l", "../l", ""},
		{"a/l", "/b", ""},
		{"a/l", "//", ""},
		{"a/l", "", ""},
		{"a/l", "x\x00y", ""},
		{"a/l", "../a/l", ""},
		{"a/../l", "x", ""},
		{"../l", "x", ""},
	} {
		if got := leadsTo(tc.link, tc.target); got != tc.want {
			t.Errorf("%q at %q leads to %q, want %q", tc.target, tc.link, got, tc.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.SampledFrom([]string{"a", "b", "..", ".", "", "..c"})
		link := path.Join(rapid.SliceOfN(part, 1, 4).Draw(t, "link")...)
		target := strings.Join(rapid.SliceOfN(part, 0, 6).Draw(t, "target"), "/")
		to := leadsTo(link, target)
		if to != "" && (path.IsAbs(to) || path.Clean(to) != to || to == ".." || strings.HasPrefix(to, "../")) {
			t.Errorf("%q at %q leads to %q", target, link, to)
		}
	})
}

func TestLoadLinks(t *testing.T) {
	o := newOrigin(t)
	long := strings.Repeat("n", maxTarget)
	base := o.commit("main", files{
		"a/f": "1", "b/f": "1", "b/in": "link:../a/f", "b/dir": "link:../a", "b/out": "link:../../etc", "b/abs": "link:/a",
		"b/none": "link:../c", "b/chain": "link:in", "b/sub": "sub:" + strings.Repeat("1", 40), "b/fits": "link:" + long, "b/long": "link:" + long + "n",
		"b/new\nline": "link:../\xff",
	})
	o.commit("topic", files{"b/in": "-", "b/dir": "plain", "c/l": "link:../b"}, base)
	o.commit("other", files{"b/dir": "link:.."}, base)
	s := o.source(t)
	all := []checks.Link{
		{Path: "b/chain", Target: "b/in"}, {Path: "b/dir", Target: "a"}, {Path: "b/fits", Target: "b/" + long}, {Path: "b/in", Target: "a/f"},
		{Path: "b/new\nline", Target: "\xff"}, {Path: "b/none", Target: "c"}, {Path: "c/l", Target: "b"},
	}
	without := func(paths ...string) []checks.Link {
		return slices.DeleteFunc(slices.Clone(all), func(l checks.Link) bool { return slices.Contains(paths, l.Path) })
	}
	other := without("c/l")
	other[1].Target = "."
	for _, step := range []struct {
		head string
		want []checks.Link
	}{
		{"main", without("c/l")}, {"topic", without("b/in", "b/dir")}, {"other", other},
		{"topic", without("b/in", "b/dir")}, {"topic", without("b/in", "b/dir")}, {"main", without("c/l")},
	} {
		l := load(t, s, o.event(step.head, "main"))
		if diff := cmp.Diff(step.want, l.Change.Links); diff != "" {
			t.Errorf("%s: %s", step.head, diff)
		}
	}
	t.Run("the head's when it conflicts", func(t *testing.T) {
		o.commit("main", files{"b/dir": "link:../b"})
		l := load(t, s, o.event("topic", "main"))
		if diff := cmp.Diff(without("b/in", "b/dir"), l.Change.Links); diff != "" || len(l.Change.Conflicts) == 0 {
			t.Error(diff)
		}
	})
	t.Run("what was remembered is gone", func(t *testing.T) {
		m := s.mirror(testRepo)
		m.linkMemory.keep("main", linked{tree: strings.Repeat("9", 40), links: []checks.Link{{Path: "x", Target: "y"}}})
		l := load(t, s, o.event("topic", "main"))
		if diff := cmp.Diff(without("b/in", "b/dir"), l.Change.Links); diff != "" {
			t.Error(diff)
		}
	})
}

// What is carried over from tree to tree is what a look at all of it gives.
func TestLinksSinceAnyTree(t *testing.T) {
	o := newOrigin(t)
	o.commit("main", files{"f": "1"})
	s := o.source(t)
	random := rand.New(rand.NewPCG(1, 2))
	paths := []string{"a", "b", "a/b", "a/c/d", "b/c", "x/y/z", "x"}
	for i := range 40 {
		change := files{"n": fmt.Sprint(i)}
		for range 1 + random.IntN(3) {
			p := paths[random.IntN(len(paths))]
			change[p] = []string{"-", "plain", "link:../x", "link:b", "link:/etc"}[random.IntN(5)]
		}
		for p := range change {
			for q := range change {
				if strings.HasPrefix(q, p+"/") {
					delete(change, q) // one of them cannot be there
				}
			}
		}
		o.commit("main", change)
		l := load(t, s, o.event("main", "main"))
		cold, err := s.mirror(testRepo).linksSince(t.Context(), l.objects, linked{tree: emptyTree}, l.Change.HeadSHA)
		if err != nil {
			t.Fatal(err)
		}
		want := slices.DeleteFunc(cold.links, func(l checks.Link) bool { return l.Target == "" })
		if diff := cmp.Diff(want, l.Change.Links); diff != "" && len(want)+len(l.Change.Links) > 0 {
			t.Fatalf("after commit %d: %s", i, diff)
		}
	}
}

func TestLinkMemoryIsBounded(t *testing.T) {
	var l linkMemory
	if got := l.near("x").tree; got != emptyTree {
		t.Errorf("the first is near %s", got)
	}
	for i := range 3 * maxLines {
		l.keep(fmt.Sprint(i), linked{tree: fmt.Sprint(i)})
	}
	l.keep("40", linked{tree: "again"})
	if len(l.lines) != maxLines || l.near("40").tree != "again" || l.near("47").tree != "47" || l.near("1").tree != "again" {
		t.Errorf("%d lines are kept", len(l.lines))
	}
}

func FuzzParseLinkChanges(f *testing.F) {
	id := strings.Repeat("a", 40)
	for _, s := range []string{
		"", ":000000 120000 " + id + " " + id + " A\x00l\x00", ":120000 100644 " + id + " " + id + " T\x00l\x00:100644 100644 " + id + " " + id + " M\x00f\x00",
		":120000 000000 " + id + " " + id + " D\x00l", ":120000 000000 x y D\x00\x00", "120000", ":000000 120000 x y A\x00l\x00",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := parseLinkChanges(b)
		if err != nil {
			return
		}
		for _, c := range list {
			if c.path == "" || strings.Contains(c.path, "\x00") || c.oid != "" && !isObjectName(c.oid) {
				t.Errorf("change %+v", c)
			}
		}
		if n := bytes.Count(b, []byte{0}); len(list) > n/2 {
			t.Errorf("%d changes of %d fields", len(list), n)
		}
	})
}

// BenchmarkLinks finds the links of a tree cold, and when another pull
// request's tree was seen before; every hundredth file is a link.
func BenchmarkLinks(b *testing.B) {
	const packages = 5000
	o := monorepo(b, packages)
	var in bytes.Buffer
	in.WriteString("commit refs/heads/links\ncommitter a <a@b> 0 +0000\ndata 1\nl\nfrom refs/heads/main^0\n")
	for i := range packages / 5 {
		target := fmt.Sprintf("../../g%d/p%d", i%125, i)
		fmt.Fprintf(&in, "M 120000 inline g%d/p%d/link\ndata %d\n%s\n", i%125, i, len(target), target)
	}
	in.WriteString("\nreset refs/heads/main\nfrom refs/heads/links\n\n")
	o.gitIn(in.Bytes(), "fast-import", "--quiet", "--force")
	s := o.source(b)
	l, m := load(b, s, o.event("topic", "main")), s.mirror(testRepo)
	var cold, warm []time.Duration
	for b.Loop() {
		var seen linked
		find := func(from linked, tree string) func() {
			return func() {
				var err error
				if seen, err = m.linksSince(b.Context(), l.objects, from, tree); err != nil || len(seen.links) != packages/5 {
					b.Fatal(err)
				}
			}
		}
		cold = append(cold, timed(find(linked{tree: emptyTree}, l.Change.BaseSHA)))
		warm = append(warm, timed(find(seen, l.Change.Tree)))
	}
	b.ReportMetric(float64(median(cold))/1e6, "cold-ms")
	b.ReportMetric(float64(median(warm))/1e6, "warm-ms")
}

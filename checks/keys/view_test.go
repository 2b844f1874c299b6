package keys_test

import (
	"errors"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/keys"
)

func views(t interface{ Fatal(...any) }, m *checks.Manifest, f files) *keys.Views {
	v, err := keys.NewViews(m, f.tree(), keys.Options{Links: f.links()})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// seen are the files that a package sees.
func seen(t interface {
	Fatal(...any)
	Fatalf(string, ...any)
}, v *keys.Views, name string, f files) files {
	hidden, err := v.Hidden(f.tree(), name)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range hidden {
		if slices.ContainsFunc(hidden, func(other string) bool { return strings.HasPrefix(p, other+"/") }) {
			t.Fatalf("%s is hidden twice: %q", p, hidden)
		}
	}
	out := f.clone()
	for p := range f {
		if slices.ContainsFunc(hidden, func(h string) bool { return p == h || strings.HasPrefix(p, h+"/") }) {
			delete(out, p)
		}
	}
	for _, h := range hidden {
		if !slices.ContainsFunc(f.paths(), func(p string) bool { return p == h || strings.HasPrefix(p, h+"/") }) {
			t.Fatalf("%s is hidden and not there", h)
		}
	}
	return out
}

// A package's key changes exactly when what it sees does: what its steps
// cannot see changes no key, and no change of what they can see goes by
// without another key.
func TestKeysAreWhatIsSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawManifest(t)
		base := drawFiles(t, files{}, "files", 0, 12)
		head := drawFiles(t, base, "changes", 1, 4)
		before, err := keys.Of(m, base.tree(), keys.Options{Links: base.links()})
		if err != nil {
			t.Fatal(err)
		}
		after, err := keys.Of(m, head.tree(), keys.Options{Links: head.links()})
		if err != nil {
			t.Fatal(err)
		}
		then, now := views(t, m, base), views(t, m, head)
		for _, p := range m.Packages {
			one, other := seen(t, then, p.Name, base), seen(t, now, p.Name, head)
			d := one.diff(other)
			if same := before[p.Name] == after[p.Name]; same != (len(d) == 0) {
				t.Fatalf("%s: one key is %v, and what it sees differs by %q\nof %q\nit sees %q, then %q", p.Name, same, d, base.diff(head), one.paths(), other.paths())
			}
		}
	})
}

// Folders are not split up for nothing: one that is hidden has nothing in it
// that is seen, and one of which all is hidden is hidden itself, but for the
// package's own.
func TestHiddenFoldersAreWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawManifest(t)
		f := drawFiles(t, files{}, "files", 0, 12)
		v := views(t, m, f)
		for _, p := range m.Packages {
			hidden, err := v.Hidden(f.tree(), p.Name)
			if err != nil {
				t.Fatal(err)
			}
			for dir := range f.folders() {
				own := p.Dir == dir || strings.HasPrefix(p.Dir, dir+"/")
				sees := slices.ContainsFunc(seen(t, v, p.Name, f).paths(), func(s string) bool { return strings.HasPrefix(s, dir+"/") })
				is := slices.ContainsFunc(hidden, func(h string) bool { return dir == h || strings.HasPrefix(dir, h+"/") })
				if is != (!sees && !own) {
					t.Fatalf("%s of %s: hidden %v, seen %v, own %v: %q", dir, p.Name, is, sees, own, hidden)
				}
			}
		}
	})
}

func (f files) folders() map[string]bool {
	out := map[string]bool{}
	for p := range f {
		for i := range p {
			if p[i] == '/' {
				out[p[:i]] = true
			}
		}
	}
	return out
}

func TestWhatIsSeen(t *testing.T) {
	all := files{
		"loktar.json": "{}", "go.work": "1", "Makefile": "1", "a/f": "1", "a/README.md": "1", "a/n/f": "1", "b/f": "1", "c/f": "1",
		"proto/x/1": "1", "proto/x/1_test": "1", "proto/y/1": "1", "conf/f": "1", "conf/g": "1",
	}
	for name, c := range map[string]struct {
		m      checks.Manifest
		more   files
		hidden []string
	}{
		"its own": {checks.Manifest{Packages: []checks.Package{pkg("a"), pkg("b")}}, nil,
			[]string{"Makefile", "b", "c", "conf", "go.work", "loktar.json", "proto"}},
		"others inside": {checks.Manifest{Packages: []checks.Package{pkg("a"), in(pkg("n"), "a/n")}}, nil,
			[]string{"Makefile", "a/n", "b", "c", "conf", "go.work", "loktar.json", "proto"}},
		"inside others": {checks.Manifest{Packages: []checks.Package{in(pkg("n"), "a/n"), pkg("a")}}, nil,
			[]string{"Makefile", "a/README.md", "a/f", "b", "c", "conf", "go.work", "loktar.json", "proto"}},
		"dependencies": {checks.Manifest{Packages: []checks.Package{pkg("a", "b"), pkg("b", "c"), pkg("c")}}, nil,
			[]string{"Makefile", "conf", "go.work", "loktar.json", "proto"}},
		"dependencies told of, in a circle": {checks.Manifest{Packages: []checks.Package{pkg("a"), pkg("b", "a")}, Edges: []checks.Edge{{From: "a", To: "b", Cyclic: true}}}, nil,
			[]string{"Makefile", "c", "conf", "go.work", "loktar.json", "proto"}},
		"dependents": {checks.Manifest{Packages: []checks.Package{pkg("a"), pkg("b", "a")}}, nil,
			[]string{"Makefile", "b", "c", "conf", "go.work", "loktar.json", "proto"}},
		"what nobody owns": {checks.Manifest{Packages: []checks.Package{pkg("a")}, Edges: []checks.Edge{{From: "a", File: "conf/f"}, {From: "a", File: "none"}, {From: "a", File: "proto"}, {From: "a", File: "../x"}}}, nil,
			[]string{"Makefile", "b", "c", "conf/g", "go.work", "loktar.json", "proto"}},
		"inputs": {checks.Manifest{Packages: []checks.Package{reads(pkg("a"), "proto/*/1", "c", "!**/n")}, GlobalInputs: []string{"go.*"}}, nil,
			[]string{"Makefile", "b", "conf", "loktar.json", "proto/x/1_test"}},
		"inputs of a folder's suffix": {checks.Manifest{Packages: []checks.Package{reads(pkg("a"), "proto/**/*_test")}}, nil,
			[]string{"Makefile", "b", "c", "conf", "go.work", "loktar.json", "proto/x/1", "proto/y"}},
		"inputs of a dependency": {checks.Manifest{Packages: []checks.Package{pkg("a", "b"), reads(pkg("b"), "loktar.json")}}, nil,
			[]string{"Makefile", "c", "conf", "go.work", "proto"}},
		"ignored files": {checks.Manifest{Packages: []checks.Package{pkg("a")}, Ignore: []string{"**/*.md"}}, nil,
			[]string{"Makefile", "a/README.md", "b", "c", "conf", "go.work", "loktar.json", "proto"}},
		"ignored files that are inputs": {checks.Manifest{Packages: []checks.Package{reads(pkg("a"), "a/*.md")}, Ignore: []string{"**/*.md"}}, nil,
			[]string{"Makefile", "b", "c", "conf", "go.work", "loktar.json", "proto"}},
		"nothing at all": {checks.Manifest{Packages: []checks.Package{pkg("a"), in(pkg("n"), "a/n")}, Ignore: []string{"a"}}, nil,
			[]string{"Makefile", "a/README.md", "a/f", "a/n", "b", "c", "conf", "go.work", "loktar.json", "proto"}},
		"the root's": {checks.Manifest{Packages: []checks.Package{in(pkg("r"), "."), pkg("b")}}, nil,
			[]string{"b", "loktar.json"}},
		"links": {checks.Manifest{Packages: []checks.Package{pkg("a")}}, files{"a/l": "->../l/f", "l": "->conf", "a/out": "->../../x", "b/l": "->../c"},
			[]string{"Makefile", "b", "c", "go.work", "loktar.json", "proto"}},
		"a link to all": {checks.Manifest{Packages: []checks.Package{pkg("a")}}, files{"a/l": "->.."}, nil},
		"needs that cannot be read": {checks.Manifest{Packages: []checks.Package{pkg("a", "b"), pkg("b")}, Unread: []checks.FileProblem{{Package: "b"}}}, nil,
			nil},
		"needs that are only odd": {checks.Manifest{Packages: []checks.Package{pkg("a")}, Unread: []checks.FileProblem{{Package: "a", Warning: true}}}, nil,
			[]string{"Makefile", "b", "c", "conf", "go.work", "loktar.json", "proto"}},
		"globs that cannot be read": {checks.Manifest{Packages: []checks.Package{pkg("a")}, GlobalInputs: []string{"["}}, nil, nil},
		"submodules": {checks.Manifest{Packages: []checks.Package{reads(pkg("a"), "lib/x/**")}}, files{"lib": "@1", "libs": "@1"},
			[]string{"Makefile", "b", "c", "conf", "go.work", "lib", "libs", "loktar.json", "proto"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := all.clone()
			for p, s := range c.more {
				f.put(p, s)
			}
			got, err := views(t, &c.m, f).Hidden(f.tree(), c.m.Packages[0].Name)
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(got)
			if d := cmp.Diff(c.hidden, got); d != "" {
				t.Errorf("hidden: %s", d)
			}
		})
	}
}

// Only folders of which a part may be seen are looked into.
func TestSightAsksLittle(t *testing.T) {
	m, f := monorepo(200, 4000)
	f["docs/a/b/c"], f["proto/team001/x.proto"] = "1", "1"
	for name, c := range map[string]struct {
		inputs []string
		list   int
	}{
		// The root, services, and the folders of teams that hold dependencies.
		"folders": {nil, 5},
		"a glob":  {[]string{"proto/*/x.proto"}, 7},
	} {
		t.Run(name, func(t *testing.T) {
			m.Packages[100].Inputs = c.inputs
			tree := f.tree()
			hidden, err := views(t, m, f).Hidden(tree, m.Packages[100].Name)
			if err != nil {
				t.Fatal(err)
			}
			if a := tree.asked; a.list > c.list || a.entry+a.files > 0 || len(hidden) == 0 {
				t.Errorf("listed %d folders, asked for %d entries and %d times for all", a.list, a.entry, a.files)
			}
		})
	}
}

func TestSightErrors(t *testing.T) {
	gone := errors.New("the mirror is gone")
	f := files{"a/f": "1", "conf/f": "1"}
	broken := f.tree()
	broken.fail = gone
	list := &checks.Manifest{Packages: []checks.Package{pkg("a")}}
	apart := &checks.Manifest{Packages: []checks.Package{pkg("a")}, Edges: []checks.Edge{{From: "a", File: "conf/f"}}}
	for _, c := range []struct {
		m         *checks.Manifest
		pkg, want string
	}{
		{list, "a", `find out what package "a" does not see: list folder .: the mirror is gone`},
		{apart, "a", `find out what package "a" sees: look for conf/f: the mirror is gone`},
		{list, "b", `find out what package "b" sees: it is not listed`},
	} {
		if hidden, err := views(t, c.m, f).Hidden(broken, c.pkg); err == nil || err.Error() != c.want || hidden != nil {
			t.Errorf("%q, %v; want %s", hidden, err, c.want)
		}
	}
	if _, err := keys.NewViews(&checks.Manifest{Packages: []checks.Package{pkg("a", "x")}}, f.tree(), keys.Options{}); err == nil || !strings.HasPrefix(err.Error(), "find out what packages see: ") {
		t.Error(err)
	}
}

// BenchmarkHidden finds out what one of 5,000 packages, of 20 files each, does
// not see, in a tree that is listed already. Its floor, in the same run, is to
// list the folders that it has to look into, and to write each path once.
// views-ms is what is made once for a tree.
func BenchmarkHidden(b *testing.B) {
	m, f := monorepo(5000, 100_000)
	tree, links := f.tree(), f.links()
	name := m.Packages[4960].Name // it needs some, in many folders
	var made, work, floor time.Duration
	count := 0
	for b.Loop() {
		t0 := time.Now()
		v, err := keys.NewViews(m, tree, keys.Options{Links: links})
		if err != nil {
			b.Fatal(err)
		}
		t1 := time.Now()
		tree.asked.list = 0
		hidden, err := v.Hidden(tree, name)
		t2 := time.Now()
		if err != nil || len(hidden) == 0 {
			b.Fatal(len(hidden), err)
		}
		var out []string
		for _, dir := range slices.Compact(parentsOf(hidden)) {
			entries, err := tree.List(dir)
			if err != nil {
				b.Fatal(err)
			}
			for _, e := range entries {
				out = append(out, dir+"/"+e.Name)
			}
		}
		made, work, floor, count = made+t1.Sub(t0), work+t2.Sub(t1), floor+time.Since(t2), len(hidden)
		if len(out) < count {
			b.Fatal(len(out), count)
		}
	}
	b.ReportMetric(float64(made.Nanoseconds())/float64(b.N)/1e6, "views-ms")
	b.ReportMetric(float64(work.Nanoseconds())/float64(b.N)/1e6, "hidden-ms")
	b.ReportMetric(float64(work)/float64(floor), "x-floor")
	b.ReportMetric(float64(count), "hidden")
}

func parentsOf(paths []string) (out []string) {
	for _, p := range paths {
		out = append(out, path.Dir(p))
	}
	return out
}

// Where the links are not known, all that is in the tree counts, and is seen.
func TestLinksUnknown(t *testing.T) {
	m := &checks.Manifest{Packages: []checks.Package{pkg("a"), pkg("b")}, Ignore: []string{"*.md"}}
	o := keys.Options{Everything: true}
	of := func(f files) map[string]string {
		t.Helper()
		out, err := keys.Of(m, f.tree(), o)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	f := files{"a/l": "->../c/f", "b/f": "1", "c/f": "1", "x.md": "1"}
	before := of(f)
	for _, p := range []string{"c/f", "b/f", "x.md", "new"} {
		other := f.clone()
		other.put(p, "2")
		if now := of(other); now["a"] == before["a"] || now["b"] == before["b"] {
			t.Errorf("%s changes no key: %v", p, now)
		}
	}
	if again := of(f.clone()); !cmp.Equal(again, before) {
		t.Errorf("the same tree has other keys: %s", cmp.Diff(before, again))
	}
	v, err := keys.NewViews(m, f.tree(), o)
	if err != nil {
		t.Fatal(err)
	}
	if hidden, err := v.Hidden(f.tree(), "a"); err != nil || hidden != nil {
		t.Errorf("hidden are %q, %v", hidden, err)
	}
}

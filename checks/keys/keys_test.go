package keys_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/graph"
	"github.com/dudesons/loktar/checks/keys"
)

func pkg(name string, needs ...string) checks.Package {
	return checks.Package{Name: name, Dir: name, TestType: checks.TestMake, DependsOn: needs}
}

func reads(p checks.Package, globs ...string) checks.Package {
	p.Inputs = globs
	return p
}

func in(p checks.Package, dir string) checks.Package {
	p.Dir = dir
	return p
}

func make1(t testing.TB, m *checks.Manifest, f files) map[string]string {
	t.Helper()
	out, err := keys.Of(m, f.tree(), keys.Options{Links: f.links()})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// differ are the packages whose keys differ.
func differ(a, b map[string]string) []string {
	out := []string{}
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if a[name] != b[name] {
			out = append(out, name)
		}
	}
	return out
}

func TestWhatCounts(t *testing.T) {
	all := files{
		"loktar.json": "{}", "go.work": "1", "README.md": "1", "a/f": "1", "a/README.md": "1", "a/n/f": "1", "b/f": "1", "c/f": "1",
		"proto/x/1": "1", "proto/x/1_test": "1", "conf/f": "1", "conf/g": "1", "z.md/f": "1", ".github/x": "1", "github/x": "1",
	}
	for name, c := range map[string]struct {
		packages      []checks.Package
		more          checks.Manifest
		files, change files
		want          []string
	}{
		"a file of its own":           {[]checks.Package{pkg("a"), pkg("b")}, checks.Manifest{}, nil, files{"a/f": "2"}, []string{"a"}},
		"a mode":                      {[]checks.Package{pkg("a"), pkg("b")}, checks.Manifest{}, files{"a/x": "1"}, files{"a/x": "!1"}, []string{"a"}},
		"a nested package's":          {[]checks.Package{pkg("a"), in(pkg("n"), "a/n")}, checks.Manifest{}, nil, files{"a/n/f": "2"}, []string{"n"}},
		"around a nested package":     {[]checks.Package{pkg("a"), in(pkg("n"), "a/n")}, checks.Manifest{}, nil, files{"a/f": "2"}, []string{"a"}},
		"the root's":                  {[]checks.Package{pkg("a"), in(pkg("r"), ".")}, checks.Manifest{}, nil, files{"conf/f": "2"}, []string{"r"}},
		"loktar.json":                 {[]checks.Package{pkg("a"), in(pkg("r"), ".")}, checks.Manifest{}, nil, files{"loktar.json": "2"}, []string{}},
		"loktar.json that is read":    {[]checks.Package{reads(pkg("a"), "*.json"), in(pkg("r"), ".")}, checks.Manifest{}, nil, files{"loktar.json": "2"}, []string{"a"}},
		"dependents":                  {[]checks.Package{pkg("a"), pkg("b", "a"), pkg("c", "b")}, checks.Manifest{}, nil, files{"a/f": "2"}, []string{"a", "b", "c"}},
		"dependents that are told of": {[]checks.Package{pkg("a"), pkg("b"), pkg("c")}, checks.Manifest{Edges: []checks.Edge{{From: "b", To: "a"}, {From: "b", To: "gone"}, {From: "gone", To: "a"}, {From: "a", To: "a"}}}, nil, files{"a/f": "2"}, []string{"a", "b"}},
		"an input":                    {[]checks.Package{reads(pkg("a"), "proto/**", "!**/*_test"), pkg("b")}, checks.Manifest{}, nil, files{"proto/x/1": "2"}, []string{"a"}},
		"an excluded input":           {[]checks.Package{reads(pkg("a"), "proto/**", "!**/*_test"), pkg("b")}, checks.Manifest{}, nil, files{"proto/x/1_test": "2"}, []string{}},
		"an input's folder":           {[]checks.Package{reads(pkg("a"), "./proto/"), pkg("b")}, checks.Manifest{}, nil, files{"proto/x/2": "2"}, []string{"a"}},
		"an input with a dot":         {[]checks.Package{reads(pkg("a"), ".github/*"), reads(pkg("b"), "github/*")}, checks.Manifest{}, nil, files{".github/x": "2"}, []string{"a"}},
		"a global input":              {[]checks.Package{pkg("a"), pkg("b")}, checks.Manifest{GlobalInputs: []string{"go.*"}}, nil, files{"go.work": "2"}, []string{"a", "b"}},
		"an ignored file":             {[]checks.Package{pkg("a"), pkg("b")}, checks.Manifest{Ignore: []string{"**/*.md"}}, nil, files{"a/README.md": "2"}, []string{}},
		"an ignored file that is new": {[]checks.Package{pkg("a"), pkg("b")}, checks.Manifest{Ignore: []string{"**/*.md"}}, nil, files{"b/README.md": "2"}, []string{}},
		"an ignored input":            {[]checks.Package{pkg("a"), reads(pkg("b"), "a/README.md")}, checks.Manifest{Ignore: []string{"**/*.md"}}, nil, files{"a/README.md": "2"}, []string{"b"}},
		"ignored at the root":         {[]checks.Package{in(pkg("z"), "z.md"), in(pkg("r"), ".")}, checks.Manifest{Ignore: []string{"*.md"}}, nil, files{"z.md/f": "2", "README.md": "2"}, []string{"z"}},
		"nobody's":                    {[]checks.Package{pkg("a"), pkg("b")}, checks.Manifest{}, nil, files{"conf/f": "2"}, []string{}},
		"a file that it reads":        {[]checks.Package{pkg("a"), pkg("b")}, checks.Manifest{Edges: []checks.Edge{{From: "a", File: "conf/f"}}}, nil, files{"conf/f": "2", "conf/g": "2"}, []string{"a"}},
		"an ignored one that it reads": {[]checks.Package{pkg("a"), pkg("b")}, checks.Manifest{Ignore: []string{"conf"}, Edges: []checks.Edge{{From: "a", File: "conf/f"}}},
			nil, files{"conf/f": "2"}, []string{}},
		"needs that cannot be read": {[]checks.Package{pkg("a"), pkg("b"), pkg("c", "a")}, checks.Manifest{Unread: []checks.FileProblem{{Package: "a"}, {Package: "b", Warning: true}}},
			nil, files{"conf/f": "2"}, []string{"a", "c"}},
		"globs that cannot be read":  {[]checks.Package{pkg("a"), pkg("b")}, checks.Manifest{GlobalInputs: []string{"["}}, nil, files{"conf/f": "2"}, []string{"a", "b"}},
		"what is linked to":          {[]checks.Package{pkg("a"), pkg("b")}, checks.Manifest{}, files{"a/l": "->../conf"}, files{"conf/f": "2"}, []string{"a"}},
		"a link to an ignored file":  {[]checks.Package{pkg("a"), pkg("b")}, checks.Manifest{Ignore: []string{"**/g"}}, files{"a/l": "->../conf/g"}, files{"conf/g": "2"}, []string{}},
		"a link to loktar.json":      {[]checks.Package{in(pkg("r"), "."), pkg("a")}, checks.Manifest{}, files{"l": "->loktar.json", "a/l": "->../l"}, files{"loktar.json": "2"}, []string{"a"}},
		"a folder called so":         {[]checks.Package{in(pkg("r"), "."), pkg("a")}, checks.Manifest{}, files{"loktar.json/f": "1"}, files{"loktar.json/f": "2"}, []string{"r"}},
		"attributes around it":       {[]checks.Package{pkg("a"), in(pkg("n"), "c/x/n"), in(pkg("r"), ".")}, checks.Manifest{Ignore: []string{"**/.*"}}, nil, files{"c/x/.gitattributes": "1"}, []string{"n"}},
		"attributes of the root":     {[]checks.Package{pkg("a"), pkg("b")}, checks.Manifest{}, files{".gitattributes": "1"}, files{".gitattributes": "2"}, []string{"a", "b"}},
		"attributes of others":       {[]checks.Package{pkg("a"), pkg("b")}, checks.Manifest{}, nil, files{"b/.gitattributes": "2"}, []string{"b"}},
		"an ignored submodule":       {[]checks.Package{in(pkg("z"), "z.md"), pkg("a")}, checks.Manifest{Ignore: []string{"*.md"}}, files{"z.md": "@1"}, files{"z.md": "@2"}, []string{}},
		"an ignored one linked to":   {[]checks.Package{pkg("a"), pkg("b")}, checks.Manifest{Ignore: []string{"**/g"}}, files{"a/l": "->../conf"}, files{"conf/g": "2"}, []string{}},
		"beside an ignored one":      {[]checks.Package{pkg("a"), pkg("b")}, checks.Manifest{Ignore: []string{"**/g"}}, files{"a/l": "->../conf"}, files{"conf/f": "2"}, []string{"a"}},
		"a link's link":              {[]checks.Package{pkg("a"), pkg("b")}, checks.Manifest{}, files{"a/l": "->../l/f", "l": "->conf"}, files{"conf/f": "2"}, []string{"a"}},
		"a link in what is linked":   {[]checks.Package{pkg("a"), pkg("b")}, checks.Manifest{}, files{"a/l": "->../proto", "proto/l": "->../conf/f"}, files{"conf/f": "2"}, []string{"a"}},
		"an input that is a link":    {[]checks.Package{pkg("a"), reads(pkg("b"), "l")}, checks.Manifest{}, files{"l": "->conf/f"}, files{"conf/f": "2"}, []string{"b"}},
		"a submodule's inside":       {[]checks.Package{pkg("a"), pkg("b")}, checks.Manifest{}, files{"a/l": "->../lib/z.h", "lib": "@1"}, files{"lib": "@2"}, []string{"a"}},
		"a folder that is submodule": {[]checks.Package{pkg("a"), pkg("lib")}, checks.Manifest{}, files{"lib": "@1"}, files{"lib": "@2"}, []string{"lib"}},
		"a circle": {[]checks.Package{pkg("a"), pkg("b", "a"), pkg("c"), pkg("d", "b")}, checks.Manifest{Edges: []checks.Edge{{From: "a", To: "b", Cyclic: true}}},
			nil, files{"b/f": "2"}, []string{"a", "b", "d"}},
		"below a circle": {[]checks.Package{pkg("a"), pkg("b", "a", "c"), pkg("c"), pkg("d")}, checks.Manifest{Edges: []checks.Edge{{From: "a", To: "b", Cyclic: true}}},
			nil, files{"c/f": "2"}, []string{"a", "b", "c"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := c.more
			m.Packages = c.packages
			base := all.clone()
			for p, s := range c.files {
				base.put(p, s)
			}
			head := base.clone()
			for p, s := range c.change {
				head.put(p, s)
			}
			before := make1(t, &m, base)
			if d := cmp.Diff(c.want, differ(before, make1(t, &m, head))); d != "" {
				t.Errorf("other keys: %s", d)
			}
			seen := map[string]string{}
			for name, key := range before {
				if seen[key] != "" {
					t.Errorf("%s and %s have one key", name, seen[key])
				}
				seen[key] = name
			}
		})
	}
}

func TestOptions(t *testing.T) {
	m := &checks.Manifest{Packages: []checks.Package{pkg("a"), pkg("b", "a"), pkg("c")}}
	ask := func(o keys.Options) map[string]string {
		out, err := keys.Of(m, files{}.tree(), o)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	image := func(of string) keys.Options {
		return keys.Options{Image: func(name string) string { return fmt.Sprint("sha256:", name == of) }}
	}
	if d := differ(ask(image("")), ask(image("a"))); !slices.Equal(d, []string{"a", "b"}) {
		t.Errorf("another image of a: %q", d)
	}
	if d := differ(ask(keys.Options{}), ask(keys.Options{All: []string{"1"}})); len(d) != 3 {
		t.Errorf("a word for all: %q", d)
	}
	if d := differ(ask(keys.Options{All: []string{"12"}}), ask(keys.Options{All: []string{"1", "2"}})); len(d) != 3 {
		t.Errorf("other words for all: %q", d)
	}
}

// What need not be listed is not.
func TestAsksLittle(t *testing.T) {
	f := files{"a/f": "1", "a/README.md": "1", "a/n/f": "1", "b/f": "1", "proto/x/1": "1", "docs/a": "1", "l": "->proto"}
	for name, c := range map[string]struct {
		m                  checks.Manifest
		entry, list, files int
	}{
		"folders":                     {checks.Manifest{Packages: []checks.Package{pkg("a"), pkg("b")}}, 2, 0, 0},
		"nested ones":                 {checks.Manifest{Packages: []checks.Package{pkg("a"), in(pkg("n"), "a/n")}}, 2, 1, 0},
		"the root's":                  {checks.Manifest{Packages: []checks.Package{in(pkg("r"), "."), in(pkg("n"), "a/n")}}, 1, 2, 0},
		"inputs that are folders":     {checks.Manifest{Packages: []checks.Package{reads(pkg("b"), "proto", "docs/**", "a/{f,n}")}, GlobalInputs: []string{"go.work"}}, 6, 0, 0},
		"inputs to match":             {checks.Manifest{Packages: []checks.Package{reads(pkg("b"), "proto/*")}}, 1, 0, 1},
		"inputs that exclude":         {checks.Manifest{Packages: []checks.Package{reads(pkg("b"), "proto", "!docs")}}, 1, 0, 1},
		"global inputs":               {checks.Manifest{Packages: []checks.Package{pkg("b")}, GlobalInputs: []string{"go.*"}}, 1, 0, 1},
		"ignored elsewhere":           {checks.Manifest{Packages: []checks.Package{pkg("b")}, Ignore: []string{"docs/**", "*.md", "!b"}}, 1, 0, 0},
		"ignored inside":              {checks.Manifest{Packages: []checks.Package{pkg("b"), pkg("a")}, Ignore: []string{"b/x/*"}}, 1, 0, 1},
		"ignored in what is linked":   {checks.Manifest{Packages: []checks.Package{pkg("l")}, Ignore: []string{"proto/*"}}, 2, 0, 1},
		"ignored, but nothing linked": {checks.Manifest{Packages: []checks.Package{pkg("l")}, Ignore: []string{"a/*"}}, 2, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			tree := f.tree()
			if _, err := keys.Of(&c.m, tree, keys.Options{Links: f.links()}); err != nil {
				t.Fatal(err)
			}
			links, around := 0, map[string]bool{}
			for _, p := range c.m.Packages {
				if !slices.ContainsFunc(p.Inputs, func(g string) bool { return g[0] == '!' }) {
					for _, g := range graph.ReadBy(p.Dir, nil) {
						around[g] = true // each is looked for, once
					}
				}
			}
			if c.m.Packages[0].Name != "l" {
				links = 1 // the target of l is looked at
			}
			if a := tree.asked; a.entry-links-len(around) != c.entry || a.list != c.list || a.files != c.files {
				t.Errorf("asked %d entries, %d folders, %d times for all; want %d, %d, %d", a.entry-links-len(around), a.list, a.files, c.entry, c.list, c.files)
			}
		})
	}
}

type reversed struct{ *tree }

func (r reversed) Files(do func(string, keys.Entry) error) error {
	slices.Reverse(r.sorted)
	return r.tree.Files(do)
}

func TestErrors(t *testing.T) {
	gone := errors.New("the mirror is gone")
	broken := files{"a/f": "1"}.tree()
	broken.fail = gone
	good := files{"a/f": "1", "b/f": "1"}.tree()
	for name, c := range map[string]struct {
		m    checks.Manifest
		tree keys.Tree
		want string
	}{
		"an entry":        {checks.Manifest{Packages: []checks.Package{pkg("a")}}, broken, "package a: look for a: the mirror is gone"},
		"a folder":        {checks.Manifest{Packages: []checks.Package{in(pkg("a"), ".")}}, broken, "package a: list folder .: the mirror is gone"},
		"all files":       {checks.Manifest{Packages: []checks.Package{reads(pkg("a"), "*")}}, broken, "list all files: the mirror is gone"},
		"the order":       {checks.Manifest{Packages: []checks.Package{reads(pkg("a"), "*")}}, reversed{good}, "list all files: a/f comes after b/f: the order is not git's"},
		"a glob":          {checks.Manifest{Packages: []checks.Package{reads(pkg("a"), "[")}}, good, "package a: inputs: the glob \"[\" cannot be read: a bracket, a brace or a backslash has no partner"},
		"a name twice":    {checks.Manifest{Packages: []checks.Package{pkg("a"), pkg("a")}}, good, "two packages are named \"a\""},
		"a missing other": {checks.Manifest{Packages: []checks.Package{pkg("a", "x")}}, good, "package \"a\" depends on \"x\", which is not listed"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := keys.Of(&c.m, c.tree, keys.Options{})
			if err == nil || err.Error() != "make the packages' keys: "+c.want || out != nil {
				t.Errorf("%v, %v", out, err)
			}
			if strings.Contains(c.want, "mirror") && !errors.Is(err, gone) {
				t.Error("the cause is lost")
			}
		})
	}
}

// A chain as long as a manifest allows ends.
func TestDeepDependencies(t *testing.T) {
	m := &checks.Manifest{}
	for i := range 100_000 {
		p := pkg(fmt.Sprint("p", i))
		if i > 0 {
			p.DependsOn = []string{m.Packages[i-1].Name}
		}
		m.Packages = append(m.Packages, p)
	}
	base, head := files{"p0/f": "1"}, files{"p0/f": "2"}
	if d := differ(make1(t, m, base), make1(t, m, head)); len(d) != len(m.Packages) {
		t.Errorf("%d of %d have other keys", len(d), len(m.Packages))
	}
}

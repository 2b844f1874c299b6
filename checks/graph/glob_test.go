package graph_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/graph"
)

func matches(t testing.TB, glob, path string) bool {
	t.Helper()
	g := build(t, checks.Package{Name: "p", Dir: "no/such/folder", Inputs: []string{glob}})
	return len(g.Affected(graph.Query{Files: []string{path}}).Affected) > 0
}

func TestGlobs(t *testing.T) {
	for _, c := range []struct {
		glob    string
		yes, no []string
	}{
		{"go.mod", []string{"go.mod", "go.mod/x"}, []string{"a/go.mod", "go.modx", "go"}},
		{"/go.mod", []string{"go.mod"}, []string{"a/go.mod"}},
		{"./go.mod", []string{"go.mod"}, []string{"a/go.mod"}},
		{"a/b", []string{"a/b", "a/b/c/d"}, []string{"a", "a/bc", "x/a/b"}},
		{"a/b/", []string{"a/b/c"}, []string{"a/bc"}},
		{"a/*/", []string{"a/b/c", "a/b/c/d"}, []string{"b/a/c"}},
		{"a/**", []string{"a/b", "a/b/c"}, []string{"ab/c"}},
		{"a/*", []string{"a/b", "a/.b"}, []string{"a/b/c", "a"}},
		{"*", []string{"a"}, []string{"a/b"}},
		{"**", []string{"a", "a/b/c"}, nil},
		{".", []string{"a", "a/b/c"}, nil},
		{"*.md", []string{"a.md", ".md"}, []string{"x/a.md", "a.mdx"}},
		{"**/*.md", []string{"a.md", "x/y/a.md", "x/.md"}, []string{"a.md/x", "a.mdx"}},
		{"x/**/*.md", []string{"x/a.md", "x/y/z/a.md"}, []string{"a.md", "y/a.md", "x.md"}},
		{"x.md/**/*.md", []string{"x.md/a.md"}, []string{"x.md"}},
		{"x.md/*.md", []string{"x.md/a.md"}, []string{"x.md", "x.md/b/a.md"}},
		{"**/testdata", []string{"testdata", "a/testdata", "a/testdata/b/c", "testdata/x"}, []string{"a/testdatax"}},
		{"libs/*/proto", []string{"libs/a/proto", "libs/a/proto/b"}, []string{"libs/proto", "libs/a/b/proto"}},
		{"{a,b}/x", []string{"a/x", "b/x/y"}, []string{"c/x", "{a,b}/x"}},
		{"{a/*,b}", []string{"a/x", "b", "b/x/y"}, []string{"a/x/y", "a"}},
		{"a{,b}", []string{"a/x", "ab/x"}, []string{"abb"}},
		{"{a,{b,c}d}", []string{"a", "bd", "cd/x"}, []string{"b", "ad"}},
		{`\{a,b\}`, []string{"{a,b}"}, []string{"a", "b"}},
		{`a\*`, []string{"a*"}, []string{"ab"}},
		{"[{]a,b}", nil, []string{"a"}}, // refused: see below
		{"[ab]/x?", []string{"a/x1", "b/x2"}, []string{"c/x1", "a/x"}},
		{"ein ö/日?", []string{"ein ö/日本"}, []string{"ein ö/日"}},
		{"../a", nil, []string{"a"}},
	} {
		if graph.CheckGlob(c.glob) != nil {
			if c.yes != nil {
				t.Errorf("%q is refused", c.glob)
			}
			continue
		}
		for _, path := range c.yes {
			if !matches(t, c.glob, path) {
				t.Errorf("%q does not match %q", c.glob, path)
			}
		}
		for _, path := range c.no {
			if matches(t, c.glob, path) {
				t.Errorf("%q matches %q", c.glob, path)
			}
		}
	}
}

// Whatever the glob, what is found by folder is what doublestar finds.
func FuzzGlob(f *testing.F) {
	for _, glob := range []string{"a/**/*.md", "*.md", "**", "a/b/c", "{a,b}/*", "[a-z]?/x", `\*a`, "a//b", "/", "./", "!", "{{a,b},c}", "[!a]/**/b*"} {
		f.Add(glob, "a/b/c.md")
	}
	f.Fuzz(func(t *testing.T, glob, path string) {
		// doublestar takes U+FFFD for any byte that is not UTF-8.
		if strings.ContainsRune(glob, utf8.RuneError) || strings.HasPrefix(glob, "!") || strings.HasPrefix(path, "/") || graph.CheckGlob(glob) != nil {
			t.Skip()
		}
		got := matches(t, glob, path)
		if strings.HasPrefix(glob, "/") || strings.HasPrefix(glob, ".") || strings.HasSuffix(glob, "/") || strings.ContainsAny(glob, "{}") || path == "" || path == checks.ManifestFile {
			return // cleaned or expanded first: the table tells what is right
		}
		if want := bruteGlob(glob, path); got != want {
			t.Fatalf("%q and %q: %v, doublestar %v", glob, path, got, want)
		}
	})
}

func FuzzNew(f *testing.F) {
	f.Add("a", "x/y", "b", "p/**", "p/q")
	f.Add("a", ".", "a", "!x", "loktar.json")
	f.Fuzz(func(t *testing.T, name, dir, dep, glob, file string) {
		g, err := graph.New([]checks.Package{
			{Name: name, Dir: dir, DependsOn: []string{dep}, Inputs: []string{glob}},
			{Name: "b", Dir: "p", DependsOn: []string{"c"}},
			{Name: "c", Dir: "p/q"},
		})
		if err != nil {
			if checks.PublicText(err, "") == "" {
				t.Fatal("an error without words")
			}
			return
		}
		r := g.Affected(graph.Query{Files: []string{file}, Ignore: []string{glob}, GlobalInputs: []string{dir}})
		if len(r.Affected) == 0 && r.UnownedCount+r.Ignored == 0 && file != checks.ManifestFile {
			t.Fatalf("%q came to nothing", file)
		}
	})
}

// A glob of many alternatives and stars costs little, matched or not.
func TestHostileGlobs(t *testing.T) {
	path := strings.Repeat("a", 200) + "/" + strings.Repeat("a/", 500) + "b"
	for _, glob := range []string{
		strings.Repeat("*a", 200) + "c",
		strings.Repeat("**/", 200) + "c",
		strings.Repeat("{*,**}", 6) + "/c",
		strings.Repeat("**/*a*/", 100) + "c",
	} {
		if graph.CheckGlob(glob) == nil && matches(t, glob, path) {
			t.Errorf("%.20q matches", glob)
		}
	}
	if !doublestar.ValidatePattern("{a,b}") || graph.CheckGlob(strings.Repeat("{", 2000)+strings.Repeat("}", 2000)) != nil {
		t.Error("nested braces that stand for nothing are refused")
	}
}

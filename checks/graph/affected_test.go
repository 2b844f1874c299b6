package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/graph"
)

// told is a result as a reader sees it: "name: reason; reason", then what
// affects nothing.
func told(r graph.Result) []string {
	var out []string
	for _, a := range r.Affected {
		var reasons []string
		for _, why := range a.Reasons {
			reasons = append(reasons, why.String())
		}
		out = append(out, a.Name+": "+strings.Join(reasons, "; "))
	}
	if r.UnownedCount > 0 {
		out = append(out, fmt.Sprintf("unowned %d: %q", r.UnownedCount, r.Unowned))
	}
	if r.Ignored > 0 {
		out = append(out, fmt.Sprintf("ignored %d", r.Ignored))
	}
	return out
}

func TestAffected(t *testing.T) {
	lib, api, web := pkg("lib"), pkg("api", "lib"), pkg("web", "api")
	type Q = graph.Query
	files := func(f ...string) Q { return Q{Files: f} }
	for name, c := range map[string]struct {
		packages []checks.Package
		query    Q
		want     []string
	}{
		"nothing changed": {[]checks.Package{lib}, Q{}, nil},
		"no packages":     {nil, files("a"), []string{`unowned 1: ["a"]`}},
		"a file and its dependents": {[]checks.Package{web, api, lib}, files("lib/main.py"), []string{
			"lib: lib changed: main.py", "api: depends on lib", "web: depends on api"}},
		"several files": {[]checks.Package{lib}, files("lib/a", "lib/b/c", "lib/d"), []string{"lib: lib changed: a and 2 more"}},
		"own files and a dependency": {[]checks.Package{lib, api}, files("api/x", "lib/y"), []string{
			"lib: lib changed: y", "api: api changed: x; depends on lib"}},
		"the nearest dependency": {[]checks.Package{pkg("d", "c", "b", "a"), pkg("c", "b"), pkg("b", "a"), pkg("a")}, files("a/x"), []string{
			"a: a changed: x", "b: depends on a", "c: depends on b", "d: depends on a and 2 more"}},
		"a tie of dependencies": {[]checks.Package{pkg("a"), pkg("b"), pkg("c", "b", "a")}, files("b/x", "a/x"), []string{
			"a: a changed: x", "b: b changed: x", "c: depends on a and 1 more"}},
		"a dependency named twice": {[]checks.Package{pkg("a"), pkg("b", "a", "a")}, files("a/x"), []string{"a: a changed: x", "b: depends on a"}},
		"a rename across packages": {[]checks.Package{pkg("a"), pkg("b"), pkg("c", "a")}, files("a/old", "b/new"), []string{
			"a: a changed: old", "b: b changed: new", "c: depends on a"}},
		"a rename that changes the case alone": {[]checks.Package{lib}, files("lib/README", "lib/Readme", "LIB/x"), []string{
			"lib: lib changed: README and 1 more", `unowned 1: ["LIB/x"]`}},
		"a folder deleted, its entry there": {[]checks.Package{lib, api}, files("lib/Makefile", "lib/main.py"), []string{
			"lib: lib changed: Makefile and 1 more", "api: depends on lib"}},
		"a folder deleted with its entry": {[]checks.Package{pkg("api"), pkg("web", "api")},
			Q{Files: []string{"lib/main.py", "loktar.json"}, Changes: graph.Changes{Removed: []graph.Removed{{Name: "lib", Dependents: []string{"api"}}}}}, []string{
				"api: depended on lib, no longer listed", "web: depends on api", `unowned 1: ["lib/main.py"]`}},
		"two removed": {[]checks.Package{pkg("api")},
			Q{Changes: graph.Changes{Removed: []graph.Removed{{Name: "x", Dependents: []string{"api", "gone"}}, {Name: "y", Dependents: []string{"api"}}}}},
			[]string{"api: depended on x and 1 more, no longer listed"}},
		"an entry changed": {[]checks.Package{web, api, lib},
			Q{Files: []string{"loktar.json"}, Changes: graph.Changes{Entries: []string{"api", "gone"}}},
			[]string{"api: its entry in loktar.json changed", "web: depends on api"}},
		"loktar.json re-formatted":             {[]checks.Package{lib, in(pkg("root"), ".")}, files("loktar.json"), nil},
		"loktar.json in a folder":              {[]checks.Package{lib}, files("lib/loktar.json"), []string{"lib: lib changed: loktar.json"}},
		"loktar.json as a declared input":      {[]checks.Package{reads(lib, "loktar.json")}, files("loktar.json"), []string{"lib: input changed: loktar.json"}},
		"the deepest folder owns":              {[]checks.Package{pkg("a"), in(pkg("b"), "a/b"), in(pkg("c"), "a/b/c/d")}, files("a/b/c/x", "a/b/c/d/x", "a/bb/x"), []string{"a: a changed: bb/x", "b: a/b changed: c/x", "c: a/b/c/d changed: x"}},
		"a name that only begins alike":        {[]checks.Package{pkg("foo"), pkg("foobar")}, files("foobar/x", "foo.txt", "fo/x"), []string{"foobar: foobar changed: x", `unowned 2: ["foo.txt" "fo/x"]`}},
		"a package at the root":                {[]checks.Package{in(pkg("root"), "."), lib}, files("x", "docs/y", "lib/z"), []string{"root: the root folder changed: x and 1 more", "lib: lib changed: z"}},
		"a submodule's pointer":                {[]checks.Package{in(pkg("zlib"), "third_party/zlib")}, files("third_party/zlib"), []string{"zlib: third_party/zlib changed: third_party/zlib"}},
		"a submodule inside a package":         {[]checks.Package{in(pkg("tp"), "third_party")}, files("third_party/zlib"), []string{"tp: third_party changed: zlib"}},
		"a file where a folder of packages is": {[]checks.Package{in(pkg("a"), "x/a")}, files("x"), []string{`unowned 1: ["x"]`}},
		"odd names": {[]checks.Package{in(pkg("o"), "a b")}, files("a b/\"q\"\t\n", "a b/\xff\xfe", "a b/ "), []string{
			"o: a b changed: \"q\"\t\n and 2 more"}},
		"a very long path": {[]checks.Package{pkg("a")}, files("a/" + strings.Repeat("x/", 2000) + "y"), []string{
			"a: a changed: " + strings.Repeat("x/", 2000) + "y"}},
		"an input": {[]checks.Package{reads(lib, "proto/**", "!proto/doc/**"), api}, files("proto/a.proto", "proto/b/c.proto", "proto/doc/x"), []string{
			"lib: input changed: proto/a.proto and 1 more", "api: depends on lib", `unowned 1: ["proto/doc/x"]`}},
		"an exclusion wins wherever it stands": {[]checks.Package{reads(lib, "!proto/x", "proto/**")}, files("proto/x"), []string{`unowned 1: ["proto/x"]`}},
		"an exclusion is one package's own":    {[]checks.Package{reads(pkg("a"), "p/**", "!p/x"), reads(pkg("b"), "p/**")}, files("p/x"), []string{"b: input changed: p/x"}},
		"an exclusion alone":                   {[]checks.Package{reads(lib, "!p/x")}, files("p/x", "lib/y"), []string{"lib: lib changed: y", `unowned 1: ["p/x"]`}},
		"an exclusion keeps no owned file out": {[]checks.Package{reads(lib, "!lib/doc")}, files("lib/doc/x"), []string{"lib: lib changed: doc/x"}},
		"two inputs on one file":               {[]checks.Package{reads(lib, "p/**", "p/*")}, files("p/x"), []string{"lib: input changed: p/x"}},
		"an input in another package":          {[]checks.Package{pkg("a"), reads(pkg("b"), "a/schema.sql")}, files("a/schema.sql"), []string{"a: a changed: schema.sql", "b: input changed: a/schema.sql"}},
		"inputs of many sets":                  {[]checks.Package{reads(pkg("a"), "p/**", "q"), reads(pkg("b"), "p/1")}, files("p/1", "p/2", "q/1"), []string{"a: input changed: p/1 and 2 more", "b: input changed: p/1"}},
		"an input that names a folder":         {[]checks.Package{reads(lib, "proto")}, files("proto/a/b", "protocol"), []string{"lib: input changed: proto/a/b", `unowned 1: ["protocol"]`}},
		"a global input": {[]checks.Package{lib, api},
			Q{Files: []string{"go.mod", "lib/x", "go.sum"}, GlobalInputs: []string{"go.*"}}, []string{
				"lib: lib changed: x; global input changed: go.mod and 1 more", "api: global input changed: go.mod and 1 more"}},
		"a global input excluded": {[]checks.Package{lib},
			Q{Files: []string{"build/README.md"}, GlobalInputs: []string{"build", "!**/*.md"}}, []string{`unowned 1: ["build/README.md"]`}},
		"a global input that cannot be read": {[]checks.Package{lib}, Q{GlobalInputs: []string{"x["}}, []string{
			`lib: everything is affected: global_inputs: the glob "x[" cannot be read: a bracket, a brace or a backslash has no partner`}},
		"ignored": {[]checks.Package{lib},
			Q{Files: []string{"lib/README.md", "docs/x.md", "other"}, Ignore: []string{"**/*.md"}}, []string{`unowned 1: ["other"]`, "ignored 2"}},
		"inputs win over ignore": {[]checks.Package{pkg("a"), reads(pkg("b"), "a/api.md")},
			Q{Files: []string{"a/api.md"}, Ignore: []string{"**/*.md"}}, []string{"b: input changed: a/api.md"}},
		"global inputs win over ignore": {[]checks.Package{lib},
			Q{Files: []string{"lib/go.mod"}, Ignore: []string{"**"}, GlobalInputs: []string{"**/go.mod"}}, []string{"lib: global input changed: lib/go.mod"}},
		"excluded from ignore": {[]checks.Package{lib},
			Q{Files: []string{"lib/a.md", "lib/b.md"}, Ignore: []string{"**/*.md", "!**/a.md"}}, []string{"lib: lib changed: a.md", "ignored 1"}},
		"ignore that cannot be read": {[]checks.Package{lib},
			Q{Files: []string{"lib/a", "lib/b"}, Ignore: []string{"{", "lib/a"}}, []string{"lib: lib changed: b", "ignored 1"}},
		"everything": {[]checks.Package{lib, api}, Q{Everything: "the base is not there", Files: []string{"api/x"}}, []string{
			"lib: everything is affected: the base is not there", "api: api changed: x; everything is affected: the base is not there"}},
		"global_inputs changed": {[]checks.Package{lib}, Q{Changes: graph.Changes{Everything: "global_inputs in loktar.json changed"}}, []string{
			"lib: everything is affected: global_inputs in loktar.json changed"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := told(build(t, c.packages...).Affected(c.query))
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestUnownedIsBounded(t *testing.T) {
	var files []string
	for i := range 250 {
		files = append(files, fmt.Sprintf("f%03d", i))
	}
	r := build(t).Affected(graph.Query{Files: files})
	if r.UnownedCount != 250 || len(r.Unowned) != graph.MaxUnowned || r.Unowned[99] != "f099" {
		t.Errorf("%d counted, %d listed", r.UnownedCount, len(r.Unowned))
	}
}

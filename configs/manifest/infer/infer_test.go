package infer_test

import (
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs/manifest/infer"
)

// tree is a commit in memory: files by path. A file whose text starts with
// "-> " is a symbolic link; "submodule" is one.
type tree struct {
	entries map[string]map[string]infer.Entry // by folder and name
	blobs   map[string]string
	fail    error

	mu    sync.Mutex
	lists []string
	reads int
}

func newTree(files map[string]string) *tree {
	t := &tree{entries: map[string]map[string]infer.Entry{".": {}}, blobs: map[string]string{}}
	for p, text := range files {
		e := infer.Entry{Name: path.Base(p), IsFile: true}
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			e.IsFile, e.IsLink, text = false, true, target
		}
		e.OID = fmt.Sprintf("%x", sha1.Sum([]byte("blob"+text)))
		t.blobs[e.OID] = text
		if text == "submodule" {
			e = infer.Entry{Name: e.Name, OID: e.OID}
		}
		t.add(path.Dir(p), e)
	}
	t.ids(".")
	return t
}

func (t *tree) add(dir string, e infer.Entry) {
	if t.entries[dir] == nil {
		t.entries[dir] = map[string]infer.Entry{}
		t.add(path.Dir(dir), infer.Entry{Name: path.Base(dir), IsDir: true})
	}
	t.entries[dir][e.Name] = e
}

// ids gives the folders ids that tell of all they hold, as git's do.
func (t *tree) ids(dir string) string {
	h := sha1.New()
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range t.entries[dir] {
			if !yield(name) {
				return
			}
		}
	}) {
		e := t.entries[dir][name]
		if e.IsDir {
			e.OID = t.ids(path.Join(dir, name))
			t.entries[dir][name] = e
		}
		fmt.Fprintf(h, "%q %s %t %t\n", name, e.OID, e.IsDir, e.IsLink)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func (t *tree) List(dir string) ([]infer.Entry, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lists = append(t.lists, dir)
	if t.entries[dir] == nil {
		return nil, fmt.Errorf("%q was asked for, which no folder holds", dir)
	}
	var out []infer.Entry
	for _, e := range t.entries[dir] {
		out = append(out, e)
	}
	return out, t.fail
}

func (t *tree) Read(oid string, limit int64) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reads++
	text, ok := t.blobs[oid]
	switch {
	case !ok:
		return nil, fmt.Errorf("there is no blob %s", oid)
	case int64(len(text)) > limit:
		return nil, fmt.Errorf("blob %s: %w", oid, infer.ErrTooLarge)
	}
	return []byte(text), t.fail
}

// pkg is a package in the folder of its name, or the one after "=".
func pkg(name string, more ...func(*checks.Package)) checks.Package {
	name, dir, ok := strings.Cut(name, "=")
	if !ok {
		dir = name
	}
	p := checks.Package{Name: name, Dir: dir}
	for _, f := range more {
		f(&p)
	}
	return p
}

func kinds(k ...string) func(*checks.Package) {
	return func(p *checks.Package) { p.DependenciesType = k }
}
func needs(names ...string) func(*checks.Package) {
	return func(p *checks.Package) { p.DependsOn = names }
}
func prefix(s string) func(*checks.Package) {
	return func(p *checks.Package) { p.BuildInfo.RegistryPrefix = s }
}

// story is a repository and what its files tell.
type story struct {
	files    map[string]string
	packages []checks.Package
	edges    []string // FROM -> TO FILE:LINE, with " cyclic"
	problems []string // PACKAGE FILE:LINE MESSAGE, with " (warning)"
}

func edgeTexts(edges []checks.Edge) []string {
	var out []string
	for _, e := range edges {
		text := fmt.Sprintf("%s -> %s %s:%d", e.From, e.To, e.File, e.Line)
		if e.Cyclic {
			text += " cyclic"
		}
		out = append(out, text)
	}
	return out
}

func problemTexts(problems []checks.FileProblem) []string {
	var out []string
	for _, p := range problems {
		text := fmt.Sprintf("%s %s:%d %s", p.Package, p.File, p.Line, p.Message)
		if p.Warning {
			text += " (warning)"
		}
		out = append(out, text)
	}
	return out
}

var stories = map[string]story{
	"nothing": {packages: []checks.Package{pkg("a")}},
	"six places of Python": {
		files: map[string]string{
			"api/requirements.txt": "flask\nl1==1\n", "api/test_requirements.txt": "l2>=1\n", "api/app/requirements.txt": "l3\n",
			"api/app/test_requirements.txt": "l4\n", "api/src/requirements.txt": "l5\n", "api/src/test_requirements.txt": "l6\n",
			"api/lib/requirements.txt": "l7\n",
		},
		packages: []checks.Package{pkg("api"), pkg("l1"), pkg("l2"), pkg("l3"), pkg("l4"), pkg("l5"), pkg("l6"), pkg("l7")},
		edges: []string{"api -> l1 api/requirements.txt:2", "api -> l2 api/test_requirements.txt:1", "api -> l3 api/app/requirements.txt:1",
			"api -> l4 api/app/test_requirements.txt:1", "api -> l5 api/src/requirements.txt:1", "api -> l6 api/src/test_requirements.txt:1"},
	},
	"names that differ in case, - and _": {
		files:    map[string]string{"a/requirements.txt": "AWESOME.lib\n"},
		packages: []checks.Package{pkg("a"), pkg("Awesome_Lib"), pkg("awesome-lib")},
		edges:    []string{"a -> Awesome_Lib a/requirements.txt:1", "a -> awesome-lib a/requirements.txt:1"},
	},
	"a name of pyproject.toml": {
		files:    map[string]string{"a/pyproject.toml": "[project]\nname='a'\ndependencies=['Acme.Lib']\n", "lib/pyproject.toml": "[project]\nname='acme-lib'\n"},
		packages: []checks.Package{pkg("a"), pkg("lib")},
		edges:    []string{"a -> lib a/pyproject.toml:3"},
	},
	"the first file and line counts": {
		files:    map[string]string{"a/requirements.txt": "x\nlib\nlib\n", "a/Dockerfile": "FROM lib\n", "a/docker-compose.yml": "services: {lib: {}}\n"},
		packages: []checks.Package{pkg("a"), pkg("lib")},
		edges:    []string{"a -> lib a/Dockerfile:1"},
	},
	"self-dependency": {
		files:    map[string]string{"a/requirements.txt": "a\n-e .\n", "a/Dockerfile": "FROM a\n", "a/compose.yml": "services:\n  a:\n    build: .\n"},
		packages: []checks.Package{pkg("a")},
	},
	"a package that is not listed": {
		files:    map[string]string{"a/requirements.txt": "lib\n-e ../lib\n", "lib/requirements.txt": "a\n"},
		packages: []checks.Package{pkg("a")},
	},
	"dependencies_type": {
		files: map[string]string{
			"a/requirements.txt": "lib\n", "b/requirements.txt": "lib\n", "b/Dockerfile": "FROM lib2\n",
			"c/requirements.txt": "lib\n", "c/Dockerfile": "FROM lib2\n", "c/broken.Dockerfile": "FORM x\n",
		},
		packages: []checks.Package{pkg("a", kinds("none")), pkg("b", kinds("dockerfile", "go_mod")), pkg("c", kinds("python_requirements")), pkg("lib"), pkg("lib2")},
		edges:    []string{"b -> lib2 b/Dockerfile:1", "c -> lib c/requirements.txt:1"},
	},
	"a package that asks for nothing still provides": {
		files:    map[string]string{"a/go.mod": "module acme.example/a\nrequire acme.example/lib v1.0.0\n", "lib/go.mod": "module acme.example/lib\nrequire acme.example/a v1.0.0\n"},
		packages: []checks.Package{pkg("a"), pkg("lib", kinds("none"))},
		edges:    []string{"a -> lib a/go.mod:2"},
	},
	"kinds do not mix": {
		files:    map[string]string{"a/go.mod": "module a\nrequire lib v1.0.0\n", "lib/package.json": `{"name": "lib"}`},
		packages: []checks.Package{pkg("a"), pkg("lib")},
	},
	"every other kind": {
		files: map[string]string{
			"go/go.mod": "module acme.example/go\nreplace x => ../lib\n", "node/package.json": "{\n\"dependencies\": {\"@acme/lib\": \"1\"}}", "lib/package.json": `{"name": "@acme/lib"}`,
			"rust/Cargo.toml": "[package]\nname='rust'\n[dependencies]\nlib = {path = '../lib'}\n",
			"java/pom.xml":    "<project><groupId>acme</groupId><artifactId>java</artifactId>\n<dependencies><dependency><groupId>acme</groupId><artifactId>lib</artifactId></dependency></dependencies></project>",
			"lib/pom.xml":     "<project><groupId>acme</groupId><artifactId>lib</artifactId></project>",
		},
		packages: []checks.Package{pkg("go"), pkg("node"), pkg("rust"), pkg("java"), pkg("lib")},
		edges:    []string{"go -> lib go/go.mod:2", "java -> lib java/pom.xml:2", "node -> lib node/package.json:2", "rust -> lib rust/Cargo.toml:4"},
	},
	"images": {
		files: map[string]string{
			"a/Dockerfile": "FROM quay.io/acme/pet_api:3\nFROM python:3\nFROM redis\nFROM other.example/x/lib\nFROM quay.io/acme/lib2@sha256:00\nFROM quay.io/acme/UP\n",
			"b/Dockerfile": "ARG REG\nFROM ${REG}/redis\nCOPY --from=redis2 / /\n",
		},
		packages: []checks.Package{pkg("a"), pkg("b"), pkg("pet_api"), pkg("python"), pkg("redis", prefix("quay.io/acme")),
			pkg("lib", prefix("quay.io/acme")), pkg("lib2", prefix("quay.io/acme")), pkg("Up")},
		edges: []string{"a -> Up a/Dockerfile:6", "a -> lib2 a/Dockerfile:5", "a -> pet_api a/Dockerfile:1", "a -> python a/Dockerfile:2", "b -> redis b/Dockerfile:2"},
	},
	"services": {
		files:    map[string]string{"a/docker-compose.test.yml": "services:\n  redis:\n    image: redis\n  web-front:\n  x:\n    build: ../lib/sub\n"},
		packages: []checks.Package{pkg("a"), pkg("redis", prefix("quay.io/acme")), pkg("web-front"), pkg("lib")},
		edges:    []string{"a -> lib a/docker-compose.test.yml:6", "a -> redis a/docker-compose.test.yml:2", "a -> web-front a/docker-compose.test.yml:4"},
	},
	"the deepest folder owns": {
		files:    map[string]string{"a/requirements.txt": "-e ../libs/x/sub\n-e ../libs/y\n-e ../other\n"},
		packages: []checks.Package{pkg("a"), pkg("libs"), pkg("x=libs/x"), pkg("libs2")},
		edges:    []string{"a -> libs a/requirements.txt:2", "a -> x a/requirements.txt:1"},
	},
	"a nested package's files are its own": {
		files:    map[string]string{"a/app/requirements.txt": "lib\n", "a/src/requirements.txt": "lib2\n"},
		packages: []checks.Package{pkg("a"), pkg("nested=a/app"), pkg("lib"), pkg("lib2")},
		edges:    []string{"a -> lib2 a/src/requirements.txt:1", "nested -> lib a/app/requirements.txt:1"},
	},
	"a package at the root": {
		files:    map[string]string{"requirements.txt": "lib\n", "src/requirements.txt": "a\n", "lib/requirements.txt": "-e ..\n", "a/x": ""},
		packages: []checks.Package{pkg("root=.", kinds("python_requirements")), pkg("lib", kinds("none")), pkg("a")},
		edges:    []string{"root -> a src/requirements.txt:1", "root -> lib requirements.txt:1"},
	},
	"includes": {
		files: map[string]string{
			"a/requirements.txt": "-r ../common/base.txt\n-r ../lib/requirements.txt\n", "common/base.txt": "-r more.txt\nlib2\n", "common/more.txt": "-r base.txt\nlib3\n-e ../lib5\n",
			"lib/requirements.txt": "lib4\n",
		},
		packages: []checks.Package{pkg("a"), pkg("lib"), pkg("lib2"), pkg("lib3"), pkg("lib4"), pkg("lib5")},
		edges: []string{"a -> lib a/requirements.txt:2", "a -> lib2 common/base.txt:2", "a -> lib3 common/more.txt:2", "a -> lib4 lib/requirements.txt:1",
			"a -> lib5 common/more.txt:3", "lib -> lib4 lib/requirements.txt:1", "a ->  common/base.txt:0", "a ->  common/more.txt:0"},
	},
	"paths over links": {
		files: map[string]string{
			"a/requirements.txt": "-r ../shared/r.txt\n-e ../vendor/kit\n-e ../vendor/kit/gone\n", "shared/r.txt": "-> ../lib/r.txt", "lib/r.txt": "lib2\n",
			"vendor/kit": "-> ../kit", "kit/x": "", "lib2/x": "",
		},
		packages: []checks.Package{pkg("a"), pkg("kit"), pkg("lib"), pkg("lib2"), pkg("gone=kit/gone")},
		edges: []string{"a -> gone a/requirements.txt:3", "a -> kit a/requirements.txt:2", "a -> lib a/requirements.txt:1", "a -> lib2 shared/r.txt:1",
			"a ->  shared/r.txt:0"},
	},
	"an include that is not there": {
		files:    map[string]string{"a/requirements.txt": "lib\n-r dev`x.txt\n-r sub\n", "a/sub/x": "", "lib/x": ""},
		packages: []checks.Package{pkg("a"), pkg("lib")},
		edges:    []string{"a -> lib a/requirements.txt:1"},
		problems: []string{"a a/requirements.txt:2 this asks for the file \"a/dev`x.txt\", which is not in the repository; add it or remove the line",
			"a a/requirements.txt:3 this asks for the file a/sub, which is not in the repository; add it or remove the line"},
	},
	"a file that does not parse": {
		files:    map[string]string{"a/requirements.txt": "lib\nno requirement\n", "a/Dockerfile": "FROM lib\n", "b/requirements.txt": "-r ../a/requirements.txt\n"},
		packages: []checks.Package{pkg("a"), pkg("b"), pkg("lib")},
		edges:    []string{"a -> lib a/Dockerfile:1", "b -> a b/requirements.txt:1"},
		problems: []string{"a a/requirements.txt:2 \"no requirement\" is not a requirement; write a name and versions, as `requests>=2`",
			"b a/requirements.txt:2 \"no requirement\" is not a requirement; write a name and versions, as `requests>=2`"},
	},
	"a file that is too large": {
		files:    map[string]string{"a/requirements.txt": "lib\n" + strings.Repeat("#", 4<<20), "lib/x": ""},
		packages: []checks.Package{pkg("a"), pkg("lib")},
		problems: []string{"a a/requirements.txt:0 this file is larger than 4 MiB, so it is not read for dependencies; make it smaller, or leave its kind out of `dependencies_type`"},
	},
	"links": {
		files: map[string]string{
			"a/requirements.txt": "-> ../common/r.txt", "common/r.txt": "-r more.txt\nlib\n-e ../lib2\n", "a/more.txt": "lib3\n",
			"b/requirements.txt": "-> ../b2/link", "b2/link": "-> ../common/link2", "common/link2": "-> ../dir/../common/r2.txt", "dir": "-> common/sub", "common/sub/x": "", "common/common/r2.txt": "lib\n",
			"c/requirements.txt": "-> ../../etc/passwd", "d/requirements.txt": "-> /etc/passwd", "e/requirements.txt": "-> requirements.txt",
			"f/requirements.txt": "-> ../common", "g/requirements.txt": "-> nothing", "h": "-> common", "common/requirements.txt": "lib\n", "i/requirements.txt": "submodule",
			"j/app": "-> ../common", "k/requirements.txt": "-> ../common/r.txt/x",
		},
		packages: []checks.Package{pkg("a"), pkg("b"), pkg("c"), pkg("d"), pkg("e"), pkg("f"), pkg("g"), pkg("h"), pkg("i"), pkg("j"), pkg("k"), pkg("lib"), pkg("lib2"), pkg("lib3")},
		edges:    []string{"a -> lib a/requirements.txt:2", "a -> lib2 a/requirements.txt:3", "a -> lib3 a/more.txt:1", "b -> lib b/requirements.txt:1"},
	},
	"a folder that is gone": {
		files:    map[string]string{"a/requirements.txt": "gone\n-e ../gone2\n", "a/x": ""},
		packages: []checks.Package{pkg("a"), pkg("gone"), pkg("gone2"), pkg("file=a/x"), pkg("deep=x/y/z")},
		edges:    []string{"a -> gone a/requirements.txt:1", "a -> gone2 a/requirements.txt:2"},
	},
	"hostile names": {
		files:    map[string]string{"a b\t\"\n\xff/requirements.txt": "lib\n", "a b\t\"\n\xff/Dockerfile.\xfe": "FORM\n"},
		packages: []checks.Package{pkg("a=a b\t\"\n\xff"), pkg("lib")},
		edges:    []string{"a -> lib a b\t\"\n\xff/requirements.txt:1"},
		problems: []string{"a a b\t\"\n\xff/Dockerfile.\xfe:1 this is not a valid Dockerfile: unknown instruction \"FORM\""},
	},
	"a circle": {
		files:    map[string]string{"pet/requirements.txt": "x\nlib\n", "lib/Dockerfile": "FROM pet\n", "web/requirements.txt": "pet\n"},
		packages: []checks.Package{pkg("pet"), pkg("lib"), pkg("web")},
		edges:    []string{"lib -> pet lib/Dockerfile:1", "pet -> lib pet/requirements.txt:2 cyclic", "web -> pet web/requirements.txt:1"},
		problems: []string{"pet pet/requirements.txt:2 these packages need each other in a circle: lib (lib/Dockerfile:1) -> pet (pet/requirements.txt:2) -> lib; a change to one tests them all, but pet does not wait for lib; remove the line pet/requirements.txt:2, or leave its kind out of the `dependencies_type` of pet (warning)"},
	},
	"a Maven root and its modules": { // the usual circle, of which nobody is told
		files: map[string]string{
			"root/pom.xml":     "<project><groupId>g</groupId><artifactId>root</artifactId><version>1</version><modules><module>lib</module></modules></project>",
			"root/lib/pom.xml": "<project><parent><groupId>g</groupId><artifactId>root</artifactId><version>1</version></parent><artifactId>lib</artifactId></project>",
		},
		packages: []checks.Package{pkg("root"), pkg("lib=root/lib")},
		edges:    []string{"lib -> root root/lib/pom.xml:1", "root -> lib root/pom.xml:1 cyclic"},
	},
	"a circle with depends_on": {
		files:    map[string]string{"a/requirements.txt": "b\n", "b/requirements.txt": "c\n", "c/requirements.txt": "a\n"},
		packages: []checks.Package{pkg("a", needs("b")), pkg("b"), pkg("c", needs("a"))},
		edges:    []string{"a -> b a/requirements.txt:1", "b -> c b/requirements.txt:1 cyclic", "c -> a c/requirements.txt:1"},
		problems: []string{"b b/requirements.txt:1 these packages need each other in a circle: a (`depends_on`) -> b (b/requirements.txt:1) -> c (`depends_on`) -> a; a change to one tests them all, but b does not wait for c; remove the line b/requirements.txt:1, or leave its kind out of the `dependencies_type` of b (warning)"},
	},
	"a circle of depends_on alone": { // reading loktar.json refuses it
		files:    map[string]string{"c/requirements.txt": "a\n"},
		packages: []checks.Package{pkg("a", needs("b", "a", "nobody")), pkg("b", needs("a")), pkg("c")},
		edges:    []string{"c -> a c/requirements.txt:1"},
	},
}

func TestEdges(t *testing.T) {
	for name, s := range stories {
		t.Run(name, func(t *testing.T) {
			tr := newTree(s.files)
			i := infer.New()
			for round := range 2 {
				edges, problems, err := i.Edges(t.Context(), tr, s.packages)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(s.edges, edgeTexts(edges)); d != "" {
					t.Errorf("round %d: edges (-want +got)\n%s", round, d)
				}
				if d := cmp.Diff(s.problems, problemTexts(problems)); d != "" {
					t.Errorf("round %d: problems (-want +got)\n%s", round, d)
				}
				slices.Reverse(s.packages)
			}
		})
	}
}

func TestManyFiles(t *testing.T) {
	files := map[string]string{"lib/x": ""}
	var includes strings.Builder
	for n := range 1100 {
		files[fmt.Sprintf("a/Dockerfile.%04d", n)] = "FROM lib\n"
		files[fmt.Sprintf("common/%d.txt", n)] = "lib\n"
		fmt.Fprintf(&includes, "-r ../common/%d.txt\n", n)
	}
	files["b/requirements.txt"] = includes.String()
	_, problems, err := infer.New().Edges(t.Context(), newTree(files), []checks.Package{pkg("a"), pkg("b"), pkg("lib")})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"a a:0 this folder has more than 500 files that tell of dependencies, and the rest is not read; move some away, or name fewer kinds in `dependencies_type`",
		"b b/requirements.txt:1001 the files of this package include more than 1000 others, and the rest is not read; join some of them",
	}
	if d := cmp.Diff(want, problemTexts(problems)); d != "" {
		t.Error(d)
	}
}

func TestManyCircles(t *testing.T) {
	files := map[string]string{}
	var packages []checks.Package
	for n := range 60 {
		var all strings.Builder
		for m := range 60 {
			fmt.Fprintf(&all, "p%02d\n", m)
		}
		packages = append(packages, pkg(fmt.Sprintf("p%02d", n)))
		files[fmt.Sprintf("p%02d/requirements.txt", n)] = all.String()
	}
	edges, problems, err := infer.New().Edges(t.Context(), newTree(files), packages)
	if err != nil {
		t.Fatal(err)
	}
	cyclic := 0
	for _, e := range edges {
		if e.Cyclic {
			cyclic++
		}
	}
	if len(edges) != 60*59 || cyclic != 60*59/2 || len(problems) != 100 {
		t.Errorf("%d edges, %d cyclic, %d problems", len(edges), cyclic, len(problems))
	}
	more := 0
	for _, p := range problems {
		if strings.HasSuffix(p.Message, " (there are 1670 more circles)") {
			more++
		}
	}
	if more != 1 {
		t.Errorf("%d problems tell of more", more)
	}
}

func TestWhatDidNotChangeIsNotReadAgain(t *testing.T) {
	files := map[string]string{
		"s/a/requirements.txt": "lib\n", "s/a/app/requirements.txt": "x\n", "s/b/Dockerfile": "FROM lib\n", "t/c/go.mod": "module c\n", "lib/x": "", "s/a/code.py": "1",
	}
	packages := []checks.Package{pkg("a=s/a"), pkg("b=s/b"), pkg("c=t/c"), pkg("lib")}
	i := infer.New()
	run := func() (*tree, []string) {
		t.Helper()
		tr := newTree(files)
		edges, problems, err := i.Edges(t.Context(), tr, packages)
		if err != nil || len(problems) > 0 {
			t.Fatal(err, problems)
		}
		return tr, edgeTexts(edges)
	}
	run()
	tr, _ := run()
	if d := cmp.Diff([]string{"."}, tr.lists); d != "" || tr.reads != 0 {
		t.Errorf("nothing changed, %d files read, folders: %s", tr.reads, d)
	}
	files["s/a/code.py"] = "2"
	tr, _ = run()
	if d := cmp.Diff([]string{".", "s", "s/a"}, tr.lists); d != "" || tr.reads != 0 {
		t.Errorf("the code changed, %d files read, folders: %s", tr.reads, d)
	}
	files["s/b/Dockerfile"] = "FROM x\n"
	tr, edges := run()
	if d := cmp.Diff([]string{".", "s", "s/b"}, tr.lists); d != "" || tr.reads != 1 {
		t.Errorf("a Dockerfile changed, %d files read, folders: %s", tr.reads, d)
	}
	if d := cmp.Diff([]string{"a -> lib s/a/requirements.txt:1"}, edges); d != "" {
		t.Error(d)
	}
}

// The same folder in another place says other things: its paths are its own.
func TestTheSameFolderElsewhere(t *testing.T) {
	files := map[string]string{"x/a/requirements.txt": "-e ../lib\n", "y/a/requirements.txt": "-e ../lib\n"}
	edges, _, err := infer.New().Edges(t.Context(), newTree(files), []checks.Package{pkg("xa=x/a"), pkg("ya=y/a"), pkg("xl=x/lib"), pkg("yl=y/lib")})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"xa -> xl x/a/requirements.txt:1", "ya -> yl y/a/requirements.txt:1"}, edgeTexts(edges)); d != "" {
		t.Error(d)
	}
}

func TestErrors(t *testing.T) {
	tr := newTree(map[string]string{"a/requirements.txt": "lib\n"})
	tr.fail = errors.New("git is gone")
	if _, _, err := infer.New().Edges(t.Context(), tr, []checks.Package{pkg("a")}); !errors.Is(err, tr.fail) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := infer.New().Edges(ctx, newTree(nil), []checks.Package{pkg("a")}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestConcurrently(t *testing.T) {
	i := infer.New()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, s := range stories {
				edges, _, err := i.Edges(context.Background(), newTree(s.files), s.packages)
				if err != nil {
					t.Error(err)
				}
				if d := cmp.Diff(s.edges, edgeTexts(edges)); d != "" {
					t.Error(d)
				}
			}
		})
	}
	wg.Wait()
}

// Wherever a link or an include leads, nothing but the tree is asked for.
func FuzzPlaces(f *testing.F) {
	for _, s := range []string{"../common/x.txt", "../../x", "/etc/passwd", "b/../../common/./x.txt", "x\x00y", "", ".", "..", "link", "loop/x", "../common", "//x", "a/b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, place string) {
		tr := newTree(map[string]string{
			"a/requirements.txt": "-> " + place, "a/test_requirements.txt": "-r " + place + "\n-e " + place, "a/pyproject.toml": "-> loop",
			"a/link": "-> ../common", "a/loop": "-> loop", "common/x.txt": "lib\n-r ../" + place, "a/Dockerfile": "-> link/../" + place + "/x.txt",
		})
		i := infer.New()
		for range 2 {
			edges, _, err := i.Edges(t.Context(), tr, []checks.Package{pkg("a"), pkg("lib"), pkg("common"), pkg("other=a/" + strings.Trim(place, "/"))})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range edges {
				if e.From == e.To || e.File == "" || path.IsAbs(e.File) || strings.HasPrefix(e.File, "..") || e.Line < 1 && e.To != "" {
					t.Errorf("%+v", e)
				}
			}
		}
	})
}

package infer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var pythonCases = map[string]parseCase{
	"empty":     {file: "a/requirements.txt"},
	"blank":     {file: "a/requirements.txt", data: "\n  \n\t\n# a comment\n   # another\n"},
	"bare name": {file: "a/requirements.txt", data: "awesome_lib", needs: []string{"1 awesome_lib"}},
	"every operator": {file: "a/requirements.txt", data: "a==1\nb>=1\nc<=1\nd~=1.0\ne!=1\nf<1\ng>1\nh===1\ni (>=1)\nj >= 1, <2\nk=1\n",
		needs: []string{"1 a", "2 b", "3 c", "4 d", "5 e", "6 f", "7 g", "8 h", "9 i", "10 j", "11 k"}},
	"extras and markers": {file: "a/requirements.txt", data: "A[x,y]>=1\nb[x] ; python_version < '3'\nc; sys_platform == \"win32\" # why\nd [z]\n",
		needs: []string{"1 A", "2 b", "3 c", "4 d"}},
	"dots, dashes, underscores": {file: "a/requirements.txt", data: "zope.interface\nweb-front\nAwesome_Lib\n", needs: []string{"1 zope.interface", "2 web-front", "3 Awesome_Lib"}},
	"a comment needs a blank":   {file: "a/requirements.txt", data: "a # b\ngit+https://x/y.git#egg=c\n", needs: []string{"1 a", "2 c"}},
	"direct references": {file: "a/requirements.txt", data: "a @ git+https://github.com/acme/a.git@v1\nb@https://x/b.zip\nc[x] @ file:../c ; python_version > '3'\nd @ file:///srv/d\n",
		needs: []string{"1 a", "2 b", "3 c", "3 ./c", "4 d"}},
	"links to versions": {file: "a/requirements.txt", data: "git+ssh://git@github.com/acme/a.git@main#egg=a-lib&subdirectory=x\nhttps://x/b-1.whl\nsvn+http://x/c#subdirectory=y&egg=c\n",
		needs: []string{"1 a-lib", "3 c"}},
	"editable": {file: "x/a/requirements.txt", data: "-e ../lib\n-e ../lib2[dev]\n--editable=../lib3\n--editable ./sub\n-e git+https://x/y#egg=z\n-e .\n-e../lib4\n-e \"../a lib\"\n",
		needs: []string{"1 ./x/lib", "2 ./x/lib2", "3 ./x/lib3", "4 ./x/a/sub", "5 z", "6 ./x/a", "7 ./x/lib4", "8 ./x/a lib"}},
	"paths": {file: "x/a/requirements.txt", data: "../lib\n./dist/a.whl\nlibs/b\nb-1.0.tar.gz\n../lib[x] ; python_version > '3'\nfile:../c#egg=c-lib\n",
		needs: []string{"1 ./x/lib", "2 ./x/a/dist/a.whl", "3 ./x/a/libs/b", "4 ./x/a/b-1.0.tar.gz", "5 ./x/lib", "6 c-lib", "6 ./x/c"}},
	"paths that leave the repository": {file: "a/requirements.txt", data: "../../lib\n/srv/lib\n-e ../../..\n~/lib\nfile:///srv/x\n-e file:../../x\n"},
	"a path with a variable":          {file: "a/requirements.txt", data: "-e ${HOME}/lib\n./${X}\n"},
	"options": {file: "a/requirements.txt", data: "-i https://pypi.example/simple\n--index-url https://x\n--extra-index-url=https://x\n--no-index\n--find-links ./wheels\n--pre\n-c constraints.txt\n--constraint=more.txt\n-ccons.txt\n--no-binary :all:\na\n",
		needs: []string{"11 a"}},
	"constraints before a file": {file: "a/requirements.txt", data: "-c c.txt -e ../lib\n", needs: []string{"1 ./lib"}},
	"hashes and continuations": {file: "a/requirements.txt", data: "a==1 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\nb==2 --hash=sha256:cc\n\\\nc \\\n\nd\n",
		needs: []string{"1 a", "4 b", "5 c", "8 d"}},
	"a comment ends a continuation": {file: "a/requirements.txt", data: "a \\\n# why\nb\n", needs: []string{"1 a", "3 b"}},
	"a continuation at the end":     {file: "a/requirements.txt", data: "a\nb \\", needs: []string{"1 a", "2 b"}},
	"byte order mark, CRLF":         {file: "a/requirements.txt", data: "\xef\xbb\xbfa==1\r\nb \\\r\n>=2\r\n\r\nc\r\n", needs: []string{"1 a", "2 b", "5 c"}},
	"old Macintosh":                 {file: "a/requirements.txt", data: "a\rb\r", needs: []string{"1 a", "1 b"}},
	"UTF-16":                        {file: "a/requirements.txt", data: "\xff\xfea\x00\r\x00\n\x00b\x00=\x00=\x001\x00", needs: []string{"1 a", "2 b"}},
	"UTF-16, big end first":         {file: "a/requirements.txt", data: "\xfe\xff\x00a\x00\n\x00b", needs: []string{"1 a", "2 b"}},
	"Latin-1 in a comment":          {file: "a/requirements.txt", data: "# -*- coding: latin-1 -*-\na # caf\xe9\n", needs: []string{"2 a"}},
	"test requirements":             {file: "a/test_requirements.txt", data: "a\n", needs: []string{"1 a"}},
	"per-requirement options":       {file: "a/requirements.txt", data: "a --config-settings x=y\nb==1 --global-option=\"z\"\n", needs: []string{"1 a", "2 b"}},

	"no requirement":   {file: "a/requirements.txt", data: "a\nfoo bar\n", err: `line 2: "foo bar" is not a requirement; write a name and versions, as` + " `requests>=2`"},
	"conflict markers": {file: "a/requirements.txt", data: "a\n<<<<<<< HEAD\n", err: `line 2: "<<<<<<< HEAD" is not a requirement; write a name and versions, as` + " `requests>=2`"},
	"a variable":       {file: "a/requirements.txt", data: "${NAME}==1\n", err: `line 1: "${NAME}==1" is not a requirement; write a name and versions, as` + " `requests>=2`"},
	"a variable file":  {file: "a/requirements.txt", data: "-r ${NAME}.txt\n", err: `line 1: "${NAME}.txt" names a file by a variable, which is known to pip alone; write its path`},

	"project": {file: "a/pyproject.toml", data: `
[build-system]
requires = ["setuptools>=61", "build_lib"]
[project]
name = "Pet.API"
dependencies = [
  "awesome-lib[x]>=1; python_version > '3'", # why
  "other @ file:../other",
]
[project.optional-dependencies]
dev = ["dev_lib"]
[dependency-groups]
test = ["test-lib", { include-group = "dev" }]
`, provides: []string{"Pet.API"}, needs: []string{"3 setuptools", "3 build_lib", "7 awesome-lib", "8 other", "8 ./other", "11 dev_lib", "13 test-lib"}},
	"poetry": {file: "x/a/pyproject.toml", data: `
[tool.poetry]
name = "pet-api"
[tool.poetry.dependencies]
python = "^3.12"
requests = "^2"
lib = { path = "../lib", develop = true }
two = [{ version = "1", python = "<3" }, { path = "../two" }]
[tool.poetry.dev-dependencies]
old = "*"
[tool.poetry.group.test.dependencies.new]
git = "https://x/y.git"
optional = true
`, provides: []string{"pet-api"}, needs: []string{"6 requests", "7 lib", "7 ./x/lib", "8 two", "8 ./x/two", "10 old", "12 new", "13 new"}},
	"uv, pdm, hatch": {file: "x/a/pyproject.toml", data: `
[tool.uv]
dev-dependencies = ["a"]
[tool.uv.sources]
lib = { path = "../lib", editable = true }
ws = { workspace = true }
[tool.pdm.dev-dependencies]
test = ["-e file:///${PROJECT_ROOT}/../b#egg=b"]
[tool.hatch.envs.default]
dependencies = ["c @ {root:uri}/../c"]
`, needs: []string{"3 a", "5 ./x/lib", "8 b", "10 c"}},
	"other tools": {file: "a/pyproject.toml", data: "[tool.black]\ndependencies = ['a']\n[project.urls]\nname = 'b'\n"},

	"not TOML":                  {file: "a/pyproject.toml", data: "[project\n", err: "line 1: this is not valid TOML: expected ']' to close table name"},
	"no requirement in project": {file: "a/pyproject.toml", data: "[project]\ndependencies = [\n  'a',\n  '= 2'\n]\n", err: `line 4: "= 2" is not a requirement; write a name and versions, as` + " `requests>=2`"},
}

func TestPython(t *testing.T) { testParser(t, pythonParser, pythonCases) }

func FuzzRequirements(f *testing.F) {
	fuzzParser(f, pythonParser, "services/pet/requirements.txt", pythonCases)
}

func FuzzPyproject(f *testing.F) {
	fuzzParser(f, pythonParser, "services/pet/pyproject.toml", pythonCases)
}

func TestPythonIncludes(t *testing.T) {
	for name, c := range map[string]struct{ file, data, want string }{
		"every form":        {"a/requirements.txt", "-r b.txt\n-rc.txt\n--requirement d.txt\n--requirement=e.txt\n-r=f.txt\n", "1 a/b.txt, 2 a/c.txt, 3 a/d.txt, 4 a/e.txt, 5 a/f.txt"},
		"beside the file":   {"a/app/requirements.txt", "-r ../base.txt\n-r ../../common/base.txt\n", "1 a/base.txt, 2 common/base.txt"},
		"out of the tree":   {"a/requirements.txt", "-r ../../x.txt\n-r /etc/passwd\n-r https://x/y.txt\n", ""},
		"behind an option":  {"a/requirements.txt", "--index-url https://x -r b.txt # why\n", "1 a/b.txt"},
		"quotes":            {"a/requirements.txt", "-r 'b c.txt'\n", "1 a/b c.txt"},
		"setuptools":        {"a/pyproject.toml", "[tool.setuptools.dynamic]\ndependencies = { file = ['requirements.in'] }\noptional-dependencies.x = { file = 'x.txt' }\nversion = { file = 'v.txt' }\n", "2 a/requirements.in, 3 a/x.txt"},
		"a constraint only": {"a/requirements.txt", "-c b.txt\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			facts, err := pythonParser.parse("a", c.file, []byte(c.data))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, i := range facts.Includes {
				got = append(got, fmt.Sprintf("%d %s", i.Line, i.Path))
			}
			if d := cmp.Diff(c.want, strings.Join(got, ", ")); d != "" {
				t.Error(d)
			}
		})
	}
}

// pip takes a path from the folder that it runs in: the package's, or the
// file's own.
func TestPythonPathsOfFoldersBelow(t *testing.T) {
	facts, err := pythonParser.parse("x/a", "x/a/app/requirements.txt", []byte("-e ../lib\n"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"1 ./x/lib", "1 ./x/a/lib"}, needTexts(facts)); d != "" {
		t.Error(d)
	}
}

func TestPythonMatch(t *testing.T) {
	for file, want := range map[string]bool{
		"a/requirements.txt": true, "a/test_requirements.txt": true, "a/app/requirements.txt": true, "a/app/test_requirements.txt": true,
		"a/src/requirements.txt": true, "a/src/test_requirements.txt": true, "a/pyproject.toml": true,
		"a/lib/requirements.txt": false, "a/Requirements.txt": false, "a/requirements-dev.txt": false, "a/src/pyproject.toml": false, "a/setup.py": false, "requirements.txt": false,
	} {
		if pythonParser.match("a", file) != want {
			t.Errorf("%s: %t", file, !want)
		}
	}
	if !pythonParser.match(".", "app/requirements.txt") || !pythonParser.match(".", "requirements.txt") {
		t.Error("the root folder")
	}
}

func TestPEP503(t *testing.T) {
	for in, want := range map[string]string{
		"Awesome_Lib": "awesome-lib", "a.-_b": "a-b", "web-front": "web-front", "": "", "ÄB": "Äb", "zope.interface": "zope-interface",
	} {
		if got := pep503(in); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}

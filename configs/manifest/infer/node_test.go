package infer

import (
	"strings"
	"testing"
)

// nodeSpec is a package.json with one dependency, on line 1.
func nodeSpec(s string) string { return `{"dependencies":{"n":"` + s + `"}}` }

var nodeCases = map[string]parseCase{
	"a package of a workspace": {
		file: "packages/web/package.json",
		data: `{
  "name": "@acme/web",
  "version": "1.2.3",
  "private": true,
  "scripts": {"test": "vitest", "dependencies": "no"},
  "dependencies": {
    "@acme/ui": "workspace:*",
    "@acme/api": "^2.0.0",
    "react": "^19.0.0",
    "legacy": "npm:@acme/legacy@1",
    "tokens": "file:../tokens"
  },
  "devDependencies": {
    "@acme/eslint": "link:../../tools/eslint",
    "@acme/mock": "portal:../mock"
  },
  "peerDependencies": {"react-dom": "*"},
  "peerDependenciesMeta": {"react-dom": {"optional": true}},
  "optionalDependencies": {"fsevents": "latest"},
  "bundleDependencies": ["react"],
  "config": {"dependencies": {"nested": "1"}}
}
`,
		provides: []string{"@acme/web"},
		needs: []string{
			"7 @acme/ui", "8 @acme/api", "9 react", "10 @acme/legacy", "11 ./packages/tokens",
			"14 ./tools/eslint", "15 ./packages/mock", "17 react-dom", "19 fsevents", "20 react",
		},
	},
	"the root of a workspace": {
		file:     "package.json",
		data:     "{\n\"name\": \"mono\",\n\"workspaces\": [\"packages/*\"],\n\"devDependencies\": {\"turbo\": \"2\"}\n}",
		provides: []string{"mono"}, needs: []string{"4 turbo"},
	},
	"overrides": {
		file: "a/package.json",
		data: `{
"overrides": {"x": "1.0.0", "y": "file:../y", "z": {".": "link:../z", "w": "$x"}},
"resolutions": {"a/**/b": "portal:../b"},
"pnpm": {"overrides": {"c>d": "link:../d"}, "patchedDependencies": {"e": "../e"}}
}`,
		needs: []string{"2 ./y", "2 ./z", "3 ./b", "4 ./d"},
	},
	"hidden name":           {file: "a/package.json", data: `{"name":"\u0061cme","dependencies":{"\u0062":"1"}}`, provides: []string{"acme"}, needs: []string{"1 b"}},
	"byte order mark, CRLF": {file: "a/package.json", data: "\xef\xbb\xbf{\r\n\"name\": \"a\",\r\n\"dependencies\": {\r\n\"b\": \"1\"}}\r\n", provides: []string{"a"}, needs: []string{"4 b"}},
	"not UTF-8":             {file: "a/package.json", data: "{\"author\": \"J\xf6rg\", \"name\": \"a\"}", provides: []string{"a"}},
	"the last name counts":  {file: "a/package.json", data: `{"name":"a","name":"b"}`, provides: []string{"b"}},
	"a dependency twice":    {file: "a/package.json", data: "{\"dependencies\":{\"b\":\"1\",\n\"b\":\"file:../b\"}}", needs: []string{"1 b", "2 ./b"}},
	"no name":               {file: "a/package.json", data: `{"name":"","dependencies":{"":"1"}}`},
	"wrong types":           {file: "a/package.json", data: `{"name":1,"dependencies":["x"],"devDependencies":{"y":{"z":"1"},"w":null},"bundleDependencies":true,"overrides":[],"pnpm":"x"}`},
	"nothing":               {file: "a/package.json", data: "{}\n"},

	"range":                {file: "a/package.json", data: nodeSpec(">=1 <2 || 3.x"), needs: []string{"1 n"}},
	"no range":             {file: "a/package.json", data: nodeSpec(""), needs: []string{"1 n"}},
	"tag":                  {file: "a/package.json", data: nodeSpec("next"), needs: []string{"1 n"}},
	"catalog":              {file: "a/package.json", data: nodeSpec("catalog:react19"), needs: []string{"1 n"}},
	"patch":                {file: "a/package.json", data: nodeSpec("patch:n@npm%3A1.0.0#./n.patch"), needs: []string{"1 n"}},
	"workspace caret":      {file: "a/package.json", data: nodeSpec("workspace:^"), needs: []string{"1 n"}},
	"workspace path":       {file: "a/package.json", data: nodeSpec("workspace:../b"), needs: []string{"1 ./b"}},
	"workspace yarn path":  {file: "a/package.json", data: nodeSpec("workspace:packages/n"), needs: []string{"1 n"}},
	"workspace alias":      {file: "a/package.json", data: nodeSpec("workspace:@acme/b@*"), needs: []string{"1 @acme/b"}},
	"alias":                {file: "a/package.json", data: nodeSpec("npm:real@1"), needs: []string{"1 real"}},
	"alias of a scope":     {file: "a/package.json", data: nodeSpec("npm:@acme/real"), needs: []string{"1 @acme/real", "1 n"}},
	"npm range":            {file: "a/package.json", data: nodeSpec("npm:^1.0.0"), needs: []string{"1 n"}},
	"npm and nothing":      {file: "a/package.json", data: nodeSpec("npm:"), needs: []string{"1 n"}},
	"bare path":            {file: "a/package.json", data: nodeSpec("../b"), needs: []string{"1 ./b"}},
	"file of a tarball":    {file: "a/package.json", data: nodeSpec("file:../dist/b-1.0.tgz"), needs: []string{"1 ./dist/b-1.0.tgz"}},
	"file below":           {file: "a/package.json", data: nodeSpec("file:vendor/b/"), needs: []string{"1 ./a/vendor/b"}},
	"file with a blank":    {file: "a/package.json", data: nodeSpec("file:../b%20c"), needs: []string{"1 ./b c"}},
	"file with a percent":  {file: "a/package.json", data: nodeSpec("FILE:../b%zz"), needs: []string{"1 ./b%zz"}},
	"file as URL":          {file: "a/package.json", data: nodeSpec("file://../b"), needs: []string{"1 ./b"}},
	"out of the root":      {file: "a/package.json", data: nodeSpec("file:../../b")},
	"escaped out":          {file: "a/package.json", data: nodeSpec("file:%2e%2e/%2e%2e/b")},
	"absolute":             {file: "a/package.json", data: nodeSpec("file:///srv/b")},
	"bare absolute":        {file: "a/package.json", data: nodeSpec("/srv/b")},
	"home":                 {file: "a/package.json", data: nodeSpec("link:/home/b")},
	"github":               {file: "a/package.json", data: nodeSpec("acme/n#main")},
	"github with scheme":   {file: "a/package.json", data: nodeSpec("github:acme/n")},
	"git":                  {file: "a/package.json", data: nodeSpec("git+ssh://git@github.com/acme/n.git#v1")},
	"scp":                  {file: "a/package.json", data: nodeSpec("git@github.com:acme/n.git")},
	"tarball":              {file: "a/package.json", data: nodeSpec("https://example.com/n.tgz")},
	"blanks around a path": {file: "a/package.json", data: nodeSpec(" link:../b "), needs: []string{"1 ./b"}},

	"empty":            {file: "a/package.json", err: "line 1: this is not valid JSON: the file ends too early"},
	"ends too early":   {file: "a/package.json", data: "{\n\"name\": \"a\",\n\"dependencies\": {", err: "line 3: this is not valid JSON: the file ends too early"},
	"a comma too many": {file: "a/package.json", data: "{\n\"name\": \"a\",\n}\n", err: "line 2: this is not valid JSON: the last comma before } is one too many"},
	"two commas":       {file: "a/package.json", data: "{\n\"x\": [1,,2]}\n", err: "line 2: this is not valid JSON: a comma stands where a value or a key should"},
	"a comment":        {file: "a/package.json", data: "{\n// why\n\"name\": \"a\"}\n", err: "line 2: this is not valid JSON: comments are not allowed"},
	"conflict markers": {file: "a/package.json", data: "{\n\"name\": \"a\",\n<<<<<<< HEAD\n}\n", err: "line 3: this is not valid JSON: invalid character '<' at start of value"},
	"goes on":          {file: "a/package.json", data: "{}\n{}\n", err: "line 2: this is not valid JSON: the file goes on after its end"},
	"goes on, broken":  {file: "a/package.json", data: "{}\n]\n", err: "line 2: this is not valid JSON: invalid character ']' at start of value"},
	"a list":           {file: "a/package.json", data: "[\n]\n", err: `line 1: the file must hold a JSON object, as {"name": "..."}`},
	"nested too deep": {file: "a/package.json", data: "{\n\"x\":" + strings.Repeat("[", 20_000),
		err: "line 2: this is not valid JSON: exceeded max depth"},
	"overrides too deep": {file: "a/package.json", data: `{"overrides":` + strings.Repeat(`{"x":`, 9_000) + `"file:../b"` + strings.Repeat("}", 9_000) + "}"},
}

func TestNode(t *testing.T) { testParser(t, nodeParser, nodeCases) }

func FuzzNode(f *testing.F) { fuzzParser(f, nodeParser, "packages/a/package.json", nodeCases) }

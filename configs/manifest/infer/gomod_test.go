package infer

import "testing"

var goCases = map[string]parseCase{
	"a module of a monorepo": {
		file: "services/api/go.mod",
		data: `module github.com/acme/mono/services/api // the front door

go 1.26.0

toolchain go1.26.8

require (
	github.com/acme/mono/lib/auth v0.0.0-00010101000000-000000000000
	github.com/rs/zerolog v1.35.1
)

require github.com/acme/mono/lib/log/v2 v2.3.0 // indirect

replace github.com/acme/mono/lib/auth => ../../lib/auth

replace (
	github.com/acme/mono/lib/log/v2 v2.3.0 => ../../lib/log
	github.com/rs/zerolog => github.com/acme/zerolog v1.35.2
)

exclude github.com/acme/old v1.0.0

retract [v1.0.0, v1.1.0] // broken

tool github.com/acme/mono/tools/gen

ignore ./web/node_modules

godebug default=go1.25
`,
		provides: []string{"github.com/acme/mono/services/api"},
		needs: []string{
			"8 github.com/acme/mono/lib/auth", "9 github.com/rs/zerolog", "12 github.com/acme/mono/lib/log/v2",
			"14 ./lib/auth", "17 ./lib/log", "18 github.com/acme/zerolog",
		},
	},
	"at the root":           {file: "go.mod", data: "module acme\nreplace x => ./lib/x\nreplace y => ../y\nreplace z => /srv/z\nreplace w => .\n", provides: []string{"acme"}, needs: []string{"2 ./lib/x", "5 ./."}},
	"quoted paths":          {file: "a/go.mod", data: "module \"acme/a\"\nrequire \"acme/b\" v1.0.0\nreplace \"acme/b\" => \"../b c\"\n", provides: []string{"acme/a"}, needs: []string{"2 acme/b", "3 ./b c"}},
	"a branch as version":   {file: "a/go.mod", data: "module acme/a\nrequire acme/b main\nrequire acme/c/v3 latest\nrequire gopkg.in/d.v2 dev\n", provides: []string{"acme/a"}, needs: []string{"2 acme/b", "3 acme/c/v3", "4 gopkg.in/d.v2"}},
	"byte order mark, CRLF": {file: "a/go.mod", data: "\xef\xbb\xbfmodule acme/a\r\n\r\nrequire acme/b v1.0.0\r\n", provides: []string{"acme/a"}, needs: []string{"3 acme/b"}},
	"empty":                 {file: "a/go.mod"},
	"no module line":        {file: "a/go.mod", data: "require acme/b v1.0.0\n", needs: []string{"1 acme/b"}},
	"a workspace": {
		file:  "dev/go.work",
		data:  "go 1.26\n\nuse .\nuse (\n\t../services/api // acme/api\n\t\"../lib/auth\"\n\t../../outside\n\t/srv/mod\n)\nreplace acme/x => ../x\n",
		needs: []string{"3 ./dev", "5 ./services/api", "6 ./lib/auth", "10 ./x"},
	},
	"an empty workspace": {file: "go.work"},

	"unknown directive":   {file: "a/go.mod", data: "module acme/a\nrequires acme/b v1.0.0\n", err: "line 2: unknown directive: requires"},
	"open block":          {file: "a/go.mod", data: "module acme/a\nrequire (\n\tacme/b v1.0.0\n", err: "line 4: syntax error (unterminated block started at a/go.mod:2:1)"},
	"no version":          {file: "a/go.mod", data: "module acme/a\n\nrequire acme/b\n", err: "line 3: usage: require module/path v1.2.3"},
	"wrong major version": {file: "a/go.mod", data: "module acme/a\nrequire acme/b/v2 v1.0.0\n", err: `line 2: require acme/b/v2: version "v1.0.0" invalid: should be v2, not v1`},
	"a quote in a version": {file: "a/go.mod", data: "module acme/a\nrequire acme/b \"v1\\q\"\n",
		err: `line 2: require acme/b: version "\"v1\\q\"" invalid: invalid syntax`},
	"conflict markers": {file: "a/go.mod", data: "module acme/a\n<<<<<<< HEAD\nrequire acme/b v1.0.0\n=======\n>>>>>>> main\n", err: "line 2: unknown directive: <<<<<<< (and 2 more)"},
	"no module at all": {file: "a/go.mod", data: "module acme/a\nreplace acme/b => b\n",
		err: "line 2: replacement module without version must be directory path (rooted or starting with . or ..)"},
	"a go.mod as go.work": {file: "a/go.work", data: "go 1.26\nmodule acme/a\n", err: "line 2: unknown directive: module"},
	"binary":              {file: "a/go.mod", data: "\x7fELF\x00\x01\n\x1b[31m", err: `line 1: unexpected input character '\x7f'`},
}

func TestGo(t *testing.T) { testParser(t, goParser, goCases) }

func FuzzGoMod(f *testing.F)  { fuzzParser(f, goParser, "mods/a/go.mod", goCases) }
func FuzzGoWork(f *testing.F) { fuzzParser(f, goParser, "mods/a/go.work", goCases) }

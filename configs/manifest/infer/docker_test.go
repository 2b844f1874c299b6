package infer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/dudesons/loktar/checks"
)

var dockerCases = map[string]parseCase{
	"one stage":       {file: "a/Dockerfile", data: "FROM pet_api\nRUN make\n", needs: []string{"1 docker.io/library/pet_api"}},
	"tag":             {file: "a/Dockerfile", data: "from quay.io/acme/pet_api:3\n", needs: []string{"1 quay.io/acme/pet_api"}},
	"digest":          {file: "a/Dockerfile", data: "FROM quay.io/acme/pet_api:3@sha256:0123\n", needs: []string{"1 quay.io/acme/pet_api"}},
	"port":            {file: "a/Dockerfile", data: "FROM localhost:5000/pet_api\nFROM reg:5000/x/y:1\n", needs: []string{"1 localhost:5000/pet_api", "2 reg:5000/x/y"}},
	"Docker Hub":      {file: "a/Dockerfile", data: "FROM acme/pet_api\n", needs: []string{"1 docker.io/acme/pet_api"}},
	"scratch":         {file: "a/Dockerfile", data: "FROM scratch\nFROM acme/scratch\n", needs: []string{"2 docker.io/acme/scratch"}},
	"platform":        {file: "a/Dockerfile", data: "FROM --platform=$BUILDPLATFORM pet_api AS x\n", needs: []string{"1 docker.io/library/pet_api"}},
	"comments, CRLF":  {file: "a/Dockerfile", data: "\xef\xbb\xbf# escape=\\\r\n# FROM no\r\nFROM \\\r\n  # between\r\n  pet_api\r\nRUN x\r\n", needs: []string{"3 docker.io/library/pet_api"}},
	"escape token":    {file: "a/Dockerfile", data: "# escape=`\nFROM `\n  pet_api\n", needs: []string{"2 docker.io/library/pet_api"}},
	"all stages":      {file: "a/Dockerfile", data: "FROM a AS build\nFROM b AS test\nFROM build\nFROM BUILD\nFROM c\n", needs: []string{"1 docker.io/library/a", "2 docker.io/library/b", "5 docker.io/library/c"}},
	"a later stage":   {file: "a/Dockerfile", data: "FROM late\nFROM x AS late\n", needs: []string{"1 docker.io/library/late", "2 docker.io/library/x"}},
	"copy":            {file: "a/Dockerfile", data: "FROM a AS build\nFROM b\nCOPY --from=build /x /x\nCOPY --from=0 /x /x\nCOPY --chown=1 --from=quay.io/acme/lib:2 /x /y\nADD --from=lib2 /x /x\nCOPY --from=last /x /x\nFROM c AS last\n", needs: []string{"1 docker.io/library/a", "2 docker.io/library/b", "5 quay.io/acme/lib", "6 docker.io/library/lib2", "8 docker.io/library/c"}},
	"mounts":          {file: "a/Dockerfile", data: "FROM a AS build\nRUN --mount=type=bind,from=lib,target=/x --mount=type=cache,target=/y,from=build make\nRUN --mount=from=\"lib2\" make\nRUN --mount=type=bind,target=. make\n", needs: []string{"1 docker.io/library/a", "2 docker.io/library/lib", "3 docker.io/library/lib2"}},
	"on build":        {file: "a/Dockerfile", data: "FROM a\nONBUILD COPY --from=lib /x /x\nONBUILD RUN make\n", needs: []string{"1 docker.io/library/a", "2 docker.io/library/lib"}},
	"heredoc":         {file: "a/Dockerfile", data: "FROM a\nRUN <<EOF\nFROM no\nCOPY --from=no x y\nEOF\nCOPY <<'E' /x\nFROM no\nE\nFROM b\n", needs: []string{"1 docker.io/library/a", "9 docker.io/library/b"}},
	"default":         {file: "a/Dockerfile", data: "ARG BASE=quay.io/acme/pet_api\nARG TAG=3\nFROM ${BASE}:$TAG\n", needs: []string{"3 quay.io/acme/pet_api"}},
	"default of ARGs": {file: "a/Dockerfile", data: "ARG REG=quay.io A=\"acme\"\nARG BASE=${REG}/${A}/lib\nFROM $BASE\n", needs: []string{"3 quay.io/acme/lib"}},
	"in the word":     {file: "a/Dockerfile", data: "ARG BASE\nFROM ${BASE:-quay.io/acme/lib}:1\n", needs: []string{"2 quay.io/acme/lib"}},
	"no default":      {file: "a/Dockerfile", data: "ARG REG\nFROM ${REG}/lib:1\nFROM ${REG}lib\nFROM lib${SUFFIX}\nFROM pet_${X}\nFROM $X\nFROM ${REG}:1\nFROM x${REG}lib\n", needs: []string{"2 $/lib", "3 $/lib", "4 docker.io/library/lib", "5 docker.io/library/pet_"}},
	"an empty default": {file: "a/Dockerfile", data: "ARG REG=\nFROM ${REG}lib\n",
		needs: []string{"2 $/lib"}},
	"ARG of a stage":  {file: "a/Dockerfile", data: "FROM a\nARG BASE=no\nFROM ${BASE}\n", needs: []string{"1 docker.io/library/a"}},
	"variant":         {file: "a/Dockerfile.test", data: "FROM a\n", needs: []string{"1 docker.io/library/a"}},
	"other variant":   {file: "a/test.Dockerfile", data: "FROM a\n", needs: []string{"1 docker.io/library/a"}},
	"lower case":      {file: "a/dockerfile", data: "FROM a\n", needs: []string{"1 docker.io/library/a"}},
	"another syntax":  {file: "a/Dockerfile", data: "# syntax=devthefuture/dockerfile-x\nINCLUDE x\nFROM a\n", needs: []string{"3 docker.io/library/a"}},
	"Docker's syntax": {file: "a/Dockerfile", data: "# syntax=docker/dockerfile:1\nFROM a\nFORM b\n", err: `line 3: this is not a valid Dockerfile: unknown instruction "FORM"`},

	"empty":              {file: "a/Dockerfile", err: "line 1: this is not a valid Dockerfile: file with no instructions"},
	"FROM nothing":       {file: "a/Dockerfile", data: "RUN x\nFROM\n", err: "line 2: this is not a valid Dockerfile: FROM takes an image, or an image, `AS` and a name"},
	"FROM too much":      {file: "a/Dockerfile", data: "FROM {{ base }}\n", err: "line 1: this is not a valid Dockerfile: FROM takes an image, or an image, `AS` and a name"},
	"conflict markers":   {file: "a/Dockerfile", data: "FROM a\n<<<<<<< HEAD\n", err: `line 2: this is not a valid Dockerfile: unknown instruction "<<<<<<<"`},
	"open heredoc":       {file: "a/Dockerfile", data: "FROM a\nRUN <<EOF\nx\n", err: "line 2: this is not a valid Dockerfile: unterminated heredoc"},
	"too many onbuilds":  {file: "a/Dockerfile", data: strings.Repeat("ONBUILD ", 1001), err: "line 1: this file has more than 1000 words ONBUILD, so it is not read"},
	"deep variables":     {file: "a/Dockerfile", data: "FROM " + strings.Repeat("${a:-", 10_001), err: "line 1: this file is too long for its many variables, so it is not read"},
	"a long word":        {file: "a/Dockerfile", data: "FROM " + strings.Repeat("${a:-", 3_000) + "lib" + strings.Repeat("}", 3_000) + "\n"},
	"values that double": {file: "a/Dockerfile", data: doubling(40) + "FROM $V40\nFROM lib\n", needs: []string{"43 docker.io/library/lib"}},
	"values without end": {file: "a/Dockerfile", data: "ARG A=" + strings.Repeat("x", 1000) + "\n" + strings.Repeat("FROM "+strings.Repeat("$A", 64)+"\n", 5000), err: "line 1: the variables of this file stand for more than 16 MiB, so it is not read"},
}

func TestDocker(t *testing.T) { testParser(t, dockerParser, dockerCases) }

func FuzzDocker(f *testing.F) { fuzzParser(f, dockerParser, "services/pet/Dockerfile", dockerCases) }

func TestDockerMatch(t *testing.T) {
	for file, want := range map[string]bool{
		"a/Dockerfile": true, "a/Dockerfile.dev": true, "a/dev.Dockerfile": true,
		"a/Dockerfile.dockerignore": false, "a/dev.Dockerfile.dockerignore": false, "a/Dockerfiles": false, "a/b/Dockerfile": false, "Dockerfile": false, "a/MyDockerfile": false,
	} {
		if dockerParser.match("a", file) != want {
			t.Errorf("%s: %t", file, !want)
		}
	}
}

func TestImageOf(t *testing.T) {
	for _, c := range []struct {
		prefix, image string
		want          bool
	}{
		{"", "quay.io/acme/pet", true},
		{"", "python", true}, // the older Loktar took the last element
		{"quay.io/acme", "quay.io/acme/pet", true},
		{"quay.io/acme/", "quay.io/acme/pet", true},
		{"https://Quay.io/Acme", "quay.io/acme/pet", true},
		{"quay.io/acme", "quay.io/other/pet", false},
		{"quay.io/acme", "quay.io/acme/team/pet", false},
		{"quay.io/acme", "quay.io/notacme/pet", false},
		{"quay.io/acme", "acme/pet", false},
		{"quay.io/acme", "pet", false}, // docker.io/library/pet
		{"quay.io/acme", "$/pet", true},
		{"acme", "quay.io/acme/pet", true},
		{"acme", "acme/pet", true},
		{"acme", "quay.io/notacme/pet", false},
		{"acme", "pet", false},
		{"docker.io/acme", "acme/pet", true},
		{"docker.io/library", "pet", true},
		{"localhost:5000", "localhost:5000/pet", true},
	} {
		p := checks.Package{Name: "pet", BuildInfo: checks.BuildInfo{RegistryPrefix: c.prefix}}
		if got := imageOf(&p, imagePath(c.image)); got != c.want {
			t.Errorf("prefix %q, image %q: %t", c.prefix, c.image, got)
		}
	}
	p := checks.Package{Name: "pet", BuildInfo: checks.BuildInfo{RegistryPrefix: "quay.io/acme"}}
	if !imageOf(&p, "pet") {
		t.Error("a service's name has no path")
	}
}

func TestExpand(t *testing.T) {
	for word, want := range map[string][]string{
		"a":            {"a"},
		"${A}":         {"one"},
		"${B}":         {"$"},
		"${B}/x":       {"$/x"},
		"${B:-d}/x":    {"d/x", "$/x"},
		"${B-d}":       {"d", "$"},
		"${B:?no}/x":   {"$/x"},
		"${E}x":        {"$x"},
		"${B:+c}x":     {"x", "cx"},
		"${A:+c}x":     {"cx"},
		"${":           nil,
		"'":            nil,
		"\"${A} $B\"":  {"one $"},
		"${A%e}":       {"on"},
		"${B#x}y":      {"$y"},
		"${A/one/two}": {"two"},
	} {
		if d := cmp.Diff(want, (&expander{lex: shell.NewLex('\\'), vars: variables{"A": "one", "E": ""}}).expand(word)); d != "" {
			t.Errorf("%s (-want +got)\n%s", word, d)
		}
	}
}

// doubling are ARG lines of which each has twice the value of the one before.
func doubling(n int) string {
	b := "ARG V0=0123456789\n"
	for i := range n {
		b += fmt.Sprintf("ARG V%d=$V%d$V%d\n", i+1, i, i)
	}
	return b
}

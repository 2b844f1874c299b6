package infer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var composeCases = map[string]parseCase{
	"empty":      {file: "a/docker-compose.yml"},
	"comments":   {file: "a/docker-compose.yml", data: "# nothing\n---\n# here\n"},
	"services":   {file: "a/docker-compose.yml", data: "version: '3'\nservices:\n  pet_api:\n    image: quay.io/acme/pet_api:3\n  db: {image: postgres}\n  web:\n", needs: []string{"3 pet_api", "4 quay.io/acme/pet_api", "5 db", "5 docker.io/library/postgres", "6 web"}},
	"version 1":  {file: "a/docker-compose.yml", data: "pet_api:\n  image: x\nx-common:\n  image: y\nvolumes: {v: {}}\nlinks: [a]\n", needs: []string{"1 pet_api", "2 docker.io/library/x"}},
	"no service": {file: "a/docker-compose.yml", data: "version: '3'\nnetworks:\n  pet_api: {}\npet:\n  image: x\n"},
	"contexts": {file: "x/a/docker-compose.yml", data: `services:
  a:
    build: ../lib
  b:
    build:
      context: ../..
      dockerfile: x/lib2/Dockerfile
  c:
    build: {dockerfile: ../d/Dockerfile}
  e:
    build:
      dockerfile_inline: |
        FROM quay.io/acme/lib3
        COPY --from=lib4 / /
      additional_contexts:
        one: ../lib5
        two: docker-image://quay.io/acme/lib6:1
        three: service:a
        four: https://x/y.git
  f:
    build:
      additional_contexts:
        - one=../lib7
`, needs: []string{"2 a", "3 ./x/lib", "4 b", "6 ./.", "7 ./x/lib2/Dockerfile", "8 c", "9 ./x/d/Dockerfile", "10 e", "12 quay.io/acme/lib3", "12 docker.io/library/lib4", "16 ./x/lib5", "17 quay.io/acme/lib6", "20 f", "23 ./x/lib7"}},
	"contexts elsewhere": {file: "a/docker-compose.yml", data: "services:\n  a:\n    build: https://github.com/acme/lib.git\n  b:\n    build: /srv/lib\n  c:\n    build: ../../lib\n  d:\n    build: git@github.com:acme/lib\n  e:\n    build: ~/lib\n  f:\n    build: ${ROOT}/lib\n  g:\n    build: {context: https://x/y.git, dockerfile: d}\n",
		needs: []string{"2 a", "4 b", "6 c", "8 d", "10 e", "12 f", "14 g"}},
	"variables": {file: "x/a/compose.yaml", data: "services:\n  a:\n    image: ${REG:-quay.io/acme}/lib:${TAG}\n    build: ${DIR:-../lib}\n  b:\n    image: $REG/lib\n  c:\n    image: ${REG?must be set}/lib\n",
		needs: []string{"2 a", "3 quay.io/acme/lib", "3 $/lib", "4 ./x/lib", "5 b", "6 $/lib", "7 c", "8 $/lib"}},
	"anchors and merges": {file: "x/a/compose.yml", data: `x-base: &base
  image: lib
  build: &b
    context: ../lib
services:
  a:
    <<: *base
  b:
    <<: [*base, {image: no}]
    image: own
  c: *base
  d:
    build: *b
`, needs: []string{"2 docker.io/library/lib", "2 docker.io/library/lib", "4 ./x/lib", "4 ./x/lib", "4 ./x/lib", "4 ./x/lib", "6 a", "8 b", "10 docker.io/library/own", "11 c", "12 d"}},
	"extends":             {file: "x/a/docker-compose.dev.yml", data: "services:\n  a:\n    extends:\n      file: ../lib/compose.yml\n      service: base\n  b:\n    extends: a\n", needs: []string{"2 a", "4 ./x/lib/compose.yml", "6 b"}},
	"several documents":   {file: "a/compose.yml", data: "services: {a: {}}\n---\nservices: {b: {}}\n", needs: []string{"1 a", "3 b"}},
	"CRLF, BOM":           {file: "a/compose.yml", data: "\xef\xbb\xbfservices:\r\n  a:\r\n    image: lib\r\n", needs: []string{"2 a", "3 docker.io/library/lib"}},
	"tags":                {file: "a/compose.yml", data: "services:\n  a: !override\n    image: !reset lib\n", needs: []string{"2 a", "3 docker.io/library/lib"}},
	"odd types":           {file: "a/compose.yml", data: "services:\n  1: []\n  a: 7\n  ? [x]\n  : y\n  b: {image: [lib], build: [x], extends: [y]}\ninclude: {a: b}\n", needs: []string{"2 1", "3 a", "6 b"}},
	"services of a type":  {file: "a/compose.yml", data: "services: [a]\n"},
	"a circle of anchors": {file: "a/compose.yml", data: "services: &s\n  a: *s\n  <<: *s\n", needs: []string{"2 a"}},

	"a list":        {file: "a/compose.yml", data: "- a\n", err: "line 1: this is not a compose file: it holds no mapping of services"},
	"a tab":         {file: "a/compose.yml", data: "services:\n\ta: b\n", err: "line 2: this is not valid YAML: found character that cannot start any token"},
	"not closed":    {file: "a/compose.yml", data: "services: {a: b\n", err: "line 1: this is not valid YAML: did not find expected ',' or '}'"},
	"unknown alias": {file: "a/compose.yml", data: "services:\n  a: *b\n", err: "line 1: this is not valid YAML: unknown anchor 'b' referenced"},
	"too much":      {file: "a/compose.yml", data: bomb(), err: "line 1: this file holds more than 500000 values with its aliases, so it is not read"},
}

// bomb is a small file whose merges stand for very many pairs.
func bomb() string {
	var b strings.Builder
	b.WriteString("x0: &x0 {a: b}\n")
	for i := 1; i <= 18; i++ {
		fmt.Fprintf(&b, "x%d: &x%d {<<: [", i, i)
		b.WriteString(strings.Repeat(fmt.Sprintf("*x%d, ", i-1), 9))
		b.WriteString("]}\n")
	}
	b.WriteString("services: {s: *x18}\n")
	return b.String()
}

func TestCompose(t *testing.T) { testParser(t, composeParser, composeCases) }

func FuzzCompose(f *testing.F) {
	fuzzParser(f, composeParser, "services/pet/compose.yml", composeCases)
}

func TestComposeIncludes(t *testing.T) {
	facts, err := composeParser.parse("x/a", "x/a/compose.yml", []byte("include:\n  - ../b/compose.yml\n  - path: c.yml\n  - path: [d.yml, ../../../e.yml]\n    project_directory: ..\n  - oci://x/y\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Include{{"x/b/compose.yml", 2}, {"x/a/c.yml", 3}, {"x/a/d.yml", 4}}
	if d := cmp.Diff(want, facts.Includes); d != "" {
		t.Error(d)
	}
}

func TestComposeMatch(t *testing.T) {
	for file, want := range map[string]bool{
		"a/docker-compose.yml": true, "a/docker-compose.yaml": true, "a/docker-compose-test.yml": true, "a/docker-compose.override.yml": true, "a/docker-compose_x.yaml": true,
		"a/compose.yml": true, "a/compose.yaml": true, "a/compose.prod.yaml": true, "a/compose-dev.yml": true,
		"a/composer.yml": false, "a/compose.json": false, "a/my-docker-compose.yml": false, "a/b/compose.yml": false, "compose.yml": false,
	} {
		if composeParser.match("a", file) != want {
			t.Errorf("%s: %t", file, !want)
		}
	}
}

// What a file includes is in the repository and at one of its lines.
func FuzzIncludes(f *testing.F) {
	f.Add([]byte("-r ../b.txt\n-r ../../../../x\n--requirement=/y\n-rz \\\n.txt\n"))
	f.Add([]byte("include:\n  - ../b/compose.yml\n  - path: [c.yml, ../../../../e.yml]\n"))
	f.Add([]byte("[tool.setuptools.dynamic]\ndependencies = {file = ['../a.txt', '/b', '../../../c']}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for file, p := range map[string]parser{
			"services/pet/requirements.txt": pythonParser, "services/pet/pyproject.toml": pythonParser, "services/pet/compose.yml": composeParser,
		} {
			facts, _ := p.parse("services/pet", file, data)
			for _, i := range facts.Includes {
				checkPath(t, i.Path)
				if i.Line < 1 || i.Line > lineCount(data) {
					t.Errorf("%s: line %d of %d", file, i.Line, lineCount(data))
				}
			}
		}
	})
}

package manifest

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(SchemaURL, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(SchemaURL)
	if err != nil {
		t.Fatal(err)
	}
	if s.DraftVersion != 2020 {
		t.Errorf("the draft is %d", s.DraftVersion)
	}
	return s
}

// raw is the schema as a document, at some keys.
func raw(t *testing.T, keys ...string) map[string]any {
	t.Helper()
	var at map[string]any
	if err := json.Unmarshal(Schema, &at); err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		next, ok := at[k].(map[string]any)
		if !ok {
			t.Fatalf("there is no %q of %v", k, keys)
		}
		at = next
	}
	return at
}

func TestSchemaKeys(t *testing.T) {
	if raw(t)["$id"] != SchemaURL {
		t.Errorf("the schema is called %v", raw(t)["$id"])
	}
	defaults := slices.DeleteFunc(slices.Clone(packageKeyNames), func(s string) bool { return s == "pkg_name" || s == "pkg_dir" })
	for path, want := range map[string][]string{
		"properties":                  fileKeys,
		"$defs package properties":    packageKeyNames,
		"$defs defaults properties":   defaults,
		"$defs build_info properties": buildKeyNames,
		"$defs service properties":    serviceKeys,
		"$defs resources properties":  resourceKeys,
		"$defs cache properties":      cacheKeys,
		"$defs notify properties":     notifyKeys,
		"$defs slack properties":      slackKeys,
	} {
		got := slices.Sorted(maps.Keys(raw(t, strings.Fields(path)...)))
		if diff := cmp.Diff(slices.Sorted(slices.Values(want)), got); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
	words := func(at map[string]any) (out []string) {
		for _, w := range at["enum"].([]any) {
			out = append(out, w.(string))
		}
		return out
	}
	for path, want := range map[string][]string{
		"pkg_type": pkgTypes, "test_type": testTypes, "type": kinds, "sandbox": sandboxes,
		"dependencies_type items": sources, "exclude_dependencies_only_on_keywords items": prefixes,
	} {
		if diff := cmp.Diff(want, words(raw(t, append([]string{"$defs", "package", "properties"}, strings.Fields(path)...)...))); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

// agree asks both about one file: what the parser takes the schema takes, and
// where beyond is false the other way round too.
func agree(t *testing.T, s *jsonschema.Schema, text string, beyond bool) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	m, problems := Parse([]byte(text), Options{})
	refused := s.Validate(doc)
	switch {
	case m != nil && refused != nil:
		t.Errorf("the schema refuses what is right: %v\n%s", refused, text)
	case m == nil && refused == nil && !beyond:
		t.Errorf("the schema takes what is wrong: %+v\n%s", problems, text)
	}
}

func TestSchemaAgrees(t *testing.T) {
	s := compiled(t)
	// A package's keys, and what is said of each: right ones, then wrong ones.
	for key, values := range map[string][2][]string{
		"pkg_dir":                               {{`"a/b"`, `"."`, `"a b"`, `"..a"`, `".x"`}, {`""`, `"/a"`, `"a/"`, `"../a"`, `"a/../b"`, `"./a"`, `"a//b"`, `"a\\b"`, `"a\nb"`, `1`, `null`}},
		"pkg_type":                              {{`"docker"`, `"none"`}, {`"rpm"`, `null`, `""`}},
		"test_type":                             {{`"make"`, `"no-test"`}, {`"Make"`, `"command"`}},
		"type":                                  {{`"service"`}, {`"app"`}},
		"image":                                 {{`"debian:13"`}, {`""`, `" "`, `3`}},
		"commands":                              {{}, {`["a"]`, `[]`}},
		"clean":                                 {{}, {`["a"]`}},
		"dependencies_type":                     {{`["none"]`, `[]`, `["cargo", "maven"]`}, {`["none", "cargo"]`, `["npm"]`, `["cargo", "cargo"]`, `"cargo"`}},
		"depends_on":                            {{`[]`}, {`"b"`, `[""]`, `[1]`}},
		"exclude_dependencies_only_on_keywords": {{`["DOC", "CLN"]`}, {`["doc"]`, `["DOC", "DOC"]`}},
		"inputs":                                {{`["a/**"]`, `["a", "!b"]`, `[]`, `["a..b"]`}, {`["!b"]`, `["/a"]`, `["../a"]`, `["./a"]`, `["a//b"]`, `["a/."]`, `["."]`, `[""]`, `["!"]`, `["a", "!/b"]`}},
		"env":                                   {{`{"A_1": "x", "b": ""}`}, {`{"1A": "x"}`, `{"A": 1}`, `{"A-B": "x"}`, `{"": "x"}`, `[]`}},
		"secrets":                               {{`["TOKEN"]`}, {`["a b"]`, `["A", "A"]`}},
		"services":                              {{`{"db": {"image": "x", "env": {"A": "b"}, "ports": [1], "ready": 5}, "e": {"image": "x", "ready": "true"}}`}, {`{"db": {}}`, `{"a b": {"image": "x"}}`, `{"db": {"image": "x", "ports": [0]}}`, `{"db": {"image": "x", "port": 1}}`, `{"db": {"image": "x", "ready": 0}}`}},
		"timeout":                               {{`"90s"`, `"1h30m"`, `"1.5h"`}, {`"90"`, `90`, `"1 h"`, `"-1s"`, `""`}},
		"retries":                               {{`0`, `5`}, {`6`, `-1`, `"1"`, `1.5`}},
		"retry_failures":                        {{`true`}, {`"true"`, `1`}},
		"resources":                             {{`{"cpus": 0.5, "memory": "2GiB", "pids": 9}`}, {`{"cpus": 0}`, `{"cpu": 1}`, `{"memory": 5}`, `{"pids": 0}`, `{"cpus": 2000}`}},
		"network":                               {{`false`}, {`0`}},
		"cache":                                 {{`[{"key": "pip", "paths": ["~/.cache/pip"]}]`}, {`[{"key": "pip"}]`, `[{"paths": ["a"]}]`, `[{"key": "a", "paths": []}]`, `[{"key": "a", "paths": ["../b"]}]`, `[{"key": "a", "paths": ["/"]}]`, `[{"key": "a", "paths": ["/etc/x"]}]`, `[{"key": "a", "paths": ["/usr/local"]}]`, `[{"key": "a", "paths": ["a,b"]}]`, `[{"key": "a", "paths": ["."]}]`, `[{"key": "a", "paths": ["~"]}]`, `[{"key": "a", "paths": ["x/.git"]}]`, `{}`}},
		"reuse":                                 {{`true`}, {`null`}},
		"sandbox":                               {{`"declared"`}, {`"none"`}},
		"required":                              {{`true`}, {`"x"`}},
		"git":                                   {{`true`}, {`"x"`}},
		"concurrency":                           {{`"db"`}, {`"a b"`, `""`}},
		"artifacts":                             {{`["dist/*.whl"]`}, {`["!a"]`, `["../a"]`}},
		"reports":                               {{`["*.xml"]`}, {`["/a"]`}},
		"build_info":                            {{`{}`}, {`{"index": "https://x.example"}`, `[]`, `{"nosuch": 1}`}},
		"nosuch":                                {{}, {`1`}},
	} {
		for wrong, list := range values {
			for _, v := range list {
				text := `{"packages": [{"pkg_name": "a", "` + key + `": ` + v + `}]}`
				agree(t, s, text, false)
				if m, problems := Parse([]byte(text), Options{}); (m == nil) != (wrong == 1) {
					t.Errorf("%s: %v", text, problems)
				}
			}
		}
	}
	// What the whole file says of notify, likewise.
	for wrong, list := range [2][]string{
		{`{}`, `{"slack": []}`, `{"comment": false}`, `{"comment": "always"}`, `{"slack": [{"channel": "#a-b_1"}, {"channel": "#größe"}, {"channel": "C0123456789"}]}`,
			`{"slack": [{"channel": "#a", "on": ["published", "fixed"], "packages": ["a", "x*"], "events": ["tag", "push"]}]}`},
		{`[]`, `"#ci"`, `{"slack": "#ci"}`, `{"slack": {}}`, `{"slack": [{}]}`, `{"slack": ["#ci"]}`, `{"comment": true}`, `{"comment": "never"}`, `{"email": []}`,
			`{"slack": [{"channel": "ci"}]}`, `{"slack": [{"channel": "#CI"}]}`, `{"slack": [{"channel": "#a b"}]}`, `{"slack": [{"channel": "#"}]}`, `{"slack": [{"channel": "@ann"}]}`,
			`{"slack": [{"channel": "D0123456789"}]}`, `{"slack": [{"channel": "#a", "on": []}]}`, `{"slack": [{"channel": "#a", "on": ["red"]}]}`, `{"slack": [{"channel": "#a", "on": ["fixed", "fixed"]}]}`,
			`{"slack": [{"channel": "#a", "events": ["release"]}]}`, `{"slack": [{"channel": "#a", "packages": ["a b"]}]}`, `{"slack": [{"channel": "#a", "packages": []}]}`,
			`{"slack": [` + strings.Repeat(`{"channel": "#a"},`, 20) + `{"channel": "#a"}]}`, `{"slack": [{"channel": "#a", "webhook": "x"}]}`},
	} {
		for _, v := range list {
			text := `{"packages": [{"pkg_name": "a"}], "notify": ` + v + `}`
			agree(t, s, text, false)
			if m, problems := Parse([]byte(text), Options{}); (m == nil) != (wrong == 1) {
				t.Errorf("%s: %v", text, problems)
			}
		}
	}
	for _, text := range []string{
		`{"packages": []}`, `{}`, `[]`, `{"packages": {}}`, `{"packages": [1]}`, `{"packages": [{}]}`, `{"packages": [], "package": []}`,
		`{"packages": [{"pkg_name": "loktar"}]}`, `{"packages": [{"pkg_name": "a b"}]}`, `{"packages": [{"pkg_name": "-a"}]}`, `{"packages": [{"pkg_name": ""}]}`,
		`{"packages": [{"pkg_name": "` + strings.Repeat("a", 101) + `"}]}`, `{"packages": [{"pkg_name": "` + strings.Repeat("a", 100) + `"}]}`,
		`{"packages": [], "notify": {}, "$schema": "x"}`, `{"packages": [], "notify": []}`, `{"packages": [], "$schema": 1}`,
		`{"packages": [], "global_inputs": ["go.mod"], "ignore": ["**/*.md", "!a.md"]}`, `{"packages": [], "ignore": ["!a"]}`, `{"packages": [], "global_inputs": "x"}`,
		`{"packages": [{"pkg_name": "a", "test_type": "command", "commands": ["x"], "clean": ["y"]}]}`,
		`{"packages": [{"pkg_name": "a", "test_type": "command", "commands": []}]}`,
		`{"packages": [{"pkg_name": "a"}], "defaults": {"test_type": "command", "commands": ["x"]}}`,
		`{"packages": [{"pkg_name": "a", "test_type": "command"}], "defaults": {"commands": ["x"]}}`,
		`{"packages": [{"pkg_name": "a", "commands": ["x"]}], "defaults": {"test_type": "command"}}`,
		`{"packages": [{"pkg_name": "a", "test_type": "make", "commands": ["x"]}], "defaults": {"test_type": "command"}}`,
		`{"packages": [{"pkg_name": "a", "test_type": "no-test", "commands": ["x"]}]}`,
		`{"packages": [], "defaults": {"pkg_name": "x"}}`, `{"packages": [], "defaults": {"pkg_dir": "x"}}`, `{"packages": [], "defaults": {"timeout": "5"}}`, `{"packages": [], "defaults": []}`,
		`{"packages": [{"pkg_name": "a", "pkg_type": "whl"}], "defaults": {"build_info": {"registry_type": "oci", "index": "https://x.example/"}}}`,
	} {
		agree(t, s, text, false)
	}
}

func TestSchemaBuildInfo(t *testing.T) {
	s := compiled(t)
	values := map[string]string{"build_args": `{"A": "b"}`, "extra_versions": `["a"]`, "index": `"https://x.example/a"`, "registry": `"http://x.example"`, "version": `"1.0.{{.Next}}"`}
	for _, pkgType := range pkgTypes {
		for key, k := range buildKeys {
			words := append(slices.Clone(k.values[pkgType]), "nosuch")
			if v, free := values[key]; free {
				words = []string{v}
			}
			for _, w := range words {
				if !strings.ContainsAny(w, `"{[`) {
					w = `"` + w + `"`
				}
				agree(t, s, `{"packages": [{"pkg_name": "a", "pkg_type": "`+pkgType+`", "build_info": {"`+key+`": `+w+`}}]}`, false)
				agree(t, s, `{"packages": [], "defaults": {"build_info": {"`+key+`": `+w+`}}}`, false)
			}
		}
	}
	for _, url := range []string{"ftp://x.example", "x.example", "https://", "https://u:p@x.example"} {
		agree(t, s, `{"packages": [{"pkg_name": "a", "pkg_type": "whl", "build_info": {"index": "`+url+`"}}]}`, false)
	}
}

// TestSchemaTakesExamples holds the schema against the files that the project
// itself shows: its README, the sample monorepo.
func TestSchemaTakesExamples(t *testing.T) {
	s := compiled(t)
	n := 0
	for _, file := range []string{"../../README.md", "../../app/demo/sample/loktar.json"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts := []string{string(b)}
		if strings.HasSuffix(file, ".md") {
			texts = texts[:0]
			for _, m := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(string(b), -1) {
				if strings.Contains(m[1], `"packages"`) {
					texts = append(texts, m[1])
				}
			}
		}
		for _, text := range texts {
			n++
			agree(t, s, text, false)
		}
	}
	for _, text := range []string{`{"packages": [
    { "pkg_name": "pet_api", "pkg_dir": "rest_services/pet_api", "pkg_type": "docker", "test_type": "make", "type": "service",
      "build_info": { "build_type": "url", "registry_type": "quay", "storage_type": "s3" } },
    { "pkg_name": "web-front", "pkg_type": "docker", "test_type": "make", "type": "service",
      "build_info": { "build_type": "url", "registry_type": "quay", "storage_type": "s3" } },
    { "pkg_name": "awesome_lib", "pkg_type": "whl", "test_type": "make", "type": "library" } ]}`} {
		n++
		agree(t, s, text, false)
	}
	if n < 3 {
		t.Errorf("only %d examples were found", n)
	}
}

// FuzzSchema looks for a file that the parser takes and the schema does not.
func FuzzSchema(f *testing.F) {
	for _, text := range []string{`{"packages": [{"pkg_name": "a", "inputs": ["b/**"]}]}`, `{"packages": [], "defaults": {"timeout": "1h"}}`} {
		f.Add([]byte(text))
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		f.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(SchemaURL, doc); err != nil {
		f.Fatal(err)
	}
	s := c.MustCompile(SchemaURL)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, _ := Parse(data, Options{})
		if m == nil {
			return
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			return
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("the schema refuses %s: %v", data, err)
		}
	})
}

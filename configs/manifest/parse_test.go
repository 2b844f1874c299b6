package manifest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs/manifest"
)

// first is the example that the documentation of the first Loktar had.
const first = `{
  "packages": [
    { "pkg_name": "pet_api", "pkg_dir": "rest_services/pet_api", "pkg_type": "docker", "test_type": "make", "type": "service",
      "build_info": { "build_type": "url", "registry_type": "quay", "storage_type": "s3" } },
    { "pkg_name": "web-front", "pkg_type": "docker", "test_type": "make", "type": "service",
      "build_info": { "build_type": "url", "registry_type": "quay", "storage_type": "s3" } },
    { "pkg_name": "awesome_lib", "pkg_type": "whl", "test_type": "make", "type": "library" }
  ]
}
`

// every says everything that a package can say.
const every = `{
  "$schema": "https://example.com/loktar.schema.json",
  "notify": {"slack": [{"channel": "#ci"}, {"channel": "C0123456789", "on": ["always"], "packages": ["app", "l*"], "events": ["push"]}], "comment": "failure"},
  "global_inputs": ["go.mod", "tools/**"],
  "ignore": ["**/*.md"],
  "packages": [
    {
      "pkg_name": "app", "pkg_dir": "services/app", "pkg_type": "docker", "test_type": "command", "type": "service",
      "image": "debian:13", "commands": ["./test.sh"], "clean": ["rm -rf out"],
      "depends_on": ["lib"], "dependencies_type": ["go_mod", "dockerfile"],
      "exclude_dependencies_only_on_keywords": ["DOC", "CLN"],
      "inputs": ["proto/**", "!proto/*.md"],
      "env": {"A": "1"}, "secrets": ["TOKEN"],
      "services": {"db": {"image": "postgres:16", "env": {"P": "x"}, "ports": [5432], "ready": 5432},
                   "q": {"image": "redis", "ready": "redis-cli ping"}},
      "timeout": "1h30m", "retries": 2, "retry_failures": true,
      "resources": {"cpus": 1.5, "memory": "2GiB", "pids": 100},
      "network": false, "cache": [{"key": "pip", "paths": ["~/.cache/pip", ".venv"]}], "reuse": false,
      "sandbox": "declared", "required": true, "concurrency": "db",
      "artifacts": ["dist/*"], "reports": ["junit.xml"],
      "build_info": {"build_type": "docker", "registry_type": "oci", "storage_type": "file", "registry_prefix": "localhost:5000/acme",
        "build_args": {"V": "1"}, "extra_versions": ["stable"], "bucket": "b", "prefix": "p", "version": "1.{{.Next}}"}
    },
    {"pkg_name": "lib", "pkg_type": "deb", "git": true, "test_type": "no-test", "commands": ["off for now"],
      "build_info": {"repository": "r", "code_name": "trixie", "component": "main"}},
    {"pkg_name": "wheel", "pkg_dir": ".", "pkg_type": "whl", "build_info": {"index": "https://pypi.example.com", "git_tag": "{{.Name}}/{{ .Version }}", "github_release": true}},
    {"pkg_name": "node", "pkg_type": "npm", "build_info": {"registry": "https://npm.example.com", "access": "public"}}
  ]
}`

// pkg is a package with every default filled in, changed by the functions.
func pkg(name string, change ...func(*checks.Package)) checks.Package {
	p := checks.Package{
		Name: name, Dir: name, PkgType: "none", TestType: checks.TestMake, Type: "library",
		Timeout: 30 * time.Minute, Network: true, Reuse: true, Sandbox: "repository",
	}
	for _, c := range change {
		c(&p)
	}
	return p
}

// lines writes problems as a reader meets them.
func lines(ps []checks.Problem) []string {
	var out []string
	for _, p := range ps {
		out = append(out, fmt.Sprintf("%d:%d %s: %s", p.Line, p.Column, p.Path, p.Message))
	}
	return out
}

func parse(t *testing.T, file string) *checks.Manifest {
	t.Helper()
	m, ps := manifest.Parse([]byte(file), manifest.Options{})
	if ps != nil {
		t.Fatalf("problems: %q", lines(ps))
	}
	return m
}

func compare(t *testing.T, want, got []checks.Package) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
}

func TestFirstExample(t *testing.T) {
	m := parse(t, first)
	quay := func(p *checks.Package) {
		p.PkgType, p.Type = "docker", "service"
		p.BuildInfo = checks.BuildInfo{BuildType: "url", RegistryType: "quay", StorageType: "s3"}
	}
	compare(t, []checks.Package{
		pkg("pet_api", quay, func(p *checks.Package) { p.Dir = "rest_services/pet_api" }),
		pkg("web-front", quay),
		pkg("awesome_lib", func(p *checks.Package) { p.PkgType = "whl" }),
	}, m.Packages)
	if len(m.Warnings) > 0 {
		t.Errorf("warnings: %q", lines(m.Warnings))
	}
}

func TestEveryKey(t *testing.T) {
	m := parse(t, every)
	notify := &checks.Notify{Comment: checks.WhenFailure, Slack: []checks.SlackRule{
		{Channel: "#ci", On: []checks.When{checks.WhenFailure, checks.WhenFixed}},
		{Channel: "C0123456789", On: []checks.When{checks.WhenAlways}, Packages: []string{"app", "l*"}, Events: []checks.NotifyEvent{checks.NotifyPush}},
	}}
	if diff := cmp.Diff(notify, m.Notify); diff != "" {
		t.Errorf("notify (-want +got):\n%s", diff)
	}
	compare(t, []checks.Package{
		{
			Name: "app", Dir: "services/app", PkgType: "docker", TestType: checks.TestCommand, Type: "service",
			Image: "debian:13", Commands: []string{"./test.sh"}, Clean: []string{"rm -rf out"},
			DependsOn: []string{"lib"}, DependenciesType: []string{"go_mod", "dockerfile"},
			ExcludeKeywords: []string{"DOC", "CLN"}, Inputs: []string{"proto/**", "!proto/*.md"},
			Env: map[string]string{"A": "1"}, Secrets: []string{"TOKEN"},
			Services: map[string]checks.Service{
				"db": {Image: "postgres:16", Env: map[string]string{"P": "x"}, Ports: []int{5432}, Ready: "5432"},
				"q":  {Image: "redis", Ready: "redis-cli ping"},
			},
			Timeout: 90 * time.Minute, Retries: 2, RetryFailures: true,
			Resources: checks.Resources{CPUs: 1.5, Memory: 2 << 30, PIDs: 100},
			Cache:     []checks.Cache{{Key: "pip", Paths: []string{"~/.cache/pip", ".venv"}}},
			Sandbox:   "declared", Required: true, Concurrency: "db",
			Artifacts: []string{"dist/*"}, Reports: []string{"junit.xml"},
			BuildInfo: checks.BuildInfo{
				BuildType: "docker", RegistryType: "oci", StorageType: "file", RegistryPrefix: "localhost:5000/acme",
				BuildArgs: map[string]string{"V": "1"}, ExtraVersions: []string{"stable"},
				Bucket: "b", Prefix: "p", Version: "1.{{.Next}}",
			},
		},
		pkg("lib", func(p *checks.Package) {
			p.PkgType, p.Git, p.TestType, p.Commands = "deb", true, checks.TestNone, []string{"off for now"}
			p.BuildInfo = checks.BuildInfo{Repository: "r", CodeName: "trixie", Component: "main"}
		}),
		pkg("wheel", func(p *checks.Package) {
			p.Dir, p.PkgType, p.BuildInfo.Index = ".", "whl", "https://pypi.example.com"
			p.BuildInfo.GitTag, p.BuildInfo.GitHubRelease = "{{.Name}}/{{ .Version }}", true
		}),
		pkg("node", func(p *checks.Package) {
			p.PkgType, p.BuildInfo = "npm", checks.BuildInfo{Registry: "https://npm.example.com", Access: "public"}
		}),
	}, m.Packages)
	if diff := cmp.Diff([][]string{{"go.mod", "tools/**"}, {"**/*.md"}}, [][]string{m.GlobalInputs, m.Ignore}); diff != "" {
		t.Error(diff)
	}
}

func TestDefaults(t *testing.T) {
	m := parse(t, `{
	  "packages": [
	    {"pkg_name": "base"},
	    {"pkg_name": "app", "pkg_type": "docker", "timeout": "1m", "inputs": ["x"], "depends_on": [],
	     "env": {"B": "own"}, "resources": {"pids": 7}, "services": {"db": {"image": "postgres:17"}},
	     "build_info": {"registry_prefix": "quay.io/own"}},
	    {"pkg_name": "tool", "pkg_type": "whl"}
	  ],
	  "defaults": {
	    "timeout": "10m", "inputs": ["a", "b"], "network": false, "depends_on": ["base"],
	    "env": {"A": "1", "B": "2"}, "resources": {"memory": "1GiB"},
	    "services": {"db": {"image": "postgres:16"}, "q": {"image": "redis"}},
	    "build_info": {"registry_type": "oci", "registry_prefix": "quay.io/all", "index": "https://pypi.example.com", "version": "{{.Date}}"}
	  }
	}`)
	under := func(p *checks.Package) {
		p.Timeout, p.Network, p.Inputs = 10*time.Minute, false, []string{"a", "b"}
		p.Env = map[string]string{"A": "1", "B": "2"}
		p.Resources.Memory = 1 << 30
		p.Services = map[string]checks.Service{"db": {Image: "postgres:16"}, "q": {Image: "redis"}}
	}
	compare(t, []checks.Package{
		pkg("base", under),
		pkg("app", under, func(p *checks.Package) {
			p.PkgType, p.Timeout, p.Inputs = "docker", time.Minute, []string{"x"}
			p.Env["B"], p.Resources.PIDs = "own", 7
			p.Services["db"] = checks.Service{Image: "postgres:17"}
			p.BuildInfo = checks.BuildInfo{RegistryType: "oci", RegistryPrefix: "quay.io/own", Version: "{{.Date}}"}
		}),
		pkg("tool", under, func(p *checks.Package) {
			p.PkgType, p.DependsOn = "whl", []string{"base"}
			p.BuildInfo = checks.BuildInfo{Index: "https://pypi.example.com", Version: "{{.Date}}"}
		}),
	}, m.Packages)

	m.Packages[0].Env["A"] = "changed"
	if m.Packages[2].Env["A"] != "1" {
		t.Error("two packages share the map of their defaults")
	}
}

func TestSameMeaning(t *testing.T) {
	a := parse(t, every)
	var compact, sorted bytes.Buffer
	if err := json.Compact(&compact, []byte(every)); err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal([]byte(every), &v); err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(&sorted).Encode(v); err != nil { // keys in the order of the alphabet
		t.Fatal(err)
	}
	for _, file := range []string{compact.String(), sorted.String()} {
		if b := parse(t, file); !slices.EqualFunc(a.Packages, b.Packages, checks.SameEntry) {
			t.Errorf("another meaning:\n%s", cmp.Diff(a.Packages, b.Packages))
		}
	}
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		name, file string
		want       []string
	}{
		{"every key", every, nil},
		{"asking for nothing", `{"packages": [{"pkg_name": "a", "git": false, "required": false, "sandbox": "repository", "secrets": [],
			"services": {}, "cache": [], "dependencies_type": ["none"], "retries": 0, "retry_failures": false, "pkg_type": "whl",
			"build_info": {"registry_type": "pypi"}}], "notify": {}}`, nil},
		{"no package", `{"packages": []}`, []string{
			"1:14 packages: no package is listed, and so nothing is tested; list at least one",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, lines(parse(t, c.file).Warnings)); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBounds(t *testing.T) {
	many := `{"packages": [` + strings.TrimSuffix(strings.Repeat(`{"pkg_name": 1},`, 137), ",") + `]}`
	_, ps := manifest.Parse([]byte(many), manifest.Options{})
	if last := ps[len(ps)-1]; len(ps) != 101 || last.Message != "37 more problems are not listed; mend these first" {
		t.Errorf("%d problems, the last: %s", len(ps), last.Message)
	}
	for name, c := range map[string]struct{ file, want string }{
		"depth":  {`{"notify": ` + strings.Repeat("[", 100000), "1:43 : the file nests deeper than 32 levels here; no key of loktar.json needs that"},
		"values": {`{"notify": [` + strings.Repeat("1,", 1_000_001), "1:2000010 : the file holds more than 1000000 values; list fewer packages, or move what they share into `defaults`"},
		"size":   {strings.Repeat(" ", manifest.MaxSize+1), "1:1 : the file has 16777217 bytes, more than the 16777216 that are read; list fewer packages, or move what they share into `defaults`"},
	} {
		_, ps := manifest.Parse([]byte(c.file), manifest.Options{})
		if got := lines(ps); len(got) != 1 || got[0] != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestHostileFiles bounds the time that files made to be slow take.
func TestHostileFiles(t *testing.T) {
	var names, circle, keys strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&names, `{"pkg_name": "%s%d", "depends_on": ["%s%dx"]},`, strings.Repeat("n", 80), i, strings.Repeat("n", 80), i)
		fmt.Fprintf(&circle, `{"pkg_name": "n%d", "depends_on": ["n%d", "n0"]},`, i, i+1)
		fmt.Fprintf(&keys, `"%s%d": 1,`, strings.Repeat("k", 90), i)
	}
	for name, file := range map[string]string{
		"names that are nearly right": `{"packages": [` + names.String() + `{"pkg_name": "z"}]}`,
		"a cycle of everything":       `{"packages": [` + circle.String() + `{"pkg_name": "n20000"}]}`,
		"keys that are wrong":         `{` + keys.String() + `"packages": []}`,
	} {
		start := time.Now()
		if _, ps := manifest.Parse([]byte(file), manifest.Options{}); len(ps) != 101 {
			t.Errorf("%s: %d problems", name, len(ps))
		}
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("%s took %s", name, took)
		} else {
			t.Logf("%s took %s", name, took)
		}
	}
}

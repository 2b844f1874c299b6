package docker_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

// release releases the package in the folder pkg and returns its log too.
func (b *bench) release(change func(*checks.Package)) (taken, checks.Result, string) {
	b.t.Helper()
	logs := b.t.TempDir()
	r := runner.New(runner.Options{Sandbox: b.Sandbox, Workspaces: leaseOne(b.tree), LogDir: logs, Slots: 1})
	job := checks.Job{Run: "run1", Attempt: 1, Package: checks.Package{Name: "p", Dir: "pkg", PkgType: "file", TestType: checks.TestMake, Timeout: time.Minute}}
	change(&job.Package)
	got := taken{}
	result, err := r.Release(b.t.Context(), checks.Run{ID: "run1", HeadSHA: "abc"}, job, runner.ReleaseOptions{Version: "42", Collect: got.collect})
	if err != nil {
		b.t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(logs, "run1", "p.log"))
	if err != nil {
		b.t.Fatal(err)
	}
	b.wantNothingLeft(b.t.Context())
	return got, result, string(log)
}

func TestRelease(t *testing.T) {
	const made = "\tmkdir -p dist && printf \"$$LOKTAR_VERSION\" > dist/v\n"
	asIs := func(*checks.Package) {}
	for name, c := range map[string]struct {
		makefile string
		change   func(*checks.Package)
		want     taken
		outcome  checks.Outcome
		detail   string
		log      []string
		not      string
	}{
		"make release": {
			".PHONY: release all\nall:\n\t@echo all-ran\nrelease:\n" + made + "clean:\n\t@ls dist; rm -r dist\n", asIs,
			taken{"dist/v": "644 42"}, checks.OutcomePassed, "", []string{"make release", "Collected 1", "make clean", " v\n"}, "all-ran"},
		"a rule of its own name only for values": {
			"all:\n" + made + "all: release := 1\nrelease: X = 1\n", asIs,
			taken{"dist/v": "644 42"}, checks.OutcomePassed, "", []string{"make\x1b[0m\n"}, "make release"},
		"a folder and a script of that name": {
			"all: dirs\n" + made + "dirs:\n\t@mkdir -p release\n", asIs,
			taken{"dist/v": "644 42"}, checks.OutcomePassed, "", []string{"make\x1b[0m\n"}, "make release"},
		"an included rule": {
			"all:\n\t@echo all-ran\ninclude rules.mk\n", asIs,
			taken{"dist/v": "644 42"}, checks.OutcomePassed, "", []string{"make release"}, "all-ran"},
		"a pattern alone": {
			"all:\n" + made + "%:\n\t+@echo any-$@; exit 1\nMakefile rules.mk: ;\n", asIs,
			taken{"dist/v": "644 42"}, checks.OutcomePassed, "", []string{"make\x1b[0m\n"}, "make release"},
		"asking runs no recipe": {
			"release: dep\n\t+echo release >> ran\n\t@$(MAKE) sub\ndep sub:\n\t+echo $@ >> ran\n", func(p *checks.Package) { p.Artifacts = []string{"ran"} },
			taken{"ran": "644 dep\nrelease\nsub\n"}, checks.OutcomePassed, "", nil, "zzz"},
		"a broken Makefile": {
			"release\n\techo\n", func(p *checks.Package) { p.PkgType = "whl" },
			taken{}, checks.OutcomeFailed, "`make release` exited with 2.", []string{"missing separator"}, "python3"},
		"no make": {
			"release:\n", func(p *checks.Package) { p.Env = map[string]string{"PATH": "/none"} },
			taken{}, checks.OutcomeFailed, "`make release` exited with 127 (a command was not found in the image).", nil, "zzz"},
		"a Makefile that hangs when it is asked": {
			"X := $(shell sleep 300)\nrelease:\n", func(p *checks.Package) { p.Timeout, p.PkgType = 1500*time.Millisecond, "whl" },
			taken{}, checks.OutcomeTimedOut, "did not end within the timeout of 1.5s", []string{"The timeout of 1.5s is over"}, "python3"},
		"a wheel without a Makefile's word": {
			"ci:\n\t@echo ci\n", func(p *checks.Package) { p.PkgType = "whl" },
			taken{}, checks.OutcomeFailed, "`python3 -m build --no-isolation --wheel` exited with 127", nil, "make release"},
		"files of the repository": {
			"", func(p *checks.Package) { p.Artifacts = []string{"kept"} },
			taken{"kept/old": "644 old", "kept/grown": "644 grown and "}, checks.OutcomePassed, "", []string{"Collected 2"}, "make"},
		"nothing made": {
			"release:\n\t@true\n", asIs,
			taken{}, checks.OutcomeFailed, "The steps passed, but left no file that matches `dist/**` in `pkg`.", []string{"Failed"}, "zzz"},
		"an image": {
			"release:\n\t@echo built\n", func(p *checks.Package) { p.PkgType = "docker" },
			taken{}, checks.OutcomePassed, "", []string{"built\n"}, "Collected"},
		"no credentials": {
			"release:\n\t@env > dist; ! grep -i -E 'secret|token|password|key' dist\n", func(p *checks.Package) { p.Artifacts = []string{"none", "d?st"} },
			nil, checks.OutcomePassed, "", nil, "of-the-host"},
	} {
		t.Run(name, func(t *testing.T) {
			b := setUp(t)
			b.packed()
			b.write("pkg/release.sh", "exit 1")
			b.write("pkg/rules.mk", "release:\n"+made)
			if c.makefile != "" {
				b.write("pkg/Makefile", c.makefile)
			}
			if strings.Contains(name, "a folder") {
				b.write("pkg/release/x", "")
			}
			got, result, log := b.release(c.change)
			if result.Outcome != c.outcome || !strings.Contains(result.Detail, c.detail) {
				t.Errorf("result %+v\n%s", result, log)
			}
			if diff := cmp.Diff(c.want, got); c.want != nil && diff != "" {
				t.Errorf("%s\n%s", diff, log)
			}
			contains(t, log, c.log...)
			if strings.Contains(log, c.not) {
				t.Errorf("%q is in the log:\n%s", c.not, log)
			}
		})
	}
}

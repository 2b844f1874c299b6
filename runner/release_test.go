package runner_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

func TestReleaseTask(t *testing.T) {
	wheel := "python3 -m build --no-isolation --wheel"
	for name, c := range map[string]struct {
		kind, makefile string
		artifacts      []string
		steps, other   []string
		globs          []string
		clean          bool
	}{
		"whl":               {kind: "whl", steps: []string{wheel}, globs: []string{"dist/*.whl"}},
		"whl and make":      {kind: "whl", makefile: "Makefile", steps: []string{"make release"}, other: []string{wheel}, globs: []string{"dist/*.whl"}},
		"jar":               {kind: "jar", makefile: "GNUmakefile", steps: []string{"make release"}, other: []string{"make"}, globs: []string{"target/*.jar", "build/libs/*.jar", "*.jar"}},
		"deb":               {kind: "deb", makefile: "makefile", steps: []string{"make release"}, other: []string{"make"}, globs: []string{"*.deb", "dist/*.deb"}},
		"npm":               {kind: "npm", steps: []string{"if [ -e package-lock.json ]; then npm ci; fi", "npm pack"}, globs: []string{"*.tgz"}},
		"file":              {kind: "file", globs: []string{"dist/**"}},
		"file and make":     {kind: "file", makefile: "Makefile", steps: []string{"make release"}, other: []string{"make"}, globs: []string{"dist/**"}},
		"docker and make":   {kind: "docker", makefile: "Makefile", steps: []string{"make release"}},
		"its own artifacts": {kind: "whl", artifacts: []string{"out/*"}, steps: []string{wheel}, globs: []string{"out/*"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := setUp(t, 1)
			if c.makefile != "" {
				if err := os.WriteFile(filepath.Join(f.lender.dir, "pkg", c.makefile), nil, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			f.sandbox.do = func(context.Context, runner.Task, runner.Output) (runner.Exit, error) {
				return runner.Exit{Artifacts: 1}, nil
			}
			j := job()
			j.Package.PkgType, j.Package.TestType, j.Package.Artifacts = c.kind, checks.TestNone, c.artifacts
			j.Package.Env = map[string]string{"LOKTAR_VERSION": "forged", "A": "b"}
			got, err := f.Release(t.Context(), run(), j, runner.ReleaseOptions{Version: "7", MaxBytes: 5})
			if err != nil || got.Outcome != checks.OutcomePassed {
				t.Fatalf("got %+v, %v", got, err)
			}
			last := f.sandbox.last
			var globs []string
			if last.Artifacts != nil {
				globs = last.Artifacts.Globs
				if last.Artifacts.MaxBytes != 5 {
					t.Errorf("artifacts %+v", last.Artifacts)
				}
			}
			for what, pair := range map[string][2][]string{"steps": {c.steps, last.Steps}, "otherwise": {c.other, last.Otherwise}, "globs": {c.globs, globs}} {
				if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
					t.Errorf("%s: %s", what, diff)
				}
			}
			if made := c.makefile != ""; made != (last.Probe != "") || made != (len(last.Clean) == 1 && last.Clean[0] == "make clean") {
				t.Errorf("probe %q, clean %q", last.Probe, last.Clean)
			}
			if last.Env["LOKTAR_VERSION"] != "7" || last.Env["A"] != "b" || last.Env["LOKTAR_SHA"] != "abc" || last.Dir != "pkg" {
				t.Errorf("task %+v", last)
			}
			if f.lender.lent.Load() != 0 {
				t.Error("the workspace was not given back")
			}
		})
	}
}

func TestReleaseVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		kind   string
		exit   runner.Exit
		want   checks.Outcome
		detail string
	}{
		"passed":           {"whl", runner.Exit{Artifacts: 2}, checks.OutcomePassed, ""},
		"nothing matches":  {"jar", runner.Exit{}, checks.OutcomeFailed, "The steps passed, but left no file that matches `target/*.jar`, `build/libs/*.jar`, `*.jar` in `pkg`."},
		"refused":          {"whl", runner.Exit{Refusal: "`x` is a device."}, checks.OutcomeFailed, "`x` is a device."},
		"make release":     {"whl", runner.Exit{Code: 2}, checks.OutcomeFailed, "`make release` exited with 2."},
		"otherwise":        {"whl", runner.Exit{Code: 2, Step: 1}, checks.OutcomeFailed, "`python3 -m build --no-isolation --wheel` exited with 2."},
		"timed out":        {"whl", runner.Exit{TimedOut: true}, checks.OutcomeTimedOut, "`make release` did not end within the timeout of 30m."},
		"cancelled":        {"whl", runner.Exit{Cancelled: true, Artifacts: 1}, checks.OutcomeCancelled, "stopped"},
		"an image's steps": {"docker", runner.Exit{}, checks.OutcomePassed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := setUp(t, 1)
			if err := os.WriteFile(filepath.Join(f.lender.dir, "pkg", "Makefile"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			f.sandbox.do = func(context.Context, runner.Task, runner.Output) (runner.Exit, error) { return c.exit, nil }
			j := job()
			j.Package.PkgType = c.kind
			got, err := f.Release(t.Context(), run(), j, runner.ReleaseOptions{Version: "7"})
			if err != nil || got.Outcome != c.want || !strings.Contains(got.Detail, c.detail) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestReleaseWithoutASandbox(t *testing.T) {
	for name, c := range map[string]struct {
		kind, dir string
		want      checks.Outcome
		detail    string
	}{
		"none":          {"none", "pkg", checks.OutcomePassed, `its pkg_type is "none"`},
		"composite":     {"composite", "pkg", checks.OutcomePassed, `its pkg_type is "composite"`},
		"an image":      {"docker", "pkg", checks.OutcomePassed, "its Dockerfile is all"},
		"no folder":     {"whl", "missing", checks.OutcomeFailed, "not in the tested commit"},
		"no Dockerfile": {"docker", "missing", checks.OutcomeFailed, "not in the tested commit"},
	} {
		t.Run(name, func(t *testing.T) {
			f := setUp(t, 1)
			f.sandbox.do = func(context.Context, runner.Task, runner.Output) (runner.Exit, error) {
				t.Error("the sandbox was asked")
				return runner.Exit{}, nil
			}
			j := job()
			j.Package.PkgType, j.Package.Dir = c.kind, c.dir
			got, err := f.Release(t.Context(), run(), j, runner.ReleaseOptions{Version: "7"})
			if err != nil || got.Outcome != c.want || !strings.Contains(got.Detail, c.detail) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// What a Collect says is the release's fault, with its kind.
func TestReleaseFaults(t *testing.T) {
	f := setUp(t, 1)
	f.sandbox.do = func(context.Context, runner.Task, runner.Output) (runner.Exit, error) {
		return runner.Exit{}, checks.Errorf(checks.KindConfig, nil, "The storage is full.")
	}
	j := job()
	j.Package.PkgType = "whl"
	if _, err := f.Release(t.Context(), run(), j, runner.ReleaseOptions{}); checks.KindOf(err) != checks.KindConfig || checks.PublicText(err, "") != "The storage is full." {
		t.Errorf("got %v", err)
	}
}

package runner_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/sandboxtest"
)

// hides lends out a folder of which some is hidden.
type hides struct {
	dir    string
	hidden []string
}

func (h hides) Lease(context.Context, checks.Run, checks.Job) (runner.Workspace, error) {
	return runner.Workspace{Dir: h.dir, Hidden: h.hidden, Release: func() {}}, nil
}

func hiding(t *testing.T, hidden ...string) *runner.Runner {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"pkg/Dockerfile", "pkg/VERSION", "pkg/nested/VERSION", "other/VERSION"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("1"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for at, to := range map[string]string{"pkg/link": "../other/VERSION", "pkg/folder": "../other", "pkg/good": "VERSION"} {
		if err := os.Symlink(to, filepath.Join(dir, at)); err != nil {
			t.Fatal(err)
		}
	}
	return runner.New(runner.Options{Sandbox: &sandboxtest.Dummy{}, Workspaces: hides{dir, hidden}, LogDir: t.TempDir(), Slots: 1})
}

// A file that a job's steps do not see is not read for it either.
func TestReadFileSeesWhatStepsSee(t *testing.T) {
	job := checks.Job{Run: "run1", Package: checks.Package{Name: "pkg", Dir: "pkg"}}
	all, some := hiding(t), hiding(t, "other", "pkg/nested")
	for name, shown := range map[string]bool{"VERSION": true, "good": true, "nested/VERSION": false, "link": false, "folder/VERSION": false, "../other/VERSION": false} {
		if text, err := all.ReadFile(t.Context(), checks.Run{ID: "run1"}, job, name, 10); string(text) != "1" || err != nil {
			t.Errorf("%s of all: %q, %v", name, text, err)
		}
		text, err := some.ReadFile(t.Context(), checks.Run{ID: "run1"}, job, name, 10)
		if shown != (string(text) == "1" && err == nil) || !shown && checks.KindOf(err) != checks.KindRefused {
			t.Errorf("%s of some: %q, %v", name, text, err)
		}
	}
}

// An image whose package has no steps is built of what the package sees.
func TestBuildSeesWhatStepsSee(t *testing.T) {
	for name, c := range map[string]struct {
		hidden []string
		want   []string
	}{
		"all":            {nil, []string{"Dockerfile", "VERSION", "folder", "good", "link", "nested"}},
		"hidden outside": {[]string{"other"}, []string{"Dockerfile", "VERSION", "folder", "good", "link", "nested"}},
		"hidden inside":  {[]string{"pkg/VERSION", "pkg/nested"}, []string{"Dockerfile", "folder", "good", "link"}},
	} {
		t.Run(name, func(t *testing.T) {
			job := checks.Job{Run: "run1", Package: checks.Package{Name: "pkg", Dir: "pkg", PkgType: "docker"}}
			var got []string
			result, err := hiding(t, c.hidden...).Release(t.Context(), checks.Run{ID: "run1"}, job, runner.ReleaseOptions{
				Version: "1", Collect: nil,
				Build: func(_ context.Context, dir string, _ io.Writer) error {
					entries, err := os.ReadDir(dir)
					for _, e := range entries {
						got = append(got, e.Name())
					}
					return err
				},
			})
			if err != nil || result.Outcome != checks.OutcomePassed || !slices.Equal(got, c.want) {
				t.Errorf("%+v, %v: it was built of %q", result, err, got)
			}
		})
	}
}

// A red check of such a package says what may be the cause.
func TestRedSaysThatFilesAreHidden(t *testing.T) {
	job := checks.Job{Run: "run1", Package: checks.Package{Name: "pkg", Dir: "pkg", TestType: checks.TestCommand, Commands: []string{"cat ../other/VERSION"}}}
	result, err := hiding(t, "other").Run(t.Context(), checks.Run{ID: "run1"}, job)
	if err != nil || result.Outcome != checks.OutcomeFailed || !strings.Contains(result.Detail, "Its sandbox is `declared`") {
		t.Errorf("%+v, %v", result, err)
	}
	result, err = hiding(t).Run(t.Context(), checks.Run{ID: "run1"}, job)
	if err != nil || result.Outcome != checks.OutcomePassed || result.Detail != "" {
		t.Errorf("%+v, %v", result, err)
	}
}

package app

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

func keepable(pkg, name, text string) runner.KeptFile {
	return runner.KeptFile{
		Job: checks.JobID{Run: "r", Package: pkg}, Name: name, Mode: 0o644, Size: int64(len(text)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
	}
}

func artifactsIn(t testing.TB, dir string) *localArtifacts {
	a, err := openLocalArtifacts(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// filesIn are the regular files below a folder, with their contents.
func filesIn(t testing.TB, dir string) map[string]string {
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		all[rel] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestLocalArtifacts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there")
	a := artifactsIn(t, dir)
	job := checks.Job{Run: "r", Package: checks.Package{Name: "api", Artifacts: []string{"*"}}}
	a.begin(job)
	keep := func(f runner.KeptFile) {
		t.Helper()
		if sum, err := a.keep(t.Context(), f); err != nil || len(sum) != 64 {
			t.Errorf("%q, %v", sum, err)
		}
	}
	program := keepable("api", "bin/run", "#!")
	program.Mode = 0o755
	keep(program)
	keep(keepable("api", "first", "of attempt 1"))
	keep(keepable("web", "first", "of another package"))
	if info, err := os.Stat(filepath.Join(dir, "api/bin/run")); err != nil || info.Mode().Perm()&0o111 == 0 {
		t.Errorf("a program is %v, %v", info, err)
	}
	// What is there already stays, or is replaced.
	if err := os.WriteFile(filepath.Join(dir, "api", "mine"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	a.begin(job) // the next attempt
	keep(keepable("api", "second", "of attempt 2"))
	if err := a.close(); err != nil {
		t.Error(err)
	}
	again := artifactsIn(t, dir)
	if _, err := again.keep(t.Context(), keepable("api", "second", "of the next run")); err != nil {
		t.Error(err)
	}
	want := map[string]string{"api/mine": "mine", "api/second": "of the next run", "web/first": "of another package"}
	if got := filesIn(t, dir); len(got) != len(want) || got["api/second"] != want["api/second"] || got["api/mine"] != "mine" || got["web/first"] != want["web/first"] {
		t.Errorf("there is %q; want %q", got, want)
	}
}

// TestLocalArtifactsInTheWay: nothing is written out of the folder, and what
// cannot be written is told with its name.
func TestLocalArtifactsInTheWay(t *testing.T) {
	outside := t.TempDir()
	for name, c := range map[string]struct {
		lay  func(dir string) error
		file runner.KeptFile
	}{
		"a link out of it": {func(dir string) error { return os.Symlink(outside, filepath.Join(dir, "api")) }, keepable("api", "f", "x")},
		"a deeper link": {func(dir string) error {
			return errors.Join(os.Mkdir(filepath.Join(dir, "api"), 0o700), os.Symlink(outside, filepath.Join(dir, "api", "out")))
		}, keepable("api", "out/f", "x")},
		"a file":                  {func(dir string) error { return os.WriteFile(filepath.Join(dir, "api"), nil, 0o600) }, keepable("api", "f", "x")},
		"a folder":                {func(dir string) error { return os.MkdirAll(filepath.Join(dir, "api", "f", "g"), 0o700) }, keepable("api", "f", "x")},
		"the folder above":        {nil, keepable("..", "f", "x")},
		"a name that leads up":    {nil, keepable("api", "../../f", "x")},
		"a name that leads aside": {nil, keepable("api", "../web/f", "x")},
		"an absolute name":        {nil, keepable("api", "/f", "x")},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if c.lay != nil {
				if err := c.lay(dir); err != nil {
					t.Fatal(err)
				}
			}
			a := artifactsIn(t, dir)
			_, err := a.keep(t.Context(), c.file)
			if err == nil || !strings.Contains(checks.PublicText(err, ""), "cannot be written. Remove what is in the way") {
				t.Errorf("%v", err)
			}
			if err := a.close(); !errors.As(err, new(NotKept)) {
				t.Errorf("the end is %v", err)
			}
			for path := range filesIn(t, dir) {
				if path != "api" {
					t.Errorf("there is %s", path)
				}
			}
		})
	}
	if left := filesIn(t, outside); len(left) > 0 {
		t.Errorf("outside there is %q", left)
	}
	// A link in place of the file itself is replaced, not followed.
	dir := t.TempDir()
	target := filepath.Join(outside, "target")
	if err := errors.Join(os.WriteFile(target, []byte("mine"), 0o600), os.Mkdir(filepath.Join(dir, "api"), 0o700), os.Symlink(target, filepath.Join(dir, "api", "f"))); err != nil {
		t.Fatal(err)
	}
	if _, err := artifactsIn(t, dir).keep(t.Context(), keepable("api", "f", "the job's")); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(target); string(text) != "mine" || err != nil {
		t.Errorf("a link was followed: %q, %v", text, err)
	}
}

// TestLocalArtifactsStay: whatever a file is called, it lands in its package's
// folder or nowhere.
func TestLocalArtifactsStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		top, err := os.MkdirTemp("", "kept")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(top)
		a, err := openLocalArtifacts(filepath.Join(top, "dir"), false)
		if err != nil {
			t.Fatal(err)
		}
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{"..", ".", "", "a", "b", "\\", "c\x00", "-", " "}), 1, 6).Draw(t, "name")
		_, err = a.keep(context.Background(), keepable("api", strings.Join(parts, "/"), "x"))
		_ = a.close()
		n := 0
		walk := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				if n++; !strings.HasPrefix(path, filepath.Join(top, "dir", "api")+"/") {
					t.Errorf("%q is at %s", parts, path)
				}
			}
			return err
		})
		if walk != nil || n > 1 || (n == 1) != (err == nil) {
			t.Errorf("%q: %d files, %v, %v", parts, n, err, walk)
		}
	})
}

// TestLocalArtifactsCut: of what could not be written to its end nothing is there.
func TestLocalArtifactsCut(t *testing.T) {
	dir := t.TempDir()
	a := artifactsIn(t, dir)
	f := keepable("api", "f", "")
	f.Open = func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(strings.NewReader("half"), runner.Until(cancelled(), strings.NewReader("x")))), nil
	}
	if _, err := a.keep(t.Context(), f); err == nil {
		t.Error("it is kept")
	}
	if got := filesIn(t, dir); len(got) > 0 {
		t.Errorf("there is %q", got)
	}
	if _, err := artifactsIn(t, dir).keep(cancelled(), keepable("api", "f", "x")); !errors.Is(err, context.Canceled) {
		t.Errorf("the end of the run is %v", err)
	}
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// TestLocalArtifactsNone: without a folder, and where nothing is run, nothing
// is made.
func TestLocalArtifactsNone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	for _, open := range []func() (*localArtifacts, error){
		func() (*localArtifacts, error) { return openLocalArtifacts("", false) },
		func() (*localArtifacts, error) { return openLocalArtifacts(dir, true) },
	} {
		a, err := open()
		if err != nil {
			t.Fatal(err)
		}
		job := a.begin(checks.Job{Package: checks.Package{Name: "api", Artifacts: []string{"*"}, Reports: []string{"r"}}})
		if len(job.Package.Artifacts) != 0 || len(job.Package.Reports) != 1 {
			t.Errorf("asks for %+v", job.Package)
		}
		if r := a.told(checks.Result{Artifacts: []checks.Artifact{{Name: "r"}}}); r.Artifacts != nil {
			t.Errorf("tells of %v", r.Artifacts)
		}
		if err := a.close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the folder was made")
	}
	if _, err := openLocalArtifacts("/dev/null/x", false); err == nil || !strings.Contains(err.Error(), "/dev/null/x cannot take artifacts. Name one that you may write to.") {
		t.Errorf("%v", err)
	}
}

package publish_test

import (
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/publish"
	"github.com/dudesons/loktar/runner/publish/publishtest"
)

const python = "/usr/bin/python3" // Debian's: the modules are its packages

const wheelProject = `[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "awesome_lib"
dynamic = ["version"]
description = "A library"
readme = "README.md"
requires-python = ">=3.8"
dependencies = ["requests>=2"]
classifiers = ["Programming Language :: Python :: 3", "Operating System :: OS Independent"]
[project.urls]
Home = "https://example.com/a"
Docs = "https://example.com/b"
[project.optional-dependencies]
extra = ["rich"]
`

// buildDists builds a wheel and an sdist as a package's own step does.
func buildDists(t *testing.T, version string) (wheel, sdist publish.File, dir string) {
	t.Helper()
	dir = t.TempDir()
	write(t, dir, map[string]string{
		"pyproject.toml": wheelProject, "README.md": "# Awesome\n\nLines ☃\n",
		"setup.py":                "import os, setuptools\nsetuptools.setup(version=os.environ['LOKTAR_VERSION'])\n",
		"awesome_lib/__init__.py": "NUMBER = " + `"` + version + `"` + "\n",
	})
	command(t, dir, []string{"LOKTAR_VERSION=" + version}, python, "-m", "build", "--no-isolation", "--wheel", "--sdist")
	for _, path := range must(filepath.Glob(filepath.Join(dir, "dist", "*"))) {
		if strings.HasSuffix(path, ".whl") {
			wheel = onDisk(t, path, "dist/"+filepath.Base(path))
		} else {
			sdist = onDisk(t, path, "dist/"+filepath.Base(path))
		}
	}
	if wheel.Name == "" || sdist.Name == "" {
		t.Fatal("no wheel or no sdist was built")
	}
	return wheel, sdist, filepath.Join(dir, "dist")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func wheelRelease(index, version string, files ...publish.File) publish.Release {
	r := release("whl", "awesome_lib", version, files...)
	r.Package.BuildInfo.Index = index
	return r
}

// pip installs what was published and says which version Python imports.
func pip(t *testing.T, index, requirement string) string {
	t.Helper()
	target := t.TempDir()
	command(t, target, []string{"HOME=" + target, "PIP_CONFIG_FILE=/dev/null"}, python, "-m", "pip", "install", "-q", "--no-cache-dir",
		"--disable-pip-version-check", "--no-deps", "--index-url", index, "--target", filepath.Join(target, "lib"), requirement)
	return strings.TrimSpace(command(t, target, []string{"PYTHONPATH=" + filepath.Join(target, "lib")}, python, "-c", "import awesome_lib; print(awesome_lib.NUMBER)"))
}

// TestTwineAndWeUploadAlike has twine judge the stand-in, and the stand-in
// and pip judge us.
func TestTwineAndWeUploadAlike(t *testing.T) {
	wheel, sdist, dist := buildDists(t, "3")
	ways := publishtest.Ways{Username: "__token__", Password: secret}
	his, ours := publishtest.StartPyPI(t, ways), publishtest.StartPyPI(t, ways)
	files := must(filepath.Glob(filepath.Join(dist, "*")))
	command(t, dist, []string{"HOME=" + dist}, publishtest.Tool(t, "twine", "twine"), append([]string{"upload", "--non-interactive", "--disable-progress-bar",
		"-u", "__token__", "-p", secret, "--repository-url", strings.TrimSuffix(his.URL, "simple/")}, files...)...)

	p := publish.NewPyPI(publish.PyPIOptions{Credentials: credentials("__token__", secret)})
	r := wheelRelease(ours.URL, "3", wheel, sdist)
	wantState(t, p, r, publish.Absent)
	wantHighest(t, p, r.Package, 0)
	if out := mustPublish(t, p, r); len(out.Items) != 2 || out.Items[0].SHA256 == "" || !strings.HasPrefix(out.Items[0].URL, "http") {
		t.Errorf("published %+v", out)
	}
	wantState(t, p, r, publish.Complete)
	wantHighest(t, p, r.Package, 3)

	twine := map[string]*publishtest.PythonFile{}
	for _, f := range his.Files() {
		twine[f.Name] = f
	}
	if len(twine) != 2 || len(ours.Files()) != 2 {
		t.Fatalf("twine uploaded %d files, we %d", len(twine), len(ours.Files()))
	}
	for _, f := range ours.Files() {
		if twine[f.Name] == nil || string(twine[f.Name].Content) != string(f.Content) {
			t.Fatalf("%s is not what twine uploaded", f.Name)
		}
		for name, want := range twine[f.Name].Form {
			if name == "provides_extras" || name == "dynamic" || name == "license" && want[0] == "UNKNOWN" || name == "comment" || want[0] == "" {
				continue // twine 4 names the first as nobody else does, and leaves fields empty
			}
			got := strings.Join(f.Form[name], "\x00")
			// twine says awesome-lib for awesome_lib: both are the project.
			if w := strings.Join(want, "\x00"); strings.ReplaceAll(got, "_", "-") != strings.ReplaceAll(w, "_", "-") && strings.Trim(w, "\n") != strings.Trim(got, "\n") {
				t.Errorf("%s: field %s is %q, twine's %q", f.Name, name, got, w)
			}
		}
	}
	index := strings.Replace(ours.URL, "http://", "http://__token__:"+strings.NewReplacer("/", "%2F", "+", "%2B", " ", "%20", "&", "%26").Replace(secret)+"@", 1)
	if got := pip(t, index, "awesome-lib==3"); got != "3" {
		t.Errorf("pip installed %q", got)
	}
}

func TestPyPICompletesAndConflicts(t *testing.T) {
	wheel, sdist, _ := buildDists(t, "4")
	for name, ways := range map[string]publishtest.Ways{
		"json": {},
		"html": {HTML: true, Already: http.StatusBadRequest},
		"bare": {HTML: true, NoHashes: true},
	} {
		t.Run(name, func(t *testing.T) {
			index := publishtest.StartPyPI(t, ways)
			p := publish.NewPyPI(publish.PyPIOptions{Index: index.URL})
			mustPublish(t, p, wheelRelease("", "4", wheel))
			both := wheelRelease("", "4", wheel, sdist)
			if found := wantState(t, p, both, publish.Partial); len(found.Items) != 1 {
				t.Errorf("found %+v", found)
			}
			mustPublish(t, p, both)
			mustPublish(t, p, both)
			wantState(t, p, both, publish.Complete)
			if n := index.Uploads(); n != 2 {
				t.Errorf("%d uploads, want 2", n)
			}
			wantState(t, p, wheelRelease("", "4", wheel), publish.Conflict)
			other := wheel
			other.SHA256 = strings.Repeat("0", 64)
			_, err := p.Publish(t.Context(), wheelRelease("", "4", other, sdist))
			if !publish.IsConflict(err) {
				t.Errorf("other content: %v", err)
			}
			wantState(t, p, wheelRelease("", "4.0.0", wheel, sdist), publish.Complete)
			if got := pip(t, index.URL, "awesome-lib"); got != "4" {
				t.Errorf("pip installed %q", got)
			}
		})
	}
}

// TestPyPIFaults: whatever goes wrong on the way, the file is there once.
func TestPyPIFaults(t *testing.T) {
	wheel, _, _ := buildDists(t, "5")
	for name, tt := range map[string]struct {
		fault publishtest.Fault
		kind  checks.Kind
	}{
		"down": {publishtest.Down, checks.KindUnavailable}, "error": {publishtest.Error, checks.KindUnavailable},
		"busy": {publishtest.Busy, checks.KindUnavailable}, "deny": {publishtest.Deny, checks.KindConfig},
		"broken": {publishtest.Broken, checks.KindUnavailable}, "lost": {publishtest.Lost, checks.KindUnavailable},
		"cut": {publishtest.Cut, checks.KindUnavailable}, "hanging": {publishtest.Hanging, checks.KindUnavailable},
		"large": {http.StatusRequestEntityTooLarge, checks.KindRefused}, "full": {http.StatusInsufficientStorage, checks.KindUnavailable},
		"there, it says": {http.StatusConflict, checks.KindUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			index := publishtest.StartPyPI(t, publishtest.Ways{})
			proxy := publishtest.StartProxy(t, strings.TrimSuffix(index.URL, "/simple/"))
			o := publish.PyPIOptions{Index: proxy.URL + "/simple/", Credentials: credentials("me", secret)}
			if tt.fault == publishtest.Hanging {
				o.Transport = &http.Transport{ResponseHeaderTimeout: 200 * time.Millisecond, DisableKeepAlives: true}
			}
			p := publish.NewPyPI(o)
			r := wheelRelease("", "5", wheel)
			proxy.Once(tt.fault, func(r *http.Request) bool { return r.Method == http.MethodPost })
			_, err := p.Publish(t.Context(), r)
			wantKind(t, err, tt.kind)
			if tt.fault == publishtest.Busy && retryAfter(err) != 7 {
				t.Errorf("come again after %v s", retryAfter(err))
			}
			want := publish.Absent
			if tt.fault == publishtest.Lost {
				want = publish.Complete
			}
			wantState(t, p, r, want)
			mustPublish(t, p, r)
			wantState(t, p, r, publish.Complete)
			if files := index.Files(); len(files) != 1 || string(files[0].Content) != string(content(t, wheel)) {
				t.Errorf("the index has %d files", len(files))
			}
		})
	}
}

func TestPyPIRefuses(t *testing.T) {
	wheel, sdist, _ := buildDists(t, "6")
	index := publishtest.StartPyPI(t, publishtest.Ways{})
	p := publish.NewPyPI(publish.PyPIOptions{Index: index.URL})
	for name, change := range map[string]func(*publish.Release){
		"another version": func(r *publish.Release) { r.Version = "7" },
		"another project": func(r *publish.Release) { r.Package.Name = "other" },
		"not a name":      func(r *publish.Release) { r.Files[0].Name = "dist/awesome.whl" },
		"not a wheel":     func(r *publish.Release) { r.Files[0] = fileOf(r.Files[0].Name, []byte("PK")) },
		"cut":             func(r *publish.Release) { r.Files[0] = fileOf(r.Files[0].Name, content(t, wheel)[:300]) },
		"lies of version": func(r *publish.Release) { r.Files[0].Name, r.Version = "awesome_lib-8-py3-none-any.whl", "8" },
		"is an sdist":     func(r *publish.Release) { r.Files[0].Name = "awesome_lib-6.tar.gz" },
		"no files":        func(r *publish.Release) { r.Files = nil },
		"pull request":    func(r *publish.Release) { r.PullRequest = true },
		"no URL":          func(r *publish.Release) { r.Package.BuildInfo.Index = "file:///etc" },
		"password in URL": func(r *publish.Release) { r.Package.BuildInfo.Index = "https://u:p@example.com/simple" },
	} {
		r := wheelRelease("", "6", wheel)
		change(&r)
		if _, err := p.Publish(t.Context(), r); checks.KindOf(err) != checks.KindRefused {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := index.Uploads(); n != 0 {
		t.Errorf("%d uploads of what is refused", n)
	}
	mustPublish(t, p, wheelRelease("", "6", sdist))
	index.Set(publishtest.Ways{Username: "a", Password: "b"})
	_, err := p.Publish(t.Context(), wheelRelease("", "7", wheel))
	wantKind(t, err, checks.KindConfig)
}

func TestBlake2b(t *testing.T) {
	dir := t.TempDir()
	for _, size := range []int{0, 1, 127, 128, 129, 256, 1000} {
		data := []byte(strings.Repeat("abcdefg", size)[:size])
		if err := os.WriteFile(filepath.Join(dir, "f"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		want, _, _ := strings.Cut(command(t, dir, nil, "b2sum", "-l", "256", "f"), " ")
		if got := hex.EncodeToString(publish.Blake2b(data)); got != want {
			t.Errorf("BLAKE2b of %d bytes is %s, b2sum says %s", size, got, want)
		}
	}
}

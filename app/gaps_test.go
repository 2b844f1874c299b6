package app

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs/manifest/infer"
	"github.com/dudesons/loktar/runner/source"
)

// gappy is a repository whose commit has submodules and files of Git LFS, with
// a .gitmodules that nobody may follow.
func gappy(t *testing.T) (*source.Source, checks.Run) {
	t.Helper()
	dir := t.TempDir()
	origin := filepath.Join(dir, "origin.git")
	git(t, nil, "init", "--quiet", "--bare", "--initial-branch=main", origin)
	const manifest = `{"packages": [
		{"pkg_name": "lib"}, {"pkg_name": "inner", "pkg_dir": "lib/inner"}, {"pkg_name": "dep", "depends_on": ["lib"]},
		{"pkg_name": "reads", "inputs": ["vendor/x/**"]}, {"pkg_name": "picks", "inputs": ["vendor/**", "!vendor/x", "!vendor/x/**"]},
		{"pkg_name": "big"}, {"pkg_name": "plain"}]}`
	const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"
	var in strings.Builder
	in.WriteString("commit refs/heads/main\ncommitter a <a@b> 0 +0000\ndata 1\nx\n")
	for name, text := range map[string]string{
		"loktar.json": manifest, ".gitattributes": "*.bin filter=lfs\n", "lib/f": "1", "lib/inner/f": "1", "dep/f": "1", "reads/f": "1", "picks/f": "1",
		"plain/f": "1", "big/b.bin": pointer, "big/a.bin": pointer, "big/real.bin": "text",
		".gitmodules": "[submodule \"../x\"]\n\tpath = lib/s\n\turl = ext::sh -c touch% /tmp/x\n[submodule \"y\"]\n\tpath = ../../etc\n\turl = file:///etc\n",
	} {
		fmt.Fprintf(&in, "M 100644 inline %s\ndata %d\n%s\n", name, len(text), text)
	}
	for _, sub := range []string{"lib/s", "vendor/x"} {
		fmt.Fprintf(&in, "M 160000 %s %s\n", strings.Repeat("1", 40), sub)
	}
	in.WriteString("\n")
	git(t, []byte(in.String()), "--git-dir="+origin, "fast-import", "--quiet")
	src, err := source.New(source.Options{Dir: filepath.Join(dir, "data"), URL: func(checks.Repo) string { return "file://" + origin }, AllowFile: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	})
	head := git(t, nil, "--git-dir="+origin, "rev-parse", "main")
	return src, checks.Run{
		ID: "r", Repo: checks.Repo{ID: 1, Owner: "acme", Name: "x"}, Push: &checks.Push{Ref: "refs/heads/main"},
		HeadSHA: head, Tree: git(t, nil, "--git-dir="+origin, "rev-parse", "main^{tree}"),
	}
}

// Exactly the packages that own or read what is missing are not run. The first
// lease finds an empty mirror.
func TestOnlyPackagesThatLackFilesAreNotRun(t *testing.T) {
	src, run := gappy(t)
	w := newWorkspaces(src, infer.New())
	for name, says := range map[string]string{
		"lib":   `"lib/s" of this package is a submodule, which Loktar does not fetch`,
		"reads": `"vendor/x" of this package is a submodule, which`,
		"big":   `"big/a.bin" of this package is kept with Git LFS (and 1 more like it), which Loktar does not fetch`,
		"inner": "", "dep": "", "picks": "", "plain": "",
	} {
		for _, release := range []bool{false, true} {
			job := checks.Job{Package: checks.Package{Name: name}}
			if release {
				job.Package.Name, job.Release = name+" / publish", &checks.Release{Package: name}
			}
			space, err := w.Lease(t.Context(), run, job)
			switch {
			case says == "" && err != nil:
				t.Errorf("%s: %v", name, err)
			case says == "":
				space.Release()
			case checks.KindOf(err) != checks.KindConfig || !strings.Contains(checks.PublicText(err, ""), says):
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestMissingPathsAreShortAndOnOneLine(t *testing.T) {
	for path, want := range map[string]string{
		"a\nb": `"a\nb"`, "\x1b[31m": `"\x1b[31m"`, strings.Repeat("é", 300): `"…` + strings.Repeat("é", 200) + `"`,
	} {
		if got := (&missing{first: path}).path(); got != want {
			t.Errorf("%q is shown as %s", path, got)
		}
	}
}

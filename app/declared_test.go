package app

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs/manifest/infer"
	"github.com/dudesons/loktar/runner/source"
)

const sighted = `{"packages": [
	{"pkg_name": "app", "sandbox": "declared", "depends_on": ["lib"]},
	{"pkg_name": "lib"},
	{"pkg_name": "py", "sandbox": "declared"},
	{"pkg_name": "all"}]}`

// sightedRepo is a repository with a pull request, planned: the change of the
// files on head.
func sightedRepo(t *testing.T, head map[string]string) (*source.Source, checks.Run) {
	t.Helper()
	dir := t.TempDir()
	origin := filepath.Join(dir, "origin.git")
	git(t, nil, "init", "--quiet", "--bare", "--initial-branch=main", origin)
	base := repoState{files: map[string]string{
		"loktar.json": sighted, "app/f": "1", "app/l": "->../conf/f", "lib/f": "1", "lib/pyproject.toml": "[project]\nname = \"acme-lib\"\n",
		"py/requirements.txt": "acme-lib\n-r ../conf/reqs.txt\n", "conf/f": "1", "conf/reqs.txt": "six\n", "all/f": "1",
	}}
	baseSHA := commitRepo(t, origin, "main", "", base)
	changed := base.clone()
	for name, text := range head {
		changed.files[name] = text
	}
	headSHA := commitRepo(t, origin, "head", "main", changed)
	src, err := source.New(source.Options{Dir: filepath.Join(dir, "data"), URL: func(checks.Repo) string { return "file://" + origin }, AllowFile: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	})
	repo := checks.Repo{ID: 1, Owner: "acme", Name: "x"}
	run := checks.Run{ID: "r", Repo: repo, HeadSHA: headSHA, BaseSHA: baseSHA, Tree: git(t, nil, "--git-dir="+origin, "rev-parse", headSHA+"^{tree}"),
		PullRequest: &checks.PullRequest{Number: 1, Head: checks.Ref{SHA: headSHA, Branch: "head", Repo: repo}, Base: checks.Ref{SHA: baseSHA, Branch: "main", Repo: repo}}}
	return src, run
}

// hiddenOf leases a job's files and tells what it does not see of them.
func hiddenOf(t *testing.T, w workspaces, run checks.Run, job checks.Job) []string {
	t.Helper()
	space, err := w.Lease(t.Context(), run, job)
	if err != nil {
		t.Fatal(err)
	}
	defer space.Release()
	slices.Sort(space.Hidden)
	return space.Hidden
}

func TestJobsSeeWhatTheyDeclare(t *testing.T) {
	const dependsOnAll = `{"packages": [{"pkg_name": "app", "sandbox": "declared", "depends_on": ["lib", "all"]}, {"pkg_name": "lib"}, {"pkg_name": "py"}, {"pkg_name": "all"}]}`
	for name, c := range map[string]struct {
		head    map[string]string
		fork    bool
		app, py []string
	}{
		// py needs lib by its requirements.txt.
		"as declared": {nil, false, []string{"all", "conf/reqs.txt", "loktar.json", "py"}, []string{"all", "app", "conf/f", "loktar.json"}},
		"as the pull request declares": {map[string]string{"loktar.json": dependsOnAll}, false,
			[]string{"conf/reqs.txt", "loktar.json", "py"}, []string{"all", "app", "conf/f", "loktar.json"}},
		"a fork declares nothing": {map[string]string{"loktar.json": dependsOnAll}, true,
			[]string{"all", "conf/reqs.txt", "loktar.json", "py"}, []string{"all", "app", "conf/f", "loktar.json"}},
		// lib may need anything, and so do those that needed it before, by a
		// name that it does not tell any more.
		"what cannot be read": {map[string]string{"lib/pyproject.toml": "[", "lib/g": "1"}, false, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			src, run := sightedRepo(t, c.head)
			if c.fork {
				run.PullRequest.Head.Repo.ID = 2
			}
			w := newWorkspaces(src, infer.New())
			for range 2 { // the second time it is known
				for pkg, want := range map[string][]string{"app": c.app, "py": c.py, "all": nil} {
					job := checks.Job{Package: checks.Package{Name: pkg, Dir: pkg, Sandbox: "repository"}}
					if pkg != "all" {
						job.Package.Sandbox = declared
					}
					if d := cmp.Diff(want, hiddenOf(t, w, run, job)); d != "" {
						t.Errorf("hidden from %s: %s", pkg, d)
					}
					release := job
					release.Package.Name, release.Release = pkg+" / publish", &checks.Release{Package: pkg}
					// Another server, as after a restart, sees the same.
					if d := cmp.Diff(want, hiddenOf(t, newWorkspaces(src, infer.New()), run, release)); d != "" {
						t.Errorf("hidden from the release of %s: %s", pkg, d)
					}
				}
			}
		})
	}
}

// What is kept of trees is bounded.
func TestSightsAreBounded(t *testing.T) {
	s := &sights{}
	first := s.of(checks.Run{Tree: "0"})
	for i := range 3 * maxSights {
		s.of(checks.Run{Tree: strings.Repeat("x", i)})
		if i < maxSights-1 && s.of(checks.Run{Tree: "0"}) != first {
			t.Error("what is used is not kept")
		}
	}
	if len(s.kept) != maxSights {
		t.Errorf("%d are kept", len(s.kept))
	}
}

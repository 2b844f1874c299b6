package source

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
)

// workspace puts a lease and its .git together as a job's overlay does.
func workspace(t *testing.T, l *Lease, d DotGit) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "workspace")
	for _, from := range []string{l.Dir, d.Dir} {
		// With all times, as an overlay shows them.
		if out, err := exec.Command("cp", "-a", from+"/.", dir).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return dir
}

// gitIn runs git as a job does.
func gitIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("git %q: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// tagged is an origin with tags, and a branch to be merged.
func tagged(t *testing.T) *origin {
	o := newOrigin(t)
	first := o.commit("main", files{"a": "1", "run": "exec:x", "w.txt": "a\n", ".gitattributes": "*.txt eol=crlf\n", "l": "link:a"})
	o.git("tag", "-a", "v1.0", "-m", "one", first)
	o.git("tag", "light", first)
	o.commit("topic", files{"b": "1"}, first)
	o.commit("main", files{"c": "1"})
	return o
}

func TestDotGit(t *testing.T) {
	o := tagged(t)
	s := o.source(t)
	ev := o.event("topic", "main")
	ch := load(t, s, ev).Change
	run := checks.Run{ID: "r", Installation: 7, Repo: testRepo, PullRequest: ev.PullRequest, HeadSHA: ch.HeadSHA, BaseSHA: ch.BaseSHA, Tree: ch.Tree}
	objects := filepath.Join(s.mirror(testRepo).dir, "objects")
	l := lease(t, s, ch.Tree)
	d, err := s.DotGit(t.Context(), l, run, objects)
	if err != nil {
		t.Fatal(err)
	}
	dir := workspace(t, l, d)
	if got := gitIn(t, dir, "status", "--porcelain", "--ignored"); got != "" {
		t.Errorf("status is %q", got)
	}
	parents := gitIn(t, dir, "log", "-1", "--format=%P %T")
	if want := ch.BaseSHA + " " + ch.HeadSHA + " " + ch.Tree; parents != want {
		t.Errorf("HEAD is of %q, want %q", parents, want)
	}
	if got := gitIn(t, dir, "rev-list", "--count", "HEAD"); got != "4" {
		t.Errorf("%s commits", got)
	}
	if got := gitIn(t, dir, "describe"); !strings.HasPrefix(got, "v1.0-3-g") {
		t.Errorf("it is described as %q", got)
	}
	if got := gitIn(t, dir, "tag"); got != "light\nv1.0" {
		t.Errorf("tags are %q", got)
	}
	if got := gitIn(t, dir, "diff", "--name-only", "origin/main...HEAD"); got != "b" {
		t.Errorf("it differs from its base in %q", got)
	}
	gitIn(t, dir, "fsck", "--connectivity-only")
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("2"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := gitIn(t, dir, "diff", "--name-only"); got != "a" {
		t.Errorf("what differs is %q", got)
	}
	again, err := s.DotGit(t.Context(), l, run, objects)
	if err != nil || again.Dir == d.Dir {
		t.Fatalf("%+v, %v", again, err)
	}
	read := func(d DotGit) string {
		b, err := os.ReadFile(filepath.Join(d.Dir, ".git/HEAD"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if read(d) != read(again) {
		t.Error("the same merge is another commit")
	}
	// Nothing tells of an address, and what a job writes to its own index is
	// not what the next move reads.
	config := gitIn(t, dir, "config", "--list")
	if strings.Contains(config, "remote") || strings.Contains(config, "://") {
		t.Errorf("config is %q", config)
	}
	l.Release()
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(l.Dir), "git-*")); len(left) > 0 {
		t.Errorf("%q are left", left)
	}
	if _, err := s.mirror(testRepo).run(t.Context(), "cat-file", "-e", strings.TrimSpace(gitIn(t, dir, "rev-parse", "HEAD"))); err == nil {
		t.Error("the merge commit is in the mirror")
	}
}

func TestDotGitFollowsTheTags(t *testing.T) {
	o := tagged(t)
	s := o.source(t)
	push := func(head string) checks.Run {
		o := checks.Run{ID: "r", Installation: 7, Repo: testRepo, Push: &checks.Push{Ref: "refs/heads/main"}, HeadSHA: head}
		if err := s.Fetch(t.Context(), 7, testRepo, head); err != nil {
			t.Fatal(err)
		}
		return o
	}
	tags := func(head string) []string {
		t.Helper()
		l := lease(t, s, o.tree(head))
		defer l.Release()
		d, err := s.DotGit(t.Context(), l, push(head), filepath.Join(s.mirror(testRepo).dir, "objects"))
		if err != nil {
			t.Fatal(err)
		}
		dir := workspace(t, l, d)
		if got := gitIn(t, dir, "rev-parse", "HEAD"); got != head {
			t.Errorf("HEAD is %s, want %s", got, head)
		}
		if got := gitIn(t, dir, "status", "--porcelain"); got != "" {
			t.Errorf("status is %q", got)
		}
		return strings.Fields(gitIn(t, dir, "tag"))
	}
	first := o.git("rev-parse", "main")
	if err := s.Fetch(t.Context(), 7, testRepo, first); err != nil {
		t.Fatal(err)
	}
	if got := tags(first); !slices.Equal(got, []string{"light", "v1.0"}) {
		t.Errorf("tags are %q", got)
	}
	o.git("tag", "-d", "light")
	o.git("tag", "light/d", first)
	o.git("tag", "of-a-tree", o.tree("main"))
	next := o.commit("main", files{"d": "1"})
	if err := s.Fetch(t.Context(), 7, testRepo, next); err != nil {
		t.Fatal(err)
	}
	if got := tags(next); !slices.Equal(got, []string{"light/d", "of-a-tree", "v1.0"}) {
		t.Errorf("tags are %q", got)
	}
}

func TestDotGitRefuses(t *testing.T) {
	o := tagged(t)
	s := o.source(t)
	ch := load(t, s, o.event("topic", "main")).Change
	l := lease(t, s, ch.Tree)
	run := checks.Run{ID: "r", Installation: 7, Repo: testRepo, HeadSHA: ch.HeadSHA}
	for _, objects := range []string{"relative", "/a\n/etc", "/a\"b", "#/a"} {
		if _, err := s.DotGit(t.Context(), l, run, objects); err == nil {
			t.Errorf("%q was taken", objects)
		}
	}
	run.HeadSHA = "--upload-pack=x"
	if _, err := s.DotGit(t.Context(), l, run, "/o"); err == nil {
		t.Error("a flag was taken for a commit")
	}
	run.HeadSHA = strings.Repeat("1", 40)
	_, err := s.DotGit(t.Context(), l, run, "/o")
	wantKind(t, err, checks.KindNotFound)
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(l.Dir), "git-*")); len(left) > 0 {
		t.Errorf("%q are left", left)
	}
}

// TestDotGitAddsNoLine holds that no name of a branch or tag becomes more than
// one line of packed-refs.
func TestDotGitAddsNoLine(t *testing.T) {
	o := tagged(t)
	s := o.source(t)
	ev := o.event("topic", "main")
	ch := load(t, s, ev).Change
	m := s.mirror(testRepo)
	for _, branch := range []string{"main\n" + ch.HeadSHA + " refs/heads/x", "a b", "../../x", "@{", ""} {
		pr := *ev.PullRequest
		pr.Base.Branch = branch
		refs, err := m.packedRefs(t.Context(), checks.Run{PullRequest: &pr, BaseSHA: ch.BaseSHA})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("# pack-refs with: peeled fully-peeled sorted \n", string(refs)); diff != "" {
			t.Errorf("%q: %s", branch, diff)
		}
	}
}

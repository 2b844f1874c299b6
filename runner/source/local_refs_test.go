package source

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// inClone runs git in a working tree.
func inClone(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.org"}, args...)...)
	cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %q: %v: %s", args, err, out)
	}
}

// TestRefs holds what is read by hand to what git says.
func TestRefs(t *testing.T) {
	o := newOrigin(t)
	base := o.commit("main", files{"a": "1"})
	o.commit("topic/one", files{"b": "1"}, base)
	o.commit("main", files{"c": "1"})
	l, dir := o.local(t)
	if err := os.Mkdir(filepath.Join(dir, "below"), 0o700); err != nil {
		t.Fatal(err)
	}
	git := func(args ...string) { inClone(t, dir, args...) }
	// check looks at all names. sure are those that need no git.
	check := func(when string, sure ...string) {
		t.Helper()
		refs, ok := FindRefs(filepath.Join(dir, "below"))
		if !ok {
			t.Fatalf("%s: the repository is not found", when)
		}
		told := map[string]bool{}
		for _, rev := range []string{
			"HEAD", "main", "topic/one", "same", "light", "noted", "origin", "origin/main", "refs/heads/main", "refs/remotes/origin/HEAD", "refs/remotes/origin/main", "refs/heads/none", "none",
			"HEAD~1", "main^", "@", "", "-x", "a..b", "../config", "config", "heads/main", "refs/heads/../../HEAD", "feed", base, base[:8], "refs/tags/light", "refs/heads/topic",
		} {
			got, err := refs.Commit(rev)
			if err != nil {
				continue
			}
			told[rev] = true
			want, err := l.Commit(rev)
			if rev == "noted" { // a tag with a message, that git looks through
				want = got
			}
			if got != want || err != nil {
				t.Errorf("%s: %q is %s by hand, %s, %v by git", when, rev, got, want, err)
			}
		}
		for _, rev := range sure {
			if !told[rev] {
				t.Errorf("%s: %q is left to git", when, rev)
			}
		}
	}
	usual := []string{"HEAD", "main", "refs/heads/main", "refs/remotes/origin/HEAD", "refs/remotes/origin/main", "refs/heads/none"}
	check("after a clone", usual...)
	git("branch", "same", "HEAD~1")
	git("branch", "feed", "HEAD~1")
	git("tag", "same")
	git("tag", "light", "HEAD~1")
	git("tag", "-a", "-m", "x", "noted")
	check("with tags", append(usual, "same", "light")...)
	git("pack-refs", "--all")
	check("packed", append(usual, "same", "light")...)
	git("update-ref", "refs/heads/main", base)
	check("moved since", usual...)
	git("checkout", "--quiet", "--detach", "origin/topic/one")
	check("detached", usual...)
}

func TestRefsAreLeftToGit(t *testing.T) {
	o := newOrigin(t)
	o.commit("main", files{"a": "1"})
	_, dir := o.local(t)
	side := filepath.Join(t.TempDir(), "side")
	inClone(t, dir, "worktree", "add", "--quiet", "--detach", side)
	for what, dir := range map[string]string{"a bare repository": o.dir, "inside of .git": filepath.Join(dir, ".git"), "another working tree": side, "no repository": t.TempDir(), "no folder": filepath.Join(dir, "none")} {
		if _, ok := FindRefs(dir); ok {
			t.Errorf("%s is read by hand", what)
		}
	}
	t.Setenv("GIT_DIR", o.dir)
	if _, ok := FindRefs(dir); ok {
		t.Error("GIT_DIR is overlooked")
	}
}

func TestRefsOfAShallowClone(t *testing.T) {
	o := newOrigin(t)
	base := o.commit("main", files{"a": "1"})
	o.commit("main", files{"b": "1"}, base)
	dir := filepath.Join(t.TempDir(), "clone")
	o.git("clone", "--quiet", "--depth", "1", "file://"+o.dir, dir)
	refs, ok := FindRefs(dir)
	if !ok || !refs.Shallow() || refs.Complete() {
		t.Error("a shallow clone is not known as such")
	}
}

package minihub_test

import (
	"context"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
)

// git runs git as a user of the hub does, with a token in a header.
func git(t *testing.T, dir, token string, args ...string) (string, error) {
	t.Helper()
	if token != "" {
		auth := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + token))
		args = append([]string{"-c", "http.extraHeader=Authorization: Basic " + auth}, args...)
	}
	args = append([]string{"-c", "user.name=zoe", "-c", "user.email=zoe@example.org"}, args...)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "git", args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_GLOBAL=" + os.DevNull, "LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func mustGit(t *testing.T, dir, token string, args ...string) string {
	t.Helper()
	out, err := git(t, dir, token, args...)
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(out)
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestGitReading(t *testing.T) {
	h := minihubtest.Start(t)
	mono := h.Repo("acme", "mono", map[string]string{"a": "1"})
	other := h.Repo("acme", "other", map[string]string{"b": "1"})
	token := h.Token("acme", &github.InstallationTokenOptions{Repositories: []string{"mono"},
		Permissions: &github.InstallationPermissions{Contents: github.String("read")}})
	blind := h.Token("acme", &github.InstallationTokenOptions{Permissions: &github.InstallationPermissions{Checks: github.String("read")}})
	for _, c := range []struct {
		name, token string
		repo        *minihub.Repo
		ok          bool
	}{
		{"its repository", token, mono, true},
		{"another repository", token, other, false},
		{"no token", "", mono, false},
		{"a wrong token", "ghs_1_x.y.z", mono, false},
		{"no contents permission", blind, mono, false},
		{"the owner", h.UserToken("acme"), mono, true},
		{"a stranger", h.UserToken("mallory"), mono, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := git(t, t.TempDir(), c.token, "clone", "-q", c.repo.CloneURL(), "x")
			if (err == nil) != c.ok {
				t.Errorf("clone: %v\n%s", err, out)
			}
		})
	}
	if out, err := git(t, t.TempDir(), token, "push", mono.CloneURL(), "HEAD:refs/heads/x"); err == nil {
		t.Errorf("an App with contents:read pushed: %s", out)
	}
	mono.SetPublic(true)
	mustGit(t, t.TempDir(), "", "clone", "-q", mono.CloneURL(), "x")
}

// TestFetchBySHA fetches a commit that no branch holds any more, over
// protocol v2, and the refs that GitHub keeps for a pull request.
func TestFetchBySHA(t *testing.T) {
	h := minihubtest.Start(t)
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	first := h.Commit(repo, minihub.Commit{Branch: "topic", From: "main", Files: map[string]string{"b": "1"}})
	n := h.Open(repo, minihub.NewPull{Head: "topic"})
	forced := h.Commit(repo, minihub.Commit{Branch: "topic", From: "main", Files: map[string]string{"b": "2"}})
	token, dir := h.Token("acme", nil), t.TempDir()
	mustGit(t, dir, "", "init", "-q", "--bare", ".")
	for _, version := range []string{"0", "2"} {
		mustGit(t, dir, token, "-c", "protocol.version="+version, "fetch", "-q", "--depth=1", repo.CloneURL(), first)
	}
	if out, err := git(t, dir, token, "fetch", "-q", repo.CloneURL(), strings.Repeat("a", 40)); err == nil {
		t.Errorf("an unknown commit was fetched: %s", out)
	}
	pr := "refs/pull/" + strconv.Itoa(n)
	mustGit(t, dir, token, "fetch", "-q", repo.CloneURL(), pr+"/head:head", pr+"/merge:merge")
	if got := mustGit(t, dir, "", "rev-parse", "head"); got != forced {
		t.Errorf("head is %s, want %s", got, forced)
	}
	main, err := repo.Tip(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	if got := mustGit(t, dir, "", "log", "-1", "--format=%P", "merge"); got != main+" "+forced {
		t.Errorf("parents of the merge: %s", got)
	}
	if v, want := mustGit(t, dir, token, "-c", "protocol.version=2", "ls-remote", repo.CloneURL(), pr+"/*"), 2; strings.Count(v, "\n")+1 != want {
		t.Errorf("ls-remote: %q", v)
	}
	if err := repo.ClosePull(t.Context(), n, "acme"); err != nil {
		t.Fatal(err)
	}
	if v := mustGit(t, dir, token, "ls-remote", repo.CloneURL(), pr+"/*"); !strings.HasSuffix(v, "/head") || strings.Contains(v, "/merge") {
		t.Errorf("after closing: %q", v)
	}
}

// TestPush pushes as a person does and looks at the events that follow.
func TestPush(t *testing.T) {
	h := minihubtest.StartWith(t, minihubtest.Options{Hub: minihub.Options{Events: []string{"push", "pull_request", "create", "delete"}}})
	listen(t, h)
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	first := h.Commit(repo, minihub.Commit{Branch: "topic", From: "main", Files: map[string]string{"b": "1"}})
	n := h.Open(repo, minihub.NewPull{Head: "topic"})
	dir := filepath.Join(t.TempDir(), "w")
	token := h.UserToken("acme")
	mustGit(t, t.TempDir(), token, "clone", "-q", "-b", "topic", repo.CloneURL(), dir)
	write(t, filepath.Join(dir, "b"), "2")
	// More than http.postBuffer, so that git sends the body in chunks.
	write(t, filepath.Join(dir, "big"), randomText(3<<20))
	mustGit(t, dir, "", "add", ".")
	mustGit(t, dir, "", "commit", "-q", "-m", "More")
	tip := mustGit(t, dir, "", "rev-parse", "HEAD")
	mustGit(t, dir, token, "push", "-q", "origin", "HEAD:topic", "HEAD:refs/heads/new", "HEAD:refs/tags/v1")

	sync := decode(t, delivered(t, h, "pull_request", "synchronize", 1)[0].Payload)
	if sync["before"] != first || sync["after"] != tip || at(sync, "pull_request", "head", "sha") != tip || at(sync, "sender", "login") != "acme" {
		t.Errorf("synchronize: %v..%v by %v", sync["before"], sync["after"], at(sync, "sender", "login"))
	}
	creates := delivered(t, h, "create", "", 4)
	if got := decode(t, creates[3].Payload); got["ref"] != "v1" || got["ref_type"] != "tag" {
		t.Errorf("create: %v %v", got["ref"], got["ref_type"])
	}
	suites := delivered(t, h, "check_suite", "requested", 3)
	if len(suites) != 3 {
		t.Errorf("%d suites for 3 commits that branches got", len(suites))
	}
	if err := repo.Push(t.Context(), "acme", "new", ""); err != nil {
		t.Fatal(err)
	}
	delivered(t, h, "delete", "", 1)
	if out, err := git(t, dir, token, "push", "-q", "origin", "HEAD:refs/pull/"+strconv.Itoa(n)+"/head"); err == nil {
		t.Errorf("a push wrote refs/pull: %s", out)
	}
	if out, err := git(t, dir, h.UserToken("mallory"), "push", "-q", "origin", "HEAD:x"); err == nil {
		t.Errorf("a stranger pushed: %s", out)
	}
	repo.SetAccess("mallory", "read")
	if out, err := git(t, dir, h.UserToken("mallory"), "push", "-q", "origin", "HEAD:x"); err == nil || !strings.Contains(out, "403") {
		t.Errorf("a reader pushed: %s", out)
	}
	repo.SetAccess("mallory", "write")
	mustGit(t, dir, h.UserToken("mallory"), "push", "-q", "origin", "HEAD:x")

	// The branch goes, and its pull request with it.
	mustGit(t, dir, token, "push", "-q", "origin", ":topic")
	if got := decode(t, delivered(t, h, "pull_request", "closed", 1)[0].Payload); at(got, "pull_request", "merged") != false {
		t.Error("closed as merged")
	}
}

// randomText is text that does not compress well.
func randomText(n int) string {
	var b strings.Builder
	for x := uint64(1); b.Len() < n; {
		x = x*6364136223846793005 + 1442695040888963407
		b.WriteString(strconv.FormatUint(x, 36))
	}
	return b.String()
}

// TestConflict has a pull request that stops merging: its merge ref stays.
func TestConflict(t *testing.T) {
	h := minihubtest.StartWith(t, minihubtest.Options{Hub: minihub.Options{SlowMerge: true}})
	repo := h.Repo("acme", "mono", map[string]string{"a": "1\n"})
	h.Commit(repo, minihub.Commit{Branch: "topic", From: "main", Files: map[string]string{"a": "2\n"}})
	n := h.Open(repo, minihub.NewPull{Head: "topic"})
	c := h.Client("acme")
	get := func() *github.PullRequest {
		pr, _, err := c.PullRequests.Get(t.Context(), "acme", "mono", n)
		if err != nil {
			t.Fatal(err)
		}
		return pr
	}
	if pr := get(); pr.Mergeable != nil || pr.MergeCommitSHA != nil {
		t.Errorf("the first answer knows already: %v", pr)
	}
	merge := get()
	if !merge.GetMergeable() {
		t.Errorf("mergeable: %v", merge.Mergeable)
	}
	h.Commit(repo, minihub.Commit{Files: map[string]string{"a": "3\n"}})
	get()
	if pr := get(); pr.Mergeable == nil || pr.GetMergeable() || pr.GetMergeableState() != "dirty" || pr.MergeCommitSHA != nil {
		t.Errorf("after the conflict: %v %v", pr.Mergeable, pr.GetMergeableState())
	}
	dir := t.TempDir()
	mustGit(t, dir, "", "init", "-q", ".")
	out := mustGit(t, dir, h.Token("acme", nil), "ls-remote", repo.CloneURL(), "refs/pull/"+strconv.Itoa(n)+"/merge")
	if !strings.HasPrefix(out, merge.GetMergeCommitSHA()) {
		t.Errorf("the stale merge ref is %q, want %s", out, merge.GetMergeCommitSHA())
	}
	if _, err := repo.MergePull(t.Context(), n, "acme"); err == nil {
		t.Error("a conflict was merged")
	}
	h.Commit(repo, minihub.Commit{Branch: "clash", From: "topic", Files: map[string]string{"a": "4\n"}})
	never := h.Open(repo, minihub.NewPull{Head: "clash"})
	for _, number := range []int{n, never} {
		if err := repo.ClosePull(t.Context(), number, "acme"); err != nil {
			t.Error(err)
		}
	}
}

package minihub_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
)

// once makes one request as do does, and follows no redirect.
func once(t *testing.T, h *minihubtest.Hub, token, method, path string, body any) (int, map[string]any, http.Header) {
	t.Helper()
	raw, err := json.Marshal(body)
	ok(t, err)
	req, err := http.NewRequestWithContext(t.Context(), method, h.URL()+"/api/v3"+path, bytes.NewReader(raw))
	ok(t, err)
	if body == nil {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	ok(t, err)
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	ok(t, err)
	return resp.StatusCode, decode(t, answer), resp.Header
}

// TestRepositoryEvents sends each event about a repository's life.
func TestRepositoryEvents(t *testing.T) {
	h := minihubtest.Start(t)
	in := listen(t, h)
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	old := h.Repo("acme", "old", nil)
	globex := h.Install("globex")
	h.UserToken("nobody")
	last := func(action string, keys ...string) any {
		t.Helper()
		ds := delivered(t, h, "repository", action, 1)
		return at(decode(t, ds[len(ds)-1].Payload), keys...)
	}
	ok(t, repo.Rename("Poly"))
	equal(t, "renamed from", any("mono"), last("renamed", "changes", "repository", "name", "from"))
	equal(t, "renamed to", any("acme/Poly"), last("renamed", "repository", "full_name"))
	ok(t, repo.Transfer("Globex"))
	equal(t, "transferred from", any("acme"), last("transferred", "changes", "owner", "from", "user", "login"))
	equal(t, "transferred to", any("globex/Poly"), last("transferred", "repository", "full_name"))
	equal(t, "installation of the transfer", any(float64(globex)), last("transferred", "installation", "id"))
	ok(t, repo.Archive())
	equal(t, "archived", any(true), last("archived", "repository", "archived"))
	ok(t, h.DeleteRepo(repo))
	equal(t, "deleted", any("globex/Poly"), last("deleted", "repository", "full_name"))
	ok(t, old.Transfer("nobody"))
	ok(t, old.Rename("older"))
	_, n := since(t, h, in, 0)
	holdAgainstGitHub(t, in)
	likeCapture(t, in, "repository", "transferred", "transferred.json")
	for _, action := range []string{"renamed", "archived", "deleted"} {
		likeCapture(t, in, "repository", action, "created.with-installation.json")
	}
	if ds := delivered(t, h, "repository", "transferred", 1); len(ds) != 1 {
		t.Errorf("a transfer to an owner without the App was told: %d", len(ds))
	}
	if ds := delivered(t, h, "repository", "renamed", 1); len(ds) != 1 {
		t.Errorf("%d renames were told", len(ds))
	}
	if n == 0 {
		t.Error("nothing arrived")
	}
}

// TestRedirects asks for a repository by the names that it had.
func TestRedirects(t *testing.T) {
	h := minihubtest.StartWith(t, minihubtest.Options{AllowRefused: true})
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	h.Repo("globex", "foreign", nil)
	sha := tip(t, repo, "main")
	ok(t, repo.Rename("poly"))
	ok(t, repo.Rename("omni"))
	token, foreign := h.Token("acme", nil), h.Token("globex", nil)
	id := strconv.FormatInt(repo.ID(), 10)
	byID := "/repositories/" + id
	run := m{"name": "lib", "head_sha": sha}
	for _, c := range []struct {
		name, token, method, path string
		status                    int
		to                        string
	}{
		{"the new name", token, "GET", "/repos/acme/omni", 200, ""},
		{"the first name", token, "GET", "/repos/acme/mono", 301, byID},
		{"the second name, in another case", token, "GET", "/repos/Acme/POLY", 301, byID},
		{"a call below it", token, "GET", "/repos/acme/mono/commits/main/check-runs?filter=all", 301, byID + "/commits/main/check-runs?filter=all"},
		{"a path with escapes", token, "GET", "/repos/acme/mono/commits/a%2Fb", 301, byID + "/commits/a%2Fb"},
		{"a write", token, "POST", "/repos/acme/mono/check-runs", 307, byID + "/check-runs"},
		{"a change", token, "PATCH", "/repos/acme/mono/check-runs/7", 307, byID + "/check-runs/7"},
		{"by id", token, "GET", byID, 200, ""},
		{"below the id", token, "POST", byID + "/check-runs", 201, ""},
		{"another's id", foreign, "GET", byID, 404, ""},
		{"another's old name", foreign, "GET", "/repos/acme/mono", 404, ""},
		{"a name that never was", token, "GET", "/repos/acme/solo", 404, ""},
		{"an id that never was", token, "GET", "/repositories/1", 404, ""},
		{"no id", token, "GET", "/repositories/mono", 404, ""},
		{"no credential", "", "GET", "/repos/acme/mono", 401, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var body any
			if c.method != "GET" {
				body = run
			}
			status, got, head := once(t, h, c.token, c.method, c.path, body)
			to := ""
			if c.to != "" {
				to = h.URL() + "/api/v3" + c.to
				if got["message"] != "Moved Permanently" || got["url"] != to || got["documentation_url"] == nil {
					t.Errorf("the redirect says %v", got)
				}
			}
			if status != c.status || head.Get("Location") != to {
				t.Errorf("got %d to %q, want %d to %q", status, head.Get("Location"), c.status, to)
			}
		})
	}

	ctx, c := t.Context(), h.Client("acme")
	made, _, err := c.Checks.CreateCheckRun(ctx, "acme", "mono", github.CreateCheckRunOptions{Name: "lib", HeadSHA: sha})
	ok(t, err)
	got, _, err := c.Checks.GetCheckRun(ctx, "acme", "poly", made.GetID())
	ok(t, err)
	if got.GetID() != made.GetID() || got.GetURL() != h.URL()+"/api/v3/repos/acme/omni/check-runs/"+strconv.FormatInt(made.GetID(), 10) {
		t.Errorf("through the redirect: %v", got)
	}
	if runs := h.CheckRuns("acme/omni", sha); len(runs) == 0 || runs[0].Repo != "acme/omni" {
		t.Errorf("the check runs by the new name: %v", runs)
	}
	if found, _, err := h.AppClient().Apps.FindRepositoryInstallation(ctx, "acme", "mono"); err != nil || found.GetID() != h.Install("acme") {
		t.Errorf("the installation by the old name: %v, %v", found, err)
	}

	taker := h.Repo("acme", "mono", map[string]string{"new": "1"})
	status, answer, _ := once(t, h, token, "GET", "/repos/acme/mono", nil)
	if status != 200 || answer["id"] != float64(taker.ID()) || taker.Dir() == repo.Dir() {
		t.Errorf("a new repository by the old name: %d %v in %s", status, answer["id"], taker.Dir())
	}
	if err := repo.Rename("mono"); err == nil {
		t.Error("a name that is taken was taken again")
	}
	ok(t, h.DeleteRepo(repo))
	for _, path := range []string{"/repos/acme/omni", "/repos/acme/poly", byID} {
		if status, _, _ := once(t, h, token, "GET", path, nil); status != 404 {
			t.Errorf("%s of a deleted repository: %d", path, status)
		}
	}
}

// TestGitFollowsMoves clones and pushes by an old name.
func TestGitFollowsMoves(t *testing.T) {
	h := minihubtest.Start(t)
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	h.Install("globex")
	old := repo.CloneURL()
	ok(t, repo.Rename("poly"))
	ok(t, repo.Transfer("globex"))
	token := h.UserToken("globex")
	for name, url := range map[string]string{"a header": old, "the address": strings.Replace(old, "://", "://x-access-token:"+token+"@", 1)} {
		t.Run("credential in "+name, func(t *testing.T) {
			dir, header := t.TempDir(), ""
			if url == old {
				header = token
			}
			out := mustGit(t, dir, header, "clone", url, "work")
			if !strings.Contains(out, "redirecting to "+repo.CloneURL()) {
				t.Errorf("git was not redirected: %s", out)
			}
			write(t, dir+"/work/b", name)
			mustGit(t, dir+"/work", "", "add", "b")
			mustGit(t, dir+"/work", "", "commit", "-qm", name)
			mustGit(t, dir+"/work", header, "push", "-q", "origin", "HEAD:main")
			if got, want := tip(t, repo, "main"), mustGit(t, dir+"/work", "", "rev-parse", "HEAD"); got != want {
				t.Errorf("main is at %s, want %s", got, want)
			}
		})
	}
	if out, err := git(t, t.TempDir(), h.UserToken("acme"), "ls-remote", old); err == nil || strings.Contains(out, "poly") {
		t.Errorf("who may not see it reads it by its old name: %s", out)
	}
	ok(t, h.DeleteRepo(repo))
	if out, err := git(t, t.TempDir(), token, "ls-remote", old); err == nil || !strings.Contains(out, "not found") {
		t.Errorf("a deleted repository by its old name: %s", out)
	}
}

func TestArchivedIsReadOnly(t *testing.T) {
	h := minihubtest.StartWith(t, minihubtest.Options{AllowRefused: true})
	ctx := t.Context()
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	h.Commit(repo, minihub.Commit{Branch: "topic", From: "main", Files: map[string]string{"b": "1"}})
	n, sha := h.Open(repo, minihub.NewPull{Head: "topic"}), tip(t, repo, "topic")
	token := h.Token("acme", nil)
	_, run, _ := do(t, h, token, "POST", "/repos/acme/mono/check-runs", m{"name": "lib", "head_sha": sha})
	path := "/repos/acme/mono/check-runs/" + strconv.FormatFloat(run["id"].(float64), 'f', 0, 64)
	ok(t, repo.Archive())
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"POST", "/repos/acme/mono/check-runs", 403}, {"PATCH", path, 403}, {"POST", path + "/rerequest", 403}, {"GET", path, 200},
	} {
		status, got, _ := do(t, h, token, c.method, c.path, m{"name": "lib", "head_sha": sha})
		if message := "Repository was archived so is read-only."; status != c.status || status == 403 && got["message"] != message {
			t.Errorf("%s %s: %d %v", c.method, c.path, status, got["message"])
		}
	}
	dir := t.TempDir()
	mustGit(t, dir, h.UserToken("acme"), "clone", "-q", repo.CloneURL(), "work")
	if out, err := git(t, dir+"/work", h.UserToken("acme"), "push", "origin", "HEAD:refs/heads/new"); err == nil || !strings.Contains(out, "403") {
		t.Errorf("a push: %s", out)
	}
	_, committed := repo.Commit(ctx, minihub.Commit{Files: map[string]string{"a": "2"}})
	_, opened := repo.OpenPull(ctx, minihub.NewPull{Head: "topic", Base: "topic"})
	_, queue := repo.Enqueue(ctx, n, "zoe")
	for what, err := range map[string]error{"a commit": committed, "a pull request": opened, "the queue": queue,
		"closing": repo.ClosePull(ctx, n, "zoe"), "a push": repo.Push(ctx, "acme", "new", sha), "archiving": repo.Archive()} {
		if err == nil || !strings.Contains(err.Error(), "archived so it is read-only") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestMovesRefuse(t *testing.T) {
	h := minihubtest.Start(t)
	ctx := t.Context()
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	h.Repo("acme", "taken", nil)
	h.Repo("globex", "mono", nil)
	gone := h.Repo("acme", "gone", map[string]string{"a": "1"})
	ok(t, h.DeleteRepo(gone))
	commit := func() error {
		_, err := gone.Commit(ctx, minihub.Commit{Files: map[string]string{"a": "2"}})
		return err
	}
	fork := func() error { _, err := gone.Fork("globex"); return err }
	for _, c := range []struct {
		name, says string
		err        error
	}{
		{"a name that is taken", "taken", repo.Rename("Taken")},
		{"the same name", "already", repo.Rename("mono")},
		{"a bad name", "letters", repo.Rename("a/b")},
		{"a dot in front", "letters", repo.Rename(".git")},
		{"no name", "letters", repo.Rename("")},
		{"an unknown owner", "nobody has the login", repo.Transfer("stranger")},
		{"the same owner", "already", repo.Transfer("ACME")},
		{"an owner that has the name", "taken", repo.Transfer("globex")},
		{"delete twice", "no such repository", h.DeleteRepo(gone)},
		{"rename the deleted", "deleted", gone.Rename("back")},
		{"archive the deleted", "deleted", gone.Archive()},
		{"commit to the deleted", "deleted", commit()},
		{"fork the deleted", "deleted", fork()},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", c.name, c.err, c.says)
		}
	}
	ok(t, repo.Rename("Mono"))
	if got := h.Repo("acme", "gone", nil); repo.FullName() != "acme/Mono" || got.ID() == gone.ID() {
		t.Errorf("%s, %d", repo.FullName(), got.ID())
	}
}

// TestForksOutliveTheirParent, and pull requests the fork that they come from.
func TestForksOutliveTheirParent(t *testing.T) {
	h := minihubtest.Start(t)
	in := listen(t, h)
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	fork, err := repo.Fork("zoe")
	ok(t, err)
	ok(t, repo.Rename("poly"))
	h.Commit(fork, minihub.Commit{Branch: "mine", From: "main", Files: map[string]string{"b": "1"}})
	n := h.Open(repo, minihub.NewPull{Head: "zoe:mine"})
	ok(t, h.DeleteRepo(fork))
	pr, _, err := h.Client("acme").PullRequests.Get(t.Context(), "acme", "poly", n)
	if err != nil || pr.GetHead().Repo != nil || !pr.GetMergeable() {
		t.Errorf("the pull request of a deleted fork: %v, %v", pr, err)
	}
	_, err = repo.Enqueue(t.Context(), n, "acme")
	ok(t, err)
	ok(t, repo.FinishQueue(t.Context(), n, "acme"))
	delivered(t, h, "pull_request", "closed", 1)
	second, err := repo.Fork("zoe")
	ok(t, err)
	ok(t, h.DeleteRepo(repo))
	h.Install("zoe")
	if got, _, err := h.Client("zoe").Repositories.Get(t.Context(), "zoe", second.Name()); err != nil || got.GetFork() {
		t.Errorf("the fork of a deleted repository: %v, %v", got, err)
	}
	settled(t, h)
	holdAgainstGitHub(t, in)
}

// TestMovesWhileInUse renames a repository while others use it.
func TestMovesWhileInUse(t *testing.T) {
	h := minihubtest.Start(t)
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	token, id := h.Token("acme", nil), strconv.FormatInt(repo.ID(), 10)
	var all sync.WaitGroup
	for _, f := range []func(i int) error{
		func(i int) error { return repo.Rename("mono" + strconv.Itoa(i)) },
		func(i int) error {
			_, err := repo.Commit(t.Context(), minihub.Commit{Files: map[string]string{"a": strconv.Itoa(i)}})
			return err
		},
		func(int) error {
			if status, got, _ := do(t, h, token, "GET", "/repositories/"+id, nil); status != 200 {
				t.Errorf("by id: %d %v", status, got)
			}
			_, _ = repo.FullName(), repo.CloneURL()
			return nil
		},
	} {
		all.Go(func() {
			for i := range 10 {
				if err := f(i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if repo.FullName() != "acme/mono9" {
		t.Errorf("it ends as %s", repo.FullName())
	}
}

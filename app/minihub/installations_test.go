package minihub_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v4"

	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
)

// mintFor asks for a token of an installation as the first App.
func mintFor(t *testing.T, h *minihubtest.Hub, installation int64) (status int, answer map[string]any) {
	t.Helper()
	now := time.Now().Unix()
	bearer := appJWT(t, jwt.SigningMethodRS256, appKey(t, h.App()), jwt.MapClaims{"iss": h.App().ID(), "iat": now - 1, "exp": now + 100})
	status, answer, _ = do(t, h, bearer, "POST", "/app/installations/"+strconv.FormatInt(installation, 10)+"/access_tokens", nil)
	return status, answer
}

// TestInstallationEvents sends each event about an installation's life.
func TestInstallationEvents(t *testing.T) {
	h := minihubtest.Start(t)
	in := listen(t, h)
	for _, name := range []string{"one", "two", "three"} {
		_, err := h.CreateRepo("acme", name)
		ok(t, err)
	}
	a := h.App()
	a.InstallOn("acme", "one")
	ok(t, a.AddRepos("acme", "two", "Three"))
	ok(t, a.RemoveRepos("Acme", "one"))
	ok(t, a.Suspend("acme"))
	ok(t, a.Unsuspend("acme"))
	ok(t, a.Uninstall("acme"))
	names := func(event, action, key string) (out []string) {
		list, _ := at(decode(t, delivered(t, h, event, action, 1)[0].Payload), key).([]any)
		for _, r := range list {
			out = append(out, at(r, "full_name").(string))
		}
		return out
	}
	equal(t, "added", []string{"acme/two", "acme/three"}, names("installation_repositories", "added", "repositories_added"))
	equal(t, "removed", []string{"acme/one"}, names("installation_repositories", "removed", "repositories_removed"))
	equal(t, "deleted", []string{"acme/two", "acme/three"}, names("installation", "deleted", "repositories"))
	suspended := decode(t, delivered(t, h, "installation", "suspend", 1)[0].Payload)
	if at(suspended, "installation", "suspended_at") == nil || at(suspended, "installation", "suspended_by", "login") != "acme" {
		t.Errorf("suspended: %v", at(suspended, "installation"))
	}
	if at(decode(t, delivered(t, h, "installation", "unsuspend", 1)[0].Payload), "installation", "suspended_at") != nil {
		t.Error("the end of the suspension tells of one")
	}
	settled(t, h)
	holdAgainstGitHub(t, in)
	likeCapture(t, in, "installation", "deleted", "deleted.json", "action", "repositories", "sender")
	likeCapture(t, in, "installation", "unsuspend", "unsuspend.json", "action", "sender")
	likeCapture(t, in, "installation_repositories", "added", "added.json", "repository_selection", "repositories_added", "repositories_removed", "sender")
	likeCapture(t, in, "installation_repositories", "removed", "removed.json", "repository_selection", "repositories_added", "repositories_removed", "requester")
}

func TestSuspended(t *testing.T) {
	h := minihubtest.StartWith(t, minihubtest.Options{AllowRefused: true})
	in := listen(t, h)
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	id, token := h.Install("acme"), h.Token("acme", nil)
	other, err := h.NewApp("other")
	ok(t, err)
	other.Install("acme")
	clone := func() (string, error) { return git(t, t.TempDir(), token, "ls-remote", repo.CloneURL()) }
	const says = "This installation has been suspended"
	ok(t, h.App().Suspend("acme"))
	_, n := since(t, h, in, 0)
	h.Commit(repo, minihub.Commit{Files: map[string]string{"a": "2"}})
	h.Commit(repo, minihub.Commit{Branch: "topic", From: "main", Files: map[string]string{"b": "1"}})
	h.Open(repo, minihub.NewPull{Head: "topic"})
	if events, _ := since(t, h, in, n); len(events) != 0 {
		t.Errorf("told while suspended: %v", events)
	}
	if status, got := mintFor(t, h, id); status != 403 || got["message"] != says || got["documentation_url"] == nil {
		t.Errorf("minting: %d %v", status, got)
	}
	for _, path := range []string{"/repos/acme/mono", "/repos/acme/nothing", "/installation/repositories", "/rate_limit"} {
		if status, got, _ := do(t, h, token, "GET", path, nil); status != 403 || got["message"] != says {
			t.Errorf("%s: %d %v", path, status, got["message"])
		}
	}
	if out, err := clone(); err == nil || !strings.Contains(out, "403") {
		t.Errorf("git: %s", out)
	}
	got, _, err := h.AppClient().Apps.GetInstallation(t.Context(), id)
	if err != nil || got.SuspendedAt == nil || got.GetSuspendedBy().GetLogin() != "acme" {
		t.Errorf("the installation: %v, %v", got, err)
	}
	ok(t, h.App().Unsuspend("acme"))
	if status, _ := mintFor(t, h, id); status != 201 {
		t.Errorf("minting afterwards: %d", status)
	}
	if status, _, _ := do(t, h, token, "GET", "/repos/acme/mono", nil); status != 200 {
		t.Errorf("the token afterwards: %d", status)
	}
	if out, err := clone(); err != nil {
		t.Errorf("git afterwards: %s", out)
	}
	h.Commit(repo, minihub.Commit{Files: map[string]string{"a": "3"}})
	events, _ := since(t, h, in, n)
	equal(t, "told afterwards", []string{"installation unsuspend", "push refs/heads/main", "check_suite requested"}, events)
}

func TestUninstalled(t *testing.T) {
	h := minihubtest.StartWith(t, minihubtest.Options{AllowRefused: true})
	in := listen(t, h)
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	h.Repo("globex", "mono", nil)
	id, token, foreign := h.Install("acme"), h.Token("acme", nil), h.Token("globex", nil)
	ok(t, h.App().Suspend("acme")) // does not keep it from being told
	ok(t, h.App().Uninstall("acme"))
	delivered(t, h, "installation", "deleted", 1)
	_, n := since(t, h, in, 0)
	h.Commit(repo, minihub.Commit{Files: map[string]string{"a": "2"}})
	if events, _ := since(t, h, in, n); len(events) != 0 {
		t.Errorf("told afterwards: %v", events)
	}
	if status, got := mintFor(t, h, id); status != 404 {
		t.Errorf("minting: %d %v", status, got)
	}
	if status, got, _ := do(t, h, token, "GET", "/repos/acme/mono", nil); status != 401 || got["message"] != "Bad credentials" {
		t.Errorf("its token: %d %v", status, got)
	}
	if status, _, _ := do(t, h, foreign, "GET", "/repos/globex/mono", nil); status != 200 {
		t.Errorf("another installation's token: %d", status)
	}
	if out, err := git(t, t.TempDir(), token, "ls-remote", repo.CloneURL()); err == nil {
		t.Errorf("git: %s", out)
	}
	if _, _, err := h.AppClient().Apps.FindRepositoryInstallation(t.Context(), "acme", "mono"); err == nil {
		t.Error("the repository still has an installation")
	}
	if again := h.Install("acme"); again == id {
		t.Error("a new installation has the old id")
	}
	if status, _, _ := do(t, h, token, "GET", "/repos/acme/mono", nil); status != 401 {
		t.Errorf("the old token after a new installation: %d", status)
	}
}

// TestSelection takes repositories away from tokens and gives them back.
func TestSelection(t *testing.T) {
	h := minihubtest.Start(t)
	in := listen(t, h)
	for _, name := range []string{"one", "two"} {
		_, err := h.CreateRepo("acme", name)
		ok(t, err)
	}
	one := h.Repo("globex", "one", nil)
	h.App().InstallOn("acme", "one")
	token := h.Token("acme", nil)
	sees := func(path string, want int) {
		t.Helper()
		if status, got, _ := do(t, h, token, "GET", path, nil); status != want {
			t.Errorf("%s: %d %v, want %d", path, status, got["message"], want)
		}
	}
	sees("/repos/acme/two", 404)
	ok(t, h.App().AddRepos("acme", "two"))
	sees("/repos/acme/two", 200)
	ok(t, h.App().RemoveRepos("acme", "one"))
	sees("/repos/acme/one", 404)
	_, n := since(t, h, in, 0)
	h.Commit(h.Hub.Repo("acme/one"), minihub.Commit{Files: map[string]string{"a": "1"}})
	if events, _ := since(t, h, in, n); len(events) != 0 {
		t.Errorf("told of a repository that is not selected: %v", events)
	}
	h.Install("umbrella")
	moved := h.Hub.Repo("acme/two")
	ok(t, moved.Transfer("umbrella"))
	sees("/repos/umbrella/two", 404)
	ok(t, moved.Transfer("acme"))
	sees("/repos/acme/two", 404)
	sees("/repositories/"+strconv.FormatInt(one.ID(), 10), 404)
}

func TestInstallationsRefuse(t *testing.T) {
	h := minihubtest.Start(t)
	a := h.App()
	h.Repo("globex", "all", nil)
	for _, name := range []string{"one", "two", "three"} {
		_, err := h.CreateRepo("acme", name)
		ok(t, err)
	}
	id := a.InstallOn("acme", "one", "two")
	h.UserToken("zoe")
	ok(t, a.Suspend("globex"))
	for _, c := range []struct {
		name, says string
		err        error
	}{
		{"uninstall from nobody", "nobody has the login stranger", a.Uninstall("stranger")},
		{"uninstall where it is not", "zoe has not installed", a.Uninstall("zoe")},
		{"suspend nobody", "nobody", a.Suspend("stranger")},
		{"suspend twice", "suspended already", a.Suspend("globex")},
		{"unsuspend what is not", "not suspended", a.Unsuspend("acme")},
		{"add for nobody", "nobody", a.AddRepos("stranger", "one")},
		{"add to all", "on all repositories", a.AddRepos("globex", "all")},
		{"remove from all", "on all repositories", a.RemoveRepos("globex", "all")},
		{"add nothing", "no repository", a.AddRepos("acme")},
		{"add an unknown one", "no repository four", a.AddRepos("acme", "three", "four")},
		{"add again", "one is selected already", a.AddRepos("acme", "three", "one")},
		{"add twice", "named twice", a.AddRepos("acme", "three", "THREE")},
		{"remove what is not selected", "three is not selected", a.RemoveRepos("acme", "one", "three")},
		{"remove the last", "uninstall it", a.RemoveRepos("acme", "one", "two")},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", c.name, c.err, c.says)
		}
	}
	repos, _, err := h.Client("acme").Apps.ListRepos(t.Context(), nil)
	if err != nil || repos.GetTotalCount() != 2 || h.Install("acme") != id {
		t.Errorf("refusals changed the selection: %v, %v", repos, err)
	}
}

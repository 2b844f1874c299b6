package minihub_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/app/minihub"
)

// TestStrangersButtons sends what a stranger's page does not offer.
func TestStrangersButtons(t *testing.T) {
	h, repo := town(t)
	sha := ""
	h.Read(func(v *minihub.View) {
		p, _ := v.PullRequest("acme/mono", 1)
		sha = p.HeadSHA
	})
	if _, _, err := h.Client("acme").Checks.CreateCheckRun(t.Context(), "acme", "mono", github.CreateCheckRunOptions{Name: "lib", HeadSHA: sha,
		Conclusion: github.String("failure"), Actions: []*github.CheckRunAction{{Label: "Fix", Description: "d", Identifier: "fix"}}}); err != nil {
		t.Fatal(err)
	}
	run := strings.TrimPrefix(runURL(h, h.CheckRuns("acme/mono", sha)[0]), h.URL())
	if _, err := repo.Comment(t.Context(), 1, "acme", "Hello"); err != nil {
		t.Fatal(err)
	}
	comment := h.Comments("acme/mono", 1)[0]
	id := itoa(comment.ID)
	ping := delivered(t, h, "ping", "", 1)[0]
	const pull, mono = "/acme/mono/pull/1/", "/acme/mono/"
	strangers := func(viewer string, paths ...string) {
		t.Helper()
		for _, path := range paths {
			before := len(h.Deliveries())
			form := fields("id", id, "body", "x", "name", "x", "base", "main", "branch", "x", "path", "x", "identifier", "fix",
				"do", "suspend", "pattern", "x", "checks", "x", "confirm", "acme/mono", "owner", "ann", "login", "x", "permission", "admin", "title", "x")
			if status, page, _ := browse(t, h, viewer, path, form); status != http.StatusForbidden || !strings.Contains(page, "Go back") {
				t.Errorf("%s as %s: %d", path, viewer, status)
			}
			if got := len(h.Deliveries()); got != before {
				t.Errorf("%s as %s made %d events", path, viewer, got-before)
			}
		}
	}
	strangers("eve", pull+"rerun", pull+"merge", pull+"enqueue", pull+"dequeue", pull+"finish", pull+"close", pull+"reopen", pull+"draft",
		pull+"ready", pull+"edit", pull+"label", pull+"unlabel", pull+"push", pull+"comment/edit", pull+"comment/delete", run+"/rerun", run+"/action",
		mono+"commit/"+sha+"/rerun", mono+"commits", mono+"branches/delete", mono+"tags", mono+"tags/delete", mono+"pulls", mono+"rules",
		mono+"rules/delete", mono+"access", mono+"rename", mono+"transfer", mono+"archive", mono+"delete",
		"/-/apps/loktar/installations/acme", "/-/apps/loktar/deliveries/"+itoa(ping.ID)+"/redeliver")
	// Who may write is no administrator, nobody writes to another's fork, and
	// authors close but do not label or merge.
	strangers("bob", mono+"rules", mono+"access", mono+"rename", mono+"archive", mono+"delete", "/-/apps/loktar/installations/acme", "/acme/mono/pull/2/push")
	strangers("ann", "/acme/mono/pull/2/merge", "/acme/mono/pull/2/label", "/acme/mono/pull/2/rerun", "/acme/mono/pull/1/close")
	if status, _, _ := browse(t, h, "bob", "/acme/mono/settings", nil); status != http.StatusForbidden {
		t.Errorf("settings as bob: %d", status)
	}
}

// TestButtonsShown looks at who sees which buttons.
func TestButtonsShown(t *testing.T) {
	h, _ := town(t)
	sha := h.Commit(h.Hub.Repo("acme/mono"), minihub.Commit{Branch: "topic", Files: map[string]string{"b": "3"}})
	if _, _, err := h.Client("acme").Checks.CreateCheckRun(t.Context(), "acme", "mono", github.CreateCheckRunOptions{Name: "lib", HeadSHA: sha,
		Conclusion: github.String("failure"), Actions: []*github.CheckRunAction{{Label: "Re-run failed", Description: "d", Identifier: "failed"}}}); err != nil {
		t.Fatal(err)
	}
	writers := []string{">Re-run failed</button>", "Re-run all checks", `aria-label="Re-run lib"`, ">Merge pull request<", ">Merge when ready<", "Add a label", "Push another commit"}
	authors := []string{">Close pull request<", ">Convert to draft<", "Save</button>"}
	for _, c := range []struct {
		viewer, path string
		yes, no      []string
	}{
		{"", "/acme/mono/pull/1", append(writers, authors...), nil},
		{"bob", "/acme/mono/pull/1", append(writers, authors...), []string{">Settings<"}},
		{"eve", "/acme/mono/pull/1", []string{">Comment</button>"}, append(writers, authors...)},
		{"ann", "/acme/mono/pull/2", append(authors, "Push another commit"), []string{">Merge pull request<", "Add a label"}},
		{"bob", "/acme/mono/pull/2", append(authors, ">Merge pull request<"), []string{"Push another commit"}},
		{"eve", "/acme/mono", nil, []string{">Push commit<", ">Push tag<"}},
		{"eve", "/acme/mono/pulls", []string{`value="eve" required`}, nil},
	} {
		_, page, _ := browse(t, h, c.viewer, c.path, nil)
		for _, s := range c.yes {
			if !strings.Contains(page, s) {
				t.Errorf("%s as %q lacks %s", c.path, c.viewer, s)
			}
		}
		for _, s := range c.no {
			if strings.Contains(page, s) {
				t.Errorf("%s as %q has %s", c.path, c.viewer, s)
			}
		}
	}
}

// TestViewerSwitch chooses, renews and forgets the viewer.
func TestViewerSwitch(t *testing.T) {
	h, _ := town(t)
	for _, c := range []struct{ login, other, to, want string }{
		{"BOB", "", "/acme/mono?x=1", "/acme/mono?x=1"},
		{"", "newcomer", "/acme/mono", "/acme/mono"},
		{"bob", "", "//evil.example/x", "/"},
		{"bob", "", `/\evil.example`, "/%5Cevil.example"},
		{"bob", "", "/\t/evil.example", "/"},
		{"bob", "", "https://evil.example/", "/"},
	} {
		if to := press(t, h, "", "/-/viewer", fields("login", c.login, "new", c.other, "return", c.to)); to != c.want {
			t.Errorf("back to %q leads to %q, want %q", c.to, to, c.want)
		}
	}
	if _, page, _ := browse(t, h, "BOB", "/acme/mono", nil); !strings.Contains(page, `<option value="bob" selected>`) || !strings.Contains(page, `<option value="newcomer">`) {
		t.Error("the switch does not offer the known logins, with bob chosen")
	}
	if status, _, _ := browse(t, h, "", "/-/viewer", fields("new", "a b")); status != http.StatusUnprocessableEntity {
		t.Errorf("a login with a space: %d", status)
	}
	if _, page, _ := browse(t, h, "not%a%login", "/acme/mono", nil); !strings.Contains(page, "acme (default)") {
		t.Error("a bad cookie is not the default viewer")
	}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

package github_test

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/dudesons/loktar/app/github"
	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
	"github.com/dudesons/loktar/checks"
)

func TestTagsAndReleasesAtMinihub(t *testing.T) {
	hub, r, here, id := shop(t, minihubtest.Options{})
	a := appOf(t, hub)
	one, err := r.Tip(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	two := hub.Commit(r, minihub.Commit{Files: map[string]string{"a/x.txt": "2\n"}})
	release := github.Release{Tag: "lib/v1", Commit: one, Name: "lib 1", Notes: "Notes."}
	for what, err := range map[string]error{
		"CreateTag":     a.CreateTag(t.Context(), id, here, "lib/v1", one),
		"CreateRelease": a.CreateRelease(t.Context(), id, here, release),
	} {
		if checks.KindOf(err) != checks.KindConfig || !strings.Contains(checks.PublicText(err, ""), `"Contents: read and write"`) {
			t.Errorf("%s without leave: %v of kind %v", what, err, checks.KindOf(err))
		}
	}
	if _, err := a.Find(t.Context(), checks.CheckRun{Key: checks.CheckKey{Run: "R", Name: "a"}, Installation: id, Repo: here, HeadSHA: one}); err != nil {
		t.Error(err) // now there is a token that may not write
	}
	hub.Permit("contents", "write")
	for range 2 {
		if err := a.CreateTag(t.Context(), id, here, "lib/v1", one); err != nil {
			t.Error(err)
		}
		if err := a.CreateRelease(t.Context(), id, here, release); err != nil {
			t.Error(err)
		}
	}
	if at, err := r.TagAt(t.Context(), "lib/v1"); at != one || err != nil {
		t.Errorf("the tag is at %s, %v", at, err)
	}
	for name, sha := range map[string]string{"note": one, "elsewhere": two} {
		if out, err := exec.CommandContext(t.Context(), "git", "--git-dir="+r.Dir(), "-c", "user.name=Ann", "-c", "user.email=a@example.org",
			"tag", "-a", "-m", "By hand", name, sha).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	for _, c := range []struct{ name, sha, says string }{
		{"note", one, ""},
		{"elsewhere", one, `"elsewhere" is there already, on another commit than ` + one[:7]},
		{"lib/v1", two, "Delete it, or let build_info.git_tag"},
		{"lib/v1/x", one, "a rule of the repository"},
		{"v9", strings.Repeat("1", 40), "does not know commit 1111111"},
		{"a..b", one, "it holds `..`"},
		{"../../pulls", one, "it holds `..`"},
		{"v9", "main", "is not a commit's SHA"},
	} {
		err := a.CreateTag(t.Context(), id, here, c.name, c.sha)
		if c.says == "" && err == nil {
			continue
		}
		if checks.KindOf(err) != checks.KindRefused || !strings.Contains(checks.PublicText(err, ""), c.says) {
			t.Errorf("%s: %v of kind %v", c.name, err, checks.KindOf(err))
		}
	}
	release.Notes = "Other notes."
	if err := a.CreateRelease(t.Context(), id, here, release); err != nil {
		t.Error(err)
	}
	long := github.Release{Tag: "note", Commit: one, Name: strings.Repeat("é", 900), Notes: strings.Repeat("\xff<b> line\n", 30_000)}
	if err := a.CreateRelease(t.Context(), id, here, long); err != nil {
		t.Errorf("long notes: %v", err)
	}
	all := hub.Releases("acme/shop")
	if len(all) != 2 || all[0].Body != "Notes." || all[0].Name != "lib 1" || all[0].Latest || all[0].Author != "loktar[bot]" ||
		!strings.Contains(all[1].Body[len(all[1].Body)-40:], "left out") {
		t.Errorf("the hub has %.300v", all)
	}
	if err := r.Rename("store"); err != nil {
		t.Fatal(err)
	}
	if err := a.CreateTag(t.Context(), id, here, "lib/v2", two); err != nil {
		t.Errorf("after the rename: %v", err)
	}
	if err := a.CreateTag(t.Context(), id, here, "lib/v2", two); err != nil {
		t.Errorf("again after the rename: %v", err)
	}
	if err := hub.App().Suspend("acme"); err != nil {
		t.Fatal(err)
	}
	if err := a.CreateTag(t.Context(), id, here, "lib/v3", two); checks.KindOf(err) != checks.KindUnavailable {
		t.Errorf("while suspended: %v", err)
	}
	if err := a.CreateTag(t.Context(), id, checks.Repo{ID: 5, Owner: "acme", Name: "none"}, "v1", one); err == nil {
		t.Error("a tag in no repository")
	}
}

// Somebody else makes the same, or takes it away, between our requests.
func TestTagsAndReleasesAreRaced(t *testing.T) {
	h := newHub(t)
	const refs, at, releases = "POST /repos/acme/shop/git/refs", "GET /repos/acme/shop/git/ref/tags/v1", "POST /repos/acme/shop/releases"
	h.on(refs, func(w http.ResponseWriter, _ *http.Request) {
		say(w, http.StatusUnprocessableEntity, "Reference already exists")
	})
	a := h.app(t)
	if err := a.CreateTag(t.Context(), install, repo, "v1", sha); checks.KindOf(err) != checks.KindUnavailable {
		t.Errorf("a tag that went: %v of kind %v", err, checks.KindOf(err))
	}
	h.on(at, func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusBadGateway, "") })
	if err := a.CreateTag(t.Context(), install, repo, "v1", sha); checks.KindOf(err) != checks.KindUnavailable {
		t.Errorf("an outage: %v of kind %v", err, checks.KindOf(err))
	}
	h.on(releases, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusUnprocessableEntity, map[string]any{"message": "Validation Failed", "documentation_url": "https://docs.github.com/rest",
			"errors": []map[string]string{{"resource": "Release", "code": "already_exists", "field": "tag_name"}}})
	})
	if err := a.CreateRelease(t.Context(), install, repo, github.Release{Tag: "v1", Commit: sha}); err != nil {
		t.Errorf("a release that came: %v", err)
	}
}

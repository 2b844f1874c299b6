package github_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/app/github"
	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
	"github.com/dudesons/loktar/checks"
)

// appOf is the hub's App.
func appOf(t *testing.T, hub *minihubtest.Hub) *github.App {
	a, err := github.New(github.Options{AppID: hub.App().ID(), Key: hub.App().PrivateKeyPEM(), APIURL: hub.URL() + "/api/v3", Version: "test", Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// TestAgainstMinihub is one pull request's life at a server that verifies
// every token, and every request against GitHub's own description of it.
func TestAgainstMinihub(t *testing.T) {
	hub := minihubtest.StartWith(t, minihubtest.Options{AllowRefused: true})
	r := hub.Repo("acme", "shop", map[string]string{"a/x.txt": "1\n"})
	head := hub.Commit(r, minihub.Commit{Branch: "topic", From: "main", Files: map[string]string{"a/x.txt": "2\n"}})
	number := hub.Open(r, minihub.NewPull{Title: "Change x", Head: "topic", Author: "ann"})
	id := hub.Install("acme")
	a := appOf(t, hub)
	here := checks.Repo{ID: r.ID(), Owner: "acme", Name: "shop"}
	if name, err := a.Identify(t.Context()); name != "loktar" || err != nil {
		t.Errorf("Identify = %q, %v", name, err)
	}
	stranger, err := github.New(github.Options{AppID: hub.App().ID() + 1, Key: hub.App().PrivateKeyPEM(), APIURL: hub.URL() + "/api/v3", Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stranger.Close)
	if _, err := stranger.Identify(t.Context()); checks.KindOf(err) != checks.KindNotFound || !strings.Contains(checks.PublicText(err, ""), "Set github.app_id") {
		t.Errorf("Identify with a wrong ID: %v of kind %v", err, checks.KindOf(err))
	}

	pr, open, err := a.PullRequest(t.Context(), id, here, number)
	if err != nil || !open || pr.Head.SHA != head || pr.Head.Branch != "topic" || pr.Base.Branch != "main" || pr.Fork() || pr.Author.Login != "ann" {
		t.Fatalf("PullRequest = %+v, %v, %v", pr, open, err)
	}

	for access, want := range map[string]checks.Permission{"none": checks.PermissionNone, "read": checks.PermissionRead, "write": checks.PermissionWrite, "admin": checks.PermissionAdmin} {
		r.SetAccess("ann", access)
		if got, err := a.Permission(t.Context(), id, here, pr.Author); got != want || err != nil {
			t.Errorf("who has %s has %s, %v", access, got, err)
		}
	}
	for name, user := range map[string]checks.User{"another's login": {ID: pr.Author.ID + 1, Login: "ann"}, "nobody": {ID: 1, Login: "no-such-person"}} {
		if got, err := a.Permission(t.Context(), id, here, user); got != checks.PermissionNone || err != nil {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}

	cr := checks.CheckRun{Key: checks.CheckKey{Run: "RUN1", Name: "a"}, Installation: id, Repo: here, HeadSHA: head,
		DetailsURL: "http://127.0.0.1/runs/RUN1/a", Status: checks.StatusQueued, Title: "Waiting", Summary: "It waits."}
	if got, err := a.Find(t.Context(), cr); got != 0 || err != nil {
		t.Fatalf("Find before = %d, %v", got, err)
	}
	cr.Actions = []checks.Action{{ID: checks.ActionCancel, Label: "Cancel", Description: "Stop what runs."}}
	run, err := a.Put(t.Context(), cr, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := a.Find(t.Context(), cr); got != run || err != nil {
		t.Fatalf("Find = %d, %v; want %d", got, err, run)
	}
	cr.Status, cr.Started = checks.StatusInProgress, time.Now()
	if _, err = a.Put(t.Context(), cr, run); err != nil {
		t.Fatal(err)
	}
	if runs := hub.CheckRuns("acme/shop", head); len(runs) != 1 || !slices.Equal(runs[0].Actions, []minihub.Action{{Label: "Cancel", Description: "Stop what runs.", Identifier: "cancel"}}) {
		t.Errorf("the hub has the buttons of %+v", runs)
	}
	cr.Actions = nil
	cr.Status, cr.Conclusion, cr.Completed = checks.StatusCompleted, checks.ConclusionFailure, time.Now()
	cr.Summary = strings.Repeat("ü line\n", 20_000)
	for i := range 120 {
		cr.Annotations = append(cr.Annotations, checks.Annotation{Path: "a/x.txt", StartLine: i, EndLine: i, StartColumn: 3, Level: "failure", Message: "no"})
	}
	for range 2 {
		if _, err = a.Put(t.Context(), cr, run); err != nil {
			t.Fatal(err)
		}
	}
	runs := hub.CheckRuns("acme/shop", head)
	if len(runs) != 1 || runs[0].Conclusion != "failure" || runs[0].ExternalID != "RUN1/a" || len(runs[0].Annotations) != 120 || len(runs[0].Actions) != 0 || runs[0].StartedAt.Unix() != cr.Started.Unix() {
		t.Errorf("the hub has %+v", runs)
	}
	cr.Status = checks.StatusInProgress
	if _, err := a.Put(t.Context(), cr, run); checks.KindOf(err) != checks.KindRefused {
		t.Errorf("a completed check run was opened again: %v", err)
	}
	cr.HeadSHA = strings.Repeat("0", 39) + "1"
	if _, err := a.Put(t.Context(), cr, 0); checks.KindOf(err) != checks.KindRefused || !strings.Contains(err.Error(), "does not know that commit") {
		t.Errorf("an unknown commit: %v", err)
	}

	token, err := a.CloneToken(t.Context(), id, here)
	if err != nil {
		t.Fatal(err)
	}
	git := exec.CommandContext(t.Context(), "git", "ls-remote", hub.URL()+"/acme/shop.git", "refs/heads/topic")
	git.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.extraHeader",
		"GIT_CONFIG_VALUE_0=Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte("x-access-token:"+token)))
	if out, err := git.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), head) {
		t.Errorf("git with the token: %v, %s", err, out)
	}
	if _, err := a.CloneToken(t.Context(), id, checks.Repo{ID: 1, Owner: "acme", Name: "none"}); checks.KindOf(err) != checks.KindNotFound {
		t.Errorf("a token for a repository that is not there: %v", err)
	}
	cr.Installation, cr.HeadSHA = 123456, head
	if _, err := a.Put(t.Context(), cr, 0); checks.KindOf(err) != checks.KindNotFound || !strings.Contains(checks.PublicText(err, ""), "not installed") {
		t.Errorf("an unknown installation: %v", err)
	}
	for _, c := range hub.Calls() {
		if strings.Contains(fmt.Sprint(c.Path, c.Query), token) {
			t.Errorf("a token in an address: %s", c.Path)
		}
	}
}

package github_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/app/github"
	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
	"github.com/dudesons/loktar/checks"
)

// shop is a hub with the repository acme/shop and the App on it.
func shop(t *testing.T, o minihubtest.Options) (*minihubtest.Hub, *minihub.Repo, checks.Repo, int64) {
	o.AllowRefused = true
	hub := minihubtest.StartWith(t, o)
	r := hub.Repo("acme", "shop", map[string]string{"a/x.txt": "1\n"})
	return hub, r, checks.Repo{ID: r.ID(), Owner: "acme", Name: "shop"}, hub.Install("acme")
}

func TestRequiredChecksAtMinihub(t *testing.T) {
	hub, r, here, id := shop(t, minihubtest.Options{})
	own := hub.App().ID()
	const slashed = "release/1.x"
	hub.Commit(r, minihub.Commit{Branch: slashed, From: "main", Files: map[string]string{"a/x.txt": "2\n"}})
	r.Protect("main", minihub.RequiredCheck{Context: "loktar", AppID: own}, minihub.RequiredCheck{Context: "lib"}, minihub.RequiredCheck{Context: "lint", AppID: own + 1})
	r.SetRuleset("~DEFAULT_BRANCH", minihub.RequiredCheck{Context: "lib", AppID: own}, minihub.RequiredCheck{Context: "web"})
	r.SetRuleset("release/*", minihub.RequiredCheck{Context: "api"})
	hub.Commit(r, minihub.Commit{Branch: "bare", From: "main", Files: map[string]string{"a/x.txt": "3\n"}})
	r.Protect("bare")
	for branch, want := range map[string]github.Required{
		"main":        {Ours: []string{"lib", "loktar"}, Anyone: []string{"web"}, Known: true},
		slashed:       {Anyone: []string{"api"}, Known: true},
		"release/new": {Anyone: []string{"api"}, Known: true},
		"bare":        {Known: true},
		"no/branch":   {Known: true},
	} {
		got, err := appOf(t, hub).RequiredChecks(t.Context(), id, here, branch)
		if err != nil {
			t.Errorf("%s: %v", branch, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", branch, d)
		}
	}
}

// Without leave to read contents there are the rulesets.
func TestRequiredChecksWithoutLeaveAtMinihub(t *testing.T) {
	hub, r, here, id := shop(t, minihubtest.Options{Hub: minihub.Options{Permissions: map[string]string{"metadata": "read", "checks": "write"}}})
	r.Protect("main", minihub.RequiredCheck{Context: "lib"})
	r.SetRuleset("main", minihub.RequiredCheck{Context: "web"})
	a := appOf(t, hub)
	if got, err := a.RequiredChecks(t.Context(), id, here, "main"); err != nil || !got.Known || !slices.Equal(got.Anyone, []string{"web"}) {
		t.Errorf("RequiredChecks = %+v, %v", got, err)
	}
	if got, err := a.RequiredChecks(t.Context(), id, checks.Repo{ID: 5, Owner: "acme", Name: "none"}, "main"); err != nil || got.Known {
		t.Errorf("a repository that is not there: %+v, %v", got, err)
	}
	if _, err := a.OpenPullOf(t.Context(), id, here, "main"); checks.KindOf(err) != checks.KindRefused {
		t.Errorf("OpenPullOf without leave: %v", err)
	}
}

func TestOpenPullOfAtMinihub(t *testing.T) {
	hub, r, here, id := shop(t, minihubtest.Options{})
	a := appOf(t, hub)
	fork, err := r.Fork("bob")
	if err != nil {
		t.Fatal(err)
	}
	for _, branch := range []string{"topic/a", "topic/b"} {
		hub.Commit(r, minihub.Commit{Branch: branch, From: "main", Files: map[string]string{"a/x.txt": branch}})
		hub.Commit(fork, minihub.Commit{Branch: branch, From: "main", Files: map[string]string{"a/x.txt": branch}})
	}
	hub.Open(r, minihub.NewPull{Title: "of the fork", Head: "bob:topic/b"})
	number := hub.Open(r, minihub.NewPull{Title: "its own", Head: "topic/a"})
	for branch, want := range map[string]int{"topic/a": number, "topic/b": 0, "main": 0, "none": 0} {
		if got, err := a.OpenPullOf(t.Context(), id, here, branch); got != want || err != nil {
			t.Errorf("%s: %d, %v", branch, got, err)
		}
	}
	if err := r.Label(number, "ann", "full-ci"); err != nil {
		t.Fatal(err)
	}
	pr, _, err := a.PullRequest(t.Context(), id, here, number)
	if err != nil || !slices.Equal(pr.Labels, []string{"full-ci"}) || time.Since(pr.Updated) > time.Minute {
		t.Errorf("PullRequest = %+v, %v", pr, err)
	}
	if err := r.ClosePull(t.Context(), number, "ann"); err != nil {
		t.Fatal(err)
	}
	if got, err := a.OpenPullOf(t.Context(), id, here, "topic/a"); got != 0 || err != nil {
		t.Errorf("after it was closed: %d, %v", got, err)
	}
}

func TestMovesAtMinihub(t *testing.T) {
	hub, r, here, id := shop(t, minihubtest.Options{})
	a := appOf(t, hub)
	head := hub.Commit(r, minihub.Commit{Branch: "topic", From: "main", Files: map[string]string{"a/x.txt": "2\n"}})
	number := hub.Open(r, minihub.NewPull{Title: "Change x", Head: "topic"})
	r.Protect("main", minihub.RequiredCheck{Context: "a"})
	if err := r.Rename("store"); err != nil {
		t.Fatal(err)
	}
	cr := checks.CheckRun{Key: checks.CheckKey{Run: "RUN1", Name: "a"}, Installation: id, Repo: here, HeadSHA: head,
		DetailsURL: "http://127.0.0.1/runs/RUN1/a", Status: checks.StatusQueued, Title: "Waiting", Summary: "It waits."}
	run, err := a.Put(t.Context(), cr, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := a.Find(t.Context(), cr); got != run || err != nil {
		t.Errorf("Find = %d, %v", got, err)
	}
	cr.Status, cr.Conclusion, cr.Started, cr.Completed = checks.StatusCompleted, checks.ConclusionSuccess, time.Now(), time.Now()
	if _, err := a.Put(t.Context(), cr, run); err != nil {
		t.Errorf("an update: %v", err)
	}
	if runs := hub.CheckRuns("acme/store", head); len(runs) != 1 || runs[0].Conclusion != "success" || runs[0].Title != "Waiting" {
		t.Errorf("the hub has %+v", runs)
	}
	pr, open, err := a.PullRequest(t.Context(), id, here, number)
	if err != nil || !open || pr.Base.Repo.Name != "store" {
		t.Errorf("PullRequest = %+v, %v", pr, err)
	}
	if got, err := a.OpenPullOf(t.Context(), id, here, "topic"); got != number || err != nil {
		t.Errorf("OpenPullOf = %d, %v", got, err)
	}
	if got, err := a.RequiredChecks(t.Context(), id, here, "main"); err != nil || !slices.Equal(got.Anyone, []string{"a"}) {
		t.Errorf("RequiredChecks = %+v, %v", got, err)
	}
	r.SetAccess("ann", "write")
	if got, err := a.Permission(t.Context(), id, here, checks.User{ID: 1 << 40, Login: "ann"}); got != checks.PermissionNone || err != nil {
		t.Errorf("Permission of another account = %s, %v", got, err)
	}
	r.SetAccess("zed", "admin")
	if err := r.Transfer("zed"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Put(t.Context(), cr, run); checks.KindOf(err) != checks.KindNotFound {
		t.Errorf("after the transfer to whom has no App: %v", err)
	}
	cr.Installation = hub.Install("zed")
	if _, err := a.Put(t.Context(), cr, run); err != nil {
		t.Errorf("under the new installation and the oldest name: %v", err)
	}
}

func TestSuspensionAtMinihub(t *testing.T) {
	hub, r, here, id := shop(t, minihubtest.Options{})
	head := hub.Commit(r, minihub.Commit{Branch: "topic", From: "main", Files: map[string]string{"a/x.txt": "2\n"}})
	cr := checks.CheckRun{Key: checks.CheckKey{Run: "RUN1", Name: "a"}, Installation: id, Repo: here, HeadSHA: head, Status: checks.StatusQueued, Title: "Waiting", Summary: "It waits."}
	old := appOf(t, hub)
	if _, err := old.Put(t.Context(), cr, 0); err != nil {
		t.Fatal(err)
	}
	if err := hub.App().Suspend("acme"); err != nil {
		t.Fatal(err)
	}
	for name, a := range map[string]*github.App{"with a token": old, "without one": appOf(t, hub)} {
		_, put := a.Put(t.Context(), cr, 0)
		_, token := a.CloneToken(t.Context(), id, here)
		_, required := a.RequiredChecks(t.Context(), id, here, "main")
		for call, err := range map[string]error{"Put": put, "CloneToken": token, "RequiredChecks": required} {
			if checks.KindOf(err) != checks.KindUnavailable || checks.PublicText(err, "") != "The App is suspended there; it will be tried again." {
				t.Errorf("%s, %s: %v", name, call, err)
			}
		}
	}
	if err := hub.App().Unsuspend("acme"); err != nil {
		t.Fatal(err)
	}
	if _, err := old.Put(t.Context(), cr, 0); err != nil {
		t.Errorf("when it is over: %v", err)
	}
	if err := r.Archive(); err != nil {
		t.Fatal(err)
	}
	if _, err := old.Put(t.Context(), cr, 0); checks.KindOf(err) != checks.KindRefused || !strings.Contains(checks.PublicText(err, ""), "archived") {
		t.Errorf("an archived repository: %v", err)
	}
	if got, err := old.RequiredChecks(t.Context(), id, here, "main"); err != nil || !got.Known {
		t.Errorf("it can be read: %+v, %v", got, err)
	}
}

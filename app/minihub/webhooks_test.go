package minihub_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
)

func TestSignKnownAnswer(t *testing.T) {
	got := minihub.Sign("It's a Secret to Everybody", []byte("Hello, World!"))
	if want := "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"; got != want {
		t.Errorf("got %s", got)
	}
}

// TestPayloads makes the hub send one of everything, from a fork too, and
// holds each payload against GitHub's schema and go-github's types.
func TestPayloads(t *testing.T) {
	if minihubtest.Shared(t) == "" {
		t.Skip("the shared folder with GitHub's schemas is missing")
	}
	h := minihubtest.StartWith(t, minihubtest.Options{Hub: minihub.Options{Events: []string{"push", "pull_request", "create", "delete"}}})
	in := listen(t, h)
	ctx := t.Context()
	repo := h.Repo("acme", "mono", map[string]string{"a": "1\n", "café": "é"})
	h.Commit(repo, minihub.Commit{Branch: "topic", From: "main", Files: map[string]string{"b\xff": "1"}, Message: "Héllo\n\nbody"})
	n := h.Open(repo, minihub.NewPull{Head: "topic", Author: "zoe", Body: "text"})
	head := h.Commit(repo, minihub.Commit{Branch: "topic", Files: map[string]string{"c": "1"}, Delete: []string{"a"}})
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	h.Commit(repo, minihub.Commit{Branch: "next", From: "main", Files: map[string]string{"d": "1"}})
	ok(repo.EditPull(ctx, n, "zoe", "Better title", "next"))
	ok(repo.ClosePull(ctx, n, "zoe"))
	ok(repo.ReopenPull(ctx, n, "zoe"))
	fork, err := repo.Fork("zoe")
	ok(err)
	h.Commit(fork, minihub.Commit{Branch: "mine", From: "main", Files: map[string]string{"e": "1"}})
	fn := h.Open(repo, minihub.NewPull{Head: "zoe:mine"})
	forkHead := h.Commit(fork, minihub.Commit{Branch: "mine", Files: map[string]string{"f": "1"}})

	c := h.Client("acme")
	for _, sha := range []string{head, forkHead} {
		run, _, err := c.Checks.CreateCheckRun(ctx, "acme", "mono", github.CreateCheckRunOptions{Name: "lib", HeadSHA: sha,
			Actions: []*github.CheckRunAction{{Label: "Fix", Description: "Fix it", Identifier: "fix"}}})
		ok(err)
		_, _, err = c.Checks.UpdateCheckRun(ctx, "acme", "mono", run.GetID(), github.UpdateCheckRunOptions{Name: "lib", Conclusion: github.String("success")})
		ok(err)
		ok(h.RerequestRun(run.GetID(), "zoe"))
		ok(h.RequestAction(run.GetID(), "fix", "zoe"))
		ok(repo.RerequestSuites(sha, "zoe"))
	}
	_, err = repo.MergePull(ctx, fn, "acme")
	ok(err)
	ok(repo.Push(ctx, "acme", "next", ""))
	h.Await("all deliveries", func(v *minihub.View) bool {
		ds := v.Deliveries()
		return ds[len(ds)-1].Done
	})
	seen := map[string]int{}
	for _, r := range in.all() {
		event := r.header.Get("X-GitHub-Event")
		body := decode(t, r.body)
		action, _ := body["action"].(string)
		seen[strings.TrimSuffix(event+"."+action, ".")]++
		if err := minihubtest.CheckPayload(event, action, r.body); err != nil {
			t.Errorf("%s", err)
		}
		if _, err := github.ParseWebHook(event, r.body); err != nil {
			t.Errorf("go-github cannot read %s.%s: %v", event, action, err)
		}
		if r.header.Get("X-Hub-Signature-256") != minihub.Sign("secret", r.body) || !strings.HasPrefix(r.header.Get("X-Hub-Signature"), "sha1=") ||
			!strings.HasPrefix(r.header.Get("User-Agent"), "GitHub-Hookshot/") || r.header.Get("X-GitHub-Hook-ID") == "" || len(r.header.Get("X-GitHub-Delivery")) != 36 {
			t.Errorf("%s.%s: headers %v", event, action, r.header)
		}
		fromFork := at(body, "check_run", "head_sha") == forkHead
		prs, _ := at(body, "check_run", "pull_requests").([]any)
		branch := at(body, "check_run", "check_suite", "head_branch")
		switch {
		case fromFork && (len(prs) != 0 || branch != nil):
			t.Errorf("%s.%s of a fork names %v and branch %v", event, action, prs, branch)
		case event == "check_run" && !fromFork && (len(prs) != 1 || branch != "topic"):
			t.Errorf("%s.%s names %v and branch %v", event, action, prs, branch)
		}
	}
	want := map[string]int{
		"ping": 1, "installation.created": 1, "create": 3, "delete": 1, "push": 6,
		"pull_request.opened": 2, "pull_request.synchronize": 2, "pull_request.edited": 1, "pull_request.closed": 3, "pull_request.reopened": 1,
		"check_run.created": 2, "check_run.completed": 2, "check_run.rerequested": 2, "check_run.requested_action": 2,
		"check_suite.requested": 5, "check_suite.completed": 2, "check_suite.rerequested": 2,
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
	if p := decode(t, delivered(t, h, "pull_request", "closed", 2)[1].Payload); at(p, "pull_request", "merged") != true || at(p, "pull_request", "merge_commit_sha") == nil {
		t.Errorf("the merged pull request: %v", at(p, "pull_request", "merged"))
	}
}

// TestDeliveryFailures are recorded and never tried again by themselves.
func TestDeliveryFailures(t *testing.T) {
	h := minihubtest.Start(t)
	in := listen(t, h)
	in.mu.Lock()
	in.answer = func(r received) int {
		if r.header.Get("X-GitHub-Event") == "push" {
			return http.StatusInternalServerError
		}
		return http.StatusAccepted
	}
	in.mu.Unlock()
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	delivered(t, h, "check_suite", "requested", 1)
	failed := delivered(t, h, "push", "", 1)
	if len(failed) != 1 || failed[0].StatusCode != 500 || failed[0].Status != "Invalid HTTP Response: 500" {
		t.Errorf("recorded: %+v", failed)
	}
	gone := httptest.NewServer(nil)
	url := gone.URL
	gone.Close()
	h.App().SetWebhook(url, "secret")
	h.Commit(repo, minihub.Commit{Files: map[string]string{"a": "2"}})
	if d := delivered(t, h, "push", "", 2)[1]; d.Status != "failed to connect to host" {
		t.Errorf("nobody listens: %+v", d)
	}
	list, _, err := h.AppClient().Apps.ListHookDeliveries(t.Context(), nil)
	if err != nil || len(list) < 4 {
		t.Errorf("%d deliveries are listed: %v", len(list), err)
	}
}

// TestOrder has many changes at once: each delivery arrives once, in the
// order in which it was made.
func TestOrder(t *testing.T) {
	h := minihubtest.Start(t)
	in := listen(t, h)
	repo := h.Repo("acme", "mono", map[string]string{"a": "0"})
	for _, name := range []string{"1", "2", "3", "4", "5"} {
		h.Commit(repo, minihub.Commit{Files: map[string]string{"a": name}})
	}
	delivered(t, h, "check_suite", "requested", 6)
	var before any = strings.Repeat("0", 40)
	for _, r := range in.all() {
		if r.header.Get("X-GitHub-Event") == "push" {
			p := decode(t, r.body)
			if p["before"] != before {
				t.Errorf("push from %v after one to %v", p["before"], before)
			}
			before = p["after"]
		}
	}
}

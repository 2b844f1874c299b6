package minihub_test

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
)

// browse makes one request as a viewer; empty is the default one. A form is
// sent when it is not nil. It returns the status, the page, and where it leads.
func browse(t *testing.T, h *minihubtest.Hub, viewer, path string, form url.Values) (status int, page, to string) {
	t.Helper()
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(t.Context(), method, h.URL()+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", h.URL())
	}
	if viewer != "" {
		req.AddCookie(&http.Cookie{Name: "minihub_viewer", Value: viewer})
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	clean(t, string(b))
	return resp.StatusCode, string(b), resp.Header.Get("Location")
}

// forms are fields as key, value, key, value.
func fields(kv ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(kv); i += 2 {
		v.Set(kv[i], kv[i+1])
	}
	return v
}

// press sends a form that must be taken.
func press(t *testing.T, h *minihubtest.Hub, viewer, path string, form url.Values) (to string) {
	t.Helper()
	status, page, to := browse(t, h, viewer, path, form)
	if status != http.StatusSeeOther {
		t.Fatalf("%s as %q: %d: %s", path, viewer, status, page)
	}
	return to
}

// town is acme/mono with two branches that have pull requests: #1 by acme
// from topic, #2 by ann from her fork. bob may write. The App hears all.
func town(t *testing.T) (*minihubtest.Hub, *minihub.Repo) {
	t.Helper()
	h := minihubtest.StartWith(t, minihubtest.Options{Hub: minihub.Options{
		Permissions: perms("pull_requests", "write", "issues", "write", "administration", "read"),
		Events:      []string{"pull_request", "push", "merge_group", "repository", "issue_comment", "create", "delete"}}})
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	h.Commit(repo, minihub.Commit{Branch: "topic", From: "main", Files: map[string]string{"b": "2"}})
	h.Open(repo, minihub.NewPull{Head: "topic", Title: "Topic"})
	fork, err := repo.Fork("ann")
	if err != nil {
		t.Fatal(err)
	}
	h.Commit(fork, minihub.Commit{Branch: "mine", From: "main", Files: map[string]string{"c": "3"}})
	h.Open(repo, minihub.NewPull{Head: "ann:mine", Title: "From a fork"})
	repo.SetAccess("bob", "write")
	listen(t, h)
	return h, repo
}

// report makes a check run that is completed.
func report(t *testing.T, h *minihubtest.Hub, sha, name, conclusion string) {
	t.Helper()
	o := github.CreateCheckRunOptions{Name: name, HeadSHA: sha, Conclusion: &conclusion}
	if _, _, err := h.Client("acme").Checks.CreateCheckRun(t.Context(), "acme", "mono", o); err != nil {
		t.Fatal(err)
	}
}

// TestPullButtons presses every button of a pull request in the order in
// which they make sense, and sees the event that GitHub sends.
func TestPullButtons(t *testing.T) {
	h, _ := town(t)
	for _, c := range []struct {
		viewer, button string
		form           url.Values
		event          string
		path           string // into the payload
		want           any
	}{
		{"bob", "1/label", fields("name", " big  one "), "pull_request.labeled", "label.name", "big one"},
		{"bob", "1/unlabel", fields("name", "big one"), "pull_request.unlabeled", "label.name", "big one"},
		{"bob", "1/edit", fields("title", "New\r\ntitle"), "pull_request.edited", "changes.title.from", "Topic"},
		{"bob", "1/edit", fields("base", "topic2"), "pull_request.edited", "changes.base.ref.from", "main"},
		{"ann", "2/draft", fields("body", ""), "pull_request.converted_to_draft", "sender.login", "ann"},
		{"ann", "2/ready", fields(), "pull_request.ready_for_review", "pull_request.draft", false},
		{"ann", "2/close", fields("body", "No, thanks"), "issue_comment.created", "comment.body", "No, thanks"},
		{"ann", "2/reopen", fields(), "pull_request.reopened", "sender.login", "ann"},
		{"eve", "2/comment", fields("body", "one\r\ntwo"), "issue_comment.created", "comment.body", "one\ntwo"},
		{"ann", "2/push", fields("path", "c", "content", "4\r\n5"), "pull_request.synchronize", "number", 2.0},
		{"bob", "2/enqueue", fields(), "merge_group.checks_requested", "merge_group.base_ref", "refs/heads/main"},
		{"bob", "2/dequeue", fields(), "merge_group.destroyed", "reason", "dequeued"},
		{"bob", "2/enqueue", fields(), "pull_request.enqueued", "number", 2.0},
		{"bob", "2/finish", fields(), "pull_request.closed", "pull_request.merged", true},
		{"bob", "1/edit", fields("base", "main"), "pull_request.edited", "number", 1.0},
		{"bob", "1/merge", fields(), "pull_request.closed", "sender.login", "bob"},
	} {
		if c.form.Get("base") == "topic2" {
			press(t, h, "bob", "/acme/mono/commits", fields("branch", "topic2", "from", "main", "path", "z", "content", "z"))
		}
		event, action, _ := strings.Cut(c.event, ".")
		before := count(h, event, action)
		to := press(t, h, c.viewer, "/acme/mono/pull/"+c.button, c.form)
		if want := "/acme/mono/pull/" + c.button[:1]; to != want {
			t.Errorf("%s leads to %s", c.button, to)
		}
		last := delivered(t, h, event, action, before+1)[before]
		if got := at(decode(t, last.Payload), strings.Split(c.path, ".")...); got != c.want {
			t.Errorf("%s: %s is %v, want %v", c.button, c.path, got, c.want)
		}
	}
}

// count is how often an event was queued so far.
func count(h *minihubtest.Hub, event, action string) (n int) {
	for _, d := range h.Deliveries() {
		if d.Event == event && d.Action == action {
			n++
		}
	}
	return n
}

// TestRepoButtons does so with a repository's.
func TestRepoButtons(t *testing.T) {
	h, repo := town(t)
	for _, c := range []struct {
		viewer, button string
		form           url.Values
		event          string
		path           string
		want           any
		to             string
	}{
		{"bob", "commits", fields("branch", "new", "path", "x", "content", "x"), "create.", "ref", "new", ""},
		{"bob", "commits", fields("branch", "main", "path", "a", "delete", "1"), "push.", "head_commit.message", "Delete a", ""},
		{"bob", "commits", fields("branch", "new", "from", "main", "path", "y", "message", "Forced"), "push.", "forced", true, ""},
		{"bob", "tags", fields("name", "v1"), "push.", "ref", "refs/tags/v1", ""},
		{"bob", "tags/delete", fields("name", "v1"), "delete.", "ref_type", "tag", ""},
		{"bob", "branches/delete", fields("name", "new"), "delete.", "ref", "new", ""},
		{"bob", "pulls", fields("base", "main", "branch", "own", "path", "o", "message", "Own"), "pull_request.opened", "pull_request.title", "Own", "/acme/mono/pull/3"},
		{"eve", "pulls", fields("base", "main", "branch", "hers", "path", "e", "fork", "eve", "draft", "1"), "pull_request.opened", "pull_request.head.label", "eve:hers", "/acme/mono/pull/4"},
		{"bob", "pulls", fields("base", "main", "branch", "again", "path", "e", "fork", "ann"), "pull_request.opened", "pull_request.user.login", "ann", "/acme/mono/pull/5"},
		{"", "rename", fields("name", "poly"), "repository.renamed", "changes.repository.name.from", "mono", "/acme/poly/settings"},
		{"", "archive", fields(), "repository.archived", "repository.archived", true, "/acme/poly"},
	} {
		event, action, _ := strings.Cut(c.event, ".")
		before := count(h, event, action)
		to := press(t, h, c.viewer, "/"+repo.FullName()+"/"+c.button, c.form)
		if c.to != "" && to != c.to {
			t.Errorf("%s leads to %s", c.button, to)
		}
		last := delivered(t, h, event, action, before+1)[before]
		if got := at(decode(t, last.Payload), strings.Split(c.path, ".")...); got != c.want {
			t.Errorf("%s: %s is %v, want %v", c.button, c.path, got, c.want)
		}
	}
	if status, _, to := browse(t, h, "", "/acme/mono/pull/1", nil); status != http.StatusMovedPermanently || to != "/acme/poly/pull/1" {
		t.Errorf("the old name: %d to %q", status, to)
	}
	if status, _, _ := browse(t, h, "", "/acme/poly/pull/1/comment", fields("body", "x")); status != http.StatusForbidden {
		t.Errorf("a comment in an archived repository: %d", status)
	}
}

// TestLastButtons transfers and deletes.
func TestLastButtons(t *testing.T) {
	h, repo := town(t)
	h.Install("zoe")
	if to := press(t, h, "acme", "/acme/mono/transfer", fields("owner", "zoe")); to != "/zoe/mono" {
		t.Errorf("transfer leads to %s", to)
	}
	delivered(t, h, "repository", "transferred", 1)
	if status, _, _ := browse(t, h, "zoe", "/zoe/mono/delete", fields("confirm", "mono")); status != http.StatusConflict {
		t.Errorf("deleted without its name: %d", status)
	}
	if to := press(t, h, "zoe", "/zoe/mono/delete", fields("confirm", "zoe/mono")); to != "/" {
		t.Errorf("delete leads to %s", to)
	}
	delivered(t, h, "repository", "deleted", 1)
	var left []string
	h.Read(func(v *minihub.View) { left = v.Repos() })
	if slices.Contains(left, repo.FullName()) {
		t.Errorf("left: %v", left)
	}
}

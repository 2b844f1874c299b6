package minihub_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
)

// TestDraftsAndLabels walks a pull request through both and holds each
// payload against GitHub's schema.
func TestDraftsAndLabels(t *testing.T) {
	h := minihubtest.Start(t)
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	h.Commit(repo, minihub.Commit{Branch: "topic", From: "main", Files: map[string]string{"b": "1"}})
	in := listen(t, h)
	n := h.Open(repo, minihub.NewPull{Head: "topic", Draft: true})
	ctx := t.Context()
	refused := func(err error, says string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %q", err, says)
		}
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	if _, err := repo.MergePull(ctx, n, "acme"); err == nil {
		t.Error("a draft was merged")
	}
	refused(repo.SetDraft(n, "ann", true), "nothing changes")
	ok(repo.SetDraft(n, "ann", false))
	ok(repo.SetDraft(n, "ann", true))
	ok(repo.SetDraft(n, "ann", false))
	ok(repo.Label(n, "ann", "run it"))
	ok(repo.Label(n, "ann", "bug"))
	refused(repo.Label(n, "ann", "BUG"), "it bears bug already")
	refused(repo.Label(n, "ann", ""), "no name")
	pr, _, err := h.Client("acme").PullRequests.Get(ctx, "acme", "mono", n)
	if err != nil || len(pr.Labels) != 2 || pr.Labels[0].GetName() != "run it" || pr.GetDraft() {
		t.Errorf("labels %v, draft %v, %v", pr.Labels, pr.GetDraft(), err)
	}
	ok(repo.Unlabel(n, "ann", "Run It"))
	refused(repo.Unlabel(n, "ann", "run it"), "does not bear")
	refused(repo.Unlabel(n, "ann", "never seen"), "does not bear")
	refused(repo.Label(99, "ann", "bug"), "no such pull request")
	h.Read(func(v *minihub.View) {
		p, _ := v.PullRequest("acme/mono", n)
		if diff := cmp.Diff([]string{"bug"}, p.Labels); diff != "" {
			t.Error(diff)
		}
	})
	ok(repo.ClosePull(ctx, n, "acme"))
	refused(repo.SetDraft(n, "ann", true), "it is closed")
	ok(repo.Label(n, "ann", "late"))
	delivered(t, h, "pull_request", "labeled", 3)
	var got []string
	for _, r := range in.all() {
		p := decode(t, r.body)
		action, _ := p["action"].(string)
		if r.header.Get("X-GitHub-Event") != "pull_request" {
			continue
		}
		if minihubtest.Shared(t) != "" {
			if err := minihubtest.CheckPayload("pull_request", action, r.body); err != nil {
				t.Error(err)
			}
		}
		if _, err := github.ParseWebHook("pull_request", r.body); err != nil {
			t.Error(err)
		}
		if name, _ := at(p, "label", "name").(string); name != "" {
			action += " " + name
		}
		got = append(got, action)
	}
	want := []string{"opened", "ready_for_review", "converted_to_draft", "ready_for_review", "labeled run it", "labeled bug", "unlabeled run it", "closed", "labeled late"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// numbers are those of pull requests.
func numbers(prs []*github.PullRequest) (out []int) {
	for _, p := range prs {
		out = append(out, p.GetNumber())
	}
	return out
}

func TestPullsByHead(t *testing.T) {
	h := minihubtest.Start(t)
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	h.Commit(repo, minihub.Commit{Branch: "topic", From: "main", Files: map[string]string{"b": "1"}})
	h.Commit(repo, minihub.Commit{Branch: "Topic", From: "main", Files: map[string]string{"c": "1"}})
	fork := must(repo.Fork("zoe"))(t)
	h.Commit(fork, minihub.Commit{Branch: "topic", Files: map[string]string{"d": "1"}})
	ctx, c := t.Context(), h.Client("acme")
	for _, head := range []string{"topic", "Topic", "zoe:topic"} {
		h.Open(repo, minihub.NewPull{Head: head})
	}
	if err := repo.ClosePull(ctx, 2, "acme"); err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct {
		head, state string
		want        []int
	}{
		{"acme:topic", "open", []int{1}}, {"ACME:topic", "open", []int{1}}, {"acme:Topic", "open", nil}, {"acme:Topic", "closed", []int{2}},
		{"acme:Topic", "all", []int{2}}, {"zoe:topic", "open", []int{3}}, {"acme:none", "all", nil}, {"zoe:", "all", nil},
		{"topic", "open", []int{3, 1}}, // GitHub passes over what is not OWNER:BRANCH
	} {
		got, _, err := c.PullRequests.List(ctx, "acme", "mono", &github.PullRequestListOptions{Head: k.head, State: k.state})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(k.want, numbers(got)); diff != "" {
			t.Errorf("%s, %s: %s", k.head, k.state, diff)
		}
	}
}

func TestPullsOfACommit(t *testing.T) {
	h := minihubtest.StartWith(t, minihubtest.Options{AllowRefused: true})
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	ctx, c := t.Context(), h.Client("acme")
	root := must(repo.Tip(ctx, "main"))(t)
	first := h.Commit(repo, minihub.Commit{Branch: "topic", From: "main", Files: map[string]string{"b": "1"}})
	head := h.Commit(repo, minihub.Commit{Branch: "topic", Files: map[string]string{"b": "2"}})
	h.Commit(repo, minihub.Commit{Branch: "next", From: "main", Files: map[string]string{"d": "1"}})
	n := h.Open(repo, minihub.NewPull{Head: "topic"})
	again := h.Open(repo, minihub.NewPull{Head: "topic", Base: "next"})
	gone := h.Commit(repo, minihub.Commit{Branch: "gone", From: "main", Files: map[string]string{"e": "1"}})
	if err := repo.ClosePull(ctx, h.Open(repo, minihub.NewPull{Head: "gone"}), "acme"); err != nil {
		t.Fatal(err)
	}
	expect := func(sha string, want ...int) {
		t.Helper()
		got, _, err := c.PullRequests.ListPullRequestsWithCommit(ctx, "acme", "mono", sha, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, numbers(got)); diff != "" {
			t.Error(diff)
		}
	}
	expect(first, again, n)
	expect(head, again, n)
	expect("topic", again, n)
	expect(root)
	expect(gone)
	merge := must(repo.MergePull(ctx, n, "acme"))(t)
	expect(merge, n)
	expect(first, n)
	later := h.Commit(repo, minihub.Commit{Files: map[string]string{"f": "1"}})
	expect(later)
	token := h.Token("acme", nil)
	blind := h.Token("acme", &github.InstallationTokenOptions{Permissions: &github.InstallationPermissions{Contents: github.String("read")}})
	const path = "/repos/acme/mono/commits/main/pulls"
	for _, k := range []struct {
		name, token, path string
		status            int
	}{
		{"all is well", token, path, 200}, {"without permission", blind, path, 403}, {"a wrong token", "ghs_wrong", path, 401},
		{"no such commit", token, strings.Replace(path, "main", strings.Repeat("0", 40), 1), 422},
		{"no such repository", token, strings.Replace(path, "mono", "none", 1), 404},
	} {
		if status, got, _ := do(t, h, k.token, "GET", k.path, nil); status != k.status {
			t.Errorf("%s: %d %v", k.name, status, got)
		}
	}
}

package minihub_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
)

// talk starts a hub whose App answers comments, with a pull request in
// acme/mono and an issue that is none.
func talk(t *testing.T, o minihubtest.Options) (h *minihubtest.Hub, repo *minihub.Repo, pr, issue int) {
	t.Helper()
	if o.Hub.Permissions == nil {
		o.Hub.Permissions = perms("issues", "write")
	}
	if o.Hub.Events == nil {
		o.Hub.Events = []string{"pull_request", "issue_comment"}
	}
	h = minihubtest.StartWith(t, o)
	repo = h.Repo("acme", "mono", map[string]string{"a": "1"})
	h.Commit(repo, minihub.Commit{Branch: "topic", From: "main", Files: map[string]string{"b": "1"}})
	pr = h.Open(repo, minihub.NewPull{Head: "topic"})
	return h, repo, pr, repo.OpenIssue("zoe", "It does not work")
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestCommentsWithGoGitHub(t *testing.T) {
	now := time.Now().UTC()
	var later atomic.Bool
	h, repo, pr, issue := talk(t, minihubtest.Options{Hub: minihub.Options{Now: func() time.Time {
		if later.Load() {
			return now.Add(time.Minute)
		}
		return now
	}}})
	ctx, c := t.Context(), h.Client("acme")
	if issue != pr+1 {
		t.Errorf("issue %d after pull request %d", issue, pr)
	}
	first := must(repo.Comment(ctx, pr, "zoe", "/loktar run"))(t)
	later.Store(true)
	made, resp, err := c.Issues.CreateComment(ctx, "acme", "mono", pr, &github.IssueComment{Body: github.String("On it")})
	if err != nil {
		t.Fatal(err)
	}
	if made.GetUser().GetType() != "Bot" || resp.Header.Get("Location") != made.GetURL() || !strings.HasSuffix(made.GetHTMLURL(), fmt.Sprintf("/pull/%d#issuecomment-%d", pr, made.GetID())) {
		t.Errorf("made: %v at %s", made, resp.Header.Get("Location"))
	}
	bodies := func(o *github.IssueListCommentsOptions) (out []string) {
		t.Helper()
		list, _, err := c.Issues.ListComments(ctx, "acme", "mono", pr, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range list {
			out = append(out, k.GetUser().GetLogin()+" "+k.GetAuthorAssociation()+": "+k.GetBody())
		}
		return out
	}
	bot := "loktar[bot]"
	if diff := cmp.Diff([]string{"zoe NONE: /loktar run", bot + " NONE: On it"}, bodies(nil)); diff != "" {
		t.Error(diff)
	}
	since := now.Add(time.Second).Truncate(time.Second)
	if diff := cmp.Diff([]string{bot + " NONE: On it"}, bodies(&github.IssueListCommentsOptions{Since: &since})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{bot + " NONE: On it"}, bodies(&github.IssueListCommentsOptions{ListOptions: github.ListOptions{Page: 2, PerPage: 1}})); diff != "" {
		t.Error(diff)
	}
	if k, _, err := c.Issues.EditComment(ctx, "acme", "mono", made.GetID(), &github.IssueComment{Body: github.String("Done")}); err != nil || k.GetBody() != "Done" {
		t.Errorf("edit: %v, %v", k, err)
	}
	if k, _, err := c.Issues.GetComment(ctx, "acme", "mono", made.GetID()); err != nil || k.GetBody() != "Done" {
		t.Errorf("get: %v, %v", k, err)
	}
	var status []int
	for _, content := range []string{"eyes", "rocket", "eyes"} {
		r, resp, err := c.Reactions.CreateIssueCommentReaction(ctx, "acme", "mono", first, content)
		if err != nil || r.GetContent() != content || r.GetUser().GetLogin() != bot {
			t.Fatalf("react: %v, %v", r, err)
		}
		status = append(status, resp.StatusCode)
	}
	if diff := cmp.Diff([]int{201, 201, 200}, status); diff != "" {
		t.Error(diff)
	}
	rs, _, err := c.Reactions.ListIssueCommentReactions(ctx, "acme", "mono", first, nil)
	if err != nil || len(rs) != 2 {
		t.Errorf("reactions: %v, %v", rs, err)
	}
	got := h.Comments("acme/mono", pr)
	want := []minihub.Comment{
		{ID: first, Number: pr, Author: "zoe", Body: "/loktar run", Created: now, Updated: now, Reactions: map[string][]string{"eyes": {bot}, "rocket": {bot}}},
		{ID: made.GetID(), Number: pr, Author: bot, Body: "Done", Created: now.Add(time.Minute), Updated: now.Add(time.Minute)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if p, _, err := c.PullRequests.Get(ctx, "acme", "mono", pr); err != nil || p.GetComments() != 2 {
		t.Errorf("the pull request counts %d comments, %v", p.GetComments(), err)
	}
	if _, err := c.Issues.DeleteComment(ctx, "acme", "mono", made.GetID()); err != nil {
		t.Error(err)
	}
	if got := h.Comments("acme/mono", pr); len(got) != 1 || got[0].ID != first {
		t.Errorf("after the deletion: %+v", got)
	}
	if h.Comments("acme/mono", 99) != nil || h.Comments("acme/none", pr) != nil {
		t.Error("comments of nothing")
	}
}

// TestCommentPayloads holds each comment event against GitHub's schema.
func TestCommentPayloads(t *testing.T) {
	if minihubtest.Shared(t) == "" {
		t.Skip("the shared folder with GitHub's schemas is missing")
	}
	h, repo, pr, issue := talk(t, minihubtest.Options{})
	in := listen(t, h)
	ctx, c := t.Context(), h.Client("acme")
	repo.SetAccess("ann", "write")
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(repo.Label(pr, "ann", "run it"))
	id := must(repo.Comment(ctx, pr, "ann", "héllo"))(t)
	ok(repo.EditComment(ctx, id, "ann", "hello"))
	ok(repo.EditComment(ctx, id, "ann", "hello"))
	must(repo.Comment(ctx, issue, "zoe", "/loktar run"))(t)
	_, _, err := c.Issues.CreateComment(ctx, "acme", "mono", pr, &github.IssueComment{Body: github.String("From the App")})
	ok(err)
	ok(repo.DeleteComment(ctx, id, "acme"))
	delivered(t, h, "issue_comment", "deleted", 1)
	var got []string
	for _, r := range in.all() {
		if r.header.Get("X-GitHub-Event") != "issue_comment" {
			continue
		}
		p := decode(t, r.body)
		action := p["action"].(string)
		if err := minihubtest.CheckPayload("issue_comment", action, r.body); err != nil {
			t.Error(err)
		}
		if _, err := github.ParseWebHook("issue_comment", r.body); err != nil {
			t.Error(err)
		}
		kind := "issue"
		if at(p, "issue", "pull_request", "url") != nil {
			kind = "pull request"
		}
		got = append(got, fmt.Sprintf("%s %v %v: %v %v %v %v", action, kind, at(p, "issue", "number"), at(p, "comment", "body"),
			at(p, "comment", "author_association"), at(p, "sender", "type"), at(p, "changes", "body", "from")))
	}
	want := []string{
		"created pull request 1: héllo COLLABORATOR User <nil>", "edited pull request 1: hello COLLABORATOR User héllo",
		"created issue 2: /loktar run NONE User <nil>", "created pull request 1: From the App NONE Bot <nil>",
		"deleted pull request 1: hello COLLABORATOR User <nil>",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestCommentEventsNeedPermission: who may not read a conversation hears
// nothing of it, and who is not subscribed neither.
func TestCommentEventsNeedPermission(t *testing.T) {
	for _, c := range []struct {
		name        string
		permissions map[string]string
		events      []string
		want        []string
	}{
		{"issues", map[string]string{"metadata": "read", "issues": "read"}, nil, []string{"1", "2"}},
		{"pull requests", map[string]string{"metadata": "read", "pull_requests": "read"}, nil, []string{"1"}},
		{"neither", map[string]string{"metadata": "read"}, nil, nil},
		{"no subscription", nil, []string{"pull_request"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			events := c.events
			if events == nil {
				events = []string{"issue_comment"}
			}
			h, repo, pr, issue := talk(t, minihubtest.Options{Hub: minihub.Options{Permissions: c.permissions, Events: events}})
			listen(t, h)
			for _, n := range []int{pr, issue} {
				must(repo.Comment(t.Context(), n, "zoe", "hello"))(t)
			}
			var got []string
			for _, d := range h.Deliveries() {
				if d.Event == "issue_comment" {
					got = append(got, fmt.Sprint(at(decode(t, d.Payload), "issue", "number")))
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("heard of %v, want %v", got, c.want)
			}
		})
	}
}

func TestCommentMethodsRefuse(t *testing.T) {
	h, repo, pr, _ := talk(t, minihubtest.Options{})
	ctx := t.Context()
	id := must(repo.Comment(ctx, pr, "zoe", strings.Repeat("é", 65_536)))(t)
	_, nothing := repo.Comment(ctx, 99, "zoe", "x")
	_, blank := repo.Comment(ctx, pr, "zoe", " \n")
	_, long := repo.Comment(ctx, pr, "zoe", strings.Repeat("x", 65_537))
	for _, c := range []struct {
		err  error
		says string
	}{
		{nothing, "comment on acme/mono#99: there is no such issue or pull request"}, {blank, "cannot be blank"}, {long, "maximum is 65536 characters"},
		{repo.EditComment(ctx, id, "zoe", ""), "cannot be blank"}, {repo.EditComment(ctx, 1, "zoe", "x"), "there is no such comment"},
		{repo.DeleteComment(ctx, 1, "zoe"), "there is no such comment"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.says) {
			t.Errorf("got %v, want %q", c.err, c.says)
		}
	}
	if got := h.Comments("acme/mono", pr); len(got) != 1 {
		t.Errorf("%d comments", len(got))
	}
}

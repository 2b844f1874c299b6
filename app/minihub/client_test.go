package minihub_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
)

// TestGoGitHubEndToEnd drives every call of the API with the client that
// Loktar uses. minihubtest holds each request and answer against GitHub's
// description.
func TestGoGitHubEndToEnd(t *testing.T) {
	h := minihubtest.Start(t)
	repo := h.Repo("acme", "mono", map[string]string{"lib/a.py": "one\n", "README.md": "hello\n"})
	h.Commit(repo, minihub.Commit{Branch: "topic", From: "main", Files: map[string]string{"lib/a.py": "two\nthree\n", "new file.txt": "x\n"}, Delete: []string{"README.md"}})
	n := h.Open(repo, minihub.NewPull{Head: "topic", Title: "Change the library"})
	ctx, c := t.Context(), h.Client("acme")

	pr, _, err := c.PullRequests.Get(ctx, "acme", "mono", n)
	if err != nil {
		t.Fatal(err)
	}
	if !pr.GetMergeable() || pr.GetMergeCommitSHA() == "" || pr.GetChangedFiles() != 3 || pr.GetAdditions() != 3 || pr.GetDeletions() != 2 {
		t.Errorf("pull request: mergeable %v, merge %q, %d files, +%d -%d", pr.GetMergeable(), pr.GetMergeCommitSHA(), pr.GetChangedFiles(), pr.GetAdditions(), pr.GetDeletions())
	}
	head := pr.GetHead().GetSHA()
	files, _, err := c.PullRequests.ListFiles(ctx, "acme", "mono", n, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range files {
		got = append(got, f.GetStatus()+" "+f.GetFilename())
	}
	if diff := cmp.Diff([]string{"removed README.md", "modified lib/a.py", "added new file.txt"}, got); diff != "" {
		t.Error(diff)
	}
	if prs, _, err := c.PullRequests.List(ctx, "acme", "mono", &github.PullRequestListOptions{Head: "acme:topic"}); err != nil || len(prs) != 1 {
		t.Errorf("list pulls: %d, %v", len(prs), err)
	}
	if b, _, err := c.Repositories.GetBranch(ctx, "acme", "mono", "topic", 1); err != nil || b.GetCommit().GetSHA() != head {
		t.Errorf("branch: %v, %v", b, err)
	}
	if cm, _, err := c.Repositories.GetCommit(ctx, "acme", "mono", "topic", nil); err != nil || cm.GetSHA() != head || len(cm.Files) != 3 {
		t.Errorf("commit: %v, %v", cm, err)
	}
	if r, _, err := c.Repositories.Get(ctx, "acme", "mono"); err != nil || r.GetID() != repo.ID() || !r.GetPrivate() {
		t.Errorf("repository: %v, %v", r, err)
	}
	if p, _, err := c.Repositories.GetPermissionLevel(ctx, "acme", "mono", "acme"); err != nil || p.GetPermission() != "admin" {
		t.Errorf("permission: %v, %v", p, err)
	}
	if rs, _, err := c.Apps.ListRepos(ctx, nil); err != nil || rs.GetTotalCount() != 1 {
		t.Errorf("installation's repositories: %v, %v", rs, err)
	}
	if l, _, err := c.RateLimit.Get(ctx); err != nil || l.GetCore().Limit != 5000 || l.GetCore().Remaining >= 5000 {
		t.Errorf("rate limit: %v, %v", l, err)
	}
	if _, _, err := c.Meta.Get(ctx); err != nil {
		t.Errorf("meta: %v", err)
	}
	checkRuns(t, h, c, head)
	appCalls(t, h)
}

func checkRuns(t *testing.T, h *minihubtest.Hub, c *github.Client, head string) {
	ctx, now := t.Context(), github.Timestamp{Time: time.Now()}
	var ids []int64
	for _, name := range []string{"lib", "web", "lib"} {
		run, _, err := c.Checks.CreateCheckRun(ctx, "acme", "mono", github.CreateCheckRunOptions{Name: name, HeadSHA: head, ExternalID: github.String("X/" + name),
			Status: github.String("in_progress"), StartedAt: &now, DetailsURL: github.String("http://127.0.0.1/log")})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, run.GetID())
	}
	annotation := func(i int) *github.CheckRunAnnotation {
		return &github.CheckRunAnnotation{Path: github.String("lib/a.py"), StartLine: github.Int(i), EndLine: github.Int(i),
			AnnotationLevel: github.String("failure"), Message: github.String(fmt.Sprintf("wrong %d", i))}
	}
	for batch := range 2 {
		var as []*github.CheckRunAnnotation
		for i := range 50 {
			as = append(as, annotation(1+50*batch+i))
		}
		run, _, err := c.Checks.UpdateCheckRun(ctx, "acme", "mono", ids[0], github.UpdateCheckRunOptions{Name: "lib", Status: github.String("completed"),
			Conclusion: github.String("failure"), CompletedAt: &now,
			Output:  &github.CheckRunOutput{Title: github.String("2 tests fail"), Summary: github.String("**red**"), Annotations: as},
			Actions: []*github.CheckRunAction{{Label: "Fix", Description: "Fix it", Identifier: "fix"}}})
		if err != nil {
			t.Fatal(err)
		}
		if got := run.GetOutput().GetAnnotationsCount(); got != 50*(batch+1) {
			t.Errorf("annotations after batch %d: %d", batch, got)
		}
	}
	as, resp, err := c.Checks.ListCheckRunAnnotations(ctx, "acme", "mono", ids[0], &github.ListOptions{PerPage: 30, Page: 2})
	if err != nil || len(as) != 30 || as[0].GetMessage() != "wrong 31" || resp.NextPage != 3 || resp.LastPage != 4 {
		t.Errorf("annotations: %d, %v, %v", len(as), resp, err)
	}
	latest, _, err := c.Checks.ListCheckRunsForRef(ctx, "acme", "mono", "topic", &github.ListCheckRunsOptions{AppID: github.Int64(h.App().ID())})
	if err != nil || latest.GetTotal() != 2 || latest.CheckRuns[0].GetID() != ids[2] {
		t.Errorf("latest runs: %v, %v", latest, err)
	}
	all, _, err := c.Checks.ListCheckRunsForRef(ctx, "acme", "mono", head, &github.ListCheckRunsOptions{Filter: github.String("all"), CheckName: github.String("lib"),
		Status: github.String("completed")})
	if err != nil || all.GetTotal() != 1 || all.CheckRuns[0].GetID() != ids[0] || all.CheckRuns[0].GetConclusion() != "failure" {
		t.Errorf("all runs: %v, %v", all, err)
	}
	suites, _, err := c.Checks.ListCheckSuitesForRef(ctx, "acme", "mono", head, nil)
	if err != nil || suites.GetTotal() != 1 || suites.CheckSuites[0].GetStatus() != "in_progress" {
		t.Fatalf("suites: %v, %v", suites, err)
	}
	if _, _, err := c.Checks.GetCheckSuite(ctx, "acme", "mono", suites.CheckSuites[0].GetID()); err != nil {
		t.Error(err)
	}
	if _, err := c.Checks.ReRequestCheckRun(ctx, "acme", "mono", ids[0]); err != nil {
		t.Error(err)
	}
	if _, err := c.Checks.ReRequestCheckSuite(ctx, "acme", "mono", suites.CheckSuites[0].GetID()); err != nil {
		t.Error(err)
	}
	run, _, err := c.Checks.GetCheckRun(ctx, "acme", "mono", ids[0])
	if err != nil || run.GetStatus() != "completed" || run.PullRequests[0].GetNumber() != 1 {
		t.Errorf("a re-request changed the check run: %v, %v", run, err)
	}
}

func appCalls(t *testing.T, h *minihubtest.Hub) {
	ctx, c := t.Context(), h.AppClient()
	if a, _, err := c.Apps.Get(ctx, ""); err != nil || a.GetID() != h.App().ID() || a.GetPermissions().GetChecks() != "write" {
		t.Errorf("app: %v, %v", a, err)
	}
	ins, _, err := c.Apps.ListInstallations(ctx, nil)
	if err != nil || len(ins) != 1 {
		t.Fatalf("installations: %v, %v", ins, err)
	}
	if in, _, err := c.Apps.GetInstallation(ctx, ins[0].GetID()); err != nil || in.GetAccount().GetLogin() != "acme" {
		t.Errorf("installation: %v, %v", in, err)
	}
	if in, _, err := c.Apps.FindRepositoryInstallation(ctx, "acme", "mono"); err != nil || in.GetID() != ins[0].GetID() {
		t.Errorf("repository's installation: %v, %v", in, err)
	}
	inbox := listen(t, h)
	d := delivered(t, h, "ping", "", 1)[0]
	list, _, err := c.Apps.ListHookDeliveries(ctx, &github.ListCursorOptions{PerPage: 10})
	if err != nil || len(list) != 1 || list[0].GetGUID() != d.GUID || list[0].GetStatus() != "OK" {
		t.Fatalf("deliveries: %v, %v", list, err)
	}
	one, _, err := c.Apps.GetHookDelivery(ctx, d.ID)
	if err != nil || one.Request == nil || one.Request.Headers["X-Github-Event"] != "ping" {
		t.Errorf("delivery: %v, %v", one, err)
	}
	var accepted *github.AcceptedError
	if _, _, err := c.Apps.RedeliverHookDelivery(ctx, d.ID); !errors.As(err, &accepted) {
		t.Errorf("redeliver: %v", err)
	}
	again := delivered(t, h, "ping", "", 2)
	if again[1].GUID != d.GUID || !again[1].Redelivery || again[1].ID == d.ID {
		t.Errorf("redelivery: %+v", again[1])
	}
	got := inbox.all()
	if len(got) != 2 || got[0].header.Get("X-GitHub-Delivery") != got[1].header.Get("X-GitHub-Delivery") {
		t.Errorf("received %d deliveries", len(got))
	}
}

func TestDeliveriesAreListedByCursor(t *testing.T) {
	h := minihubtest.Start(t)
	listen(t, h)
	repo := h.Repo("acme", "mono", nil)
	for i := range 5 {
		h.Commit(repo, minihub.Commit{Files: map[string]string{"n": fmt.Sprint(i)}})
	}
	delivered(t, h, "push", "", 5)
	delivered(t, h, "check_suite", "requested", 5)
	var guids []string
	opts := &github.ListCursorOptions{PerPage: 4}
	for {
		list, resp, err := h.AppClient().Apps.ListHookDeliveries(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list {
			guids = append(guids, d.GetGUID())
		}
		if resp.Cursor == "" {
			break
		}
		opts.Cursor = resp.Cursor
	}
	var want []string
	for _, d := range h.Deliveries() {
		want = append([]string{d.GUID}, want...)
	}
	if diff := cmp.Diff(want, guids); diff != "" {
		t.Error(diff)
	}
}

package minihub_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
)

var queueEvents = minihub.Options{Events: []string{"push", "pull_request", "create", "delete", "merge_group"}}

// queued opens a pull request that writes one file, and queues it.
func queued(t *testing.T, h *minihubtest.Hub, r *minihub.Repo, branch, file, content string) (number int, sha string) {
	t.Helper()
	h.Commit(r, minihub.Commit{Branch: branch, From: "main", Files: map[string]string{file: content}})
	number = h.Open(r, minihub.NewPull{Head: branch})
	sha, err := r.Enqueue(t.Context(), number, "zoe")
	if err != nil {
		t.Fatal(err)
	}
	return number, sha
}

func groups(h *minihubtest.Hub, repo string) (out []minihub.MergeGroup) {
	h.Read(func(v *minihub.View) { out = v.MergeGroups(repo) })
	return out
}

func tip(t *testing.T, r *minihub.Repo, branch string) string {
	t.Helper()
	sha, err := r.Tip(t.Context(), branch)
	if err != nil {
		t.Fatal(err)
	}
	return sha
}

func equal(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestMergeQueueMerges queues two pull requests, one of them from a fork, and
// merges both at once.
func TestMergeQueueMerges(t *testing.T) {
	h := minihubtest.StartWith(t, minihubtest.Options{Hub: queueEvents})
	in := listen(t, h)
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	main := tip(t, repo, "main")
	fork, err := repo.Fork("zoe")
	ok(t, err)
	h.Commit(fork, minihub.Commit{Branch: "mine", From: "main", Files: map[string]string{"b": "1"}})
	one := h.Open(repo, minihub.NewPull{Head: "zoe:mine"})
	_, n := since(t, h, in, 0)
	first, err := repo.Enqueue(t.Context(), one, "zoe")
	ok(t, err)
	branch := "gh-readonly-queue/main/pr-1-" + main
	events, n := since(t, h, in, n)
	equal(t, "queueing", []string{"pull_request enqueued 1", "create " + branch, "push refs/heads/" + branch,
		"check_suite requested", "merge_group checks_requested " + first}, events)
	two, second := queued(t, h, repo, "topic", "c", "1")
	equal(t, "the queue", []minihub.MergeGroup{
		{Number: one, BaseBranch: "main", BaseSHA: main, HeadRef: "refs/heads/" + branch, HeadSHA: first},
		{Number: two, BaseBranch: "main", BaseSHA: first, HeadRef: "refs/heads/gh-readonly-queue/main/pr-2-" + first, HeadSHA: second},
	}, groups(h, "acme/mono"))
	ctx, c := t.Context(), h.Client("acme")
	merge, _, err := c.Repositories.GetCommit(ctx, "acme", "mono", second, nil)
	ok(t, err)
	if merge.Parents[0].GetSHA() != first || merge.Parents[1].GetSHA() != tip(t, repo, "topic") || !strings.HasPrefix(merge.GetCommit().GetMessage(), "Merge pull request #2 from acme/topic\n") {
		t.Errorf("the second group's commit: %v", merge)
	}
	_, _, err = c.Checks.CreateCheckRun(ctx, "acme", "mono", github.CreateCheckRunOptions{Name: "lib", HeadSHA: second, Conclusion: github.String("success")})
	ok(t, err)
	delivered(t, h, "check_suite", "completed", 1)
	_, n = since(t, h, in, n)
	ok(t, repo.FinishQueue(ctx, two, ""))
	events, _ = since(t, h, in, n)
	branch2 := "gh-readonly-queue/main/pr-2-" + first
	equal(t, "merging", []string{
		"push refs/heads/main",
		"pull_request closed 1", "pull_request dequeued MERGE 1", "merge_group destroyed merged " + first, "delete " + branch, "push refs/heads/" + branch,
		"pull_request closed 2", "pull_request dequeued MERGE 2", "merge_group destroyed merged " + second, "delete " + branch2, "push refs/heads/" + branch2,
	}, events)
	if got := tip(t, repo, "main"); got != second {
		t.Errorf("main is at %s, want the group's commit %s", got, second)
	}
	for number, sha := range map[int]string{one: first, two: second} {
		pr, _, err := c.PullRequests.Get(ctx, "acme", "mono", number)
		ok(t, err)
		if !pr.GetMerged() || pr.GetMergeCommitSHA() != sha || pr.GetMergedBy().GetLogin() != "github-merge-queue[bot]" {
			t.Errorf("#%d: merged %v as %s by %s", number, pr.GetMerged(), pr.GetMergeCommitSHA(), pr.GetMergedBy().GetLogin())
		}
	}
	if left := groups(h, "acme/mono"); len(left) != 0 {
		t.Errorf("the queue holds %v", left)
	}
	holdAgainstGitHub(t, in)
	likeCapture(t, in, "merge_group", "checks_requested", "checks_requested.json")
	likeCapture(t, in, "merge_group", "destroyed", "destroyed.merged.derived.json")
}

// TestMergeQueueFollowsItsBase changes what groups stand on and what they
// merge.
func TestMergeQueueFollowsItsBase(t *testing.T) {
	h := minihubtest.StartWith(t, minihubtest.Options{Hub: minihub.Options{Events: []string{"pull_request", "merge_group"}}})
	in := listen(t, h)
	ctx := t.Context()
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	h.Commit(repo, minihub.Commit{Branch: "release", From: "main", Files: map[string]string{"r": "1"}})
	h.Commit(repo, minihub.Commit{Branch: "fix", From: "release", Files: map[string]string{"f": "1"}})
	aside := h.Open(repo, minihub.NewPull{Head: "fix", Base: "release"})
	asideSHA, err := repo.Enqueue(ctx, aside, "zoe")
	ok(t, err)
	one, sha1 := queued(t, h, repo, "one", "b", "1")
	two, sha2 := queued(t, h, repo, "two", "c", "1")
	three, sha3 := queued(t, h, repo, "three", "d", "1")
	_, n := since(t, h, in, 0)
	heads := func() (out []string) {
		for _, g := range groups(h, "acme/mono") {
			out = append(out, g.HeadSHA)
		}
		return out
	}
	// only keeps what the queue tells, without the suites that come with it.
	only := func() (out []string) {
		var events []string
		events, n = since(t, h, in, n)
		for _, e := range events {
			if !strings.HasPrefix(e, "check_suite") {
				out = append(out, e)
			}
		}
		return out
	}

	ok(t, repo.Dequeue(ctx, one, "zoe"))
	now := heads()
	equal(t, "dequeue the first", []string{"pull_request dequeued MANUAL 2", "merge_group destroyed dequeued " + sha1,
		"merge_group destroyed invalidated " + sha2, "merge_group checks_requested " + now[1],
		"merge_group destroyed invalidated " + sha3, "merge_group checks_requested " + now[2]}, only())
	if now[0] != asideSHA || groups(h, "acme/mono")[1].BaseSHA != tip(t, repo, "main") || groups(h, "acme/mono")[2].BaseSHA != now[1] {
		t.Errorf("the queue after it: %v", groups(h, "acme/mono"))
	}

	h.Commit(repo, minihub.Commit{Files: map[string]string{"c": "another"}})
	last := heads()
	equal(t, "main moves against the second", []string{"pull_request dequeued MERGE_CONFLICT 3", "merge_group destroyed invalidated " + now[1],
		"merge_group destroyed invalidated " + now[2], "merge_group checks_requested " + last[1]}, only())
	if len(last) != 2 {
		t.Fatalf("the queue holds %v", groups(h, "acme/mono"))
	}

	h.Commit(repo, minihub.Commit{Branch: "three", Files: map[string]string{"d": "2"}})
	equal(t, "a push to a queued pull request", []string{"pull_request synchronize 4",
		"pull_request dequeued UNKNOWN_REMOVAL_REASON 4", "merge_group destroyed dequeued " + last[1]}, only())
	again, err := repo.Enqueue(ctx, three, "zoe")
	ok(t, err)
	ok(t, repo.ClosePull(ctx, three, "zoe"))
	equal(t, "closing it", []string{"pull_request enqueued 4", "merge_group checks_requested " + again,
		"pull_request closed 4", "pull_request dequeued MANUAL 4", "merge_group destroyed dequeued " + again}, only())
	_, err = repo.MergePull(ctx, aside, "zoe")
	ok(t, err)
	equal(t, "merging past the queue", []string{"pull_request dequeued ALREADY_MERGED 1", "merge_group destroyed dequeued " + asideSHA,
		"pull_request closed 1"}, only())
	if err := repo.Dequeue(ctx, two, "zoe"); err == nil {
		t.Error("what left the queue was taken out of it")
	}
	out := mustGit(t, t.TempDir(), h.Token("acme", nil), "ls-remote", repo.CloneURL(), "refs/heads/gh-readonly-queue/*")
	if out != "" {
		t.Errorf("branches are left: %s", out)
	}
	holdAgainstGitHub(t, in)
}

func TestMergeQueueRefuses(t *testing.T) {
	h := minihubtest.Start(t)
	ctx := t.Context()
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	in, sha := queued(t, h, repo, "topic", "b", "1")
	open := func(branch string, draft bool) int {
		h.Commit(repo, minihub.Commit{Branch: branch, From: "main", Files: map[string]string{"b": branch}})
		return h.Open(repo, minihub.NewPull{Head: branch, Draft: draft})
	}
	clash, draft, closed := open("clash", false), open("draft", true), open("closed", false)
	ok(t, repo.ClosePull(ctx, closed, "acme"))
	queue := groups(h, "acme/mono")[0].HeadRef
	name := strings.TrimPrefix(queue, "refs/heads/")
	enqueue := func(n int) func() error {
		return func() error { _, err := repo.Enqueue(ctx, n, "zoe"); return err }
	}
	for _, c := range []struct {
		name, says string
		f          func() error
	}{
		{"queue twice", "queued already", enqueue(in)},
		{"queue a conflict", "conflicts", enqueue(clash)},
		{"queue a draft", "draft", enqueue(draft)},
		{"queue what is closed", "closed", enqueue(closed)},
		{"queue nothing", "no such pull request", enqueue(99)},
		{"dequeue what is not queued", "not queued", func() error { return repo.Dequeue(ctx, clash, "zoe") }},
		{"merge what is not queued", "not queued", func() error { return repo.FinishQueue(ctx, clash, "zoe") }},
		{"commit to the group's branch", "only the merge queue", func() error {
			_, err := repo.Commit(ctx, minihub.Commit{Branch: name, Files: map[string]string{"x": "1"}})
			return err
		}},
		{"delete the group's branch", "only the merge queue", func() error { return repo.Push(ctx, "acme", name, "") }},
		{"delete it with git", "hidden ref", func() error {
			dir := t.TempDir()
			mustGit(t, dir, "", "init", "-q", ".")
			out, err := git(t, dir, h.UserToken("acme"), "push", repo.CloneURL(), ":"+queue)
			if err != nil && strings.Contains(out, "hidden ref") {
				err = errText("hidden ref")
			}
			return err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.f(); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
	if got := tip(t, repo, name); got != sha {
		t.Errorf("the group's branch is at %s", got)
	}
}

type errText string

func (e errText) Error() string { return string(e) }

// TestMergeGroupNeedsPermission: without merge_queues:read or the subscription
// there is no event.
func TestMergeGroupNeedsPermission(t *testing.T) {
	for name, o := range map[string]minihub.Options{
		"no permission":   {Permissions: map[string]string{"metadata": "read", "contents": "read", "pull_requests": "read"}},
		"no subscription": {Events: []string{"push", "pull_request"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := minihubtest.StartWith(t, minihubtest.Options{Hub: o})
			in := listen(t, h)
			repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
			n, _ := queued(t, h, repo, "topic", "b", "1")
			ok(t, repo.FinishQueue(t.Context(), n, "zoe"))
			events, _ := since(t, h, in, 0)
			told := strings.Join(events, "\n")
			if strings.Contains(told, "merge_group") || !strings.Contains(told, "pull_request closed 1") {
				t.Errorf("told:\n%s", told)
			}
		})
	}
}

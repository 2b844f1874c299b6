package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
)

func push(ref, sha string) checks.Event {
	return checks.Event{Kind: checks.EventPush, Name: "push", HeadSHA: sha, Push: &checks.Push{Ref: ref, Before: "base", After: sha, DefaultBranch: "main"}}
}

func group(sha string) checks.Event {
	return checks.Event{Kind: checks.EventMergeGroup, Name: "merge_group.checks_requested", HeadSHA: sha, MergeGroup: &checks.MergeGroup{
		HeadRef: "refs/heads/gh-readonly-queue/main/pr-1-base", BaseRef: "refs/heads/main", BaseSHA: "base"}}
}

func TestPushesAreTestedAsConfigured(t *testing.T) {
	w := newWorld(t)
	w.policy.Branches, w.policy.Tags = []string{"main", "release/*"}, []string{"v*"}
	for _, ref := range []string{"refs/heads/topic", "refs/heads/release/1/x", "refs/tags/nightly", "refs/heads/gh-readonly-queue/main/pr-1-x"} {
		w.accept(push(ref, "no"))
		if note := w.noted(); note != "pushes of this ref are not tested" {
			t.Errorf("%s: %q", ref, note)
		}
	}
	for i, ref := range []string{"refs/heads/main", "refs/heads/release/1", "refs/tags/v1"} {
		sha := string(rune('a' + i))
		w.accept(push(ref, sha))
		run := w.runOf(sha, 1)
		w.want(w.done(run.ID), allPassed...)
		if run.Push == nil || run.Push.Ref != ref || run.PullRequest != nil || run.Untrusted() {
			t.Errorf("%s: %+v", ref, run)
		}
	}
	// Each push tests its own commits: a newer one takes no one's place.
	open := w.gate("lib")
	w.accept(push("refs/heads/main", "m1"))
	m1 := w.runOf("m1", 1)
	w.until("lib to start", func() bool { return slices.Contains(w.outcomes(m1.ID), "lib running") })
	w.accept(push("refs/heads/main", "m2"))
	m2 := w.runOf("m2", 1)
	open()
	w.want(w.done(m1.ID), allPassed...)
	w.want(w.done(m2.ID), allPassed...)
	w.accept(rerun(m1, "lib"))
	again := w.runOf("m1", 2)
	w.want(w.done(again.ID), "lib passed", "api passed (carried)", "web passed (carried)", "doc passed (carried)")
	if again.Outdated != "" || again.Push == nil {
		t.Errorf("the re-run is %+v", again)
	}
}

func TestAPushOfAPullRequestsBranchIsLeftToIt(t *testing.T) {
	w := newWorld(t)
	w.policy.Branches = []string{"**"}
	ch := change("s1")
	ch.PullOfBranch = 12
	w.source.changes["s1"] = ch
	w.accept(push("refs/heads/topic", "s1"))
	if note := w.noted(); note != "pull request 12 tests this branch" {
		t.Errorf("%q", note)
	}
	// A pull request that is opened later takes no push's place.
	open := w.gate("lib")
	w.accept(push("refs/heads/late", "s2"))
	run := w.runOf("s2", 1)
	w.until("lib to start", func() bool { return slices.Contains(w.outcomes(run.ID), "lib running") })
	w.accept(pull(1, "s2"))
	w.runOf("s2", 2)
	open()
	w.want(w.done(run.ID), allPassed...)
}

func TestWhatIsGoneIsStopped(t *testing.T) {
	w := newWorld(t)
	w.policy.Branches, w.policy.Tags = []string{"**"}, []string{"**"}
	other := checks.Repo{ID: 2, Owner: "acme", Name: "cars"}
	elsewhere := pull(1, "elsewhere")
	elsewhere.Repo, elsewhere.PullRequest.Base.Repo, elsewhere.PullRequest.Head.Repo = other, other, other
	pushGone := func(ref string) checks.Event {
		return checks.Event{Kind: checks.EventRefGone, Name: "push", Push: &checks.Push{Ref: ref}}
	}
	groupGone := func(reason string) checks.Event {
		ev := group("m1")
		ev.Kind, ev.Name, ev.MergeGroup.Reason = checks.EventMergeGroupGone, "merge_group.destroyed", reason
		return ev
	}
	lost := func(name string, repos ...checks.Repo) checks.Event {
		return checks.Event{Kind: checks.EventReposGone, Name: name, Repos: repos}
	}
	for _, c := range []struct {
		name        string
		begin, gone checks.Event
		detail      string
	}{
		{"branch", push("refs/heads/x", "b1"), pushGone("refs/heads/x"), "The branch was deleted."},
		{"tag", push("refs/tags/x", "t1"), pushGone("refs/tags/x"), "The tag was deleted."},
		{"group", group("m1"), groupGone("dequeued"), "The merge queue gave this group up."},
		{"merged group", group("m2"), groupGone("merged"), "The merge queue merged this group."},
		{"its branch", group("m3"), pushGone("refs/heads/gh-readonly-queue/main/pr-1-base"), "The branch was deleted."},
		{"repository", pull(9, "r1"), lost("repository.deleted", pets), "Loktar may not act on this repository any more."},
		{"installation", pull(9, "r2"), lost("installation.suspend"), "Loktar may not act on this repository any more."},
		{"selection", elsewhere, lost("installation_repositories.removed", pets, other), "Loktar may not act on this repository any more."},
	} {
		t.Run(c.name, func(t *testing.T) {
			open := w.gate("lib")
			defer open()
			w.accept(c.begin)
			sha, repo := c.begin.HeadSHA, pets.ID
			if c.begin.Repo.ID != 0 {
				repo = c.begin.Repo.ID
			}
			var run checks.Run
			w.until("lib to run", func() bool {
				runs, err := w.store.RunsOf(repo, sha)
				if err != nil || len(runs) == 0 {
					return false
				}
				run = runs[0]
				return slices.Contains(w.outcomes(run.ID), "lib running")
			})
			w.accept(c.gone)
			w.done(run.ID)
			j, err := w.store.Job(checks.JobID{Run: run.ID, Package: "lib"})
			if err != nil || j.Result.Outcome != checks.OutcomeCancelled || j.Result.Detail != c.detail {
				t.Errorf("lib is %s (%s), %v", j.Result.Outcome, j.Result.Detail, err)
			}
		})
	}
	w.until("the lost to be forgotten", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.forgot) == 3
	})
}

func TestMergeGroups(t *testing.T) {
	w := newWorld(t)
	w.accept(group("m1"))
	run := w.runOf("m1", 1)
	w.want(w.done(run.ID), allPassed...)
	if run.MergeGroup == nil || run.MergeGroup.Branch() != "main" || run.Target().Ref != "refs/heads/gh-readonly-queue/main/pr-1-base" {
		t.Errorf("%+v", run.MergeGroup)
	}
	w.accept(rerun(run, "doc"))
	w.want(w.done(w.runOf("m1", 2).ID), "lib passed (carried)", "api passed (carried)", "web passed (carried)", "doc passed")
}

func TestLabels(t *testing.T) {
	w := newWorld(t)
	w.policy.FullLabel = "full"
	label := func(name string) checks.Event {
		ev := pull(1, "s1")
		ev.Kind, ev.Name, ev.Label, ev.PullRequest.Labels = checks.EventLabeled, "pull_request.labeled", name, []string{name}
		return ev
	}
	w.accept(label("bug"))
	if note := w.noted(); note != "this label means nothing here" {
		t.Errorf("%q", note)
	}
	ch := change("s1", "doc/x")
	ch.Policy.FullLabel = "full"
	w.source.changes["s1"] = ch
	w.accept(label("full"))
	run := w.runOf("s1", 1)
	w.want(w.done(run.ID), allPassed...)
	j, err := w.store.Job(checks.JobID{Run: run.ID, Package: "web"})
	if err != nil || len(j.Reasons) == 0 || j.Reasons[0].String() != "everything is affected: the pull request has the label full" {
		t.Errorf("%v, %v", j.Reasons, err)
	}
	w.policy.FullLabel = ""
	w.accept(label(""))
	if note := w.noted(); note != "this label means nothing here" {
		t.Errorf("no label is configured: %q", note)
	}
}

func TestARepositoryThatMoved(t *testing.T) {
	w := newWorld(t)
	open := w.gate("lib")
	w.accept(pull(1, "s1"))
	run := w.runOf("s1", 1)
	w.until("lib to start", func() bool { return slices.Contains(w.outcomes(run.ID), "lib running") })
	moved := checks.Event{Kind: checks.EventRepoMoved, Name: "repository.transferred", Repo: checks.Repo{ID: pets.ID, Owner: "globex", Name: "animals"}}
	w.accept(moved)
	if note := w.noted(); note != "called globex/animals from now on" {
		t.Errorf("%q", note)
	}
	open()
	w.want(w.done(run.ID), allPassed...)
	got, err := w.store.Run(run.ID)
	if err != nil || got.Repo.FullName() != "globex/animals" || got.PullRequest.Base.Repo.FullName() != "globex/animals" {
		t.Errorf("the run is of %s, %v", got.Repo.FullName(), err)
	}
	// One that is being read when the repository moves is of the new name too.
	gate := make(chan struct{})
	w.source.mu.Lock()
	w.source.gates = map[string]chan struct{}{"s2": gate}
	w.source.mu.Unlock()
	w.accept(pull(2, "s2"))
	w.until("the read to begin", func() bool { w.source.mu.Lock(); defer w.source.mu.Unlock(); return w.source.entered["s2"] })
	moved.Repo.Name = "beasts"
	w.accept(moved)
	w.noted()
	close(gate)
	if run := w.runOf("s2", 1); run.Repo.FullName() != "globex/beasts" || run.PullRequest.Base.Repo.FullName() != "globex/beasts" {
		t.Errorf("the run is of %s", run.Repo.FullName())
	}
}

// TestSkippedAndPassedNeverMix has a package skipped and passed on one commit,
// in both orders, as when the base branch of a pull request changes.
func TestSkippedAndPassedNeverMix(t *testing.T) {
	w := newWorld(t)
	required := func(files ...string) checks.Change {
		ch := change("s1", files...)
		ch.Required = []string{"doc", "web"}
		return ch
	}
	set := func(ch checks.Change) {
		w.source.mu.Lock()
		w.source.changes["s1"] = ch
		w.source.mu.Unlock()
	}
	set(required("web/x"))
	w.accept(pull(1, "s1"))
	first := w.runOf("s1", 1)
	w.want(w.done(first.ID), "web passed", "doc unaffected")
	set(required("doc/x"))
	w.accept(pull(1, "s1"))
	second := w.runOf("s1", 2)
	w.want(w.done(second.ID), "doc passed", "web neutral")
	w.want(w.outcomes(first.ID), "web passed", "doc neutral")
	// A click on the check of one that is not affected tests it for real.
	set(required("lib/x"))
	ev := pull(1, "s1")
	ev.HeadSHA, ev.PullRequest.Head.SHA = "s2", "s2"
	ch := required("web/x")
	ch.HeadSHA, ch.Tree = "s2", "tree-s2"
	w.source.mu.Lock()
	w.source.changes["s2"] = ch
	w.source.mu.Unlock()
	w.accept(ev)
	third := w.runOf("s2", 1)
	w.want(w.done(third.ID), "web passed", "doc unaffected")
	w.accept(rerun(third, "doc"))
	w.want(w.done(w.runOf("s2", 2).ID), "web passed (carried)", "doc passed")
	w.want(w.outcomes(third.ID), "web passed", "doc neutral")
	for _, sha := range []string{"s1", "s2"} {
		w.neverMixed(sha)
	}
}

func (w *world) neverMixed(sha string) {
	w.t.Helper()
	runs, err := w.store.RunsOf(pets.ID, sha)
	if err != nil {
		w.t.Fatal(err)
	}
	seen := map[string]string{}
	for _, r := range runs {
		for _, s := range w.outcomes(r.ID) {
			name, outcome, _ := strings.Cut(s, " ")
			if c := checks.Outcome(outcome).Conclusion(); c == checks.ConclusionSkipped || c == checks.ConclusionSuccess {
				if old := seen[name]; old != "" && old != string(c) {
					w.t.Errorf("%s is both %s and %s on %s", name, old, c, sha)
				}
				seen[name] = string(c)
			}
		}
	}
}

func TestForgetIsCalledWithTheRepository(t *testing.T) {
	w := newWorld(t)
	w.accept(checks.Event{Kind: checks.EventReposGone, Name: "repository.archived", Repos: []checks.Repo{pets}})
	w.noted()
	w.accept(checks.Event{Kind: checks.EventReposGone, Name: "repository.deleted", Repos: []checks.Repo{pets}})
	w.until("forgetting", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.forgot) == 1 && w.forgot[0] == pets })
}

func (w *world) forget(_ context.Context, r checks.Repo) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forgot = append(w.forgot, r)
}

// TestANewNameIsWaitedFor has a repository get another name while an event of
// it is read by the old one.
func TestANewNameIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	old := checks.Errorf(checks.KindMoved, nil, "The repository acme/pets has moved.")
	gate := make(chan struct{})
	w.source.mu.Lock()
	w.source.errs["s1"], w.source.errs["s2"] = []error{old}, []error{old}
	w.source.gates = map[string]chan struct{}{"s1": gate}
	w.source.mu.Unlock()
	w.accept(pull(1, "s1"))
	w.until("the read to begin", func() bool { w.source.mu.Lock(); defer w.source.mu.Unlock(); return w.source.entered["s1"] })
	w.accept(checks.Event{Kind: checks.EventRepoMoved, Name: "repository.renamed", Repo: checks.Repo{ID: pets.ID, Owner: "acme", Name: "animals"}})
	w.noted()
	close(gate)
	run := w.runOf("s1", 1)
	if run.Repo.FullName() != "acme/animals" {
		t.Errorf("the run is of %s", run.Repo.FullName())
	}
	w.want(w.done(run.ID), allPassed...)

	// One that nobody tells of ends in the open.
	late := pull(2, "s2")
	late.Delivery, late.Installation, late.Repo, late.Received = "late", 7, pets, time.Now().Add(-time.Hour)
	if _, err := w.store.Accept(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	w.engine.Wake()
	if v := w.runOf("s2", 1).Verdict; v == nil || v.Conclusion != checks.ConclusionActionRequired || !strings.Contains(v.Summary, "has moved") {
		t.Errorf("%+v", v)
	}
}

// TestANewNameWaitsForNoClick has a click wait for GitHub, and the repository
// get another name meanwhile.
func TestANewNameWaitsForNoClick(t *testing.T) {
	w := newWorld(t)
	w.accept(pull(1, "s1"))
	run := w.runOf("s1", 1)
	w.done(run.ID)
	w.source.mu.Lock()
	w.source.asks = slices.Repeat([]error{checks.Errorf(checks.KindUnavailable, nil, "GitHub is down.")}, 100)
	w.source.mu.Unlock()
	w.accept(checks.Event{Kind: checks.EventRerunAll, Name: "check_suite.rerequested", HeadSHA: "s1"})
	w.accept(checks.Event{Kind: checks.EventRepoMoved, Name: "repository.renamed", Repo: checks.Repo{ID: pets.ID, Owner: "acme", Name: "animals"}})
	if note := w.noted(); note != "called acme/animals from now on" {
		t.Errorf("%q", note)
	}
}

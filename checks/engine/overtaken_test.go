package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/engine"
)

// toBase has the pull request of ev go to another branch.
func toBase(branch string, ev checks.Event) checks.Event {
	ev.Name, ev.PullRequest.Base.Branch = "pull_request.edited", branch
	return ev
}

// TestAnApprovalIsForTheBranchThatWasSeen moves a fork's pull request to
// another base branch before its approval comes, and while the approved
// commit is being read.
func TestAnApprovalIsForTheBranchThatWasSeen(t *testing.T) {
	w := newWorld(t)
	w.accept(forked(1, "s1"))
	first := w.runOf("s1", 1)
	w.accept(toBase("legacy", forked(1, "s1")))
	second := w.runOf("s1", 2)
	w.accept(press(first, checks.ActionApprove))
	if note := w.noted(); !strings.Contains(note, "goes to another branch, legacy, by now") {
		t.Errorf("approved before the move: %q", note)
	}
	gate := make(chan struct{})
	w.source.mu.Lock()
	w.source.gates = map[string]chan struct{}{"s1": gate}
	w.source.mu.Unlock()
	w.accept(press(second, checks.ActionApprove))
	approval := delivery(w.seq)
	w.until("the approved commit to be read", func() bool {
		w.source.mu.Lock()
		defer w.source.mu.Unlock()
		return w.source.entered["s1"]
	})
	w.source.mu.Lock()
	w.source.gates = nil
	w.source.mu.Unlock()
	w.accept(toBase("main", forked(1, "s1")))
	w.runOf("s1", 3)
	close(gate)
	w.until("the approval to end", func() bool {
		rec, _, err := w.store.Delivery(approval)
		return err == nil && !rec.Pending && strings.Contains(rec.Note, "goes to another branch, main, by now")
	})
	if got := w.runner.ran(); len(got) > 0 {
		t.Errorf("%v ran", got)
	}
}

// TestACommentDoesNotBringAnOlderCommitBack has a push planned between what
// GitHub said of the pull request and what is made of it.
func TestACommentDoesNotBringAnOlderCommitBack(t *testing.T) {
	w := newWorld(t)
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	said := *pull(1, "s1").PullRequest
	said.Updated = at
	w.source.facts = map[string]engine.Facts{"ann": {Permission: checks.PermissionWrite, PullRequest: said, Open: true}}
	gate := make(chan struct{})
	w.source.gates = map[string]chan struct{}{"s1": gate}
	retest := checks.Event{Kind: checks.EventCommand, Name: "issue_comment.created", Comment: &checks.Comment{ID: 3, Number: 1, Line: "/loktar retest"}}
	w.accept(retest)
	early := delivery(w.seq)
	w.until("the older commit to be read", func() bool {
		w.source.mu.Lock()
		defer w.source.mu.Unlock()
		return w.source.entered["s1"]
	})
	defer w.gate("lib")()
	push := pull(1, "s2")
	push.PullRequest.Updated = at.Add(time.Minute)
	w.accept(push)
	// The push waits for its turn, and then takes the place of what the
	// comment began.
	close(gate)
	run := w.runOf("s2", 1)
	if got := w.done(w.runOf("s1", 1).ID); !slices.Contains(got, "web superseded") {
		t.Errorf("the run of the older commit: %q", got)
	}
	if rec, _, err := w.store.Delivery(early); err != nil || rec.Pending {
		t.Errorf("the first comment: %+v, %v", rec, err)
	}
	w.accept(retest)
	if note := w.noted(); !strings.HasPrefix(note, "A run is under way.") {
		t.Errorf("a comment after the push: %q", note)
	}
	if got := w.outcomes(run.ID); slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "superseded") }) {
		t.Errorf("the run of the newest commit: %q", got)
	}
}

// TestAnOldInstallationLosesNothingOfANewOne has the removal from one
// installation come after the transfer to another.
func TestAnOldInstallationLosesNothingOfANewOne(t *testing.T) {
	w := newWorld(t)
	open := w.gate("lib")
	w.accept(pull(1, "s1"))
	run := w.runOf("s1", 1)
	w.seq++
	gone := checks.Event{Delivery: delivery(w.seq), Kind: checks.EventReposGone, Name: "installation_repositories.removed",
		Installation: 6, Received: time.Now(), Repos: []checks.Repo{pets}}
	if _, err := w.store.Accept(context.Background(), gone); err != nil {
		t.Fatal(err)
	}
	w.engine.Wake()
	if note := w.noted(); !strings.Contains(note, "0 jobs stopped") {
		t.Errorf("%q", note)
	}
	open()
	w.want(w.done(run.ID), allPassed...)
}

// TestAVerdictTakesNoPushesPlace opens a pull request that conflicts from a
// branch whose push is being tested.
func TestAVerdictTakesNoPushesPlace(t *testing.T) {
	w := newWorld(t)
	w.policy.Branches = []string{"main"}
	open := w.gate("lib")
	w.accept(checks.Event{Kind: checks.EventPush, Name: "push", HeadSHA: "s1",
		Push: &checks.Push{Ref: "refs/heads/main", Before: "s0", After: "s1", DefaultBranch: "main"}})
	pushed := w.runOf("s1", 1)
	ch := change("s1")
	ch.Conflicts, ch.Tree = []string{"x"}, ""
	w.source.mu.Lock()
	w.source.changes["s1"] = ch
	w.source.mu.Unlock()
	w.accept(pull(1, "s1"))
	if v := w.runOf("s1", 2).Verdict; v == nil {
		t.Fatal("the pull request has no verdict")
	}
	open()
	w.want(w.done(pushed.ID), allPassed...)
}

// TestAStrangersPullRequestDoesNotStandForTheCommit opens one of a commit of
// ours, and has all of the commit run again.
func TestAStrangersPullRequestDoesNotStandForTheCommit(t *testing.T) {
	w := newWorld(t)
	w.accept(pull(1, "s1"))
	w.done(w.runOf("s1", 1).ID)
	w.accept(forked(3, "s1")) // for the same branch: it is tested already
	if note := w.noted(); note != "pull request 1 of the repository itself tests this commit for the same branch" {
		t.Errorf("%q", note)
	}
	w.accept(toBase("release", forked(2, "s1")))
	w.runOf("s1", 2)
	w.accept(checks.Event{Kind: checks.EventRerunAll, Name: "check_suite.rerequested", HeadSHA: "s1"})
	again := w.runOf("s1", 3)
	w.want(w.done(again.ID), allPassed...)
	if again.PullRequest.Number != 1 {
		t.Errorf("ran pull request %d again", again.PullRequest.Number)
	}
}

// TestARerunOfWhatIsNoPartAnyMore presses the button of a check that the
// newest run, to another base branch, has not.
func TestARerunOfWhatIsNoPartAnyMore(t *testing.T) {
	w := newWorld(t)
	w.accept(pull(1, "s1"))
	first := w.runOf("s1", 1)
	w.done(first.ID)
	w.source.mu.Lock()
	w.source.changes["s1"] = change("s1", "doc/x")
	w.source.mu.Unlock()
	w.accept(toBase("release", pull(1, "s1")))
	second := w.runOf("s1", 2)
	w.want(w.done(second.ID), "doc passed")
	w.told()
	w.accept(rerun(first, "lib"))
	if note := w.noted(); !strings.HasPrefix(note, `ann asked for a re-run. Package "lib" is not part of run `) {
		t.Errorf("%q", note)
	}
	// GitHub has the check of lib wait until it is told of it again.
	w.want(w.dirty(), "lib", "loktar")
	if runs, err := w.store.RunsOf(pets.ID, "s1"); err != nil || len(runs) != 2 {
		t.Errorf("%d runs, %v", len(runs), err)
	}
}

// told has GitHub know all that it is to be told.
func (w *world) told() {
	w.t.Helper()
	rows, err := w.store.Outbox(100)
	if err != nil {
		w.t.Fatal(err)
	}
	for i, r := range rows {
		if err := w.store.Delivered(w.t.Context(), r.Key, r.Rev, int64(i+1)); err != nil {
			w.t.Fatal(err)
		}
	}
}

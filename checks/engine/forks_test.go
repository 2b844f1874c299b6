package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/dudesons/loktar/checks"
)

// forked is a push to a pull request from a fork.
func forked(number int, sha string) checks.Event {
	ev := pull(number, sha)
	ev.PullRequest.Author = checks.User{ID: 99, Login: "mallory"}
	ev.PullRequest.Head.Repo = checks.Repo{ID: 2, Owner: "mallory", Name: "pets"}
	return by("mallory", ev)
}

var allPassed = []string{"lib passed", "api passed", "web passed", "doc passed"}

func TestAForkWaitsForAnApprovalOfEachCommit(t *testing.T) {
	w := newWorld(t)
	w.accept(forked(1, "s1"))
	first := w.runOf("s1", 1)
	if v := first.Verdict; v == nil || v.Offer != checks.ActionApprove || v.Conclusion != checks.ConclusionActionRequired || !first.Done() {
		t.Fatalf("%+v", first.Verdict)
	}
	// Neither a re-run nor a comment is an approval.
	w.accept(rerun(first, checks.AggregateName))
	if v := w.runOf("s1", 2).Verdict; v == nil || v.Offer != checks.ActionApprove {
		t.Errorf("after a re-run: %+v", v)
	}
	if got := w.runner.ran(); len(got) > 0 {
		t.Fatalf("%v ran without an approval", got)
	}
	w.accept(press(first, checks.ActionApprove))
	third := w.runOf("s1", 3)
	w.want(w.done(third.ID), allPassed...)
	if third.Approved == nil || third.Approved.Login != "ann" || third.RerunOf != "" || !third.Untrusted() {
		t.Errorf("the approved run is %+v", third)
	}
	// Who clicks again changes nothing.
	w.accept(press(first, checks.ActionApprove))
	if note := w.noted(); !strings.Contains(note, "does not wait for that") {
		t.Errorf("a second approval: %q", note)
	}
	// The same commit stays approved, a new one is not.
	again := forked(1, "s1")
	again.Name = "pull_request.reopened"
	w.accept(again)
	w.want(w.done(w.runOf("s1", 4).ID), allPassed...)
	w.accept(forked(1, "s2"))
	if v := w.runOf("s2", 1).Verdict; v == nil || v.Offer != checks.ActionApprove {
		t.Errorf("a new push: %+v", v)
	}
	// Neither for another base branch, nor in another pull request.
	moved := forked(1, "s1")
	moved.PullRequest.Base.Branch, moved.Name = "release", "pull_request.edited"
	w.accept(moved)
	if v := w.runOf("s1", 5).Verdict; v == nil || v.Offer != checks.ActionApprove {
		t.Errorf("another base branch: %+v", v)
	}
	w.accept(forked(2, "s1"))
	if v := w.runOf("s1", 6).Verdict; v == nil || v.Offer != checks.ActionApprove {
		t.Errorf("another pull request: %+v", v)
	}
	// What strangers' code takes is nobody's measure.
	if past, err := w.store.Durations(pets.ID); err != nil || len(past) > 0 {
		t.Errorf("durations %v, %v", past, err)
	}
}

func TestAnApprovalRacedByAPush(t *testing.T) {
	w := newWorld(t)
	w.accept(forked(1, "s1"))
	first := w.runOf("s1", 1)
	// The push is known when the button's event comes.
	w.accept(forked(1, "s2"))
	second := w.runOf("s2", 1)
	w.accept(press(first, checks.ActionApprove))
	if note := w.noted(); !strings.HasPrefix(note, "ann asked for this commit. It was not run, because a newer one, s2, ") {
		t.Errorf("%q", note)
	}
	// The push comes while the approved commit is being read.
	gate := make(chan struct{})
	w.source.mu.Lock()
	w.source.gates = map[string]chan struct{}{"s2": gate}
	w.source.mu.Unlock()
	w.accept(press(second, checks.ActionApprove))
	approval := delivery(w.seq)
	w.accept(forked(1, "s3"))
	w.runOf("s3", 1)
	close(gate)
	w.until("the approval to end", func() bool {
		rec, _, err := w.store.Delivery(approval)
		return err == nil && !rec.Pending && strings.Contains(rec.Note, "a newer one, s3, ")
	})
	if got := w.runner.ran(); len(got) > 0 {
		t.Errorf("%v ran", got)
	}
	// The push comes when its jobs run already: they are stopped.
	open := w.gate("lib")
	defer open()
	w.accept(press(w.runOf("s3", 1), checks.ActionApprove))
	third := w.runOf("s3", 2)
	w.until("lib to start", func() bool { return slices.Contains(w.outcomes(third.ID), "lib running") })
	w.accept(forked(1, "s4"))
	if got := w.done(third.ID); !slices.Contains(got, "lib superseded") {
		t.Errorf("the overtaken run ended as %q", got)
	}
	if v := w.runOf("s4", 1).Verdict; v == nil || v.Offer != checks.ActionApprove {
		t.Errorf("the newest commit: %+v", v)
	}
}

func TestPoliciesForForks(t *testing.T) {
	for policy, ran := range map[checks.ForkPolicy]bool{checks.ForksRun: true, checks.ForksIgnore: false, checks.ForksApprove: false} {
		t.Run(string(policy), func(t *testing.T) {
			w := newWorld(t)
			ch := change("s1")
			ch.Policy.Forks = policy
			w.source.changes["s1"] = ch
			w.accept(forked(1, "s1"))
			run := w.runOf("s1", 1)
			w.done(run.ID)
			if got := len(w.runner.ran()) > 0; got != ran || (run.Verdict == nil) != ran {
				t.Errorf("ran: %v, verdict %+v", got, run.Verdict)
			}
			if policy == checks.ForksIgnore {
				w.accept(press(run, checks.ActionApprove))
				if note := w.noted(); !strings.Contains(note, "does not wait for that") {
					t.Errorf("approved all the same: %q", note)
				}
			}
		})
	}
}

// TestAMaintainersForkNeedsNoApproval holds what counts as a maintainer's
// push: author and pusher may both write, and the event is a push's.
func TestAMaintainersForkNeedsNoApproval(t *testing.T) {
	for name, c := range map[string]struct {
		event          string
		author, sender bool
		run            bool
	}{
		"both, opened":      {"pull_request.opened", true, true, true},
		"both, pushed":      {"pull_request.synchronize", true, true, true},
		"both, reopened":    {"pull_request.reopened", true, true, false},
		"both, labeled":     {"pull_request.labeled", true, true, false},
		"another's push":    {"pull_request.synchronize", true, false, false},
		"a stranger's pull": {"pull_request.synchronize", false, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ch := change("s1")
			ch.AuthorTrusted, ch.SenderTrusted = c.author, c.sender
			w.source.changes["s1"] = ch
			ev := forked(1, "s1")
			ev.Name = c.event
			w.accept(ev)
			run := w.runOf("s1", 1)
			w.done(run.ID)
			if (run.Verdict == nil) != c.run || (run.Approved != nil) != c.run {
				t.Errorf("verdict %+v, approved %v", run.Verdict, run.Approved)
			}
		})
	}
}

// TestAForksResultsStayItsOwn tests a commit in a fork's pull request first,
// and then in one of the repository itself.
func TestAForksResultsStayItsOwn(t *testing.T) {
	w := newWorld(t)
	w.accept(forked(1, "s1"))
	w.accept(press(w.runOf("s1", 1), checks.ActionApprove))
	w.done(w.runOf("s1", 2).ID)
	w.accept(pull(2, "s1"))
	ours := w.runOf("s1", 3)
	w.want(w.done(ours.ID), allPassed...)
	w.accept(rerun(ours, "lib"))
	for _, s := range w.done(w.runOf("s1", 4).ID) {
		name, _, _ := strings.Cut(s, " ")
		j, err := w.store.Job(checks.JobID{Run: w.runOf("s1", 4).ID, Package: name})
		if err != nil || j.CarriedFrom != "" && j.CarriedFrom != ours.ID {
			t.Errorf("%s is carried from %s, %v", name, j.CarriedFrom, err)
		}
	}
}

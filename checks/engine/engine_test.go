package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
)

func TestRunsWhatIsAffectedInOrder(t *testing.T) {
	w := newWorld(t)
	w.accept(pull(1, "s1"))
	run := w.runOf("s1", 1)
	w.want(w.done(run.ID), "lib passed", "api passed", "web passed", "doc passed")
	order := w.runner.ran()
	if slices.Index(order, "lib") > slices.Index(order, "api") || slices.Index(order, "api") > slices.Index(order, "web") {
		t.Errorf("started in the order %v", order)
	}
	if w.runner.most > 2 {
		t.Errorf("%d jobs ran at once on 2 slots", w.runner.most)
	}
	w.want(w.dirty(), "api", "doc", "lib", "loktar", "web")
	pending, err := w.store.Pending(10)
	if err != nil || len(pending) != 0 {
		t.Errorf("pending %v, %v", pending, err)
	}
	past, err := w.store.Durations(pets.ID)
	if err != nil || len(past) != 4 {
		t.Errorf("durations %v, %v", past, err)
	}
}

func TestARedHoldsBackWhatNeedsIt(t *testing.T) {
	w := newWorld(t)
	w.runner.results["lib"] = checks.Result{Outcome: checks.OutcomeFailed, ExitCode: 2}
	w.accept(pull(1, "s1"))
	run := w.runOf("s1", 1)
	w.want(w.done(run.ID), "lib failed", "api held_back", "web held_back", "doc passed")
	j, err := w.store.Job(checks.JobID{Run: run.ID, Package: "web"})
	if err != nil || j.Result.Blame != "lib" {
		t.Errorf("web blames %q, %v", j.Result.Blame, err)
	}
}

func TestANewPushTakesTheOlderRunsPlace(t *testing.T) {
	w := newWorld(t)
	gate := make(chan struct{})
	w.runner.gates["lib"] = gate
	w.accept(pull(1, "s1"))
	w.accept(pull(2, "other"))
	old := w.runOf("s1", 1)
	w.until("lib to start", func() bool { return slices.Contains(w.runner.ran(), "lib") })
	w.accept(pull(1, "s2"))
	next := w.runOf("s2", 1)
	got := w.done(old.ID)
	for _, g := range got {
		if strings.Contains(g, "queued") || strings.HasPrefix(g, "lib") && g != "lib superseded" {
			t.Errorf("the old run ended as %q", got)
		}
	}
	close(gate)
	w.want(w.done(next.ID), "lib passed", "api passed", "web passed", "doc passed")
	w.want(w.done(w.runOf("other", 1).ID), "lib passed", "api passed", "web passed", "doc passed")
}

// TestAnEventThatComesLateStopsNothing delivers the events of one pull request
// in the wrong order, as GitHub may.
func TestAnEventThatComesLateStopsNothing(t *testing.T) {
	w := newWorld(t)
	gate := make(chan struct{})
	w.runner.gates["lib"] = gate
	at := func(ev checks.Event, minute int) checks.Event {
		ev.PullRequest.Updated = time.Date(2026, 1, 2, 3, minute, 0, 0, time.UTC)
		return ev
	}
	w.accept(at(pull(1, "s2"), 2))
	run := w.runOf("s2", 1)
	w.until("lib to start", func() bool { return slices.Contains(w.outcomes(run.ID), "lib running") })
	w.accept(at(pull(1, "s1"), 1))
	closed := at(pull(1, "s1"), 1)
	closed.Kind, closed.Name = checks.EventPullRequestClosed, "pull_request.closed"
	w.accept(closed)
	w.until("the events to be noted", func() bool { p, err := w.store.Pending(1); return err == nil && len(p) == 0 })
	close(gate)
	w.want(w.done(run.ID), "lib passed", "api passed", "web passed", "doc passed")
	if rec, _, err := w.store.Delivery("d-2"); err != nil || !strings.Contains(rec.Note, "came late: run "+run.ID) {
		t.Errorf("the note is %q, %v", rec.Note, err)
	}
	if w.source.loads != 1 {
		t.Errorf("the repository was read %d times", w.source.loads)
	}
	// An event of the same second, or of an unknown one, is taken as new.
	w.accept(at(pull(1, "s3"), 2))
	w.done(w.runOf("s3", 1).ID)
	w.accept(pull(1, "s4"))
	w.done(w.runOf("s4", 1).ID)
}

// TestOfTwoStatesInOneSecondGitHubSaysWhichIsPresent has a later state be heard
// of first: GitHub tells times to the second.
func TestOfTwoStatesInOneSecondGitHubSaysWhichIsPresent(t *testing.T) {
	w := newWorld(t)
	at := func(ev checks.Event) checks.Event {
		ev.PullRequest.Updated = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		return ev
	}
	w.source.doubt = func(ev checks.Event) string {
		if ev.HeadSHA != "s2" {
			return "s2"
		}
		return ""
	}
	w.accept(at(pull(1, "s2")))
	run := w.runOf("s2", 1)
	w.done(run.ID)
	w.accept(at(pull(1, "s1")))
	w.until("the event to be noted", func() bool { rec, _, err := w.store.Delivery("d-2"); return err == nil && !rec.Pending })
	if rec, _, err := w.store.Delivery("d-2"); err != nil || rec.Note != "came late: the pull request is at s2 by now" {
		t.Errorf("the note is %q, %v", rec.Note, err)
	}
}

// onlyFirst has the first events of a world be heard of in pairs: the second of
// each is noted to be of the first one's run.
func (w *world) onlyFirst(pairs [][2]checks.Event) {
	w.t.Helper()
	for i, pair := range pairs {
		w.accept(pair[0])
		run := w.runOf(pair[0].HeadSHA, 1)
		w.done(run.ID)
		w.accept(pair[1])
		guid := fmt.Sprintf("d-%d", 2*i+2)
		w.until("the second to be noted", func() bool { rec, _, err := w.store.Delivery(guid); return err == nil && !rec.Pending })
		if rec, _, err := w.store.Delivery(guid); err != nil || rec.Note != "run "+run.ID+" is of this commit" {
			w.t.Errorf("the note is %q, %v", rec.Note, err)
		}
	}
}

// TestAPullRequestThatWasFoundIsNotRunTwice finds what is told of later, and
// what was told of before.
func TestAPullRequestThatWasFoundIsNotRunTwice(t *testing.T) {
	w := newWorld(t)
	found := func(n int, sha string) checks.Event {
		ev := pull(n, sha)
		ev.Name = checks.FoundPullRequest
		return ev
	}
	w.onlyFirst([][2]checks.Event{{found(1, "s1"), pull(1, "s1")}, {pull(2, "s2"), found(2, "s2")}})
}

// TestAPushThatWasFoundIsNotRunTwice finds what is told of later, and what was
// told of before. A branch that is set back is planned again.
func TestAPushThatWasFoundIsNotRunTwice(t *testing.T) {
	w := newWorld(t)
	w.policy.Branches = []string{"**"}
	found := func(sha string) checks.Event {
		ev := push("refs/heads/main", sha)
		ev.Name = checks.FoundPush
		return ev
	}
	w.onlyFirst([][2]checks.Event{{found("s1"), push("refs/heads/main", "s1")}, {push("refs/heads/main", "s2"), found("s2")}})
	w.accept(found("s1"))
	w.done(w.runOf("s1", 2).ID)
	w.accept(push("refs/heads/other", "s1"))
	w.done(w.runOf("s1", 3).ID)
}

// TestAReopeningOutlivesItsClose has a pull request be closed and opened again
// within one second, and heard of in the wrong order.
func TestAReopeningOutlivesItsClose(t *testing.T) {
	w := newWorld(t)
	open := w.gate("lib")
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	event := func(kind checks.EventKind, name string, at time.Time) checks.Event {
		ev := pull(1, "s1")
		ev.Kind, ev.Name, ev.PullRequest.Updated = kind, name, at
		return ev
	}
	w.accept(event(checks.EventPullRequest, "pull_request.reopened", at))
	run := w.runOf("s1", 1)
	w.until("lib alone to run", func() bool {
		now := w.outcomes(run.ID)
		return slices.Contains(now, "lib running") && slices.Contains(now, "doc passed")
	})
	w.accept(event(checks.EventPullRequestClosed, "pull_request.closed", at))
	if note := w.noted(); note != "The pull request was closed. 0 jobs stopped" {
		t.Errorf("%q", note)
	}
	w.accept(event(checks.EventPullRequestClosed, "pull_request.closed", at.Add(time.Second)))
	if note := w.noted(); note != "The pull request was closed. 3 jobs stopped" {
		t.Errorf("%q", note)
	}
	open()
	w.want(w.done(run.ID), "lib cancelled", "api cancelled", "web cancelled", "doc passed")
}

func TestClosingStopsWhatRuns(t *testing.T) {
	w := newWorld(t)
	w.runner.gates["lib"] = make(chan struct{})
	w.accept(pull(1, "s1"))
	run := w.runOf("s1", 1)
	w.until("lib to start", func() bool { return slices.Contains(w.runner.ran(), "lib") })
	w.until("doc to end", func() bool { return slices.Contains(w.outcomes(run.ID), "doc passed") })
	ev := pull(1, "s1")
	ev.Kind, ev.Name = checks.EventPullRequestClosed, "pull_request.closed"
	w.accept(ev)
	w.want(w.done(run.ID), "lib cancelled", "api cancelled", "web cancelled", "doc passed")
}

func TestARepositoryThatCannotBeReadYetIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.source.errs["s1"] = []error{checks.Errorf(checks.KindUnavailable, nil, "GitHub is down")}
	w.accept(pull(1, "s1"))
	w.want(w.done(w.runOf("s1", 1).ID), "lib passed", "api passed", "web passed", "doc passed")
	if w.source.loads != 2 {
		t.Errorf("read %d times", w.source.loads)
	}
}

// TestEventsThatWaitHideNoOthers has more events wait for their repository
// than the loop looks at in one turn.
func TestEventsThatWaitHideNoOthers(t *testing.T) {
	w := newWorld(t)
	w.source.errs["gone"] = slices.Repeat([]error{checks.Errorf(checks.KindUnavailable, nil, "GitHub is down")}, 100_000)
	var all sync.WaitGroup
	for i := range 1100 {
		ev := pull(100+i, "gone")
		ev.Delivery, ev.Repo, ev.Received = fmt.Sprintf("gone-%d", i), pets, time.Now()
		all.Go(func() {
			if _, err := w.store.Accept(context.Background(), ev); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	w.accept(pull(1, "s1"))
	w.want(w.done(w.runOf("s1", 1).ID), "lib passed", "api passed", "web passed", "doc passed")
}

func TestOurFaultIsNotAVerdict(t *testing.T) {
	w := newWorld(t)
	w.runner.errs["lib"] = []error{checks.Errorf(checks.KindConfig, errors.New("secret detail"), "The image is not there.")}
	w.accept(pull(1, "s1"))
	run := w.runOf("s1", 1)
	w.want(w.done(run.ID), "lib errored", "api held_back", "web held_back", "doc passed")
	j, _ := w.store.Job(checks.JobID{Run: run.ID, Package: "lib"})
	if j.Result.Detail != "The image is not there." {
		t.Errorf("detail %q", j.Result.Detail)
	}
}

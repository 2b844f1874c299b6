package engine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/engine"
)

// press is a button on the aggregate check of a run.
func press(run checks.Run, id checks.ActionID) checks.Event {
	ev := rerun(run, checks.AggregateName)
	ev.Kind, ev.Name, ev.Action = checks.EventAction, "check_run.requested_action", id
	return ev
}

// by has an event come from a stranger.
func by(login string, ev checks.Event) checks.Event {
	ev.Sender = checks.User{ID: 99, Login: login}
	return ev
}

// noted waits for the end of the event accepted last and returns its note.
func (w *world) noted() string {
	w.t.Helper()
	note := ""
	w.until("the event to be noted", func() bool {
		rec, ok, err := w.store.Delivery(delivery(w.seq))
		note = rec.Note
		return err == nil && ok && !rec.Pending
	})
	return note
}

func (w *world) gate(pkg string) (open func()) {
	g := make(chan struct{})
	w.runner.mu.Lock()
	w.runner.gates[pkg] = g
	w.runner.mu.Unlock()
	return func() { close(g) }
}

func TestTheButtonThatRunsAgainWhatFailed(t *testing.T) {
	w := newWorld(t)
	w.runner.results["lib"] = checks.Result{Outcome: checks.OutcomeFailed, ExitCode: 2}
	w.accept(pull(1, "s1"))
	first := w.runOf("s1", 1)
	w.done(first.ID)
	w.runner.mu.Lock()
	delete(w.runner.results, "lib")
	w.runner.mu.Unlock()
	open := w.gate("lib")
	// Two people press it at once: one run comes of it.
	w.accept(press(first, checks.ActionRerunFailed))
	w.accept(press(first, checks.ActionRerunFailed))
	second := w.runOf("s1", 2)
	if note := w.noted(); !strings.Contains(note, "is under way already") {
		t.Errorf("the second click: %q", note)
	}
	open()
	w.want(w.done(second.ID), "lib passed", "api passed", "web passed", "doc passed (carried)")
	if second.RerunOf != first.ID || second.Sender.Login != "ann" {
		t.Errorf("the re-run is %+v", second)
	}
	w.accept(press(second, checks.ActionRerunFailed))
	if note := w.noted(); note != "ann asked to run again what failed. Nothing had failed." {
		t.Errorf("when all is green: %q", note)
	}
	if run, err := w.store.Run(second.ID); err != nil || !slices.Equal(run.Remarks, []string{"ann asked to run again what failed. Nothing had failed."}) {
		t.Errorf("remarks %q, %v", run.Remarks, err)
	}
}

func TestTheCancelButton(t *testing.T) {
	w := newWorld(t)
	w.gate("lib")
	w.accept(pull(1, "s1"))
	w.accept(pull(2, "s2"))
	run := w.runOf("s1", 1)
	w.until("lib to start", func() bool { return slices.Contains(w.outcomes(run.ID), "lib running") })
	w.until("doc to end", func() bool { return slices.Contains(w.outcomes(run.ID), "doc passed") })
	w.accept(press(run, checks.ActionCancel))
	w.want(w.done(run.ID), "lib cancelled", "api cancelled", "web cancelled", "doc passed")
	j, err := w.store.Job(checks.JobID{Run: run.ID, Package: "lib"})
	if err != nil || j.Result.Detail != "Cancelled by ann." {
		t.Errorf("%q, %v", j.Result.Detail, err)
	}
	w.accept(press(run, checks.ActionCancel))
	if note := w.noted(); !strings.Contains(note, "It had ended before") {
		t.Errorf("a second cancel: %q", note)
	}
	if other := w.runOf("s2", 1); other.Done() {
		t.Error("the other pull request's run was cancelled too")
	}
}

func (w *world) stranger(login string) {
	w.source.mu.Lock()
	defer w.source.mu.Unlock()
	w.source.facts = map[string]engine.Facts{login: {Permission: checks.PermissionRead, Open: true}}
}

func TestStrangersAreRefusedVisibly(t *testing.T) {
	w := newWorld(t)
	w.stranger("mallory")
	w.runner.results["lib"] = checks.Result{Outcome: checks.OutcomeFailed, ExitCode: 2}
	w.accept(pull(1, "s1"))
	run := w.runOf("s1", 1)
	w.done(run.ID)
	before := w.runner.ran()
	all := rerun(run, "")
	all.Kind, all.Name, all.CheckRun = checks.EventRerunAll, "check_suite.rerequested", nil
	for _, ev := range []checks.Event{rerun(run, "lib"), all, press(run, checks.ActionRerunFailed), press(run, checks.ActionCancel), press(run, checks.ActionApprove), press(run, checks.ActionRun)} {
		w.accept(by("mallory", ev))
		if note := w.noted(); !strings.HasPrefix(note, "mallory asked ") || !strings.HasSuffix(note, "Refused: that takes write permission in acme/pets.") {
			t.Errorf("%s %s: %q", ev.Kind, ev.Action, note)
		}
	}
	if got := w.runner.ran(); !slices.Equal(got, before) {
		t.Errorf("a stranger had %v run", got[len(before):])
	}
	runs, err := w.store.RunsOf(pets.ID, "s1")
	if err != nil || len(runs) != 1 || len(runs[0].Remarks) != 5 {
		t.Errorf("%d runs, remarks %q, %v", len(runs), runs[0].Remarks, err)
	}
	// What GitHub cannot say is refused too, once it has been asked long enough.
	w.source.mu.Lock()
	w.source.asks = []error{checks.Errorf(checks.KindUnavailable, nil, "GitHub is down."), checks.Errorf(checks.KindRefused, nil, "GitHub will not say.")}
	w.source.mu.Unlock()
	w.accept(rerun(run, "lib"))
	if note := w.noted(); !strings.Contains(note, "Refused: it is not known what this account may do. GitHub will not say.") {
		t.Errorf("%q", note)
	}
}

func TestARerunOfAnOutdatedCommitSaysSo(t *testing.T) {
	w := newWorld(t)
	w.accept(pull(1, "s1"))
	old := w.runOf("s1", 1)
	w.done(old.ID)
	w.accept(pull(1, "s2"))
	w.done(w.runOf("s2", 1).ID)
	w.accept(rerun(old, "lib"))
	again := w.runOf("s1", 2)
	if again.Outdated != "s2" {
		t.Errorf("outdated %q", again.Outdated)
	}
	w.done(again.ID)
	// An outdated run is not the state of the pull request.
	if latest, found, err := w.store.Latest(again.Target()); err != nil || !found || latest.HeadSHA != "s2" {
		t.Errorf("the latest is of %s, %v", latest.HeadSHA, err)
	}
}

// TestARerunRacedByAPush lets both come at once, in either order.
func TestARerunRacedByAPush(t *testing.T) {
	for _, first := range []string{"push", "re-run"} {
		t.Run(first+" first", func(t *testing.T) {
			w := newWorld(t)
			w.runner.results["lib"] = checks.Result{Outcome: checks.OutcomeFailed}
			w.accept(pull(1, "s1"))
			old := w.runOf("s1", 1)
			w.done(old.ID)
			open := w.gate("lib")
			evs := []checks.Event{pull(1, "s2"), rerun(old, "lib")}
			if first != "push" {
				slices.Reverse(evs)
			}
			for _, ev := range evs {
				w.accept(ev)
			}
			next, again := w.runOf("s2", 1), w.runOf("s1", 2)
			w.runner.mu.Lock()
			delete(w.runner.results, "lib")
			w.runner.mu.Unlock()
			open()
			w.done(again.ID)
			if got := w.done(next.ID); slices.ContainsFunc(got, func(s string) bool { return strings.HasSuffix(s, "superseded") || strings.HasSuffix(s, "cancelled") }) {
				t.Errorf("the new commit's run ended as %q", got)
			}
		})
	}
}

func TestADraftWaitsUntilSomebodyAsks(t *testing.T) {
	w := newWorld(t)
	draft := func(sha string) checks.Event {
		ch := change(sha)
		ch.Policy.Drafts = checks.DraftsWait
		w.source.mu.Lock()
		w.source.changes[sha] = ch
		w.source.mu.Unlock()
		ev := pull(1, sha)
		ev.PullRequest.Draft = true
		return ev
	}
	w.accept(draft("s1"))
	first := w.runOf("s1", 1)
	if first.Verdict == nil || first.Verdict.Offer != checks.ActionRun || !first.Done() {
		t.Fatalf("%+v", first.Verdict)
	}
	w.accept(press(first, checks.ActionRun))
	w.want(w.done(w.runOf("s1", 2).ID), "lib passed", "api passed", "web passed", "doc passed")
	w.accept(press(first, checks.ActionRun))
	if note := w.noted(); !strings.Contains(note, "does not wait for that") {
		t.Errorf("pressed again: %q", note)
	}
	// Ready: the commit was tested as a draft, and needs no second run.
	ready := draft("s1")
	ready.PullRequest.Draft, ready.Name = false, "pull_request.ready_for_review"
	w.accept(ready)
	if note := w.noted(); !strings.Contains(note, "has tested it as a draft") {
		t.Errorf("ready: %q", note)
	}
	w.accept(draft("s2"))
	w.runOf("s2", 1)
	ready = draft("s2")
	ready.PullRequest.Draft, ready.Name = false, "pull_request.ready_for_review"
	w.accept(ready)
	w.want(w.done(w.runOf("s2", 2).ID), "lib passed", "api passed", "web passed", "doc passed")
}

func TestADraftIsTestedByARerun(t *testing.T) {
	w := newWorld(t)
	ch := change("s1")
	ch.Policy.Drafts = checks.DraftsWait
	w.source.changes["s1"] = ch
	ev := pull(1, "s1")
	ev.PullRequest.Draft = true
	w.accept(ev)
	w.accept(rerun(w.runOf("s1", 1), checks.AggregateName))
	w.want(w.done(w.runOf("s1", 2).ID), "lib passed", "api passed", "web passed", "doc passed")
}

func TestAPackageThatIsTestedAlreadyIsNotRunTwice(t *testing.T) {
	w := newWorld(t)
	w.accept(pull(1, "s1"))
	first := w.runOf("s1", 1)
	w.done(first.ID)
	open := w.gate("doc")
	w.accept(rerun(first, "doc"))
	w.accept(rerun(first, "doc"))
	second := w.runOf("s1", 2)
	if note := w.noted(); !strings.Contains(note, "is testing doc already") {
		t.Errorf("the second click: %q", note)
	}
	// All of it is another wish: a part is under way only.
	w.accept(rerun(first, checks.AggregateName))
	third := w.runOf("s1", 3)
	w.accept(rerun(first, checks.AggregateName))
	if note := w.noted(); !strings.Contains(note, "is testing all of it already") {
		t.Errorf("the second click on all: %q", note)
	}
	open()
	w.done(second.ID)
	w.want(w.done(third.ID), "lib passed", "api passed", "web passed", "doc passed")
	if took := third.Created.Sub(second.Created); took < 0 || took > time.Minute {
		t.Errorf("the third run came %s after the second", took)
	}
}

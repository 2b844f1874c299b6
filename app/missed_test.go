package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/app/github"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store"
)

// forgetful is a GitHub that could not deliver something.
type forgetful struct {
	undelivered []github.Delivery
	pulls       []checks.PullRequest
	err         error
	asked       []string
	since       time.Time
	listed      int
	head        string
	headErr     error
	looked      int
}

func (f *forgetful) Undelivered(_ context.Context, since time.Time) ([]github.Delivery, error) {
	f.since = since
	return f.undelivered, f.err
}

func (f *forgetful) Redeliver(_ context.Context, d github.Delivery) error {
	f.asked = append(f.asked, d.GUID)
	return nil
}

func (f *forgetful) Installed(context.Context) (map[int64][]checks.Repo, error) {
	f.listed++
	return map[int64][]checks.Repo{9: {{ID: 1, Owner: "acme", Name: "pets"}}}, nil
}

func (f *forgetful) OpenPulls(context.Context, int64, checks.Repo, time.Time) ([]checks.PullRequest, error) {
	return f.pulls, nil
}

func (f *forgetful) DefaultBranch(context.Context, int64, checks.Repo) (string, string, error) {
	f.looked++
	return "main", f.head, f.headErr
}

func TestMissed(t *testing.T) {
	s, err := store.Open(filepath.Join(t.TempDir(), "loktar.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	head := func(sha string) checks.Ref { return checks.Ref{SHA: sha, Branch: sha} }
	tried := time.Now().Add(-90 * time.Second)
	hub := &forgetful{
		undelivered: []github.Delivery{{ID: 1, GUID: "known", Event: "pull_request.opened", At: tried}, {ID: 2, GUID: "lost", Event: "pull_request.opened", At: tried}, {ID: 3, GUID: "ours", Event: "check_run.created", At: tried}},
		pulls:       []checks.PullRequest{{Number: 1, Head: head("tested")}, {Number: 2, Head: head("tested")}, {Number: 3, Head: head("new")}},
	}
	if _, err := s.Accept(t.Context(), checks.Event{Delivery: "known"}); err != nil {
		t.Fatal(err)
	}
	run := checks.Run{ID: "r1", Seq: 1, Repo: checks.Repo{ID: 1}, HeadSHA: "tested", PullRequest: &checks.PullRequest{Number: 1}}
	if err := s.Commit(t.Context(), checks.Commit{Runs: []checks.Run{run}}); err != nil {
		t.Fatal(err)
	}
	woken := 0
	start := func() *missed {
		return newMissed(s, hub, quiet, func() { woken++ }, zerolog.Nop())
	}

	m := start()
	hub.err = errors.New("down")
	if err := m.look(t.Context()); err == nil {
		t.Error("a look that failed counts")
	}
	hub.err = nil
	for range 9 {
		if err := m.look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(hub.asked) != maxAsked || hub.asked[0] != "lost" || hub.listed != 0 {
		t.Errorf("a new server asked for %v, and listed pull requests %d times", hub.asked, hub.listed)
	}

	// The next one was away for a month.
	if err := s.See(t.Context(), time.Now().Add(-30*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	m = start()
	for range 3 {
		if err := m.look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	// Once for pull requests, and once more for branches, as something was
	// still to come.
	if hub.listed != 2 || woken != 2 {
		t.Errorf("listed %d times, woken %d times", hub.listed, woken)
	}
	pending, err := s.Pending(10)
	if err != nil || len(pending) != 3 {
		t.Fatalf("pending %+v, %v", pending, err)
	}
	for i, number := range []int{2, 3} {
		if ev := pending[i+1]; ev.Name != checks.FoundPullRequest || ev.PullRequest.Number != number || ev.Installation != 9 || ev.HeadSHA != ev.PullRequest.Head.SHA {
			t.Errorf("found %+v", ev)
		}
	}

	// One that was away for a while, and starts again.
	away := time.Now().Add(-5 * time.Hour)
	if err := s.See(t.Context(), away); err != nil {
		t.Fatal(err)
	}
	if err := start().look(t.Context()); err != nil || woken != 2 || hub.since.After(away) {
		t.Errorf("woken %d times, looked since %v, %v", woken, hub.since, err)
	}
	if seen, err := s.Seen(); err != nil || !seen.Equal(tried) {
		t.Errorf("all is heard until %v, %v; want %v, when one went that is still missing", seen, err, tried)
	}
	hub.undelivered = hub.undelivered[:1]
	if err := start().look(t.Context()); err != nil {
		t.Error(err)
	}
	if seen, err := s.Seen(); err != nil || time.Since(seen) > time.Minute {
		t.Errorf("all is heard until %v, %v; nothing is missing", seen, err)
	}
}

// TestMissedListsOnce shows that a repository which GitHub cannot list does not
// have all others listed again and again.
func TestMissedListsOnce(t *testing.T) {
	s, err := store.Open(filepath.Join(t.TempDir(), "loktar.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.See(t.Context(), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	hub := &half{listed: map[int64]int{}}
	m := newMissed(s, hub, quiet, func() {}, zerolog.Nop())
	for range 3 {
		if err := m.look(t.Context()); err == nil {
			t.Error("a look that failed counts")
		}
	}
	if hub.listed[1] != 1 || hub.listed[2] != 3 {
		t.Errorf("listed %v", hub.listed)
	}
}

// half is a GitHub that cannot list the pull requests of repository 2.
type half struct {
	forgetful
	listed map[int64]int
}

func (h *half) Installed(context.Context) (map[int64][]checks.Repo, error) {
	return map[int64][]checks.Repo{9: {{ID: 1, Owner: "acme", Name: "pets"}, {ID: 2, Owner: "acme", Name: "broken"}}}, nil
}

func (h *half) OpenPulls(_ context.Context, _ int64, repo checks.Repo, _ time.Time) ([]checks.PullRequest, error) {
	if h.listed[repo.ID]++; repo.ID == 2 {
		return nil, errors.New("no")
	}
	return nil, nil
}

// quiet is the policy of repositories whose pushes mean nothing.
func quiet(checks.Repo) checks.Policy { return checks.Policy{} }

// TestMissedPushes has the default branch be at a commit that nobody told of,
// however long that was ago.
func TestMissedPushes(t *testing.T) {
	publishing := checks.Policy{Publish: true}
	lost := []github.Delivery{{ID: 2, GUID: "lost", Event: "push", At: time.Now().Add(-90 * time.Second)}}
	for name, c := range map[string]struct {
		policy  checks.Policy
		known   string // the head of the last push; empty for none
		hub     forgetful
		never   bool // nothing was ever heard
		looks   int  // at the branch, in two turns
		found   bool
		inFirst bool
	}{
		"moved":                  {policy: publishing, known: "old", hub: forgetful{head: "new"}, looks: 1, found: true, inFirst: true},
		"tested":                 {policy: checks.Policy{Branches: []string{"main"}}, known: "old", hub: forgetful{head: "new"}, looks: 1, found: true, inFirst: true},
		"not moved":              {policy: publishing, known: "old", hub: forgetful{head: "old"}, looks: 1},
		"never known":            {policy: publishing, hub: forgetful{head: "new"}, looks: 1},
		"no branch":              {policy: publishing, known: "old", hub: forgetful{headErr: checks.Errorf(checks.KindNotFound, nil, "None.")}, looks: 1},
		"no answer":              {policy: publishing, known: "old", hub: forgetful{headErr: errors.New("down")}, looks: 2},
		"neither":                {known: "old", hub: forgetful{head: "new"}},
		"a new server":           {policy: publishing, known: "old", hub: forgetful{head: "new"}, never: true},
		"deliveries to come yet": {policy: publishing, known: "old", hub: forgetful{head: "new", undelivered: lost}, looks: 1, found: true},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := store.Open(filepath.Join(t.TempDir(), "loktar.db"), store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if c.known != "" {
				run := checks.Run{ID: "r1", Seq: 1, Repo: checks.Repo{ID: 1}, HeadSHA: c.known, Push: &checks.Push{Ref: "refs/heads/main"}}
				again := run
				again.ID, again.Seq, again.RerunOf, again.HeadSHA = "r2", 2, "r0", "older"
				if err := s.Commit(t.Context(), checks.Commit{Runs: []checks.Run{run, again}}); err != nil {
					t.Fatal(err)
				}
			}
			if !c.never {
				if err := s.See(t.Context(), time.Now().Add(-30*24*time.Hour)); err != nil {
					t.Fatal(err)
				}
			}
			m := newMissed(s, &c.hub, func(checks.Repo) checks.Policy { return c.policy }, func() {}, zerolog.Nop())
			pending := func() []checks.Event {
				evs, err := s.Pending(9)
				if err != nil {
					t.Fatal(err)
				}
				return evs
			}
			for turn := range 2 {
				if err := m.look(t.Context()); (err != nil) != (c.hub.headErr != nil && checks.KindOf(c.hub.headErr) == checks.KindInternal) {
					t.Fatal(err)
				}
				if turn == 0 && (len(pending()) > 0) != c.inFirst {
					t.Errorf("after the first turn: %+v", pending())
				}
			}
			evs := pending()
			if c.hub.looked != c.looks || (len(evs) == 1) != c.found {
				t.Fatalf("looked %d times, found %+v", c.hub.looked, evs)
			}
			if !c.found {
				return
			}
			ev := evs[0]
			want := checks.Push{Ref: "refs/heads/main", Before: "old", After: "new", DefaultBranch: "main"}
			if ev.Kind != checks.EventPush || ev.Name != checks.FoundPush || ev.HeadSHA != "new" || *ev.Push != want || ev.Installation != 9 || ev.Repo.Name != "pets" {
				t.Errorf("found %+v", ev)
			}
			// The next start finds the same.
			m = newMissed(s, &c.hub, m.policy, func() { t.Error("woken") }, zerolog.Nop())
			c.hub.undelivered = nil
			if err := m.look(t.Context()); err != nil || len(pending()) != 1 {
				t.Errorf("twice: %+v (%v)", pending(), err)
			}
		})
	}
}

// TestMissedForgets has very many deliveries be asked for: what came is no more
// remembered.
func TestMissedForgets(t *testing.T) {
	s, err := store.Open(filepath.Join(t.TempDir(), "loktar.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	hub := &forgetful{}
	m := newMissed(s, hub, quiet, func() {}, zerolog.Nop())
	for i := range 100 {
		hub.undelivered = []github.Delivery{{ID: 1, GUID: "stays", Event: "push"}, {ID: int64(i), GUID: fmt.Sprint("lost", i), Event: "push"}}
		if err := m.look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(m.asked) != 2 || m.asked["stays"] != maxAsked {
		t.Errorf("remembered are %v", m.asked)
	}
}

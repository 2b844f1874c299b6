package app

import (
	"context"
	"errors"
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
		return &missed{store: s, hub: hub, wake: func() { woken++ }, log: zerolog.Nop(), slack: lookSlack, asked: map[string]int{}, listed: map[int64]bool{}}
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
	for range 2 {
		if err := m.look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if hub.listed != 1 || woken != 2 {
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
	m := &missed{store: s, hub: hub, wake: func() {}, log: zerolog.Nop(), slack: lookSlack, asked: map[string]int{}, listed: map[int64]bool{}}
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

package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dudesons/loktar/checks"
)

// ctxOf is the context of t.
func ctxOf(t any) context.Context {
	if c, ok := t.(interface{ Context() context.Context }); ok {
		return c.Context()
	}
	return context.Background()
}

// testReopen shows that all that was written is there after Close and Open.
func testReopen(t *testing.T, open Open) {
	dir, clk := t.TempDir(), newClock()
	s := open(t, dir, clk.now)
	instance := s.InstanceID()
	if len(instance) < 20 {
		t.Fatalf("instance %q is too short to be random", instance)
	}
	r := run(1, shaA)
	r.PullRequest = pull(5)
	lib := job(r, 0, "lib")
	accept(t, s, event("planned"), true)
	accept(t, s, event("pending"), true)
	must(t, s.Commit(t.Context(), checks.Commit{
		Planned:   "planned",
		Note:      r.ID,
		Runs:      []checks.Run{r},
		Jobs:      []checks.Job{lib},
		Dirty:     []checks.CheckKey{key(r, "lib"), key(r, "api")},
		Durations: []checks.PackageDuration{{Repo: 11, Package: "lib", Duration: time.Minute}},
		Replies:   []checks.Reply{reply("planned"), reply("earlier")},
		Moves:     []checks.Move{move(12, "fay", "spoon", 9, someTime)},
	}))
	must(t, s.ReplyDone(t.Context(), "earlier"))
	owed := get(s.Reserve(t.Context(), publication("lib", "k1"), 6, plain))(t)
	rows := get(s.Outbox(9))(t)
	must(t, s.Delivered(t.Context(), key(r, "lib"), rows[0].Rev, 501))
	mustClose(t, s)

	if _, err := s.Accept(t.Context(), event("late")); err == nil {
		t.Fatal("a closed store accepted a delivery")
	}
	if _, err := s.Reserve(t.Context(), publication("lib", "k2"), 0, plain); err == nil {
		t.Fatal("a closed store reserved a version")
	}
	mustClose(t, s)

	s = open(t, dir, clk.now)
	defer mustClose(t, s)
	same(t, "instance", s.InstanceID(), instance)
	same(t, "pending", get(s.Pending(9))(t), []checks.Event{event("pending")})
	settled(t, s, "planned", true, false, r.ID)
	accept(t, s, event("planned"), false)
	runs, jobs, last, err := s.Active()
	must(t, err)
	same(t, "active", []any{runs, jobs, last}, []any{[]checks.Run{r}, map[string][]checks.Job{r.ID: {lib}}, uint64(1)})
	same(t, "outbox", get(s.Outbox(9))(t), rows[1:])
	same(t, "check run id", get(s.CheckRunID(key(r, "lib")))(t), int64(501))
	same(t, "durations", get(s.Durations(11))(t), map[string]time.Duration{"lib": time.Minute})
	same(t, "replies", get(s.Replies(9))(t), []checks.Reply{reply("planned")})
	same(t, "owed", get(s.Owed(11))(t), []checks.Publication{owed})
	same(t, "reserved again", get(s.Reserve(t.Context(), publication("lib", "k1"), 99, plain))(t), owed)
	same(t, "the next version", get(s.Reserve(t.Context(), publication("lib", "k2"), 0, plain))(t).Version, "8")
	latest(t, s, checks.Target{Repo: 11, Pull: 5}, &r)
	old := run(2, shaA)
	old.Repo.ID = 12
	must(t, s.Commit(t.Context(), checks.Commit{Runs: []checks.Run{old}}))
	same(t, "moved", get(s.Run(old.ID))(t).Repo, checks.Repo{ID: 12, Owner: "fay", Name: "spoon"})

	// Revisions go on where they were, though the newest row is gone.
	dirty(t, s, key(r, "lib"))
	if again := get(s.Outbox(9))(t)[1]; again.Rev <= rows[1].Rev {
		t.Fatalf("revision %d after reopening, %d before", again.Rev, rows[1].Rev)
	}

	other := open(t, t.TempDir(), clk.now)
	defer mustClose(t, other)
	if other.InstanceID() == instance {
		t.Fatal("two stores have the same instance name")
	}
}

func testContext(t *testing.T, open Open) {
	s := fresh(t, open)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Accept(ctx, event("g")); !errors.Is(err, context.Canceled) {
		t.Fatalf("accept with an ended context: %v", err)
	}
	if err := s.Commit(ctx, checks.Commit{Runs: []checks.Run{run(1, shaA)}}); !errors.Is(err, context.Canceled) {
		t.Fatalf("commit with an ended context: %v", err)
	}
	must(t, s.Commit(t.Context(), checks.Commit{Replies: []checks.Reply{reply("g")}}))
	if err := s.ReplyDone(ctx, "g"); !errors.Is(err, context.Canceled) {
		t.Fatalf("reply done with an ended context: %v", err)
	}
	same(t, "replies", get(s.Replies(9))(t), []checks.Reply{reply("g")})
	p := get(s.Reserve(t.Context(), publication("lib", "k1"), 0, plain))(t)
	if _, err := s.Reserve(ctx, publication("lib", "k2"), 0, plain); !errors.Is(err, context.Canceled) {
		t.Fatalf("reserve with an ended context: %v", err)
	}
	if err := s.Published(ctx, p); !errors.Is(err, context.Canceled) {
		t.Fatalf("published with an ended context: %v", err)
	}
	same(t, "owed", get(s.Owed(11))(t), []checks.Publication{p})
	settled(t, s, "g", false, false, "")
	same(t, "recent", get(s.Recent(9))(t), []checks.Run{})
}

// testConcurrency has many writers at once, some of which fail: each gets its
// own outcome, and of many who bring the same delivery one is first.
func testConcurrency(t *testing.T, open Open) {
	s := fresh(t, open)
	const workers, rounds = 16, 25
	var mu sync.Mutex
	firsts := map[string]int{}
	var g errgroup.Group
	for w := range workers {
		g.Go(func() error {
			for i := range rounds {
				guid := fmt.Sprintf("g-%d", i)
				first, err := s.Accept(t.Context(), event(guid))
				if err != nil {
					return err
				}
				mu.Lock()
				if first {
					firsts[guid]++
				}
				mu.Unlock()

				r := run(uint64(w*rounds+i+1), shaA)
				answer := reply(r.Delivery)
				if err := s.Commit(t.Context(), checks.Commit{Runs: []checks.Run{r}, Dirty: []checks.CheckKey{key(r, "lib")}, Replies: []checks.Reply{answer}}); err != nil {
					return err
				}
				if w%2 == 0 {
					if err := s.ReplyDone(t.Context(), r.Delivery); err != nil {
						return err
					}
				}
				bad := r
				bad.ID = "bad-" + r.ID
				if err := s.Commit(t.Context(), checks.Commit{Runs: []checks.Run{bad}}); checks.KindOf(err) != checks.KindRefused {
					return fmt.Errorf("a run with a number that is taken: %w", err)
				}
				if err := s.Delivered(t.Context(), key(r, "lib"), 0, int64(r.Seq)); err != nil {
					return err
				}
				if _, err := s.Run(r.ID); err != nil {
					return err
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		for range 50 {
			if _, _, _, err := s.Active(); err != nil {
				return err
			}
			if _, err := s.Outbox(10); err != nil {
				return err
			}
		}
		return nil
	})
	must(t, g.Wait())
	for i := range rounds {
		if n := firsts[fmt.Sprintf("g-%d", i)]; n != 1 {
			t.Errorf("delivery g-%d was fresh %d times", i, n)
		}
	}
	same(t, "pending", len(get(s.Pending(1000))(t)), rounds)
	same(t, "runs", len(get(s.Recent(1000))(t)), workers*rounds)
	same(t, "replies", len(get(s.Replies(1000))(t)), workers/2*rounds)
	rows := get(s.Outbox(1000))(t)
	same(t, "rows", len(rows), workers*rounds)
	for _, r := range rows {
		if r.CheckRunID == 0 {
			t.Fatalf("row %+v lost its id", r)
		}
	}
}

package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store"
)

// eachMove runs f with a store that knows no move, with one that knows moves
// of a thousand other repositories, and with one that knows one of repository
// 11.
func eachMove(b *testing.B, now time.Time, f func(b *testing.B, s *store.Store)) {
	b.Helper()
	move := func(repo int64) checks.Move {
		return checks.Move{Repo: checks.Repo{ID: repo, Owner: "globex", Name: "store"}, Installation: 8, At: now}
	}
	others := make([]checks.Move, 1000)
	for i := range others {
		others[i] = move(int64(1000 + i))
	}
	for _, tt := range []struct {
		name  string
		moves []checks.Move
	}{{"no move", nil}, {"others moved", others}, {"moved", []checks.Move{move(11)}}} {
		b.Run(tt.name, func(b *testing.B) {
			s := open(b, b.TempDir(), store.Options{})
			if err := s.Commit(b.Context(), checks.Commit{Moves: tt.moves}); err != nil {
				b.Fatal(err)
			}
			f(b, s)
		})
	}
}

func benchPull(repo checks.Repo) *checks.PullRequest {
	return &checks.PullRequest{
		Number: 5, Title: "Sell more",
		Head: checks.Ref{SHA: strings.Repeat("a", 40), Branch: "more", Repo: repo},
		Base: checks.Ref{SHA: strings.Repeat("b", 40), Branch: "main", Repo: repo},
	}
}

// BenchmarkPending reads a thousand pending events.
func BenchmarkPending(b *testing.B) {
	now := time.Now()
	eachMove(b, now, func(b *testing.B, s *store.Store) {
		repo := checks.Repo{ID: 11, Owner: "acme", Name: "shop"}
		var g errgroup.Group
		for i := range 1000 {
			ev := checks.Event{
				Delivery: fmt.Sprintf("g%d", i), Kind: checks.EventPullRequest, Received: now,
				Installation: 7, Repo: repo, HeadSHA: strings.Repeat("a", 40), PullRequest: benchPull(repo),
			}
			g.Go(func() error {
				_, err := s.Accept(b.Context(), ev)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if evs, err := s.Pending(1000); err != nil || len(evs) != 1000 {
				b.Fatalf("%d events (%v)", len(evs), err)
			}
		}
		b.ReportMetric(b.Elapsed().Seconds()*1e6/float64(b.N)/1000, "µs/event")
	})
}

// BenchmarkPlanOf5000 commits a plan of 5,000 jobs with their outbox rows,
// and reads it as a start does.
func BenchmarkPlanOf5000(b *testing.B) {
	now := time.Now()
	eachMove(b, now, func(b *testing.B, s *store.Store) {
		repo := checks.Repo{ID: 11, Owner: "acme", Name: "shop"}
		var write, read time.Duration
		n := uint64(0)
		for b.Loop() {
			n++
			run := checks.Run{
				ID: fmt.Sprintf("run%d", n), Seq: n, Delivery: fmt.Sprintf("g%d", n), Created: now,
				Installation: 7, Repo: repo, HeadSHA: strings.Repeat("a", 40), PullRequest: benchPull(repo),
			}
			c := checks.Commit{Runs: []checks.Run{run}, Jobs: make([]checks.Job, 5000), Dirty: make([]checks.CheckKey, 5000)}
			for i := range c.Jobs {
				name := fmt.Sprintf("package-%d", i)
				c.Jobs[i] = checks.Job{
					Run: run.ID, Index: i, State: checks.StateQueued,
					Package: checks.Package{Name: name, Dir: "services/" + name, TestType: checks.TestMake},
				}
				c.Dirty[i] = checks.CheckKey{Run: run.ID, Name: name}
			}
			start := time.Now()
			if err := s.Commit(b.Context(), c); err != nil {
				b.Fatal(err)
			}
			wrote := time.Now()
			if runs, _, _, err := s.Active(); err != nil || len(runs) != 1 {
				b.Fatalf("%d active runs (%v)", len(runs), err)
			}
			write, read = write+wrote.Sub(start), read+time.Since(wrote)
			run.Finished = now
			if err := s.Commit(b.Context(), checks.Commit{Runs: []checks.Run{run}}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(write.Seconds()*1e3/float64(n), "commit-ms")
		b.ReportMetric(read.Seconds()*1e3/float64(n), "active-ms")
	})
}

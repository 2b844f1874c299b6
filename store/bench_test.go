package store_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store"
	"github.com/dudesons/loktar/store/storetest"
)

// BenchmarkAccept accepts deliveries from 16 goroutines, each durable when
// its call returns. x-floor is the time of one by that of a bare fsync: below
// 1 because those that come together share one.
func BenchmarkAccept(b *testing.B) {
	dir := b.TempDir()
	floor := storetest.BareSyncs(b, dir)
	s := open(b, dir, store.Options{})
	ev := checks.Event{
		Kind: checks.EventPullRequest, Name: "pull_request.opened", Installation: 7,
		Repo: checks.Repo{ID: 11, Owner: "acme", Name: "shop"}, HeadSHA: strings.Repeat("a", 40),
		PullRequest: &checks.PullRequest{Number: 5, Title: "Sell more", Head: checks.Ref{SHA: strings.Repeat("a", 40), Branch: "more"}},
	}
	var next atomic.Int64
	b.ResetTimer()
	var g errgroup.Group
	for range 16 {
		g.Go(func() error {
			for {
				n := next.Add(1)
				if n > int64(b.N) {
					return nil
				}
				ev := ev
				ev.Delivery = fmt.Sprintf("%08x-0000-4000-8000-%012x", n*2654435761&0xffffffff, n)
				if _, err := s.Accept(b.Context(), ev); err != nil {
					return err
				}
			}
		})
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	perSecond := float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(perSecond, "accepts/s")
	b.ReportMetric(floor, "bare-fsyncs/s")
	b.ReportMetric(floor/perSecond, "x-floor")
}

// BenchmarkCommitTwoOf5000 changes two jobs of a run of 5,000, beside a
// hundred thousand other runs that ended. x-floor is the time of a commit by
// that of a bare fsync.
func BenchmarkCommitTwoOf5000(b *testing.B) {
	dir := b.TempDir()
	floor := storetest.BareSyncs(b, dir)
	s := open(b, dir, store.Options{})
	fill(b, s, 100_000)
	run := checks.Run{ID: "large", Seq: 1_000_000, HeadSHA: strings.Repeat("b", 40)}
	c := checks.Commit{Runs: []checks.Run{run}}
	for i := range 5000 {
		name := fmt.Sprintf("package-%d", i)
		c.Jobs = append(c.Jobs, checks.Job{
			Run: run.ID, Index: i, State: checks.StateQueued,
			Package: checks.Package{Name: name, Dir: "services/" + name, TestType: checks.TestMake},
		})
	}
	if err := s.Commit(b.Context(), c); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for i := range b.N {
		two := []checks.Job{c.Jobs[i*7919%5000], c.Jobs[(i*7919+2500)%5000]}
		two[0].Attempt, two[1].Attempt = i, i
		dirty := []checks.CheckKey{{Run: run.ID, Name: two[0].Package.Name}, {Run: run.ID, Name: two[1].Package.Name}}
		if err := s.Commit(b.Context(), checks.Commit{Jobs: two, Dirty: dirty}); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	perSecond := float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(perSecond, "commits/s")
	b.ReportMetric(floor, "bare-fsyncs/s")
	b.ReportMetric(floor/perSecond, "x-floor")
	start := time.Now()
	if _, _, _, err := s.Active(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(time.Since(start).Milliseconds()), "active-ms")
}

// fill stores n finished runs of two jobs each.
func fill(b *testing.B, s *store.Store, n int) {
	b.Helper()
	now := time.Now()
	for i := 0; i < n; {
		var c checks.Commit
		for range 1000 {
			i++
			run := checks.Run{ID: fmt.Sprintf("run%d", i), Seq: uint64(i), HeadSHA: fmt.Sprintf("%040x", i), Created: now, Finished: now}
			c.Runs = append(c.Runs, run)
			for k, name := range []string{"lib", "api"} {
				c.Jobs = append(c.Jobs, checks.Job{Run: run.ID, Index: k, State: checks.StateDone, Package: checks.Package{Name: name}})
			}
		}
		if err := s.Commit(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
}

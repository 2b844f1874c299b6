package report_test

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/report"
)

// rerun makes the run id of n packages, which takes the place of old.
func (p *plant) rerun(old, id string, n int) {
	p.mu.Lock()
	for _, j := range p.of[old] {
		if j.State != checks.StateDone {
			j.Drop(checks.Result{Outcome: checks.OutcomeSuperseded}, time.Now())
			if j.State == checks.StateDone {
				p.dirty(old, j.Package.Name)
			}
		}
	}
	p.runs[old].Finished = time.Now()
	p.dirty(old, checks.AggregateName)
	p.seq = 2
	p.mu.Unlock()
	p.add(id, 1, n)
}

// current is what a commit shows after each write: of a name, the check run
// that was created last.
func (c *clerk) current() (steps []map[string]checks.CheckRun) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := map[string]checks.CheckRun{}
	for _, w := range c.all {
		if w.fresh || now[w.Key.Name].Key == w.Key {
			now[w.Key.Name] = w.CheckRun
		}
		steps = append(steps, maps.Clone(now))
	}
	return steps
}

// TestARerunLeavesNoGap has a run of which nothing has ended be taken over by
// a newer one of its commit: at no moment has a name a check that is
// cancelled, and in the end each older check that GitHub has is ended.
func TestARerunLeavesNoGap(t *testing.T) {
	for _, n := range []int{3, 60} { // checks of queued packages are shown, and not
		for _, shown := range []bool{true, false} {
			t.Run(fmt.Sprintf("%d packages, the older run shown: %v", n, shown), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p, to := newPlant(), &clerk{}
					p.seq = 1
					p.add("r1", 1, n)
					if !shown {
						p.rerun("r1", "r2", n)
					}
					defer reporting(p, to, report.Limits{})()
					synctest.Wait()
					if shown {
						p.change("r1", 0, func(j *checks.Job) { j.State, j.Started = checks.StateRunning, time.Now() })
						synctest.Wait()
						p.rerun("r1", "r2", n)
						time.Sleep(time.Minute)
						// The one that ran ends only now.
						p.change("r1", 0, func(j *checks.Job) {
							if err := j.Finish(checks.Result{}, time.Now()); err != nil {
								t.Error(err)
							}
						})
						time.Sleep(time.Minute)
					}
					p.work("r2", 10, time.Second)
					time.Sleep(time.Hour)

					steps := to.current()
					for i, step := range steps {
						for name, cr := range step {
							if cr.Conclusion == checks.ConclusionCancelled {
								t.Fatalf("after %d of %d writes %s is cancelled", i+1, len(steps), name)
							}
						}
					}
					to.mu.Lock()
					defer to.mu.Unlock()
					last := map[checks.CheckKey]checks.CheckRun{}
					for _, w := range to.all {
						last[w.Key] = w.CheckRun
					}
					for key, cr := range last {
						if cr.Status != checks.StatusCompleted {
							t.Errorf("%s has no end", key)
						}
						if !shown && key.Run == "r1" {
							t.Errorf("%s was created beside its newer one", key)
						}
					}
					if rows, _ := p.Outbox(9); len(rows) > 0 || len(steps[len(steps)-1]) != n+1 {
						t.Errorf("left: %v; %d names of %d are shown", rows, len(steps[len(steps)-1]), n+1)
					}
				})
			})
		}
	}
}

// refusing is a GitHub that takes nothing of one run.
type refusing struct {
	clerk
	run string
}

func (r *refusing) Put(ctx context.Context, cr checks.CheckRun, id int64) (int64, error) {
	if cr.Key.Run == r.run {
		return 0, checks.Errorf(checks.KindRefused, nil, "no")
	}
	return r.clerk.Put(ctx, cr, id)
}

// TestWhatIsNeverShownHoldsNothingUp has the newer run's checks be refused:
// the older ones have their ends all the same.
func TestWhatIsNeverShownHoldsNothingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, to := newPlant(), &refusing{run: "r2"}
		p.seq = 1
		p.add("r1", 1, 3)
		defer reporting(p, to, report.Limits{})()
		synctest.Wait()
		p.rerun("r1", "r2", 3)
		p.endAtOnce("r2")
		time.Sleep(time.Hour)
		ended := 0
		to.mu.Lock()
		defer to.mu.Unlock()
		for _, w := range to.all {
			if w.Status == checks.StatusCompleted {
				ended++
			}
		}
		if ended != 4 {
			t.Errorf("%d checks of the older run were ended, want 4", ended)
		}
	})
}

// TestAnAuditLeavesWhatWasOvertaken has no check of a run be at GitHub whose
// names a newer run has.
func TestAnAuditLeavesWhatWasOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, hub := newPlant(), &memoryHub{}
		p.seq = 1
		p.add("r1", 1, 2)
		p.rerun("r1", "r2", 2)
		defer reporting(p, hub, report.Limits{})()
		p.endAtOnce("r2")
		synctest.Wait()
		commits := 0
		a := report.NewAuditor(report.AuditOptions{Store: p, Sink: hub, BaseURL: "http://x", Wake: func() { commits++ }, Log: zerolog.Nop()})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); a.Run(ctx) }()
		time.Sleep(time.Minute)
		cancel()
		<-done
		if got := hub.state(); commits != 0 || len(got) != 3 {
			t.Errorf("GitHub shows %v; %d runs were told again", got, commits)
		}
	})
}

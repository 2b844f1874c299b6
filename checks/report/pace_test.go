package report_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/report"
)

// outbox is a store in memory of one run without jobs, for tests of time: a
// real file would not stand still in a bubble.
type outbox struct {
	mu   sync.Mutex
	run  checks.Run
	rows []checks.OutboxRow
	rev  uint64
	ids  map[checks.CheckKey]int64
	// other is a run of another installation.
	other string
}

// dirty changes the check run of a run; a newer change takes the row's place.
func (o *outbox) dirty(run string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rev++
	key := checks.CheckKey{Run: run, Name: checks.AggregateName}
	for i := range o.rows {
		if o.rows[i].Key == key {
			o.rows[i].Rev = o.rev
			return
		}
	}
	o.rows = append(o.rows, checks.OutboxRow{Key: key, Rev: o.rev, CheckRunID: o.ids[key]})
}

func (o *outbox) finish() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.run.Finished = time.Now()
}

func (o *outbox) Outbox(limit int) ([]checks.OutboxRow, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]checks.OutboxRow(nil), o.rows[:min(limit, len(o.rows))]...), nil
}

func (o *outbox) CheckRunID(checks.CheckKey) (int64, error) { return 0, nil }

func (o *outbox) RunsOf(int64, string) ([]checks.Run, error) { return nil, nil }

func (o *outbox) Delivered(_ context.Context, key checks.CheckKey, rev uint64, id int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ids == nil {
		o.ids = map[checks.CheckKey]int64{}
	}
	o.ids[key] = id
	for i := range o.rows {
		if o.rows[i].Key == key && o.rows[i].Rev == rev {
			o.rows = append(o.rows[:i:i], o.rows[i+1:]...)
			break
		} else if o.rows[i].Key == key {
			o.rows[i].CheckRunID = id
		}
	}
	return nil
}

func (o *outbox) Wrote(context.Context, int64, int) error                        { return nil }
func (o *outbox) Written(time.Time) ([]checks.Written, error)                    { return nil, nil }
func (o *outbox) Discard(context.Context, checks.CheckKey, uint64, string) error { return nil }
func (o *outbox) Jobs(string) ([]checks.Job, error)                              { return nil, nil }
func (o *outbox) Job(checks.JobID) (checks.Job, error)                           { return checks.Job{}, nil }
func (o *outbox) Run(id string) (checks.Run, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	run := o.run
	run.ID, run.Notes = id, []string{fmt.Sprint(o.rev)}
	if id == o.other {
		run.Installation = 2
	}
	return run, nil
}

// bubble runs a reporter of o and to; stop ends it and tells how long it took.
func bubble(o *outbox, to report.Sink) (r *report.Reporter, stop func() time.Duration) {
	r = report.New(report.Options{Store: o, Sink: to, BaseURL: "http://x", Log: zerolog.Nop()})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	return r, func() time.Duration {
		began := time.Now()
		cancel()
		<-done
		return time.Since(began)
	}
}

func TestProgressIsToldNowAndThenAndTheEndAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, to := &outbox{run: checks.Run{ID: "r1"}}, &sink{}
		r, stop := bubble(o, to)
		defer stop()
		for range 100 { // ten seconds of a run whose jobs end quickly
			o.dirty("r1")
			r.Wake()
			time.Sleep(100 * time.Millisecond)
		}
		if n := len(to.puts); n != 4 {
			t.Errorf("told %d times in 10 s, want 4: at once, and each 3 s", n)
		}
		o.finish()
		o.dirty("r1")
		r.Wake()
		synctest.Wait()
		if last := to.last(); last.Status != checks.StatusCompleted {
			t.Errorf("the end was not told at once: %+v", last)
		}
	})
}

func TestTheLastChangesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, to := &outbox{run: checks.Run{ID: "r1"}}, &sink{}
		_, stop := bubble(o, to)
		synctest.Wait()
		o.finish()
		o.dirty("r1")
		o.dirty("r2")
		stop()
		if len(to.puts) != 2 {
			t.Errorf("told %d of 2", len(to.puts))
		}
	})
}

func TestASinkThatHangsDoesNotHoldUpTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, to := &outbox{run: checks.Run{ID: "r1"}}, &sink{hangs: true}
		o.dirty("r1")
		_, stop := bubble(o, to)
		synctest.Wait()
		if took := stop(); took > 6*time.Second {
			t.Errorf("it took %v to end", took)
		}
	})
}

// picky refuses all runs but one for now.
type picky struct {
	sink
	takes string
}

func (p *picky) Put(ctx context.Context, cr checks.CheckRun, id int64) (int64, error) {
	if cr.Key.Run != p.takes {
		return 0, later{checks.Errorf(checks.KindUnavailable, nil, "slow down")}
	}
	return p.sink.Put(ctx, cr, id)
}

// TestRowsThatWaitHideNoOthers has GitHub take nothing for one installation
// that very many rows are of.
func TestRowsThatWaitHideNoOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, to := &outbox{other: "last"}, &picky{takes: "last"}
		for i := range 2500 {
			o.dirty(fmt.Sprintf("r%d", i))
		}
		o.dirty("last")
		_, stop := bubble(o, to)
		defer stop()
		synctest.Wait()
		if to.last().Key.Run != "last" {
			t.Error("the row behind those that wait was not sent")
		}
	})
}

package report_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/report"
	"github.com/dudesons/loktar/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sink is a GitHub of one method each, with errors to order.
type sink struct {
	mu     sync.Mutex
	puts   []checks.CheckRun
	ids    map[checks.CheckKey]int64 // what it holds
	fail   []error                   // answers of the next Puts; nil succeeds
	lost   bool                      // with an error: the create is done all the same
	finds  int
	during func() // called inside Put
	hangs  bool   // Put ends with its context alone
}

func (s *sink) Put(ctx context.Context, cr checks.CheckRun, id int64) (int64, error) {
	if s.hangs {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	if s.during != nil {
		s.during()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if len(s.fail) > 0 {
		err, s.fail = s.fail[0], s.fail[1:]
	}
	if err != nil && !s.lost {
		return 0, err
	}
	if id == 0 {
		if s.ids[cr.Key] != 0 {
			return 0, errors.New("created twice")
		}
		id = int64(len(s.ids) + 1)
		if s.ids == nil {
			s.ids = map[checks.CheckKey]int64{}
		}
		s.ids[cr.Key] = id
	}
	s.puts = append(s.puts, cr)
	return id, err
}

func (s *sink) Find(_ context.Context, cr checks.CheckRun) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finds++
	return s.ids[cr.Key], nil
}

func (s *sink) last() checks.CheckRun {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.puts) == 0 {
		return checks.CheckRun{}
	}
	return s.puts[len(s.puts)-1]
}

func open(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "loktar.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func put(t *testing.T, s *store.Store, run checks.Run, jobs ...checks.Job) {
	t.Helper()
	c := checks.Commit{Runs: []checks.Run{run}, Jobs: jobs, Dirty: []checks.CheckKey{{Run: run.ID, Name: checks.AggregateName}}}
	for _, j := range jobs {
		c.Dirty = append(c.Dirty, checks.CheckKey{Run: run.ID, Name: j.Package.Name})
	}
	if err := s.Commit(context.Background(), c); err != nil {
		t.Fatal(err)
	}
}

func aRun() checks.Run {
	return checks.Run{ID: "r1", Seq: 1, HeadSHA: "abc", Repo: checks.Repo{ID: 1, Owner: "o", Name: "n"}, Created: time.Now()}
}

func aJob(state checks.State) checks.Job {
	return checks.Job{Run: "r1", Package: checks.Package{Name: "lib"}, State: state, Started: time.Now()}
}

func start(t *testing.T, s *store.Store, to *sink) (*report.Reporter, func()) {
	t.Helper()
	r := report.New(report.Options{Store: s, Sink: to, BaseURL: "http://x", Log: zerolog.Nop()})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	return r, func() { cancel(); <-done }
}

func TestDeliversTheNewestState(t *testing.T) {
	s, to := open(t), &sink{}
	put(t, s, aRun(), aJob(checks.StateQueued))
	done := aJob(checks.StateDone)
	done.Result.Outcome = checks.OutcomePassed
	var once sync.Once
	to.during = func() { once.Do(func() { put(t, s, aRun(), done) }) }
	r, stop := start(t, s, to)
	defer stop()
	wait(t, func() bool {
		r.Wake()
		cr := to.last()
		rows, err := s.Outbox(10)
		return err == nil && len(rows) == 0 && cr.HeadSHA == "abc"
	})
	var conclusions []checks.Conclusion
	for _, cr := range to.puts {
		if cr.Key.Name == "lib" {
			conclusions = append(conclusions, cr.Conclusion)
		}
	}
	if n := len(conclusions); n == 0 || conclusions[n-1] != checks.ConclusionSuccess {
		t.Errorf("conclusions of lib: %v", conclusions)
	}
	if len(to.ids) != 2 {
		t.Errorf("created %v", to.ids)
	}
}

// wait polls a condition of real goroutines and files.
func wait(t *testing.T, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(20 * time.Second); !cond(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it did not come to pass within 20 s")
		}
	}
}

func TestTriesAgainUntilItIsThere(t *testing.T) {
	s := open(t)
	put(t, s, aRun())
	down := checks.Errorf(checks.KindUnavailable, nil, "GitHub is down")
	to := &sink{fail: []error{down, errors.New("odd"), down}}
	_, stop := start(t, s, to)
	defer stop()
	wait(t, func() bool { rows, err := s.Outbox(1); return err == nil && len(rows) == 0 })
	if len(to.puts) != 1 || len(to.ids) != 1 {
		t.Errorf("puts %d, check runs %d", len(to.puts), len(to.ids))
	}
	if to.finds != 4 {
		t.Errorf("looked %d times whether a lost create had arrived, want 4", to.finds)
	}
}

func TestACreateWhoseAnswerWasLostIsNotRepeated(t *testing.T) {
	s := open(t)
	put(t, s, aRun())
	to := &sink{fail: []error{checks.Errorf(checks.KindUnavailable, nil, "reset")}, lost: true}
	_, stop := start(t, s, to)
	defer stop()
	wait(t, func() bool { rows, err := s.Outbox(1); return err == nil && len(rows) == 0 })
	if len(to.ids) != 1 {
		t.Errorf("check runs: %v", to.ids)
	}
}

func TestARestartLooksBeforeItCreates(t *testing.T) {
	s := open(t)
	run := aRun()
	put(t, s, run)
	to := &sink{ids: map[checks.CheckKey]int64{{Run: "r1", Name: checks.AggregateName}: 9}}
	_, stop := start(t, s, to)
	defer stop()
	wait(t, func() bool { rows, err := s.Outbox(1); return err == nil && len(rows) == 0 })
	id, err := s.CheckRunID(checks.CheckKey{Run: "r1", Name: checks.AggregateName})
	if err != nil || id != 9 {
		t.Errorf("id %d, %v; want 9", id, err)
	}
}

func TestGivesUpWhatGitHubRefuses(t *testing.T) {
	s := open(t)
	put(t, s, aRun())
	to := &sink{fail: []error{checks.Errorf(checks.KindRefused, nil, "No commit found for SHA")}}
	_, stop := start(t, s, to)
	defer stop()
	wait(t, func() bool { rows, err := s.Outbox(1); return err == nil && len(rows) == 0 })
	if len(to.puts) != 0 {
		t.Errorf("put %v", to.puts)
	}
}

type later struct{ error }

func (later) RetryAfter() time.Duration { return 10 * time.Minute }

func TestObeysRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemory(aRun())
		to := &sink{fail: []error{later{checks.Errorf(checks.KindUnavailable, nil, "slow down")}}}
		began := time.Now()
		r := report.New(report.Options{Store: s, Sink: to, BaseURL: "http://x", Log: zerolog.Nop()})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); r.Run(ctx) }()
		<-s.told
		if gone := time.Since(began); gone < 10*time.Minute || gone > 11*time.Minute {
			t.Errorf("told after %v, want about 10 minutes", gone)
		}
		cancel()
		<-done
	})
}

// memory is an outbox of one row, for tests of time: a real file would not
// stand still in a bubble.
type memory struct {
	run  checks.Run
	told chan struct{}
	mu   sync.Mutex
	gone bool
}

func newMemory(run checks.Run) *memory { return &memory{run: run, told: make(chan struct{})} }

func (m *memory) Outbox(int) ([]checks.OutboxRow, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone {
		return nil, nil
	}
	return []checks.OutboxRow{{Key: checks.CheckKey{Run: m.run.ID, Name: checks.AggregateName}, Rev: 1}}, nil
}

func (m *memory) Delivered(context.Context, checks.CheckKey, uint64, int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gone = true
	close(m.told)
	return nil
}

func (m *memory) Wrote(context.Context, int64, int) error                        { return nil }
func (m *memory) Written(time.Time) ([]checks.Written, error)                    { return nil, nil }
func (m *memory) Discard(context.Context, checks.CheckKey, uint64, string) error { return nil }
func (m *memory) CheckRunID(checks.CheckKey) (int64, error)                      { return 0, nil }
func (m *memory) RunsOf(int64, string) ([]checks.Run, error)                     { return nil, nil }
func (m *memory) Run(string) (checks.Run, error)                                 { return m.run, nil }
func (m *memory) Jobs(string) ([]checks.Job, error)                              { return nil, nil }
func (m *memory) Job(checks.JobID) (checks.Job, error)                           { return checks.Job{}, nil }

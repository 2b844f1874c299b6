// Package report drains the outbox: it renders each check run whose state at
// GitHub is out of date and hands it to the sink, until GitHub has it. What
// waits long is sent once, with its newest state; what fails is tried again.
package report

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
)

// Store is the outbox and what its rows are rendered from. Its methods are
// safe for concurrent use.
type Store interface {
	// Outbox lists at most limit rows, oldest first.
	Outbox(limit int) ([]checks.OutboxRow, error)
	// Delivered records that GitHub has the state of rev under checkRunID; the
	// row stays when it has a newer Rev by now.
	Delivered(ctx context.Context, key checks.CheckKey, rev uint64, checkRunID int64) error
	// Discard gives a row up, and keeps why as a trace.
	Discard(ctx context.Context, key checks.CheckKey, rev uint64, why string) error
	Run(id string) (checks.Run, error)
	Jobs(run string) ([]checks.Job, error)
	Job(id checks.JobID) (checks.Job, error)
}

// Sink is where check runs show. Its errors are of kind
// checks.KindRefused or checks.KindNotFound when the same call will never
// succeed; any other is tried again, after RetryAfter if the error has that
// method.
type Sink interface {
	// Put creates the check run (id 0) or updates it, and returns its id.
	Put(ctx context.Context, cr checks.CheckRun, id int64) (int64, error)
	// Find returns the id of a check run that an earlier Put created and whose
	// answer was lost, 0 when there is none.
	Find(ctx context.Context, cr checks.CheckRun) (int64, error)
}

// Options are what a Reporter is made of. Store and Sink are required.
type Options struct {
	Store Store
	Sink  Sink
	// BaseURL is where the pages of runs and jobs are, without a final slash.
	BaseURL string
	// Workers is how many requests are under way at once; 0 means 8.
	Workers int
	Log     zerolog.Logger
}

// Reporter drains the outbox. Make it with New.
type Reporter struct {
	o    Options
	wake chan struct{}
	ends chan sent

	// What follows belongs to Run's goroutine.
	flight  map[checks.CheckKey]bool
	waits   map[checks.CheckKey]*wait
	doubted map[checks.CheckKey]bool // a create may have reached GitHub unknown to us
	told    map[string]time.Time     // by run: when its aggregate last told of progress
}

// wait keeps a row back until it is due.
type wait struct {
	due time.Time
	rev uint64
	// backoff is nil when the row is kept back to tell of progress less
	// often; then a newer revision ends the wait.
	backoff *backoff.ExponentialBackOff
}

// sent is the end of one delivery.
type sent struct {
	row checks.OutboxRow
	err error
	// doubt: a create was sent and its answer did not come.
	doubt bool
	// early: nothing was sent, as the run goes on and told of it just now.
	early time.Duration
	// progress: what was sent was no end.
	progress bool
}

const (
	// batch bounds how many rows one turn looks at, beside those that wait.
	batch = 2000
	// progressGap is the least time between two tellings of a run's progress.
	// Each job changes the aggregate twice, and GitHub counts writes.
	progressGap = 3 * time.Second
	// lastWords is how long rows are delivered after Run's context is done.
	lastWords = 5 * time.Second
)

// New makes a reporter; Run starts it.
func New(o Options) *Reporter {
	if o.Workers == 0 {
		o.Workers = 8
	}
	return &Reporter{
		o:       o,
		wake:    make(chan struct{}, 1),
		ends:    make(chan sent),
		flight:  map[checks.CheckKey]bool{},
		waits:   map[checks.CheckKey]*wait{},
		doubted: map[checks.CheckKey]bool{},
		told:    map[string]time.Time{},
	}
}

// Wake tells the reporter that the outbox has rows. It never blocks. Safe to
// call concurrently.
func (r *Reporter) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run delivers until ctx is done, and then for at most five seconds what is
// due at that time. Rows that are left are delivered by the next process. Call
// it once.
func (r *Reporter) Run(ctx context.Context) {
	work, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	// A row without an id that an earlier process left may have been created
	// at GitHub without our hearing of it.
	rows, err := r.o.Store.Outbox(1 << 30)
	if err != nil {
		r.o.Log.Error().Err(err).Msg("cannot read the outbox")
	}
	for _, row := range rows {
		if row.CheckRunID == 0 {
			r.doubted[row.Key] = true
		}
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(r.dispatch(work))
		select {
		case <-ctx.Done():
			defer time.AfterFunc(lastWords, end).Stop()
			for r.dispatch(work); len(r.flight) > 0; r.dispatch(work) {
				r.ended(<-r.ends)
			}
			return
		case <-r.wake:
		case <-timer.C:
		case s := <-r.ends:
			r.ended(s)
		}
	}
}

// dispatch sends what is due and returns how long the loop may sleep.
func (r *Reporter) dispatch(ctx context.Context) time.Duration {
	next := time.Hour
	if len(r.flight) >= r.o.Workers || ctx.Err() != nil {
		return next
	}
	rows, err := r.o.Store.Outbox(batch + len(r.waits) + len(r.flight))
	if err != nil {
		r.o.Log.Error().Err(err).Msg("cannot read the outbox; trying again")
		return time.Second
	}
	// The aggregates first: they carry the verdict of the whole run.
	for _, aggregate := range []bool{true, false} {
		for _, row := range rows {
			if (row.Key.Name == checks.AggregateName) != aggregate || r.flight[row.Key] {
				continue
			}
			if len(r.flight) >= r.o.Workers {
				return next
			}
			if w := r.waits[row.Key]; w != nil && (w.backoff != nil || w.rev == row.Rev) {
				if left := time.Until(w.due); left > 0 {
					next = min(next, left)
					continue
				}
			}
			r.flight[row.Key] = true
			look := r.doubted[row.Key] && row.CheckRunID == 0
			crowded := len(rows) > 4*r.o.Workers
			rest := time.Duration(0)
			if at, ok := r.told[row.Key.Run]; ok && aggregate {
				rest = progressGap - time.Since(at)
			}
			go func() { r.ends <- r.send(ctx, row, look, crowded, rest) }()
		}
	}
	return next
}

// ended takes the end of a delivery: done, given up, or tried again later.
func (r *Reporter) ended(s sent) {
	key := s.row.Key
	delete(r.flight, key)
	if s.doubt {
		r.doubted[key] = true
	}
	if s.early > 0 {
		r.waits[key] = &wait{due: time.Now().Add(s.early), rev: s.row.Rev}
		return
	}
	if s.err == nil {
		delete(r.waits, key)
		delete(r.doubted, key)
		switch {
		case key.Name != checks.AggregateName:
		case s.progress:
			r.told[key.Run] = time.Now()
		default:
			delete(r.told, key.Run)
		}
		return
	}
	log := r.o.Log.With().Str("run", key.Run).Str("check", key.Name).Logger()
	switch checks.KindOf(s.err) {
	case checks.KindRefused, checks.KindNotFound:
		log.Error().Err(s.err).Msg("GitHub will not take this check run; given up")
		if err := r.o.Store.Discard(context.Background(), key, s.row.Rev, s.err.Error()); err == nil {
			delete(r.waits, key)
			delete(r.doubted, key)
			return
		}
	}
	w := r.waits[key]
	if w == nil || w.backoff == nil {
		w = &wait{backoff: newBackoff()}
		r.waits[key] = w
	}
	gap := pause(w.backoff, s.err)
	w.due = time.Now().Add(gap)
	log.Warn().Err(s.err).Dur("again_in", gap).Msg("cannot tell GitHub yet")
}

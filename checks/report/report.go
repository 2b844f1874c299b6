// Package report drains the outbox: it renders each check run whose state at
// GitHub is out of date and hands it to the sink, until GitHub has it. What
// waits long is sent once, with its newest state; what fails is tried again.
// What matters most goes first, and no installation is written to more than
// its Budget allows.
package report

import (
	"context"
	"errors"
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
	// Delivered records that GitHub has the state of rev under checkRunID, or
	// with 0 that it needs none; the row stays when it has a newer Rev by now.
	Delivered(ctx context.Context, key checks.CheckKey, rev uint64, checkRunID int64) error
	// Discard gives a row up, and keeps why as a trace.
	Discard(ctx context.Context, key checks.CheckKey, rev uint64, why string) error
	// CheckRunID is the id that a check run is known by at GitHub, 0 for none.
	CheckRunID(key checks.CheckKey) (int64, error)
	Run(id string) (checks.Run, error)
	// RunsOf lists the runs of a commit, in any state, the newest first.
	RunsOf(repo int64, headSHA string) ([]checks.Run, error)
	Jobs(run string) ([]checks.Job, error)
	Job(id checks.JobID) (checks.Job, error)
	// Wrote keeps, for an hour at least, that GitHub is written to n times for
	// an installation; Written is what was since.
	Wrote(ctx context.Context, installation int64, n int) error
	Written(since time.Time) ([]checks.Written, error)
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
	// Workers is how many requests are under way at once for one installation;
	// 0 means 8.
	Workers int
	// Budget is what may be written; nil has the default Limits.
	Budget *Budget
	// Suspect is called with a run of which a write failed: what GitHub made of
	// it is not known. It must not block. Nil calls nothing.
	Suspect func(run string)
	Log     zerolog.Logger
}

// Reporter drains the outbox. Make it with New.
type Reporter struct {
	o      Options
	budget *Budget
	wake   chan struct{}
	ends   chan sent

	// What follows belongs to Run's goroutine.
	stale    bool // the outbox may have more than was read
	readAt   time.Time
	readTook time.Duration
	known    map[checks.CheckKey]*entry
	lines    map[int64]*line
	flight   map[checks.CheckKey]bool
	waits    map[checks.CheckKey]*wait
	said     map[checks.CheckKey]uint64         // a hash of what GitHub was told last, where the row may be there again
	doubted  map[checks.CheckKey]bool           // a create may have reached GitHub unknown to us
	open     map[int64]map[checks.CheckKey]bool // packages that GitHub shows without an end
	told     map[string]told                    // by run: when its aggregate told of progress
	newer    map[string][]newerRun              // by run: those of its commit that came after it, the newest first
	failures map[int64]int                      // by installation: calls that failed, one after the other
}

// wait keeps a row that failed back until it is due.
type wait struct {
	due     time.Time
	backoff *backoff.ExponentialBackOff
}

// told is when an aggregate first and last told of progress.
type told struct{ first, last time.Time }

// sent is the end of one delivery.
type sent struct {
	entry *entry
	// id is that of the check run, once it is known.
	id  int64
	err error
	// doubt: a create was sent and its answer did not come.
	doubt bool
	// progress: what was sent was no end.
	progress bool
	// said is a hash of what was to be sent, and unsent that no write was made.
	said   uint64
	unsent bool
	// more is how many writes it took beside the one.
	more int
}

const (
	// maxFlight bounds how many requests are under way for all installations.
	maxFlight = 64
	// progressGap is the least time between two tellings of a run's progress.
	progressGap = 3 * time.Second
	// lastWords is how long rows are delivered after Run's context is done.
	lastWords = 5 * time.Second
	// patientAfter failures in a row an installation is left alone for a while:
	// what keeps one check from being written keeps all.
	patientAfter = 10
)

// New makes a reporter; Run starts it.
func New(o Options) *Reporter {
	if o.Workers == 0 {
		o.Workers = 8
	}
	if o.Budget == nil {
		o.Budget = NewBudget(Limits{})
	}
	if o.Suspect == nil {
		o.Suspect = func(string) {}
	}
	return &Reporter{
		o:        o,
		budget:   o.Budget,
		wake:     make(chan struct{}, 1),
		ends:     make(chan sent),
		stale:    true,
		known:    map[checks.CheckKey]*entry{},
		lines:    map[int64]*line{},
		flight:   map[checks.CheckKey]bool{},
		waits:    map[checks.CheckKey]*wait{},
		said:     map[checks.CheckKey]uint64{},
		doubted:  map[checks.CheckKey]bool{},
		open:     map[int64]map[checks.CheckKey]bool{},
		told:     map[string]told{},
		newer:    map[string][]newerRun{},
		failures: map[int64]int{},
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
	r.begin()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(r.dispatch(work))
		select {
		case <-ctx.Done():
			defer time.AfterFunc(lastWords, end).Stop()
			r.stale, r.readTook = true, 0
			for r.dispatch(work); len(r.flight) > 0; r.dispatch(work) {
				r.ended(<-r.ends)
			}
			return
		case <-r.wake:
			r.stale = true
		case <-timer.C:
		case s := <-r.ends:
			r.ended(s)
		}
	}
}

// begin takes up what an earlier process left: what it wrote counts, and a
// row without an id may have been created at GitHub without its hearing of it.
func (r *Reporter) begin() {
	written, err := r.o.Store.Written(time.Now().Add(-time.Hour))
	if err != nil {
		r.o.Log.Error().Err(err).Msg("cannot read what was written to GitHub in the last hour")
	}
	for _, w := range written {
		r.budget.Spend(w.Installation, w.At, w.Writes)
	}
	if err := r.read(); err != nil {
		r.o.Log.Error().Err(err).Msg("cannot read the outbox")
		return
	}
	for key, e := range r.known {
		if e.row.CheckRunID == 0 {
			r.doubted[key] = true
		}
	}
}

// dispatch sends what is due and returns how long the loop may sleep.
func (r *Reporter) dispatch(ctx context.Context) time.Duration {
	next := time.Hour
	if ctx.Err() != nil {
		return next
	}
	if r.stale {
		if left := time.Until(r.readAt.Add(restFactor * r.readTook)); left > 0 {
			next = left
		} else if err := r.read(); err != nil {
			r.o.Log.Error().Err(err).Msg("cannot read the outbox; trying again")
			return time.Second
		}
	}
	for installation, l := range r.lines {
		next = min(next, r.serve(installation, l, func(e *entry, over bool) {
			d := delivery{row: e.row, installation: installation, look: r.doubted[e.row.Key] && e.row.CheckRunID == 0, over: over, said: r.said[e.row.Key]}
			if e.aggregate() {
				d.slow = r.slowness(e, l, time.Now())
			}
			go func() {
				s := r.send(ctx, d)
				s.entry = e
				r.ends <- s
			}()
		}))
	}
	return next
}

// ended takes the end of a delivery: done, given up, or tried again later.
func (r *Reporter) ended(s sent) {
	e, now := s.entry, time.Now()
	key := e.row.Key
	delete(r.flight, key)
	r.lines[e.installation].busy--
	made := 0
	if !s.unsent {
		made = 1 + s.more
	}
	r.budget.settle(e.installation, e.at, 1+e.more, now, made)
	if s.doubt {
		r.doubted[key] = true
	}
	if s.err == nil {
		r.delivered(s, now)
		return
	}
	log := r.o.Log.With().Str("run", key.Run).Str("check", key.Name).Logger()
	switch checks.KindOf(s.err) {
	case checks.KindRefused, checks.KindNotFound, checks.KindDamaged:
		what := "GitHub will not take this check run; given up"
		if checks.KindOf(s.err) == checks.KindDamaged {
			what = "GitHub cannot be told of this check run: its record is damaged; given up"
		}
		log.Error().Err(s.err).Msg(what)
		if err := r.o.Store.Discard(context.Background(), key, e.row.Rev, s.err.Error()); err == nil {
			delete(r.waits, key)
			delete(r.doubted, key)
			delete(r.open[e.installation], key)
			e.gone = true
			return
		}
	}
	r.o.Suspect(key.Run)
	w := r.waits[key]
	if w == nil {
		w = &wait{backoff: NewBackoff()}
		r.waits[key] = w
	}
	gap := Pause(w.backoff, s.err)
	w.due = now.Add(gap)
	r.failed(e.installation, s.err, now, gap)
	log.Warn().Err(s.err).Dur("again_in", gap).Msg("cannot tell GitHub yet")
}

// delivered notes that GitHub has what was sent.
func (r *Reporter) delivered(s sent, now time.Time) {
	e := s.entry
	key := e.row.Key
	e.gone = true
	delete(r.waits, key)
	delete(r.doubted, key)
	delete(r.failures, e.installation)
	// What came while it was sent says the same if it has the same hash. What
	// comes later is sent in any case: somebody may have pressed a button of
	// GitHub's that only a write brings back.
	r.said[key], r.stale = s.said, true
	if newer := r.known[key]; newer != nil {
		newer.row.CheckRunID = s.id
		if newer.rank == rankFirst {
			newer.rank = rankProgress
		}
	}
	open := r.open[e.installation]
	switch {
	case !s.progress:
		delete(open, key)
		if e.aggregate() {
			delete(r.told, key.Run)
		}
	case e.aggregate():
		t, ok := r.told[key.Run]
		if !ok {
			t.first = now
		}
		t.last = now
		r.told[key.Run] = t
	default:
		if open == nil {
			open = map[checks.CheckKey]bool{}
			r.open[e.installation] = open
		}
		open[key] = true
	}
}

// failed leaves an installation alone for as long as GitHub asks, and for a
// while when nothing succeeds there.
func (r *Reporter) failed(installation int64, err error, now time.Time, gap time.Duration) {
	var later interface{ RetryAfter() time.Duration }
	if errors.As(err, &later) {
		r.budget.Silence(installation, now.Add(later.RetryAfter()))
		return
	}
	if r.failures[installation]++; r.failures[installation] >= patientAfter {
		r.lines[installation].rest = now.Add(gap)
	}
}

// Package engine is the one loop that turns accepted events into plans and
// plans into results. It is the sole owner of scheduling state: everything it
// knows is in the store first, and what other goroutines find out comes back
// to the loop as a message.
package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/plan"
)

// Store keeps the engine's promises. Its methods are safe for concurrent use.
type Store interface {
	// Pending lists at most limit accepted events that have no plan yet, in
	// the order of their acceptance.
	Pending(limit int) ([]checks.Event, error)
	// Commit makes one step durable, whole or not at all.
	Commit(ctx context.Context, c checks.Commit) error
	// Active lists every unfinished run with all its jobs in plan order, and
	// the highest Seq that any run has.
	Active() (runs []checks.Run, jobs map[string][]checks.Job, lastSeq uint64, err error)
	// Run and Jobs read one run; an unknown one is a checks.KindNotFound error.
	Run(id string) (checks.Run, error)
	Jobs(run string) ([]checks.Job, error)
	// RunsOf lists the runs of a commit, newest first.
	RunsOf(repo int64, headSHA string) ([]checks.Run, error)
	// Latest is the newest run of a target that was not outdated when it was
	// made, and whether there is one.
	Latest(t checks.Target) (run checks.Run, found bool, err error)
	// LatestFresh is the newest run of a target that is no re-run.
	LatestFresh(t checks.Target) (run checks.Run, found bool, err error)
	// Durations are the past durations of a repository's packages.
	Durations(repo int64) (map[string]time.Duration, error)
	// TestHistories are those of a package's tests.
	TestHistories(repo int64, pkg string) ([]checks.TestHistory, error)
}

// Source reads what an event does to its repository and what GitHub says of
// people. An error of kind checks.KindUnavailable or checks.KindConfig is
// tried again, and one of checks.KindMoved for some minutes; any other ends the
// event visibly.
type Source interface {
	Load(ctx context.Context, ev checks.Event) (checks.Change, error)
	// Ask tells what counts for an event by which somebody asks for something.
	Ask(ctx context.Context, ev checks.Event) (Facts, error)
}

// Facts are what GitHub says about who sent an event, and of what.
type Facts struct {
	// Permission is what the sender may do in the event's repository.
	Permission checks.Permission
	// PullRequest is that of the event's comment as it is now, and Open
	// whether it is open.
	PullRequest checks.PullRequest
	Open        bool
}

// Runner carries out jobs.
type Runner interface {
	// Run carries out one attempt of job and returns when nothing of it is
	// left. The result is the verdict; an error is our own fault, of kind
	// checks.KindUnavailable when no job can run now, and checks.KindAway when
	// this one should be tried again later, no sooner than what a method
	// RetryAfter() time.Duration in its chain says.
	// Cancelling ctx ends the attempt early.
	Run(ctx context.Context, run checks.Run, job checks.Job) (checks.Result, error)
	// Left reports whether an earlier process left something of the attempt
	// that job is in, so that Run goes on with it. An error of kind
	// checks.KindLost says that this could not be: the job is to be run anew.
	Left(job checks.Job) bool
	// Ready is nil when jobs can be started now.
	Ready(ctx context.Context) error
}

// Options are what an Engine is made of. Store, Source and Runner are required.
type Options struct {
	Store  Store
	Source Source
	Runner Runner
	// Slots is how many jobs run at once; at least 1.
	Slots int
	// Planners is how many repositories are read at once; 0 means 4.
	Planners int
	// Drain is how long Run lets running jobs end by themselves after its
	// context is done; those still running then are stopped and run again at
	// the next start.
	Drain time.Duration
	// Report is called after each step that changed what GitHub should
	// show. It must not block. Nil calls nothing.
	Report func()
	// Policy says what the operator wants of a repository; nil stands for the
	// zero policy everywhere.
	Policy func(checks.Repo) checks.Policy
	// Notify says who is told of a run, given what loktar.json asks for (nil
	// where it says nothing), and in plain sentences what of that is not done.
	// Nil stands for nobody.
	Notify func(run checks.Run, wanted *checks.Notify) (*checks.Notify, []string)
	// Forget is called, in a goroutine of its own, for a repository that the
	// App lost. Nil calls nothing.
	Forget func(ctx context.Context, repo checks.Repo)
	Log    zerolog.Logger
}

// Engine is the loop. Make it with New.
type Engine struct {
	o        Options
	wake     chan struct{}
	planner  plan.Planner
	planners chan struct{} // bounds how many repositories are read at once
	events   chan planned
	answers  chan asked
	ends     chan ended
	probes   chan struct{}

	// What follows belongs to the loop's goroutine.
	seq      uint64
	active   map[string]*activeRun
	stale    bool      // the store may hold events that plan has not seen
	due      time.Time // when plan has to look again in any case
	passed   int       // how many events plan passed over last time
	planning map[checks.Target]bool
	queue    map[checks.Target]bool // targets that may have more events than the one under way
	retries  map[string]*retry      // by delivery
	running  map[checks.JobID]context.CancelCauseFunc
	served   served
	released map[exclusive]string  // the key of a package's release that is under way, or that passed last
	moves    map[int64]checks.Move // by repository id: the last that came while an event may have been read
	paused   bool                  // the runner does not answer; a probe is under way
	// pausedFor is what is told of jobs meanwhile; nil for nothing.
	pausedFor *checks.Wait
	broken    error // the store refused a step
}

// activeRun is an unfinished run with its jobs.
type activeRun struct {
	run    checks.Run
	jobs   []*checks.Job
	byName map[string]*checks.Job
	paths  map[string]time.Duration // the longest path that remains from a job
}

type retry struct {
	attempts int
	due      time.Time
	said     string // what was logged last
}

// New makes an engine; Run starts it.
func New(o Options) *Engine {
	o.Slots = max(o.Slots, 1)
	if o.Planners == 0 {
		o.Planners = 4
	}
	if o.Report == nil {
		o.Report = func() {}
	}
	if o.Policy == nil {
		o.Policy = func(checks.Repo) checks.Policy { return checks.Policy{} }
	}
	if o.Notify == nil {
		o.Notify = func(checks.Run, *checks.Notify) (*checks.Notify, []string) { return nil, nil }
	}
	if o.Forget == nil {
		o.Forget = func(context.Context, checks.Repo) {}
	}
	return &Engine{
		o:        o,
		stale:    true,
		wake:     make(chan struct{}, 1),
		planners: make(chan struct{}, o.Planners),
		events:   make(chan planned),
		answers:  make(chan asked),
		ends:     make(chan ended),
		probes:   make(chan struct{}),
		active:   map[string]*activeRun{},
		planning: map[checks.Target]bool{},
		queue:    map[checks.Target]bool{},
		retries:  map[string]*retry{},
		running:  map[checks.JobID]context.CancelCauseFunc{},
		served:   served{map[int64]time.Time{}, map[int64]time.Time{}},
		released: map[exclusive]string{},
		moves:    map[int64]checks.Move{},
	}
}

// Wake tells the loop that an event was accepted. It never blocks, carries no
// data, and many calls may be answered as one. Safe to call concurrently.
func (e *Engine) Wake() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// Run recovers what an earlier process left, then works until ctx is done,
// lets running jobs end within Options.Drain, stops the rest and returns nil.
// It returns an error when the store cannot be read at the start, or when it
// refuses a step later: then the process should end and start anew. Call it
// once.
func (e *Engine) Run(ctx context.Context) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	// The jobs outlive ctx by the time of the drain.
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	if err := e.recover(ctx, work); err != nil {
		return fmt.Errorf("recover runs: %w", err)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		next := e.plan(ctx)
		e.start(ctx, work)
		timer.Reset(min(next, e.nextWait(time.Now())))
		if e.broken != nil {
			end()
			stop(errShutdown)
			e.drain(ctx, stop)
			return e.broken
		}
		select {
		case <-ctx.Done():
			e.drain(ctx, stop)
			return nil
		case <-e.wake:
			e.stale = true
		case <-timer.C:
			e.stale = true
		case p := <-e.events:
			e.begin(ctx, p)
		case a := <-e.answers:
			e.answered(ctx, a)
		case end := <-e.ends:
			e.finish(ctx, end)
		case <-e.probes:
			e.resume(ctx)
		}
	}
}

// drain waits for what the loop has started. Nothing new begins: an event that
// was being planned is still pending, and is planned at the next start.
func (e *Engine) drain(ctx context.Context, stop context.CancelCauseFunc) {
	if len(e.running) > 0 {
		e.o.Log.Info().Int(fieldJobs, len(e.running)).Dur("at_most", e.o.Drain).Msg("waiting for running jobs to end")
	}
	timer := time.NewTimer(e.o.Drain)
	defer timer.Stop()
	for len(e.running) > 0 || len(e.planning) > 0 || e.paused {
		select {
		case <-timer.C:
			stop(errShutdown)
		case p := <-e.events:
			delete(e.planning, p.event.Target())
		case a := <-e.answers:
			delete(e.planning, a.event.Target())
		case end := <-e.ends:
			e.finish(ctx, end)
		case <-e.probes:
			e.paused = false
		}
	}
}

// commit writes a step, and does not return before it is durable: the loop's
// state in memory never runs ahead of the store. A store that cannot write
// (disk full) stalls the loop and is tried again; when ctx ends first the
// step is lost with the process's memory, as in a crash. A step that the
// store refuses shows that the two have parted: Run ends, and the next start
// reads the store anew.
func (e *Engine) commit(ctx context.Context, c checks.Commit) bool {
	wait, said := 100*time.Millisecond, ""
	for {
		err := e.o.Store.Commit(context.WithoutCancel(ctx), c)
		if err == nil {
			if said != "" {
				e.o.Log.Info().Msg("the store takes steps again")
			}
			if len(c.Dirty) > 0 || len(c.Replies) > 0 {
				e.o.Report()
			}
			return true
		}
		if k := checks.KindOf(err); k == checks.KindNotFound || k == checks.KindRefused {
			e.broken = fmt.Errorf("store refuses a step: %w", err)
			return false
		}
		if text := err.Error(); text != said {
			said = text
			e.o.Log.Error().Err(err).Msg("the store does not take a step; all waits, and is tried again")
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait):
			wait = min(2*wait, 10*time.Second)
		}
	}
}

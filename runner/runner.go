package runner

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/dudesons/loktar/checks"
)

// Options are what New needs.
type Options struct {
	Sandbox    Sandbox
	Workspaces Workspaces
	// Again gives the files once more that an earlier process had leased for
	// what it left of a job; they are given back as those of Workspaces. Nil
	// has nothing resumed.
	Again func(left Left) (Workspace, error)
	// LogDir is the folder beneath which LogPath places logs.
	LogDir string
	// Slots is how many jobs run at once; 0 means as many as there are CPUs.
	Slots int
	// LogLimit bounds each log in bytes; 0 means DefaultLogLimit.
	LogLimit int64
	// Secrets gives the secrets that a job's package names, by their names, but
	// for those that are not for this job. It is not asked for the code of
	// people who may not write to the repository: that gets none. Nil: nobody
	// gets any.
	Secrets Secrets
	// Keep keeps what tests leave, MaxKept bytes a job, or
	// DefaultArtifactBytes where that is 0. Nil keeps nothing.
	Keep    Keep
	MaxKept int64
	// Caches keeps what packages have as `cache`; nil keeps nothing.
	Caches Caches
}

// Runner runs jobs. It is safe for concurrent use.
type Runner struct {
	o     Options
	slots *Slots
}

// New makes a Runner.
func New(o Options) *Runner {
	if o.Slots <= 0 {
		o.Slots = runtime.NumCPU()
	}
	return &Runner{o: o, slots: NewSlots(o.Slots)}
}

// Slots is how many jobs run at once. More calls of Run than that wait.
func (r *Runner) Slots() int { return r.slots.Len() }

// Ready reports why jobs cannot run now, or nil.
func (r *Runner) Ready(ctx context.Context) error { return r.o.Sandbox.Ready(ctx) }

// Run runs job, which belongs to run, and returns its verdict. It returns after
// everything that the job needed is removed, whatever happened; only the log
// stays, and what its `artifacts` and `reports` name, which Options.Keep took.
// What the reports tell, and of a red job the log, is in the result's Findings.
// What cannot be kept is told in the result's Detail and changes no verdict:
// that is about the code. When ctx ends, the job is stopped and the verdict is
// OutcomeCancelled.
//
// An error means that there is no verdict. Its kind is KindUnavailable when
// the job is to be tried again later; with any other kind, checks.PublicText
// says what has to be mended.
func (r *Runner) Run(ctx context.Context, run checks.Run, job checks.Job) (checks.Result, error) {
	return r.logged(ctx, run, job, func(log *Log) (checks.Result, error) {
		if job.Package.TestType == checks.TestNone {
			return checks.Result{Outcome: checks.OutcomePassed, Detail: "There is nothing to run: its test_type is no-test."}, nil
		}
		idle := checks.Result{
			Outcome: checks.OutcomeFailed, Cause: checks.CauseEntry,
			Detail: "The package has no commands to run. List them in `commands`, or set test_type to no-test.",
		}
		k := &keeping{}
		result, err := r.onLease(ctx, run, job, log, idle, func(dir string) (Task, *reading) {
			t := taskOf(run, job)
			t.Tree = dir
			read := newReading(job, dir, log)
			k = r.keep(run, job, &t, log, read)
			return t, read
		})
		return k.noted(result), err
	})
}

// logged has do run in a slot, with the job's log.
func (r *Runner) logged(ctx context.Context, run checks.Run, job checks.Job, do func(*Log) (checks.Result, error)) (checks.Result, error) {
	defer r.Abandon(ctx, job) // of what was resumed nothing is left
	release, err := r.slots.Acquire(ctx)
	if err != nil {
		return cancelled(), nil
	}
	defer release()

	path, err := LogPath(r.o.LogDir, job.ID())
	if err != nil {
		return checks.Result{}, err
	}
	log, started, err := r.openLog(path, job)
	if err != nil {
		return checks.Result{}, logFault(err)
	}
	result, err := do(log)
	result.Detail, err = log.masked(result.Detail), maskedError(log, err)
	log.end(ending(result, err, time.Since(started)))
	if closed := log.Close(); closed != nil && (err == nil || errors.Is(err, context.Canceled)) {
		err = logFault(closed)
	}
	if err != nil {
		return checks.Result{}, fmt.Errorf("run job %s: %w", job.ID(), err)
	}
	return result, nil
}

// openLog opens the log of an attempt that begins, or that goes on.
func (r *Runner) openLog(path string, job checks.Job) (log *Log, started time.Time, err error) {
	if r.Left(job) {
		log, err = ResumeLog(path, r.o.LogLimit, job.Attempt)
		return log, job.Started, err
	}
	if log, err = OpenLog(path, r.o.LogLimit); err == nil && job.Attempt > 1 {
		log.Heading(attemptText(job.Attempt))
	}
	return log, time.Now(), err
}

// space is the files of a job, or of what is left of it.
func (r *Runner) space(ctx context.Context, run checks.Run, job checks.Job, left Left) (Workspace, error) {
	if left.Tree == "" {
		return r.o.Workspaces.Lease(ctx, run, job)
	}
	space, err := r.o.Again(left)
	space.Dir, space.Hidden, space.Git = left.Tree, left.Hidden, left.Git
	return space, err
}

// onLease has the sandbox run the task that taskOn makes for the leased files.
// idle is the result of a task that has nothing to do; what the task comes to
// is read where that is wanted.
func (r *Runner) onLease(ctx context.Context, run checks.Run, job checks.Job, log *Log, idle checks.Result, taskOn func(dir string) (Task, *reading)) (checks.Result, error) {
	secretsOf, carryOut := r.secrets, r.o.Sandbox.Run
	left, resumes := r.left(job)
	if resumes {
		secretsOf = func(ctx context.Context, _ checks.Run, _ checks.Job, log *Log) (map[string]string, error) {
			return r.leftSecrets(ctx, left, log)
		}
		carryOut = r.o.Sandbox.(Resumer).Resume
	}
	space, err := r.space(ctx, run, job, left)
	if err != nil {
		if ctx.Err() != nil {
			return cancelled(), nil
		}
		return checks.Result{}, fmt.Errorf("lease workspace: %w", err)
	}
	defer space.Release()
	defer r.Abandon(ctx, job) // before the files that it is on
	secrets, err := secretsOf(ctx, run, job, log)
	if err != nil {
		return checks.Result{}, err
	}
	t, read := taskOn(space.Dir)
	defer read.close()
	t.Secrets = secrets
	t.Git, t.Hidden = space.Git, space.Hidden
	if why := refusal(t); why != "" {
		return checks.Result{Outcome: checks.OutcomeFailed, Cause: checks.CauseEntry, Detail: why}, nil
	}
	switch {
	case len(t.lines()) > 0 || t.Artifacts != nil:
	case t.Folder == nil:
		return idle, nil
	case !t.hidesIn(t.Dir):
		return handTree(ctx, t)
	default:
		t.Steps = []string{":"} // a sandbox can show a part of the folder
	}
	if t.Caches = left.Caches; !resumes {
		switch why, err := r.lendCaches(ctx, run, job, &t, log); {
		case why != "":
			return checks.Result{Outcome: checks.OutcomeFailed, Cause: checks.CauseEntry, Detail: why}, nil
		case err != nil:
			return cancelled(), nil
		}
	}
	defer r.serviceLogs(job, resumes, &t, log)()
	bounded, end := context.WithCancelCause(ctx)
	defer end(nil)
	go func() {
		select {
		case <-log.Over():
			end(errLogFull)
		case <-log.Broken():
			end(errLogBroken)
		case <-bounded.Done():
		}
	}()
	exit, err := carryOut(bounded, t, log)
	over := time.Now()
	if errors.Is(context.Cause(bounded), errLogFull) && (exit.Cancelled || errors.Is(err, context.Canceled)) {
		exit.Cancelled, exit.Cause, err = false, checks.CauseLogLimit, nil
		exit.Exceeded = fmt.Sprintf("The job printed more than the %s that the server keeps of a log, and was ended. Have it print less, or the server's operator raise runner.log.", bytesText(log.limit))
	}
	result := verdict(t, exit)
	r.endCaches(ctx, t.Caches, exit, err == nil && result.Outcome == checks.OutcomePassed, log)
	if err != nil {
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return cancelled(), nil
		}
		return checks.Result{}, err
	}
	result.Steps = log.took(t.ran(exit), over)
	return read.told(ctx, result, exit, log), nil
}

// errLogFull ends a job that printed too much, and errLogBroken one whose log
// cannot be written: it is to run again, whatever it came to. Who is asked
// meanwhile may end with either, and is to take it for the stop that it is.
var (
	errLogFull   = fmt.Errorf("the log is full: %w", context.Canceled)
	errLogBroken = fmt.Errorf("the log cannot be written: %w", context.Canceled)
)

func cancelled() checks.Result { return verdict(Task{}, Exit{Cancelled: true}) }

// ending is the last line of a log.
func ending(r checks.Result, err error, took time.Duration) string {
	after := " after " + durationText(took)
	if err != nil {
		if checks.KindOf(err) == checks.KindUnavailable {
			return "Interrupted" + after + ". " + checks.PublicText(err, "") + " The job will be tried again."
		}
		return "Could not be run. " + checks.PublicText(err, "Something went wrong in Loktar itself; its own log tells more.")
	}
	word := map[checks.Outcome]string{
		checks.OutcomePassed: "Passed", checks.OutcomeFailed: "Failed",
		checks.OutcomeTimedOut: "Timed out", checks.OutcomeCancelled: "Stopped",
	}[r.Outcome]
	if r.Detail == "" {
		return word + after + "."
	}
	return word + after + ". " + r.Detail
}

func logFault(err error) error {
	if checks.IsDiskFull(err) {
		return checks.Causef(checks.CauseDiskFull, err, "The disk that holds Loktar's logs is full. The server's operator has to free some space there.")
	}
	return checks.Causef(checks.CauseLog, err, "The job's log could not be written. The server's operator has to check data_dir and its permissions.")
}

package checks

import (
	"fmt"
	"time"
)

// State is where a job stands. A job only moves forward, but for Requeue.
type State string

// The states of a job.
const (
	// StateQueued: it waits for what it needs, or for a slot.
	StateQueued State = "queued"
	// StateRunning: it was given a slot.
	StateRunning State = "running"
	// StateDone: it has an Outcome.
	StateDone State = "done"
)

// Outcome is how a job ended. Verdicts about the code (passed, failed, timed
// out) and faults of our own (errored) are never the same.
type Outcome string

// The outcomes of a job.
const (
	OutcomePassed Outcome = "passed"
	// OutcomeFailed: its steps exited with other than zero.
	OutcomeFailed Outcome = "failed"
	// OutcomeTimedOut: its steps did not end within their timeout.
	OutcomeTimedOut Outcome = "timed_out"
	// OutcomeErrored: it could not be run; no word about the code.
	OutcomeErrored Outcome = "errored"
	// OutcomeHeldBack: a package that it needs did not pass (Blame names it).
	OutcomeHeldBack Outcome = "held_back"
	// OutcomeSuperseded: a newer run took its place.
	OutcomeSuperseded Outcome = "superseded"
	// OutcomeCancelled: somebody, or the end of the pull request, stopped it.
	OutcomeCancelled Outcome = "cancelled"
	// OutcomeSkipped: its author asked that nothing be run. GitHub lets it
	// pass where its check is required.
	OutcomeSkipped Outcome = "skipped"
	// OutcomeUnaffected: the change does not affect it, and its check is
	// required. GitHub shows it as skipped too.
	OutcomeUnaffected Outcome = "unaffected"
	// OutcomeBlocked: the run as a whole could not test it (Detail says why),
	// and its check is required.
	OutcomeBlocked Outcome = "blocked"
	// OutcomeNeutral: it says nothing and stands in no one's way, where a
	// skipped one would mix with a passed one of the same name and commit.
	OutcomeNeutral Outcome = "neutral"
)

// Skipped reports whether GitHub shows the outcome as skipped.
func (o Outcome) Skipped() bool { return o == OutcomeSkipped || o == OutcomeUnaffected }

// Passed reports whether dependents may start.
func (o Outcome) Passed() bool { return o == OutcomePassed }

// Result is how a job's attempt ended.
type Result struct {
	Outcome  Outcome `json:"outcome"`
	Cause    Cause   `json:"cause,omitempty"`
	ExitCode int     `json:"exit_code,omitempty"`
	// By is the login of who stopped it, for CausePerson.
	By string `json:"by,omitempty"`
	// Detail is one sentence for the reader: what ended it and what to do.
	Detail string `json:"detail,omitempty"`
	// Blame is the package whose result held this one back.
	Blame string `json:"blame,omitempty"`
	// Image is the digest of the image that the steps ran in.
	Image string `json:"image,omitempty"`
	// Services are those of its services' images, by the services' names.
	Services map[string]string `json:"services,omitempty"`
	// Reused is the proof that the result is, where nothing was run.
	Reused *Proof `json:"reused,omitempty"`
	// Steps are those that began, without what cleaned up.
	Steps []Step `json:"steps,omitempty"`
	// Version and Items are what a release published.
	Version string          `json:"version,omitempty"`
	Items   []PublishedItem `json:"items,omitempty"`
	// Artifacts are the files that a test left and that are kept: reports
	// first, each kind by name. No two have one name.
	Artifacts []Artifact `json:"artifacts,omitempty"`
	// Findings is what its reports and log tell; nil where that is nothing. It
	// is kept beside the job, and read with one job alone.
	Findings *Findings `json:"-"`
}

// Step is a line that a job ran, and how long that took.
type Step struct {
	Line string        `json:"line"`
	Took time.Duration `json:"took"`
}

// JobID names a job: a package of a run. It is unique for ever.
type JobID struct {
	Run     string `json:"run"`
	Package string `json:"package"`
}

// String is RUN/PACKAGE.
func (id JobID) String() string { return id.Run + "/" + id.Package }

// Job is one package of a run and how far it got.
type Job struct {
	Run     string   `json:"run"`
	Package Package  `json:"package"`
	Index   int      `json:"index"` // its place in the plan's dependency order
	Needs   []string `json:"needs,omitempty"`
	Reasons []Reason `json:"reasons,omitempty"`
	// Required: loktar.json or the rules of the branch let no merge pass
	// without its check, as far as that was known when the run was planned.
	Required bool `json:"required,omitempty"`
	// Release is set on a job that publishes; its Package then bears the name
	// of the check, see ReleaseName.
	Release *Release `json:"release,omitempty"`
	// Key is what the package is made of; empty where its result proves
	// nothing for others.
	Key      string    `json:"key,omitempty"`
	State    State     `json:"state"`
	Attempt  int       `json:"attempt,omitempty"` // starts, from 1
	Queued   time.Time `json:"queued,omitzero"`
	Started  time.Time `json:"started,omitzero"` // of the last attempt
	Finished time.Time `json:"finished,omitzero"`
	Result   Result    `json:"result,omitzero"`
	// CarriedFrom is the earlier run whose result this is; such a job is
	// done from the beginning and has its check run there.
	CarriedFrom string `json:"carried_from,omitempty"`
	// Reds and Faults are how many attempts were repeated that had failed, and
	// that met a fault of ours: see Repeat.
	Reds   int `json:"reds,omitempty"`
	Faults int `json:"faults,omitempty"`
	// Wait is set once an attempt was put back for a reason that is to be told;
	// nil otherwise.
	Wait *Wait `json:"wait,omitempty"`
	// Doomed is set on a running job that is no longer wanted: the outcome
	// it gets whatever its steps say.
	Doomed Outcome `json:"doomed,omitempty"`
	// Doom is the sentence that goes with Doomed; DoomCause and DoomBy are the
	// result's Cause and By.
	Doom      string `json:"doom,omitempty"`
	DoomCause Cause  `json:"doom_cause,omitempty"`
	DoomBy    string `json:"doom_by,omitempty"`
}

// Wait says why a job is tried again later, and when.
type Wait struct {
	// Attempt is how the last attempt ended, where that counts as one of the
	// package's retries. Cause is its cause, or what else it waits for; empty,
	// as in what older versions kept, is CauseAway.
	Attempt Outcome `json:"attempt,omitempty"`
	Cause   Cause   `json:"cause,omitempty"`
	// Why is a sentence for the reader.
	Why string `json:"why"`
	// Since is when it was first tried in vain for that reason. It is not
	// tried again before Until, which may be zero.
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
}

// Of reports whether that, and no end of an attempt, is what is waited for.
func (w *Wait) Of(c Cause) bool {
	return w.Attempt == "" && (w.Cause == c || w.Cause == "" && c == CauseAway)
}

// ID is the job's name.
func (j *Job) ID() JobID { return JobID{Run: j.Run, Package: j.Package.Name} }

// Duration is how long the last attempt took; zero when it never started, or
// when the clock was set back meanwhile.
func (j *Job) Duration() time.Duration {
	if j.Started.IsZero() || j.Finished.IsZero() {
		return 0
	}
	return max(0, j.Finished.Sub(j.Started))
}

// Start moves a queued job to running, as the next attempt.
func (j *Job) Start(now time.Time) error {
	if j.State != StateQueued {
		return j.refuse("start")
	}
	j.State, j.Started, j.Attempt = StateRunning, now, j.Attempt+1
	if j.Wait != nil && !j.Wait.Of(CauseAway) {
		j.Wait = nil // it is over; how long something is away is still counted
	}
	return nil
}

// Requeue moves a running job back to queued: its attempt was lost through no
// fault of the code. A doomed job is refused: it is not to start again, and
// Finish gives it its end.
func (j *Job) Requeue() error {
	if j.State != StateRunning {
		return j.refuse("requeue")
	}
	if j.Doomed != "" {
		return fmt.Errorf("requeue job %s: it is to end as %s", j.ID(), j.Doomed)
	}
	j.State, j.Started = StateQueued, time.Time{}
	return nil
}

// Postpone moves a running job back to queued, where it is not to start before
// until, for the reason why. A doomed job is refused, as by Requeue.
func (j *Job) Postpone(c Cause, why string, now, until time.Time) error {
	if err := j.Requeue(); err != nil {
		return err
	}
	since := now
	if j.Wait != nil && j.Wait.Of(c) {
		since = j.Wait.Since
	}
	j.Wait = &Wait{Cause: c, Why: why, Since: since, Until: until}
	return nil
}

// Repeat moves a running job back to queued, where it is not to start before
// until, and counts that its attempt ended as r: failed or timed out, or
// errored. A doomed job is refused, as by Requeue.
func (j *Job) Repeat(r Result, now, until time.Time) error {
	if err := j.Requeue(); err != nil {
		return err
	}
	if r.Outcome == OutcomeErrored {
		j.Faults++
	} else {
		j.Reds++
	}
	j.Wait = &Wait{Attempt: r.Outcome, Cause: r.Cause, Why: r.Detail, Since: now, Until: until}
	return nil
}

// Repeats is how many of the package's retries are used up.
func (j *Job) Repeats() int { return j.Reds + j.Faults }

// Finish ends a job that is not done. A doomed job ends as it was doomed to,
// whatever r says. One that passed after a red attempt is flaky.
func (j *Job) Finish(r Result, now time.Time) error {
	if j.State == StateDone {
		return j.refuse("finish")
	}
	if j.Doomed != "" {
		r = Result{Outcome: j.Doomed, Detail: j.Doom, Cause: j.DoomCause, By: j.DoomBy}
	}
	if r.Outcome == OutcomePassed && j.Reds > 0 && r.Cause == "" {
		r.Cause = CauseFlaky
	}
	j.State, j.Result, j.Finished, j.Wait = StateDone, r, now, nil
	j.Doomed, j.Doom, j.DoomCause, j.DoomBy = "", "", "", ""
	return nil
}

// Drop ends a queued job at once with r, and dooms a running one to that end.
// Of r its Outcome, Detail, Cause and By count. It reports whether the job now
// waits to be stopped.
func (j *Job) Drop(r Result, now time.Time) (running bool) {
	switch j.State {
	case StateQueued:
		j.State, j.Result, j.Finished, j.Wait = StateDone, Result{Outcome: r.Outcome, Detail: r.Detail, Cause: r.Cause, By: r.By}, now, nil
	case StateRunning:
		if j.Doomed == "" {
			j.Doomed, j.Doom, j.DoomCause, j.DoomBy = r.Outcome, r.Detail, r.Cause, r.By
		}
		return true
	}
	return false
}

func (j *Job) refuse(verb string) error {
	return fmt.Errorf("%s job %s: it is %s", verb, j.ID(), j.State)
}

package checks

import "time"

// Status is the status of a check run at GitHub.
type Status string

// The statuses that an App may set.
const (
	StatusQueued     Status = "queued"
	StatusInProgress Status = "in_progress"
	StatusCompleted  Status = "completed"
)

// Conclusion is the conclusion of a completed check run at GitHub.
type Conclusion string

// The conclusions that an App may set.
const (
	ConclusionSuccess        Conclusion = "success"
	ConclusionFailure        Conclusion = "failure"
	ConclusionNeutral        Conclusion = "neutral"
	ConclusionCancelled      Conclusion = "cancelled"
	ConclusionSkipped        Conclusion = "skipped"
	ConclusionTimedOut       Conclusion = "timed_out"
	ConclusionActionRequired Conclusion = "action_required"
)

// Conclusion is how an outcome shows at GitHub. A fault of our own is
// action_required: it blocks a merge as a red does, and is not one.
func (o Outcome) Conclusion() Conclusion {
	switch o {
	case OutcomePassed:
		return ConclusionSuccess
	case OutcomeFailed:
		return ConclusionFailure
	case OutcomeTimedOut:
		return ConclusionTimedOut
	case OutcomeErrored, OutcomeBlocked:
		return ConclusionActionRequired
	case OutcomeSkipped, OutcomeUnaffected:
		return ConclusionSkipped
	case OutcomeNeutral:
		return ConclusionNeutral
	}
	return ConclusionCancelled
}

// Annotation is a remark on lines of a file, in GitHub's terms.
type Annotation struct {
	Path      string `json:"path"`
	StartLine int    `json:"start_line"` // from 1
	EndLine   int    `json:"end_line"`
	// StartColumn and EndColumn count only when the lines are the same; 0 is none.
	StartColumn int    `json:"start_column,omitempty"`
	EndColumn   int    `json:"end_column,omitempty"`
	Level       string `json:"level"` // notice, warning or failure
	Title       string `json:"title,omitempty"`
	Message     string `json:"message"`
}

// CheckKey names a check run of ours: a run and a package's name or
// AggregateName. Its String is also the check run's external_id at GitHub.
type CheckKey struct {
	Run  string `json:"run"`
	Name string `json:"name"`
}

// String is RUN/NAME.
func (k CheckKey) String() string { return k.Run + "/" + k.Name }

// CheckRun is a check run as GitHub is to show it.
type CheckRun struct {
	Key          CheckKey
	Installation int64
	Repo         Repo
	HeadSHA      string
	DetailsURL   string
	Status       Status
	Conclusion   Conclusion // set when Status is completed
	Started      time.Time  // zero while queued
	Completed    time.Time  // zero before completed
	Title        string
	Summary      string // Markdown, at most 65,535 characters
	Text         string // Markdown, at most 65,535 characters
	Annotations  []Annotation
	// Actions are the buttons that it is to have from now on, at most three;
	// none takes those away that it had.
	Actions []Action
}

// ShownCheck is a check run of ours as GitHub shows it.
type ShownCheck struct {
	ID int64
	// ExternalID is the String of the CheckKey that it was created for.
	ExternalID string
	Name       string
	Status     Status
	Conclusion Conclusion
}

// ActionID is what a button of ours stands for: GitHub sends it back when
// somebody presses the button. It has at most 20 characters.
type ActionID string

// The buttons, all of them on the aggregate check.
const (
	// ActionRerunFailed runs again what did not pass.
	ActionRerunFailed ActionID = "rerun_failed"
	// ActionCancel stops what still runs or waits.
	ActionCancel ActionID = "cancel"
	// ActionApprove lets the commit of the check run, which comes from a fork.
	ActionApprove ActionID = "approve"
	// ActionRun runs the checks of a draft.
	ActionRun ActionID = "run"
)

// Action is a button on a check run.
type Action struct {
	ID          ActionID
	Label       string // at most 20 characters
	Description string // at most 40
}

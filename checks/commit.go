package checks

import "time"

// Commit is one step of the engine, written in one transaction: all of it is
// durable, or none.
type Commit struct {
	// Planned is the GUID of the delivery whose event is pending no more;
	// empty when this step ends none. Note says what became of it: the
	// run's id, or why there is no run.
	Planned string
	Note    string
	// Runs and Jobs are put as they are, over what was stored before. The
	// findings of a job without any stay as they are.
	Runs []Run
	Jobs []Job
	// Dirty are the check runs whose state at GitHub is now out of date.
	Dirty []CheckKey
	// Durations are what packages were seen to take.
	Durations []PackageDuration
	// Proofs are green results that may stand for later runs.
	Proofs []ScopedProof
	// Refuted are proofs that count no more, by their scopes, packages and
	// keys: the package failed at these inputs since.
	Refuted []ScopedProof
	// Tests are histories of tests, put over what was stored before.
	Tests []ScopedTestHistory
	// Replies are to be given to comments.
	Replies []Reply
	// Moves are repositories that have a new name, owner or installation.
	Moves []Move
}

// Move says where a repository is since At. All that is read from the store
// afterwards speaks of it as Repo and Installation do, also what was written
// before; an event that was received after At keeps its own words.
type Move struct {
	Repo         Repo
	Installation int64
	At           time.Time
}

// Run has a run that was made before speak of the repository as m does.
func (m Move) Run(run *Run) {
	if run.Repo.ID == m.Repo.ID && !run.Created.After(m.At) {
		run.Repo, run.Installation, run.PullRequest = m.Repo, m.Installation, m.pullRequest(run.PullRequest)
	}
}

// Event does the same for an event that was received before.
func (m Move) Event(ev *Event) {
	if ev.Repo.ID == m.Repo.ID && !ev.Received.After(m.At) {
		ev.Repo, ev.Installation, ev.PullRequest = m.Repo, m.Installation, m.pullRequest(ev.PullRequest)
	}
}

func (m Move) pullRequest(p *PullRequest) *PullRequest {
	if p == nil {
		return nil
	}
	out := *p
	for _, ref := range []*Ref{&out.Base, &out.Head} {
		if ref.Repo.ID == m.Repo.ID {
			ref.Repo = m.Repo
		}
	}
	return &out
}

// Reply is the answer to a comment: a reaction to it and, when Body is not
// empty, one comment.
type Reply struct {
	// Delivery is that of the comment's event; there is one reply for each.
	Delivery     string    `json:"delivery"`
	Installation int64     `json:"installation"`
	Repo         Repo      `json:"repo"`
	Number       int       `json:"number"`  // of the pull request
	Comment      int64     `json:"comment"` // the comment's id
	Reaction     Reaction  `json:"reaction"`
	Body         string    `json:"body,omitempty"` // Markdown that is safe to show as it is
	Since        time.Time `json:"since"`
}

// Reaction is a reaction in GitHub's terms.
type Reaction string

// The reactions that we give.
const (
	ReactionDone     Reaction = "+1"
	ReactionRefused  Reaction = "-1"
	ReactionConfused Reaction = "confused"
)

// PackageDuration is how long a package of a repository takes to test.
type PackageDuration struct {
	Repo     int64 // the repository's id
	Package  string
	Duration time.Duration
}

// OutboxRow says that the check run Key has a state that GitHub was not told.
// It carries no text: who delivers it renders the state of that moment, so a
// row that waits long is delivered once, with the newest state.
type OutboxRow struct {
	Key CheckKey
	// Rev grows with every change of the check run.
	Rev uint64
	// Since is when the row was made, or made anew after a delivery.
	Since time.Time
	// CheckRunID is the id at GitHub; 0 when we know of none.
	CheckRunID int64
}

// Written is that GitHub was written to for an installation.
type Written struct {
	Installation int64
	At           time.Time
	Writes       int
}

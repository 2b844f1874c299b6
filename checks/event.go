package checks

import "time"

// EventKind says what an Event asks of the engine.
type EventKind string

// The kinds of event the engine acts on. A delivery that means none of them
// is answered and not kept.
const (
	// EventPullRequest: a pull request was opened or reopened, or its head
	// or base moved; its present head is to be tested.
	EventPullRequest EventKind = "pull_request"
	// EventPullRequestClosed: what still runs for the pull request is cancelled.
	EventPullRequestClosed EventKind = "pull_request_closed"
	// EventRerunPackage: one check run is to be run again (CheckRun is set).
	EventRerunPackage EventKind = "rerun_package"
	// EventRerunAll: all check runs of HeadSHA are to be run again.
	EventRerunAll EventKind = "rerun_all"
)

// User is an account at GitHub. ID is what identifies it; Login may change.
type User struct {
	ID    int64  `json:"id"`
	Login string `json:"login"`
}

// Repo is a repository at GitHub. ID is what identifies it; a rename or a
// transfer changes Owner and Name.
type Repo struct {
	ID    int64  `json:"id"`
	Owner string `json:"owner"`
	Name  string `json:"name"`
}

// FullName is OWNER/NAME.
func (r Repo) FullName() string { return r.Owner + "/" + r.Name }

// Ref is one side of a pull request: a commit, the branch that pointed at it
// when the event was sent, and the repository that holds the branch. Repo is
// zero when that repository was deleted since.
type Ref struct {
	SHA    string `json:"sha"`
	Branch string `json:"branch"`
	Repo   Repo   `json:"repo"`
}

// PullRequest is a pull request as its event told of it.
type PullRequest struct {
	Number int    `json:"number"`
	Title  string `json:"title,omitempty"`
	Author User   `json:"author"`
	Head   Ref    `json:"head"`
	Base   Ref    `json:"base"`
	Draft  bool   `json:"draft,omitempty"`
	// Updated is when the pull request last changed before the event, as
	// GitHub says, to the second. Zero when it does not. Events come in any
	// order; this tells which is older.
	Updated time.Time `json:"updated,omitzero"`
}

// Fork reports whether the head branch is not in the base's own repository.
// A head whose repository is gone counts as a fork: it is not known to be ours.
func (p PullRequest) Fork() bool {
	return p.Head.Repo.ID == 0 || p.Head.Repo.ID != p.Base.Repo.ID
}

// CheckRunRef names a check run at GitHub as an event about it does.
type CheckRunRef struct {
	ID         int64  `json:"id"`
	Name       string `json:"name"`
	ExternalID string `json:"external_id"`
}

// Event is one accepted delivery in the domain's terms. It is stored before
// its delivery is answered and removed when its plan is.
type Event struct {
	// Delivery is the X-GitHub-Delivery GUID; the same again is the same event.
	Delivery string    `json:"delivery"`
	Kind     EventKind `json:"kind"`
	// Name is GitHub's own, as "pull_request.synchronize".
	Name         string       `json:"name"`
	Received     time.Time    `json:"received"`
	Installation int64        `json:"installation"`
	Repo         Repo         `json:"repo"`
	Sender       User         `json:"sender"`
	HeadSHA      string       `json:"head_sha"`
	PullRequest  *PullRequest `json:"pull_request,omitempty"`
	CheckRun     *CheckRunRef `json:"check_run,omitempty"`
}

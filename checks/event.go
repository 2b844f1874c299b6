package checks

import (
	"strings"
	"time"
)

// EventKind says what an Event asks of the engine.
type EventKind string

// The kinds of event the engine acts on. A delivery that means none of them
// is answered and not kept.
const (
	// EventPullRequest: a pull request was opened or reopened, left its draft
	// state, or its head or base moved; its present head is to be tested.
	EventPullRequest EventKind = "pull_request"
	// EventPullRequestClosed: what still runs for the pull request is cancelled.
	EventPullRequestClosed EventKind = "pull_request_closed"
	// EventLabeled: Label was put on the pull request.
	EventLabeled EventKind = "labeled"
	// EventPush: a branch or tag was made or moved (Push is set).
	EventPush EventKind = "push"
	// EventRefGone: a branch or tag was deleted (Push is set, without SHAs);
	// what still runs for it is cancelled.
	EventRefGone EventKind = "ref_gone"
	// EventMergeGroup: a merge queue asks for the checks of HeadSHA
	// (MergeGroup is set).
	EventMergeGroup EventKind = "merge_group"
	// EventMergeGroupGone: a merge group was merged or given up; what still
	// runs for it is cancelled.
	EventMergeGroupGone EventKind = "merge_group_gone"
	// EventRerunPackage: one check run is to be run again (CheckRun is set).
	EventRerunPackage EventKind = "rerun_package"
	// EventRerunAll: all check runs of HeadSHA are to be run again.
	EventRerunAll EventKind = "rerun_all"
	// EventAction: a button of ours on CheckRun was pressed (Action is set).
	EventAction EventKind = "action"
	// EventCommand: somebody wrote a command to us (Comment is set).
	EventCommand EventKind = "command"
	// EventRepoMoved: Repo has a new name or owner, as Repo and Installation
	// say.
	EventRepoMoved EventKind = "repo_moved"
	// EventLocal: a person asks in a clone of theirs, without GitHub. Packages
	// names what they ask for; nil is what the change affects.
	EventLocal EventKind = "local"
	// EventReposGone: we may act no more on Repos, or on any repository of
	// Installation when Repos is empty. What runs there is cancelled.
	EventReposGone EventKind = "repos_gone"
)

// FoundPullRequest is the Name of an event that GitHub did not send: the pull
// request was found to have a head that no delivery told of. Who pushed it is
// not known.
const FoundPullRequest = "pull_request.found"

// FoundPush is the Name of an event that GitHub did not send: a branch was found
// at a commit that no delivery told of. Who pushed it is not known.
const FoundPush = "push.found"

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
	// Labels are the names of its labels. They are hostile text.
	Labels []string `json:"labels,omitempty"`
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

// Push is a branch or a tag that moved.
type Push struct {
	// Ref is its full name, as refs/heads/main.
	Ref string `json:"ref"`
	// Before is what it pointed at, empty when it is new; After is what it
	// points at, empty when it was deleted.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	// DefaultBranch is the repository's, without refs/heads/.
	DefaultBranch string `json:"default_branch,omitempty"`
}

// Branch is the branch's name, empty for a tag.
func (p *Push) Branch() string { return cutRef(p.Ref, "refs/heads/") }

// Tag is the tag's name, empty for a branch.
func (p *Push) Tag() string { return cutRef(p.Ref, "refs/tags/") }

// Default reports whether it is of the repository's default branch.
func (p *Push) Default() bool { return p.DefaultBranch != "" && p.Branch() == p.DefaultBranch }

func cutRef(ref, prefix string) string {
	if name, ok := strings.CutPrefix(ref, prefix); ok {
		return name
	}
	return ""
}

// MergeGroup is what a merge queue wants tested: the event's HeadSHA, which
// is on the branch HeadRef and comes after BaseSHA of the branch BaseRef. The
// refs are full names.
type MergeGroup struct {
	HeadRef string `json:"head_ref"`
	BaseRef string `json:"base_ref"`
	BaseSHA string `json:"base_sha"`
	// Reason says why it ended: merged, invalidated or dequeued. Empty before.
	Reason string `json:"reason,omitempty"`
}

// Branch is the name of the branch that the group is to be merged into.
func (g *MergeGroup) Branch() string { return cutRef(g.BaseRef, "refs/heads/") }

// CheckRunRef names a check run at GitHub as an event about it does.
type CheckRunRef struct {
	ID         int64  `json:"id"`
	Name       string `json:"name"`
	ExternalID string `json:"external_id"`
}

// Comment is a comment on a pull request that speaks to us.
type Comment struct {
	ID int64 `json:"id"`
	// Number is the pull request's.
	Number int `json:"number"`
	// Line is the first line of it that is meant for us, as its author wrote
	// it: hostile text.
	Line string `json:"line"`
}

// Event is one accepted delivery in the domain's terms. It is stored before
// its delivery is answered and removed when its plan is.
type Event struct {
	// Delivery is the X-GitHub-Delivery GUID; the same again is the same event.
	Delivery string    `json:"delivery"`
	Kind     EventKind `json:"kind"`
	// Name is GitHub's own, as "pull_request.synchronize".
	Name         string    `json:"name"`
	Received     time.Time `json:"received"`
	Installation int64     `json:"installation"`
	// Repo is zero for EventReposGone alone.
	Repo    Repo   `json:"repo,omitzero"`
	Sender  User   `json:"sender"`
	HeadSHA string `json:"head_sha,omitempty"`

	PullRequest *PullRequest `json:"pull_request,omitempty"`
	Push        *Push        `json:"push,omitempty"`
	MergeGroup  *MergeGroup  `json:"merge_group,omitempty"`
	CheckRun    *CheckRunRef `json:"check_run,omitempty"`
	Comment     *Comment     `json:"comment,omitempty"`
	Action      ActionID     `json:"action,omitempty"`
	Label       string       `json:"label,omitempty"`
	// Packages are the names that EventLocal asks for.
	Packages []string `json:"packages,omitempty"`
	// Needed has EventLocal run also what those packages need, all the way.
	Needed bool `json:"needed,omitempty"`
	// Repos are the repositories that the App lost.
	Repos []Repo `json:"repos,omitempty"`

	// Approved is who let this commit of a fork run. Planning alone sets it.
	Approved *User `json:"-"`
	// Doubtful is set by planning alone when the state of the pull request that
	// the event tells of may be older than one that was heard of before. GitHub
	// has to say which is the present one.
	Doubtful bool `json:"-"`
	// Insist is set by planning alone when somebody who may asked for the
	// run of a draft.
	Insist bool `json:"-"`
}

// Target is what an event or a run is about: a pull request, or a branch, tag
// or merge group by its ref. It is comparable. One without both stands for
// the repository as a whole.
type Target struct {
	Repo int64
	Pull int
	Ref  string
}

// Target is what the event is about. That of a re-run or an action is not
// known from the event alone: it is the repository's.
func (e *Event) Target() Target {
	if e.Comment != nil {
		return Target{Repo: e.Repo.ID, Pull: e.Comment.Number}
	}
	return target(e.Repo.ID, e.PullRequest, e.Push, e.MergeGroup)
}

func target(repo int64, pr *PullRequest, p *Push, g *MergeGroup) Target {
	t := Target{Repo: repo}
	switch {
	case pr != nil:
		t.Pull = pr.Number
	case p != nil:
		t.Ref = p.Ref
	case g != nil:
		t.Ref = g.HeadRef
	}
	return t
}

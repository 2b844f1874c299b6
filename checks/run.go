package checks

import (
	"slices"
	"time"
)

// Run is one plan being carried out: all jobs of one event on one commit.
type Run struct {
	// ID is a random name of 26 letters and digits. Who knows it may read
	// the run's pages.
	ID string `json:"id"`
	// Seq orders runs; a later run has a higher one.
	Seq uint64 `json:"seq"`

	Delivery     string       `json:"delivery"`
	Trigger      string       `json:"trigger"` // the event's name, as "pull_request.opened"
	Sender       User         `json:"sender"`
	Installation int64        `json:"installation"`
	Repo         Repo         `json:"repo"`
	PullRequest  *PullRequest `json:"pull_request,omitempty"`
	Push         *Push        `json:"push,omitempty"`
	MergeGroup   *MergeGroup  `json:"merge_group,omitempty"`
	HeadSHA      string       `json:"head_sha"`
	BaseSHA      string       `json:"base_sha,omitempty"`
	Tree         string       `json:"tree,omitempty"`
	// RerunOf is the run whose jobs this one runs again.
	RerunOf string `json:"rerun_of,omitempty"`
	// Outdated is the head that the pull request had when an older one was
	// run again; empty otherwise.
	Outdated string `json:"outdated,omitempty"`
	// Approved is who let this commit of a fork run.
	Approved *User `json:"approved,omitempty"`

	Created time.Time `json:"created"`
	// Finished is when its last job was done; zero before.
	Finished time.Time `json:"finished,omitzero"`
	// Packages are the names of its jobs in dependency order.
	Packages []string `json:"packages,omitempty"`

	Verdict      *Verdict `json:"verdict,omitempty"`
	Unaffected   []string `json:"unaffected,omitempty"`
	Unowned      []string `json:"unowned,omitempty"`
	UnownedCount int      `json:"unowned_count,omitempty"`
	Ignored      int      `json:"ignored,omitempty"`
	Warnings     []string `json:"warnings,omitempty"`
	Notes        []string `json:"notes,omitempty"`
	// Notify is who is told of the run; nil for nobody.
	Notify *Notify `json:"notify,omitempty"`
	// Remarks tell what people asked for that was not done, and why: the
	// newest MaxRemarks, oldest first, as plain text in one line each.
	Remarks []string `json:"remarks,omitempty"`
}

// MaxRemarks is how many remarks a run keeps.
const MaxRemarks = 10

// Target is what the run is of.
func (r *Run) Target() Target { return target(r.Repo.ID, r.PullRequest, r.Push, r.MergeGroup) }

// Untrusted reports whether the code comes from people who may not write to
// the repository: nothing of it may reach what is trusted.
func (r *Run) Untrusted() bool { return r.PullRequest != nil && r.PullRequest.Fork() }

// Remark adds a remark. The same as the last one is not added again.
func (r *Run) Remark(text string) {
	if n := len(r.Remarks); n > 0 && r.Remarks[n-1] == text {
		return
	}
	all := append(slices.Clone(r.Remarks), text)
	r.Remarks = all[max(0, len(all)-MaxRemarks):]
}

// Done reports whether nothing of the run is left to do.
func (r *Run) Done() bool { return !r.Finished.IsZero() }

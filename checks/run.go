package checks

import "time"

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
	HeadSHA      string       `json:"head_sha"`
	BaseSHA      string       `json:"base_sha,omitempty"`
	Tree         string       `json:"tree,omitempty"`
	// RerunOf is the run whose jobs this one runs again.
	RerunOf string `json:"rerun_of,omitempty"`

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
}

// Done reports whether nothing of the run is left to do.
func (r *Run) Done() bool { return !r.Finished.IsZero() }

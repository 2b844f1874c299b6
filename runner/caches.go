package runner

import (
	"context"
	"time"

	"github.com/dudesons/loktar/checks"
)

// Caches keep folders between jobs. They are safe for concurrent use.
//
// What is kept never changes under a job that reads it: a job has a view of its
// own, a kernel overlay, and what it wrote is kept by Save alone. Each lease
// ends with one call of Save or Release, once nothing shows the view any more.
type Caches interface {
	// Lease lends a view of the first of want.Reads that has something, else of
	// an empty folder. A lost cache is no fault: an error means that none can be
	// had, and checks.PublicText says why.
	Lease(ctx context.Context, want CacheWant) (CacheView, error)
	// Save keeps what was written to the view, at v.Write, for later leases, and
	// ends the lease. note tells, as the end of a sentence, what became of it,
	// also where that was no fault of anybody's and nothing is kept.
	Save(ctx context.Context, v CacheView) (note string, err error)
	// Release ends the lease, and drops what was written.
	Release(v CacheView)
}

// CacheWant is what a job wants of a cache.
type CacheWant struct {
	Repo  int64             `json:"repo"`
	Place checks.CachePlace `json:"place"`
	// Reads are the levels to read, the best first; Write is the one to write,
	// empty for none.
	Reads []checks.CacheLevel `json:"reads,omitempty"`
	Write checks.CacheLevel   `json:"write,omitempty"`
}

// CacheView is a leased view. It is plain data, by which also a later process
// may save it, see caches.Store.Settle.
type CacheView struct {
	CacheWant
	// ID names the lease.
	ID string `json:"id"`
	// At is where the job finds it, as Place.Path is written, with no link of
	// the repository's on the way.
	At string `json:"at"`
	// From, Bytes and Saved tell of what is kept; From is empty when that is
	// nothing.
	From  checks.CacheLevel `json:"from,omitempty"`
	Bytes int64             `json:"bytes,omitempty"`
	Saved time.Time         `json:"saved,omitzero"`
	// Lower are folders of this machine that show what is kept as the layers of
	// an overlay, the topmost first; there is one at least. They do not change.
	// Upper and Work are empty folders for what is written.
	Lower []string `json:"lower"`
	Upper string   `json:"upper"`
	Work  string   `json:"work"`
}

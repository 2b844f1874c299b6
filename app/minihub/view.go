package minihub

import (
	"context"
	"fmt"
	"slices"
)

// View reads a hub's state inside Wait. It is valid only until the function
// that was given it returns. What it returns are copies.
type View struct{ h *Hub }

// CheckRuns are the check runs of a commit, oldest first; all commits when
// sha is empty. repo is OWNER/NAME.
func (v *View) CheckRuns(repo, sha string) []CheckRun {
	r := v.h.repo(repo)
	if r == nil {
		return nil
	}
	var out []CheckRun
	for _, c := range r.runs {
		if sha == "" || c.HeadSHA == sha {
			out = append(out, c.snapshot())
		}
	}
	return out
}

// CheckRun is the newest check run of that name on a commit.
func (v *View) CheckRun(repo, sha, name string) (CheckRun, bool) {
	all := v.CheckRuns(repo, sha)
	for _, c := range slices.Backward(all) {
		if c.Name == name {
			return c, true
		}
	}
	return CheckRun{}, false
}

// PullRequest is pull request number of repo.
func (v *View) PullRequest(repo string, number int) (PullRequest, bool) {
	r := v.h.repo(repo)
	if r == nil || r.pulls[number] == nil {
		return PullRequest{}, false
	}
	return r.pulls[number].snapshot(), true
}

// Deliveries are what the first App was sent so far, oldest first.
func (v *View) Deliveries() []Delivery {
	out := make([]Delivery, len(v.h.app.deliveries))
	for i, d := range v.h.app.deliveries {
		out[i] = d.snapshot()
	}
	return out
}

func (c *checkRun) snapshot() CheckRun {
	s := c.CheckRun
	s.Repo = c.suite.repo.FullName() // it may have moved
	s.Annotations, s.Actions = slices.Clone(s.Annotations), slices.Clone(s.Actions)
	return s
}

// Read calls f once with the present state.
func (h *Hub) Read(f func(*View)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(&View{h})
}

// Wait returns nil when cond holds. It looks at once, and again after each
// change of the hub; cond must be quick and must not call the hub. The error
// is that of ctx.
func (h *Hub) Wait(ctx context.Context, cond func(*View) bool) error {
	for {
		h.mu.Lock()
		ok, changed := cond(&View{h}), h.changed
		h.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for minihub: %w", ctx.Err())
		}
	}
}

// CheckRuns are the check runs of a commit, oldest first. repo is OWNER/NAME.
func (h *Hub) CheckRuns(repo, sha string) (runs []CheckRun) {
	h.Read(func(v *View) { runs = v.CheckRuns(repo, sha) })
	return runs
}

// Deliveries are what the first App was sent so far, oldest first.
func (h *Hub) Deliveries() (ds []Delivery) {
	h.Read(func(v *View) { ds = v.Deliveries() })
	return ds
}

// Repos are the full names of all repositories, sorted.
func (v *View) Repos() []string {
	var out []string
	for _, r := range v.h.repos {
		out = append(out, r.FullName())
	}
	slices.Sort(out)
	return out
}

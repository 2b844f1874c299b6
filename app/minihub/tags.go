package minihub

import (
	"context"
	"fmt"
)

// Tag points a lightweight tag at a commit that the repository has, in the
// name of a login, forced if need be. An empty sha deletes the tag. It makes
// the events that a push of the tag makes. It fails when git does not take the
// name or the commit, and when the repository is archived or gone.
func (r *Repo) Tag(ctx context.Context, login, name, sha string) error {
	r.hub.refMu.Lock()
	defer r.hub.refMu.Unlock()
	fail := func(err error) error { return fmt.Errorf("tag %s: %w", r.FullName(), err) }
	if err := r.writable(); err != nil {
		return fail(err)
	}
	before, err := r.refs(ctx)
	if err != nil {
		return fail(err)
	}
	args := []string{"update-ref", "--end-of-options", "refs/tags/" + name, sha}
	if sha == "" {
		args = []string{"update-ref", "-d", "--end-of-options", "refs/tags/" + name}
	}
	if _, err := r.hub.git(ctx, r.dir, nil, args...); err != nil {
		return fail(err)
	}
	return r.refsMoved(ctx, login, before)
}

package app

import (
	"context"
	"strings"
	"sync"

	"github.com/dudesons/loktar/runner/publish"
)

// turns let one at a time do what is to be done under a name. The zero value
// is ready.
type turns struct {
	mu    sync.Mutex
	taken map[string]chan struct{}
}

// take waits for the turn of name, which ends with done. The error is ctx's.
func (t *turns) take(ctx context.Context, name string) (done func(), err error) {
	for {
		t.mu.Lock()
		before, busy := t.taken[name]
		if !busy {
			if t.taken == nil {
				t.taken = map[string]chan struct{}{}
			}
			own := make(chan struct{})
			t.taken[name] = own
			t.mu.Unlock()
			return func() {
				t.mu.Lock()
				defer t.mu.Unlock()
				delete(t.taken, name)
				close(own)
			}, nil
		}
		t.mu.Unlock()
		select {
		case <-before:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// inTurn publishes one release at a time of a name in a registry. Several
// repositories may have a package of that name, as may one in other case, and
// no registry of images creates a tag only where there is none.
type inTurn struct {
	publish.Publisher
	turns    *turns
	registry string
}

// Publish implements publish.Publisher.
func (p inTurn) Publish(ctx context.Context, r publish.Release) (publish.Published, error) {
	done, err := p.turns.take(ctx, p.registry+"/"+strings.ToLower(r.Package.Name))
	if err != nil {
		return publish.Published{}, err
	}
	defer done()
	return p.Publisher.Publish(ctx, r)
}

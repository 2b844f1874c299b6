package app

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/publish"
)

// counting is a registry that counts how many publish under a name at once.
type counting struct {
	publish.Publisher
	mu        sync.Mutex
	now, most int
	gate      chan struct{}
}

func (c *counting) Publish(context.Context, publish.Release) (publish.Published, error) {
	c.mu.Lock()
	c.now++
	c.most = max(c.most, c.now)
	c.mu.Unlock()
	<-c.gate
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now--
	return publish.Published{}, nil
}

func TestImagesOfOneNameArePublishedInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := &turns{}
		same, other := &counting{gate: make(chan struct{})}, &counting{gate: make(chan struct{})}
		of := func(ctx context.Context, c *counting, registry, repo, name string) error {
			_, err := inTurn{c, all, registry}.Publish(ctx, publish.Release{Repo: checks.Repo{Name: repo}, Package: checks.Package{Name: name}})
			return err
		}
		ended := make(chan error, 10)
		for _, name := range []string{"web", "Web", "WEB"} {
			go func() { ended <- of(t.Context(), same, "hub", "a", name) }()
			go func() { ended <- of(t.Context(), same, "hub", "b", name) }()
		}
		go func() { ended <- of(t.Context(), other, "hub", "a", "api") }()
		go func() { ended <- of(t.Context(), other, "elsewhere", "a", "web") }()
		synctest.Wait()
		if same.now != 1 || other.now != 2 {
			t.Errorf("%d publish under one name, %d under two others", same.now, other.now)
		}
		ctx, cancel := context.WithCancel(t.Context())
		waits := make(chan error)
		go func() { waits <- of(ctx, same, "hub", "c", "web") }()
		synctest.Wait()
		cancel()
		if err := <-waits; !errors.Is(err, context.Canceled) {
			t.Errorf("who waited in vain: %v", err)
		}
		close(same.gate)
		close(other.gate)
		for range 8 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		if same.most != 1 || len(all.taken) != 0 {
			t.Errorf("at most %d at once; %d turns are left", same.most, len(all.taken))
		}
	})
}

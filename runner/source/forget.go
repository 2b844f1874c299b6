package source

import (
	"context"
	"errors"
	"fmt"

	"github.com/dudesons/loktar/checks"
)

// errForgotten is why work in a mirror ended that Forget found under way.
var errForgotten = errors.New("the repository was forgotten meanwhile")

// Forget takes a repository's mirror and worktrees away; repo's ID alone
// counts. What runs in the mirror ends first: a Load, Fetch, Restore or Lease
// under way gives an error of checks.KindUnavailable, one that begins
// meanwhile waits and finds nothing there. A worktree that is leased stays
// whole until its last lease is released and goes then. A Loaded may miss
// objects from now on; its errors say so. Nothing of another repository is
// touched, and a later Load or Fetch starts anew. A repository that is not
// here is no error.
//
// When it returns without error nothing finds the files any more, but those of
// leases; they are deleted in the background, or after the next start. After
// an error call it again.
func (s *Source) Forget(ctx context.Context, repo checks.Repo) error {
	m := s.mirror(repo)
	reopen, err := m.evict(ctx, checks.Errorf(checks.KindUnavailable, errForgotten,
		"The server was removing its copy of the repository, as the App had lost access to it."))
	if err != nil {
		return fmt.Errorf("forget repository %d: %w", repo.ID, err)
	}
	defer reopen()
	if err := m.vanish(ctx); err != nil {
		return fmt.Errorf("forget repository %d: %w", repo.ID, err)
	}
	s.trees.drop(repo.ID)
	return nil
}

// user is somebody who works in a mirror.
type user struct{ cancel context.CancelCauseFunc }

// use lets the caller work in the mirror until it calls done. The context ends
// when the repository is forgotten. Until an eviction is over, use waits; so
// who uses the mirror does not ask again.
func (m *mirror) use(ctx context.Context) (_ context.Context, done func(), err error) {
	inside, leave, err := m.join(ctx)
	if err != nil {
		return nil, nil, err
	}
	m.touch()
	return inside, func() {
		m.touch()
		leave()
	}, nil
}

// join is use for who does not count as a reason to keep the mirror.
func (m *mirror) join(ctx context.Context) (_ context.Context, done func(), err error) {
	if err := m.enter(ctx); err != nil {
		return nil, nil, err
	}
	defer m.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	u := &user{cancel}
	m.users[u] = true
	return ctx, func() {
		cancel(nil)
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.users, u)
		if len(m.users) == 0 && m.unused != nil {
			close(m.unused)
			m.unused = nil
		}
	}, nil
}

// enter locks m.mu at a time when nobody evicts.
func (m *mirror) enter(ctx context.Context) error {
	for {
		m.mu.Lock()
		evicting := m.evicting
		if evicting == nil {
			return nil
		}
		m.mu.Unlock()
		select {
		case <-evicting:
		case <-ctx.Done():
			return fmt.Errorf("wait for the mirror: %w", context.Cause(ctx))
		}
	}
}

// evict ends the contexts of all users, with why as their cause, and waits
// until they are gone. New ones wait for reopen.
func (m *mirror) evict(ctx context.Context, why error) (reopen func(), err error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	over, unused := make(chan struct{}), make(chan struct{})
	m.evicting, m.unused = over, unused
	if len(m.users) == 0 {
		close(unused)
		m.unused = nil
	}
	for u := range m.users {
		u.cancel(why)
	}
	m.mu.Unlock()
	reopen = func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.evicting, m.unused = nil, nil
		close(over)
	}
	select {
	case <-unused:
		return reopen, nil
	case <-ctx.Done():
		reopen()
		return nil, fmt.Errorf("wait for who works in the mirror: %w", context.Cause(ctx))
	}
}

// vanish takes the mirror's files away and forgets what was known of them.
func (m *mirror) vanish(ctx context.Context) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.unlock()
	m.distrust()
	m.linkMemory.clear()
	m.tagged = nil
	return errors.Join(m.src.trash.discard(m.dir), m.src.trash.discard(m.dir+".new"))
}

// forgotten is err, or why the repository was forgotten when that ended ctx.
func forgotten(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, errForgotten) {
		return cause
	}
	return err
}

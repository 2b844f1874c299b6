package runner

import "context"

// Slots bounds how many jobs run at once. It is safe for concurrent use.
type Slots struct{ free chan struct{} }

// NewSlots makes n slots; n below 1 counts as 1.
func NewSlots(n int) *Slots {
	return &Slots{free: make(chan struct{}, max(n, 1))}
}

// Len is how many slots there are.
func (s *Slots) Len() int { return cap(s.free) }

// Acquire waits for a slot. It fails only with the cause of ctx's end.
// release gives the slot back and is called exactly once.
func (s *Slots) Acquire(ctx context.Context) (release func(), err error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	select {
	case s.free <- struct{}{}:
		return func() { <-s.free }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

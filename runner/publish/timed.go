package publish

import (
	"context"
	"time"

	"github.com/dudesons/loktar/checks"
)

// timed gives do a time, so that a storage which stalls is one that is away.
func timed[T any](ctx context.Context, most time.Duration, do func(context.Context) (T, error)) (T, error) {
	within, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	out, err := do(within)
	if err != nil && within.Err() != nil && ctx.Err() == nil {
		err = checks.Errorf(checks.KindUnavailable, err, "The storage took too long.")
	}
	return out, err
}

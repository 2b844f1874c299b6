package report

import (
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// NewBackoff is the waits between attempts that fail.
func NewBackoff() *backoff.ExponentialBackOff {
	b := &backoff.ExponentialBackOff{
		InitialInterval: 500 * time.Millisecond, Multiplier: 2, RandomizationFactor: 0.3, MaxInterval: 2 * time.Minute,
	}
	b.Reset()
	return b
}

// Pause is how long to wait after errs: the next step of b, or longer where
// one of them says so.
func Pause(b *backoff.ExponentialBackOff, errs ...error) time.Duration {
	gap := b.NextBackOff()
	for _, err := range errs {
		var later interface{ RetryAfter() time.Duration }
		if errors.As(err, &later) {
			gap = max(gap, later.RetryAfter())
		}
	}
	return gap
}

package report

import (
	"context"
	"errors"
	"time"

	"github.com/dudesons/loktar/checks"
)

// Use is what is written to GitHub that is no check.
type Use int

// The uses.
const (
	// UseReply is a reply to somebody's comment.
	UseReply Use = iota
	// UseRelease is a tag or a release.
	UseRelease
	// UseComment is a comment that is kept up to date.
	UseComment
)

func (u Use) rank() rank {
	switch u {
	case UseReply:
		return rankReply
	case UseRelease:
		return rankRelease
	}
	return rankProgress
}

// Writing is a write that is under way and counted. That of a nil Budget is
// nil, and counts nothing.
type Writing struct {
	b            *Budget
	installation int64
	at           time.Time
	n            int
}

// Take counts a write before it is sent; Done has to be called after it. Where
// there is no room for it, it waits, at most for patience, and then fails with
// an error of kind checks.KindUnavailable whose RetryAfter says when there is
// some. Checks that matter more do not wait for it.
func (b *Budget) Take(ctx context.Context, installation int64, u Use, patience time.Duration) (*Writing, error) {
	return b.take(ctx, installation, u.rank(), 1, patience)
}

// Write is Take, do and Done of the one write that do sends. do is not called
// where there is no room; its error comes back as it is.
func (b *Budget) Write(ctx context.Context, installation int64, u Use, patience time.Duration, do func() error) error {
	w, err := b.Take(ctx, installation, u, patience)
	if err != nil {
		return err
	}
	err = do()
	w.Done(1, err)
	return err
}

func (b *Budget) take(ctx context.Context, installation int64, r rank, n int, patience time.Duration) (*Writing, error) {
	if b == nil {
		return nil, nil
	}
	for end := time.Now().Add(patience); ; {
		now := time.Now()
		at := b.reserve(installation, r, n, now)
		if !at.After(now) {
			return &Writing{b, installation, now, n}, nil
		}
		if at.After(end) {
			return nil, checks.Errorf(checks.KindUnavailable, &spent{at.Sub(now)},
				"GitHub takes %d writes a minute and %d an hour of Loktar, and so many were made. The next is made at about %s.",
				b.limits.Minute, b.limits.Hour, at.UTC().Format("15:04 MST"))
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(at.Sub(now)):
		}
	}
}

// Done says how many writes were sent, and how the last ended: where GitHub
// asks for silence nothing is written for so long.
func (w *Writing) Done(n int, err error) {
	if w == nil {
		return
	}
	now := time.Now()
	w.b.settle(w.installation, w.at, w.n, now, n)
	if keep := w.b.keep; keep != nil && n > 0 {
		keep(w.installation, n)
	}
	var later interface{ RetryAfter() time.Duration }
	if n > 0 && errors.As(err, &later) {
		w.b.Silence(w.installation, now.Add(later.RetryAfter()))
	}
}

// Keep has the writes that Take counts, once they are done, told to wrote, so
// that the next process knows of them. Call it before the first Take.
func (b *Budget) Keep(wrote func(installation int64, n int)) { b.keep = wrote }

// spent says that a budget has no room now.
type spent struct{ wait time.Duration }

func (*spent) Error() string               { return "the budget of writes is used up" }
func (s *spent) RetryAfter() time.Duration { return s.wait }

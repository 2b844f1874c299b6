package report

import (
	"slices"
	"sync"
	"time"
)

// Limits are how much may be written to GitHub for one installation. Zero
// means what GitHub documents as its secondary limits: 80 a minute, 500 an hour.
type Limits struct{ Minute, Hour int }

// Budget is what is left of the Limits of each installation. What one
// installation spends is no other's. It is safe for concurrent use.
//
// The windows slide: in no sixty seconds, however they are laid, is more
// written than Limits.Minute says. A part of both windows stays free for what
// matters more, see ranks.
type Budget struct {
	limits Limits
	keep   func(installation int64, n int)
	mu     sync.Mutex
	all    map[int64]*ledger
}

// ledger is what one installation wrote, and what GitHub said of it.
type ledger struct {
	sent  []time.Time // of the last hour, oldest first
	quiet time.Time   // GitHub asked for silence until then
	// tight halves the minute as often as GitHub has asked for silence lately;
	// until loose.
	tight int
	loose time.Time
	// left is what GitHub itself says is left of its hour, which reads use
	// too; it counts until reset.
	left  int
	reset time.Time
}

const (
	// looseAfter is how long after a limit of GitHub's the minute is narrower.
	looseAfter = 10 * time.Minute
	maxTight   = 3
	// leftUnit is how much of GitHub's own hour each percent that a rank keeps
	// free stands for: of 5,000 requests a tenth is left for reads.
	leftUnit = 10
)

// NewBudget makes a budget of which nothing is spent.
func NewBudget(l Limits) *Budget {
	if l.Minute <= 0 {
		l.Minute = 80
	}
	if l.Hour <= 0 {
		l.Hour = 500
	}
	return &Budget{limits: l, all: map[int64]*ledger{}}
}

// of is the ledger of an installation. mu is held.
func (b *Budget) of(installation int64) *ledger {
	l := b.all[installation]
	if l == nil {
		l = &ledger{}
		b.all[installation] = l
	}
	return l
}

// Spend counts n writes at the time at. Reads do not count.
func (b *Budget) Spend(installation int64, at time.Time, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.of(installation)
	l.forget(at)
	l.add(at, n)
}

// settle counts made writes at now in place of n that were counted at the time
// at: GitHub may have had them as late as that.
func (b *Budget) settle(installation int64, at time.Time, n int, now time.Time, made int) {
	b.mu.Lock()
	l := b.of(installation)
	l.sent = slices.DeleteFunc(l.sent, func(t time.Time) bool {
		gone := n > 0 && t.Equal(at)
		if gone {
			n--
		}
		return gone
	})
	b.mu.Unlock()
	b.Spend(installation, now, made)
}

// Silence has nothing written until then, as GitHub asked, and less a minute
// for a while after that.
func (b *Budget) Silence(installation int64, until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.of(installation)
	// What was under way when GitHub first asked is told the same.
	if until.After(l.quiet.Add(time.Second)) {
		l.tight = min(l.tight+1, maxTight)
		l.quiet = until
	}
	l.loose = until.Add(looseAfter)
}

// Left takes what GitHub said is left of its own hour.
func (b *Budget) Left(installation int64, left int, reset time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.of(installation)
	l.left, l.reset = left, reset
}

// next is when a write of that rank may be sent: now, or later.
func (b *Budget) next(installation int64, r rank, now time.Time) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.due(b.of(installation), r, 1, now)
}

// reserve is as next for n writes that are sent together, and counts them when
// they may be sent now.
func (b *Budget) reserve(installation int64, r rank, n int, now time.Time) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.of(installation)
	at := b.due(l, r, n, now)
	if !at.After(now) {
		l.add(now, n)
	}
	return at
}

// due is when n writes of that rank may be sent. mu is held.
func (b *Budget) due(l *ledger, r rank, n int, now time.Time) time.Time {
	l.forget(now)
	at := l.when(b.limits, r, n, now)
	if l.quiet.After(at) {
		at = l.quiet
	}
	if l.reset.After(at) && l.left <= leftUnit*ranks[r].hour {
		at = l.reset
	}
	return at
}

// room is how many more writes of that rank the hour has.
func (b *Budget) room(installation int64, r rank, now time.Time) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.of(installation)
	l.forget(now)
	return less(b.limits.Hour, ranks[r].hour) - len(l.sent)
}

// ahead is when the last of n more writes of that rank will have been sent, if
// nothing else is.
func (b *Budget) ahead(installation int64, r rank, n int, now time.Time) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := *b.of(installation)
	l.sent = slices.Clone(l.sent)
	at := now
	if l.quiet.After(at) {
		at = l.quiet
	}
	for range min(n, maxAhead) {
		l.forget(at)
		at = l.when(b.limits, r, 1, at)
		l.sent = append(l.sent, at)
	}
	return at
}

// maxAhead bounds how far ahead is looked.
const maxAhead = 20_000

// when is the first time from at on that both windows have room for n writes of
// the rank, or are empty.
func (l *ledger) when(limits Limits, r rank, n int, at time.Time) time.Time {
	minute := limits.Minute
	if at.Before(l.loose) {
		minute >>= l.tight
	} else {
		l.tight = 0
	}
	for _, w := range []struct {
		most  int
		width time.Duration
	}{{less(minute, ranks[r].minute), time.Minute}, {less(limits.Hour, ranks[r].hour), time.Hour}} {
		if k := len(l.sent) + min(n, w.most) - 1 - w.most; k >= 0 {
			if free := l.sent[k].Add(w.width); free.After(at) {
				at = free
			}
		}
	}
	return at
}

// less is n without so many percent, and at least one.
func less(n, percent int) int { return max(1, n-n*percent/100) }

// add counts n writes at the time at.
func (l *ledger) add(at time.Time, n int) {
	for range n {
		l.sent = append(l.sent, at)
	}
	if k := len(l.sent) - n; k > 0 && n > 0 && l.sent[k-1].After(at) {
		slices.SortFunc(l.sent, time.Time.Compare)
	}
}

// forget drops what is older than an hour.
func (l *ledger) forget(now time.Time) {
	k := 0
	for k < len(l.sent) && !l.sent[k].Add(time.Hour).After(now) {
		k++
	}
	if k > 0 {
		l.sent = slices.Delete(l.sent, 0, k)
	}
}

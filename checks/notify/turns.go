package notify

import (
	"context"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/report"
)

// notice is a run of which places are to be told.
type notice struct {
	places []*unit
	// over: it has ended, and nothing of it need be remembered between rows.
	over bool
}

// unit is one place of a run. While it is told nothing else goes on in its
// lane.
type unit struct {
	place, lane string
	repo        int64
	rev         uint64 // the newest revision that it was told of
	due         time.Time
	early       uint64                      // the revision that is kept back until due; a newer one is looked at: it may be the end
	backoff     *backoff.ExponentialBackOff // nil before the first failure
	memory
}

// memory is what one attempt has the next know.
type memory struct {
	// sure: this process knows what became of the message that was sent last.
	sure bool
	// changed is when the message last changed while the run went on.
	changed time.Time
}

// lane is what must not be called too often: a channel, a webhook, or one
// pull request's comments.
type lane struct {
	flight  bool
	due     time.Time
	backoff *backoff.ExponentialBackOff // nil while it answers
}

// told is the end of one attempt.
type told struct {
	unit *unit
	row  checks.NoticeRow
	memory
	err error
	// called: the place was asked for something, so its lane rests.
	called bool
	// early: the run goes on, and its message changed just now.
	early time.Duration
	// over: the run has ended.
	over bool
	// muted: GitHub does not take comments in the repository.
	muted bool
}

// dispatch begins what is due and returns how long the loop may sleep.
func (n *Notifier) dispatch(ctx context.Context) time.Duration {
	next := time.Hour
	if n.busy >= n.o.Workers || ctx.Err() != nil {
		return next
	}
	if left := time.Until(n.again); left > 0 {
		return left
	}
	rows, err := n.o.Store.Notices(batch + len(n.known))
	if err != nil {
		return n.stumbled(err, "cannot read the notices; trying again")
	}
	for _, row := range rows {
		k := n.known[row.Run]
		if k == nil {
			if k, err = n.learn(row.Run); err != nil {
				return n.stumbled(err, "cannot read a run that people are told of; trying again")
			}
			n.known[row.Run] = k
		}
		done := true
		for _, u := range k.places {
			if u.rev >= row.Rev {
				continue
			}
			done = false
			if n.busy >= n.o.Workers {
				return next // the end of one brings the loop here again
			}
			next = min(next, n.begin(ctx, row, u))
		}
		if done {
			if err := n.o.Store.NoticeDone(ctx, row.Run, row.Rev); err != nil {
				return n.stumbled(err, "cannot end a notice; trying again")
			}
			if k.over || len(k.places) == 0 {
				delete(n.known, row.Run)
			}
		}
	}
	return next
}

// begin tells a place, or returns when it is to be told.
func (n *Notifier) begin(ctx context.Context, row checks.NoticeRow, u *unit) time.Duration {
	l := n.lanes[u.lane]
	if l == nil {
		l = &lane{}
		n.lanes[u.lane] = l
	}
	if l.flight {
		return time.Hour // likewise
	}
	if u.early != 0 && u.early != row.Rev {
		u.due, u.early = time.Time{}, 0
	}
	if left := max(time.Until(u.due), time.Until(l.due)); left > 0 {
		return left
	}
	l.flight = true
	n.busy++
	m, muted := u.memory, time.Now().Before(n.muted[u.repo])
	go func() {
		bound, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		t := told{unit: u, row: row, memory: m}
		if u.place == placeComment {
			n.comment(bound, &t, muted)
		} else {
			n.slack(bound, &t)
		}
		n.ends <- t
	}()
	return time.Hour
}

func (n *Notifier) stumbled(err error, what string) time.Duration {
	n.o.Log.Error().Err(err).Msg(what)
	n.again = time.Now().Add(time.Second)
	return time.Second
}

// learn finds out which places are to be told of a run.
func (n *Notifier) learn(id string) (*notice, error) {
	k := &notice{}
	run, err := n.o.Store.Run(id)
	switch {
	case checks.KindOf(err) == checks.KindNotFound:
		return k, nil // there is nothing to tell of it
	case checks.KindOf(err) == checks.KindDamaged:
		n.unreadable(id, err)
		return k, nil
	case err != nil:
		return nil, err
	case run.Notify == nil:
		return k, nil
	}
	seen := map[string]bool{}
	for i := range run.Notify.Slack {
		if p := run.Notify.Slack[i].Place(); n.o.Slack != nil && !seen[p] {
			seen[p] = true
			k.places = append(k.places, &unit{place: p, lane: p})
		}
	}
	if pr := run.PullRequest; run.Notify.Comments() && pr != nil {
		lane := fmt.Sprintf("%s %d %d", placeComment, run.Repo.ID, pr.Number)
		k.places = append(k.places, &unit{place: placeComment, lane: lane, repo: run.Repo.ID})
	}
	return k, nil
}

// unreadable gives up to tell people of a run of which the store has lost what
// there is to tell, or what they know: the others go on.
func (n *Notifier) unreadable(run string, err error) {
	n.o.Log.Error().Err(err).Str("run", run).Msg("people cannot be told of this run: its record is damaged; given up")
}

// ended takes the end of an attempt: done, or tried again later.
func (n *Notifier) ended(t told) {
	u, l := t.unit, n.lanes[t.unit.lane]
	n.busy--
	if k := n.known[t.row.Run]; k != nil {
		k.over = k.over || t.over
	}
	l.flight, u.memory = false, t.memory
	if t.called {
		l.due = time.Now().Add(n.o.Gap)
	}
	if t.muted {
		n.muted[u.repo] = time.Now().Add(mute)
	}
	switch {
	case t.early > 0:
		u.due, u.early = time.Now().Add(t.early), t.row.Rev
	case t.err != nil:
		u.early = 0
		n.failed(t, l)
	default:
		u.rev, u.due, u.early, u.backoff, l.backoff = t.row.Rev, time.Time{}, 0, nil, nil
		n.sweep()
	}
}

// failed has the place tried again: its lane when it may answer, and this run
// not before others that wait there, so that none blocks it.
func (n *Notifier) failed(t told, l *lane) {
	u := t.unit
	if u.backoff == nil {
		u.backoff = report.NewBackoff()
	}
	if l.backoff == nil {
		l.backoff = report.NewBackoff()
	}
	gap := report.Pause(l.backoff, t.err)
	l.due = time.Now().Add(gap)
	u.due = time.Now().Add(report.Pause(u.backoff, t.err))
	n.o.Log.Warn().Err(t.err).Str("run", t.row.Run).Str("place", u.place).Dur("again_in", gap).Msg("cannot tell people of a run yet")
}

// sweep forgets lanes that mean nothing any more, once they are many.
func (n *Notifier) sweep() {
	if len(n.lanes) < 1000 {
		return
	}
	now := time.Now()
	for name, l := range n.lanes {
		if !l.flight && l.backoff == nil && l.due.Before(now) {
			delete(n.lanes, name)
		}
	}
}

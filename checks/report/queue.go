package report

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dudesons/loktar/checks"
)

// entry is a row of the outbox with what decides when it is sent.
type entry struct {
	row          checks.OutboxRow
	installation int64
	rank         rank
	packages     int       // of the run
	more         int       // writes that it takes beside one
	at           time.Time // when they were counted
	gone         bool      // GitHub has it
}

func (e *entry) aggregate() bool { return e.row.Key.Name == checks.AggregateName }

// line is what waits for one installation, what matters most first and of
// equals the oldest.
type line struct {
	queue []*entry
	busy  int       // how many are under way
	rest  time.Time // nothing is sent before
}

// restFactor times the time that reading the outbox takes is how long it is
// not read again: with a long one the reporter would do nothing else.
const restFactor = 10

// read brings the lines up to date with the outbox. What did not change is not
// weighed again.
func (r *Reporter) read() error {
	began := time.Now()
	rows, err := r.o.Store.Outbox(1 << 30)
	if err != nil {
		return err
	}
	known, runs := make(map[checks.CheckKey]*entry, len(rows)), map[string]checks.Run{}
	for _, l := range r.lines {
		l.queue = l.queue[:0]
	}
	for _, row := range rows {
		e := r.known[row.Key]
		switch {
		case e == nil || e.gone || e.row.Rev != row.Rev:
			e = r.weigh(row, runs)
		default:
			e.row = row
		}
		known[row.Key] = e
		l := r.lines[e.installation]
		if l == nil {
			l = &line{}
			r.lines[e.installation] = l
		}
		l.queue = append(l.queue, e)
	}
	for id, l := range r.lines {
		slices.SortStableFunc(l.queue, func(a, b *entry) int { return int(a.rank - b.rank) })
		if len(l.queue) == 0 && l.busy == 0 {
			delete(r.lines, id)
		}
	}
	// What changed while it was sent is among the rows now.
	maps.DeleteFunc(r.said, func(key checks.CheckKey, _ uint64) bool { return known[key] == nil })
	if len(r.newer) > maxNewer {
		present := make(map[string]bool, len(runs))
		for key := range known {
			present[key.Run] = true
		}
		maps.DeleteFunc(r.newer, func(run string, _ []newerRun) bool { return !present[run] })
	}
	now := time.Now()
	r.known, r.stale, r.readAt, r.readTook = known, false, now, now.Sub(began)
	return nil
}

// weigh finds out what a row is about. A row of which nothing can be read
// comes first: sending it says what is wrong.
func (r *Reporter) weigh(row checks.OutboxRow, runs map[string]checks.Run) *entry {
	e := &entry{row: row}
	run, ok := runs[row.Key.Run]
	if !ok {
		var err error
		if run, err = r.o.Store.Run(row.Key.Run); err != nil {
			return e
		}
		runs[run.ID] = run
		r.relate(&run)
	}
	e.installation, e.packages = run.Installation, len(run.Packages)
	if e.aggregate() {
		e.rank = rankOfRun(run, row.CheckRunID != 0)
		return e
	}
	if job, err := r.o.Store.Job(checks.JobID{Run: run.ID, Package: row.Key.Name}); err == nil {
		e.rank = rankOf(job)
		if f := job.Result.Findings; f != nil && job.State == checks.StateDone {
			e.more = further(shown(f, e.packages))
		}
	}
	return e
}

// serve sends what is due of a line and returns how long until more is.
func (r *Reporter) serve(installation int64, l *line, send func(e *entry, over bool)) time.Duration {
	next, now := time.Hour, time.Now()
	if left := l.rest.Sub(now); left > 0 {
		return left
	}
	for _, e := range l.queue {
		key := e.row.Key
		if e.gone || r.flight[key] {
			continue
		}
		if l.busy >= r.o.Workers || len(r.flight) >= maxFlight {
			return next
		}
		if w := r.waits[key]; w != nil && w.due.After(now) {
			next = min(next, w.due.Sub(now))
			continue
		}
		waits, over := r.overtaken(key)
		if waits {
			continue // the end of the other's delivery has the outbox read again
		}
		if left := r.hush(e, now); left > 0 {
			next = min(next, left)
			continue
		}
		if at := r.budget.next(installation, e.rank, now); at.After(now) {
			return min(next, at.Sub(now))
		}
		if e.rank >= rankRunning && !r.affords(e, l, now) {
			next = min(next, time.Minute)
			continue
		}
		if at := r.budget.reserve(installation, e.rank, 1+e.more, now); at.After(now) {
			return min(next, at.Sub(now))
		}
		e.at, r.flight[key] = now, true
		l.busy++
		send(e, over)
	}
	return next
}

// hush is how long an aggregate that goes on stays silent. Each job changes it
// twice and GitHub counts writes, so that a run tells of its progress less
// often the longer it takes: in an hour some sixty times.
func (r *Reporter) hush(e *entry, now time.Time) time.Duration {
	t, ok := r.told[e.row.Key.Run]
	if !ok || e.rank != rankProgress {
		return 0
	}
	return t.last.Add(max(progressGap, t.last.Sub(t.first)/10)).Sub(now)
}

// affords reports whether a check may be written that will be written again.
// A run that fits a minute's budget is shown whole. In a larger one no package
// is shown while it waits, so that it costs two writes; and one, at its end,
// when the hour has not enough for the ends of all that is open.
func (r *Reporter) affords(e *entry, l *line, now time.Time) bool {
	if e.rank == rankQueued && 3*e.packages > r.budget.limits.Minute {
		return false
	}
	return r.budget.room(e.installation, rankEnd, now) > len(l.queue)+len(r.open[e.installation])
}

// slow is how many checks of a run come late because of the budget, and when
// the last of them will be there; none where that is soon.
type slow struct {
	checks int
	hour   int // what GitHub takes
	until  time.Time
}

// slowness is that of e's run, an aggregate.
func (r *Reporter) slowness(e *entry, l *line, now time.Time) (s slow) {
	ends := 0
	for _, other := range l.queue {
		if !other.gone && !r.flight[other.row.Key] && !other.aggregate() && other.rank <= rankEnd {
			ends++
			if other.row.Key.Run == e.row.Key.Run {
				s.checks++
			}
		}
	}
	if s.checks == 0 {
		return slow{}
	}
	s.hour, s.until = r.budget.limits.Hour, r.budget.ahead(e.installation, rankEnd, ends, now)
	if s.until.Sub(now) < slowAfter {
		return slow{}
	}
	return s
}

// slowAfter is how late checks may come before the aggregate speaks of it.
const slowAfter = 2 * time.Minute

// String is what the aggregate says of it, as Markdown; empty for none.
func (s slow) String() string {
	if s.checks == 0 {
		return ""
	}
	which := "checks of packages that have ended come"
	if s.checks == 1 {
		which = "check of a package that has ended comes"
	}
	return fmt.Sprintf("> ⏱️ %d %s late: GitHub takes %d writes an hour of Loktar. They will be there at about %s. This check tells of them already.\n\n",
		s.checks, which, s.hour, s.until.UTC().Format("Jan 2, 15:04 MST"))
}

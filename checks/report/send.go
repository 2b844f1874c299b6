package report

import (
	"context"
	"fmt"
	"time"

	"github.com/dudesons/loktar/checks"
)

// requestTimeout bounds the delivery of one row.
const requestTimeout = 2 * time.Minute

// send delivers one row. look asks GitHub first whether the check run is
// there already; crowded leaves out writes that tell of progress only; rest is
// how long an aggregate has to wait before it may tell of progress.
func (r *Reporter) send(ctx context.Context, row checks.OutboxRow, look, crowded bool, rest time.Duration) sent {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	s := sent{row: row}
	if rest > 0 {
		if run, err := r.o.Store.Run(row.Key.Run); err == nil && !run.Done() {
			s.early = rest
			return s
		}
	}
	cr, err := r.render(row.Key)
	if err != nil {
		s.err = err
		return s
	}
	s.progress = cr.Status != checks.StatusCompleted
	id := row.CheckRunID
	if look {
		if id, s.err = r.o.Sink.Find(ctx, cr); s.err != nil {
			s.doubt = true
			return s
		}
	}
	if id != 0 && crowded && cr.Status == checks.StatusInProgress && row.Key.Name != checks.AggregateName {
		s.err = r.o.Store.Delivered(ctx, row.Key, row.Rev, id)
		return s
	}
	created := id == 0
	if id, s.err = r.o.Sink.Put(ctx, cr, id); s.err != nil {
		s.doubt = created
		return s
	}
	if s.err = r.o.Store.Delivered(ctx, row.Key, row.Rev, id); s.err != nil {
		s.doubt = created
	}
	return s
}

func (r *Reporter) render(key checks.CheckKey) (checks.CheckRun, error) {
	run, err := r.o.Store.Run(key.Run)
	if err != nil {
		return checks.CheckRun{}, fmt.Errorf("read run: %w", err)
	}
	if key.Name == checks.AggregateName {
		jobs, err := r.o.Store.Jobs(key.Run)
		if err != nil {
			return checks.CheckRun{}, fmt.Errorf("read jobs: %w", err)
		}
		return Aggregate(run, jobs, r.o.BaseURL), nil
	}
	job, err := r.o.Store.Job(checks.JobID{Run: key.Run, Package: key.Name})
	if err != nil {
		return checks.CheckRun{}, fmt.Errorf("read job: %w", err)
	}
	return Package(run, job, r.o.BaseURL), nil
}

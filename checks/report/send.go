package report

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/markdown"
)

// requestTimeout bounds the delivery of one row.
const requestTimeout = 2 * time.Minute

// delivery is a row that is to be sent.
type delivery struct {
	row          checks.OutboxRow
	installation int64
	// look asks GitHub first whether the check run is there already.
	look bool
	// over: a newer run has a check of this name, which one created now would
	// hide.
	over bool
	slow slow
	said uint64 // a hash of what GitHub was told last; 0 is not known
}

// send delivers one row.
func (r *Reporter) send(ctx context.Context, d delivery) (s sent) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	cr, err := r.render(d.row.Key)
	if err != nil {
		s.err, s.unsent = err, true
		return s
	}
	if note := d.slow.String(); note != "" {
		cr.Summary = note + clip(cr.Summary, markdown.MaxText-utf8.RuneCountInString(note))
	}
	// A row that came while the one before it was sent may say the same.
	s.said = hash(cr)
	s.progress, s.id = cr.Status != checks.StatusCompleted, d.row.CheckRunID
	if d.look {
		if s.id, s.err = r.o.Sink.Find(ctx, cr); s.err != nil {
			s.doubt, s.unsent = true, true
			return s
		}
	}
	if s.id != 0 && s.said == d.said {
		s.unsent, s.err = true, r.o.Store.Delivered(ctx, d.row.Key, d.row.Rev, s.id)
		return s
	}
	created := s.id == 0
	if created && d.over {
		s.unsent, s.err = true, r.o.Store.Delivered(ctx, d.row.Key, d.row.Rev, 0)
		return s
	}
	s.more = further(cr.Annotations)
	var wrote sync.WaitGroup
	wrote.Go(func() {
		if err := r.o.Store.Wrote(ctx, d.installation, 1+s.more); err != nil {
			r.o.Log.Warn().Err(err).Msg("cannot note that GitHub is written to")
		}
	})
	s.id, s.err = r.o.Sink.Put(ctx, cr, s.id)
	wrote.Wait()
	if s.err == nil {
		s.err = r.o.Store.Delivered(ctx, d.row.Key, d.row.Rev, s.id)
	}
	s.doubt = created && s.err != nil
	return s
}

var seed = maphash.MakeSeed()

// hash tells check runs apart.
func hash(cr checks.CheckRun) uint64 {
	text, err := json.Marshal(cr)
	if err != nil {
		return 0 // it has no value that JSON does not have
	}
	return maphash.Bytes(seed, text)
}

// annotationBatch is how many annotations GitHub takes in one write.
const annotationBatch = 50

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

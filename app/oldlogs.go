package app

import (
	"context"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store"
	"github.com/dudesons/loktar/store/logs"
)

// oldLogs compresses the logs of runs that are done, and removes them when
// their time is over. A run that is done gets no more attempts: its re-run is
// another run.
type oldLogs struct {
	keeper logs.Keeper
	days   int
	every  time.Duration // how often is looked for runs that are done since
	store  *store.Store
	log    zerolog.Logger

	mu    sync.Mutex
	waits map[string]struct{} // runs of which a job ended
}

// ended notes that a job of run ended.
func (o *oldLogs) ended(run string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.waits == nil {
		o.waits = make(map[string]struct{})
	}
	o.waits[run] = struct{}{}
}

// run does its work until ctx is done, one log after another.
func (o *oldLogs) run(ctx context.Context) {
	tick := time.NewTicker(o.every)
	defer tick.Stop()
	for sweep := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			o.pack(ctx)
			if now.After(sweep) {
				o.sweep(ctx)
				sweep = now.AddDate(0, 0, 1)
			}
		}
	}
}

// pack compresses the logs of the runs that are done since the last time.
func (o *oldLogs) pack(ctx context.Context) {
	o.mu.Lock()
	var runs []string
	for run := range o.waits {
		runs = append(runs, run)
	}
	o.mu.Unlock()
	for _, run := range runs {
		_, done, err := o.finished(run)
		if err == nil && !done {
			continue
		}
		if err == nil {
			err = o.keeper.Pack(ctx, run)
		}
		if err != nil && ctx.Err() == nil {
			o.log.Warn().Err(err).Str("run", run).Msg("cannot compress logs; they stay as they are until tomorrow")
		}
		o.mu.Lock()
		delete(o.waits, run)
		o.mu.Unlock()
	}
}

// sweep removes old logs, and compresses what an earlier process left.
func (o *oldLogs) sweep(ctx context.Context) {
	done, err := o.keeper.Sweep(ctx, time.Now().AddDate(0, 0, -o.days), o.finished)
	if err != nil && ctx.Err() == nil {
		o.log.Warn().Err(err).Msg("cannot compress or remove all logs; the next turn is tomorrow")
	}
	if done.Removed > 0 {
		o.log.Info().Int("runs", done.Removed).Msg("removed logs that are kept no longer")
	}
}

// finished is a logs.Finished.
func (o *oldLogs) finished(run string) (time.Time, bool, error) {
	r, err := o.store.Run(run)
	if checks.KindOf(err) == checks.KindNotFound {
		return time.Time{}, false, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return r.Finished, r.Done(), err
}

package report

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
)

// AuditStore is what an Auditor compares GitHub with. Its methods are safe for
// concurrent use.
type AuditStore interface {
	Outbox(limit int) ([]checks.OutboxRow, error)
	Run(id string) (checks.Run, error)
	Jobs(run string) ([]checks.Job, error)
	// Recent lists the newest limit runs.
	Recent(limit int) ([]checks.Run, error)
	// Commit makes check runs dirty.
	Commit(ctx context.Context, c checks.Commit) error
}

// AuditSink is where check runs show; its errors are those of a Sink.
type AuditSink interface {
	Put(ctx context.Context, cr checks.CheckRun, id int64) (int64, error)
	// Shown lists our check runs of a commit, whoever of us created them.
	Shown(ctx context.Context, installation int64, repo checks.Repo, sha string) ([]checks.ShownCheck, error)
}

// AuditOptions are what an Auditor is made of. Store and Sink are required.
type AuditOptions struct {
	Store   AuditStore
	Sink    AuditSink
	BaseURL string
	// Budget is what the writes are counted in, and wait for, that mend what is
	// there twice; nil counts nothing.
	Budget *Budget
	// Wake is called when check runs were made dirty.
	Wake func()
	// Pace is the least time between two runs that are looked at; 0 means two
	// seconds.
	Pace time.Duration
	Log  zerolog.Logger
}

// Auditor compares what GitHub shows with the store: for the runs that an
// earlier process may have left half told, and for those of which a write
// failed. What is missing there, has no end or has another one is told again.
// It looks at a run once all of it is done and told. Make it with NewAuditor.
type Auditor struct {
	o        AuditOptions
	suspects chan string
}

const (
	// maxRecent and recentFor bound which runs are looked at at the start.
	maxRecent = 200
	recentFor = 24 * time.Hour
	// maxSuspects bounds how many runs wait to be looked at.
	maxSuspects = 1000
	// maxLooks is how often the look at one run is tried.
	maxLooks = 20
)

// NewAuditor makes an auditor; Run starts it.
func NewAuditor(o AuditOptions) *Auditor {
	if o.Pace == 0 {
		o.Pace = 2 * time.Second
	}
	if o.Wake == nil {
		o.Wake = func() {}
	}
	return &Auditor{o: o, suspects: make(chan string, maxSuspects)}
}

// Suspect has a run looked at once it is done. It never blocks: when very many
// are waiting, the next start looks. Safe to call concurrently.
func (a *Auditor) Suspect(run string) {
	select {
	case a.suspects <- run:
	default:
	}
}

// Run looks at runs until ctx is done. Call it once.
func (a *Auditor) Run(ctx context.Context) {
	open := map[string]int{} // runs to look at, and how often that failed
	recent, err := a.o.Store.Recent(maxRecent)
	if err != nil {
		a.o.Log.Error().Err(err).Msg("cannot read recent runs")
	}
	for _, run := range recent {
		if !run.Done() || time.Since(run.Finished) < recentFor {
			open[run.ID] = 0
		}
	}
	tick := time.NewTicker(a.o.Pace)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case run := <-a.suspects:
			if len(open) < maxSuspects {
				open[run] = 0
			}
		case <-tick.C:
			a.next(ctx, open)
		}
	}
}

// next looks at one run that is ready.
func (a *Auditor) next(ctx context.Context, open map[string]int) {
	if len(open) == 0 {
		return
	}
	rows, err := a.o.Store.Outbox(1 << 30)
	if err != nil {
		return // the reporter tells of it
	}
	untold := map[string]bool{}
	for _, row := range rows {
		untold[row.Key.Run] = true
	}
	for id := range open {
		if untold[id] {
			continue
		}
		run, err := a.o.Store.Run(id)
		if err == nil && !run.Done() {
			continue
		}
		if err == nil {
			err = a.look(ctx, run)
		}
		kind := checks.KindOf(err)
		if open[id]++; err == nil || open[id] >= maxLooks || kind == checks.KindNotFound || kind == checks.KindRefused || kind == checks.KindDamaged {
			delete(open, id)
		}
		if err != nil && ctx.Err() == nil {
			a.o.Log.Warn().Err(err).Str("run", id).Msg("cannot compare a run with what GitHub shows")
		}
		return
	}
}

// look compares one run that is done and told.
func (a *Auditor) look(ctx context.Context, run checks.Run) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	jobs, err := a.o.Store.Jobs(run.ID)
	if err != nil {
		return fmt.Errorf("read jobs: %w", err)
	}
	list, err := a.o.Sink.Shown(ctx, run.Installation, run.Repo, run.HeadSHA)
	if err != nil {
		return err
	}
	shown := map[string][]checks.ShownCheck{}
	for _, s := range list {
		shown[s.ExternalID] = append(shown[s.ExternalID], s)
	}
	want := []checks.CheckRun{Aggregate(run, jobs, a.o.BaseURL)}
	for _, j := range jobs {
		if j.CarriedFrom == "" {
			want = append(want, Package(run, j, a.o.BaseURL))
		}
	}
	var dirty []checks.CheckKey
	for _, cr := range want {
		there := shown[cr.Key.String()]
		if len(there) == 0 && a.overtaken(run, cr.Key.Name, list) {
			continue
		}
		if !right(there, cr) {
			dirty = append(dirty, cr.Key)
			continue
		}
		for _, s := range there {
			if same(s, cr) {
				continue
			}
			// A create whose answer was lost, and that showed too late to be found.
			writes := 1 + further(cr.Annotations)
			w, err := a.o.Budget.take(ctx, run.Installation, rankEnd, writes, time.Minute)
			if err != nil {
				return err
			}
			_, err = a.o.Sink.Put(ctx, cr, s.ID)
			w.Done(writes, err)
			if err != nil {
				return err
			}
			a.o.Log.Warn().Str("run", run.ID).Str("check", cr.Key.Name).Int64("check_run", s.ID).Msg("GitHub had a check twice; both say the same now")
		}
	}
	if len(dirty) == 0 {
		return nil
	}
	a.o.Log.Warn().Str("run", run.ID).Int("checks", len(dirty)).Msg("GitHub does not show what it was told; it is told again")
	if err := a.o.Store.Commit(ctx, checks.Commit{Dirty: dirty}); err != nil {
		return err
	}
	a.o.Wake()
	return nil
}

// overtaken reports whether a newer run's check of that name is among shown:
// the reporter creates none then that would hide it.
func (a *Auditor) overtaken(run checks.Run, name string, shown []checks.ShownCheck) bool {
	for _, s := range shown {
		id, of, _ := strings.Cut(s.ExternalID, "/")
		if of != name || id == run.ID {
			continue
		}
		if other, err := a.o.Store.Run(id); err == nil && other.Seq > run.Seq && other.Target() == run.Target() {
			return true
		}
	}
	return false
}

// right reports whether one of those that GitHub shows is as it should be.
func right(there []checks.ShownCheck, cr checks.CheckRun) bool {
	for _, s := range there {
		if same(s, cr) {
			return true
		}
	}
	return false
}

func same(s checks.ShownCheck, cr checks.CheckRun) bool {
	return s.Status == cr.Status && s.Conclusion == cr.Conclusion
}

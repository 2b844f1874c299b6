package report_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/report"
)

// plant is a store in memory of runs whose jobs begin and end by a clock: a
// real file would not stand still in a bubble.
type plant struct {
	mu    sync.Mutex
	runs  map[string]*checks.Run
	jobs  map[checks.JobID]*checks.Job
	of    map[string][]*checks.Job
	rows  map[checks.CheckKey]*checks.OutboxRow
	order []checks.CheckKey
	rev   uint64
	ids   map[checks.CheckKey]int64
	wrote []checks.Written
	seq   uint64 // of the next run
	wake  func()
}

func newPlant() *plant {
	return &plant{runs: map[string]*checks.Run{}, jobs: map[checks.JobID]*checks.Job{}, of: map[string][]*checks.Job{},
		rows: map[checks.CheckKey]*checks.OutboxRow{}, ids: map[checks.CheckKey]int64{}, wake: func() {}}
}

// dirty is called with mu held.
func (p *plant) dirty(run, name string) {
	p.rev++
	key := checks.CheckKey{Run: run, Name: name}
	if row := p.rows[key]; row != nil {
		row.Rev = p.rev
		return
	}
	p.rows[key] = &checks.OutboxRow{Key: key, Rev: p.rev, CheckRunID: p.ids[key]}
	p.order = append(p.order, key)
}

// add makes a run of n packages.
func (p *plant) add(id string, installation int64, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	run := &checks.Run{ID: id, Installation: installation, Created: time.Now(), HeadSHA: "abc", Seq: p.seq}
	p.runs[id] = run
	for i := range n {
		j := &checks.Job{Run: id, Package: checks.Package{Name: fmt.Sprintf("p%04d", i)}, State: checks.StateQueued, Required: i%10 == 3}
		run.Packages = append(run.Packages, j.Package.Name)
		p.jobs[j.ID()] = j
		p.of[id] = append(p.of[id], j)
		p.dirty(id, j.Package.Name)
	}
	p.dirty(id, checks.AggregateName)
	p.wake()
}

func (p *plant) change(id string, i int, do func(*checks.Job)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	j := p.of[id][i]
	do(j)
	p.dirty(id, j.Package.Name)
	p.dirty(id, checks.AggregateName)
	p.wake()
}

// end ends the job in the place i. Every 50th is red. mu is held.
func (p *plant) end(i int, j *checks.Job) {
	j.State, j.Finished, j.Result = checks.StateDone, time.Now(), checks.Result{Outcome: checks.OutcomePassed}
	if i%50 == 7 {
		j.Result.Outcome = checks.OutcomeFailed
	}
}

// work runs all jobs of a run, slots at once, each for took.
func (p *plant) work(id string, slots int, took time.Duration) {
	n := len(p.of[id])
	var wg sync.WaitGroup
	turn := make(chan int)
	for range slots {
		wg.Go(func() {
			for i := range turn {
				p.change(id, i, func(j *checks.Job) { j.State, j.Started = checks.StateRunning, time.Now() })
				time.Sleep(took)
				p.change(id, i, func(j *checks.Job) { p.end(i, j) })
			}
		})
	}
	for i := range n {
		turn <- i
	}
	close(turn)
	wg.Wait()
	p.endAtOnce(id)
}

// endAtOnce ends a run, with all that is left of its jobs.
func (p *plant) endAtOnce(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, j := range p.of[id] {
		if j.State != checks.StateDone {
			p.end(i, j)
			p.dirty(id, j.Package.Name)
		}
	}
	p.runs[id].Finished = time.Now()
	p.dirty(id, checks.AggregateName)
	p.wake()
}

func (p *plant) Outbox(limit int) (out []checks.OutboxRow, _ error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := p.order[:0]
	for _, key := range p.order {
		if row := p.rows[key]; row != nil {
			kept = append(kept, key)
			if len(out) < limit {
				out = append(out, *row)
			}
		}
	}
	p.order = kept
	return out, nil
}

func (p *plant) Delivered(_ context.Context, key checks.CheckKey, rev uint64, id int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ids[key] = id
	if row := p.rows[key]; row != nil {
		if row.CheckRunID = id; row.Rev == rev {
			delete(p.rows, key)
		}
	}
	return nil
}

func (p *plant) Discard(_ context.Context, key checks.CheckKey, rev uint64, _ string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if row := p.rows[key]; row != nil && row.Rev == rev {
		delete(p.rows, key)
	}
	return nil
}

func (p *plant) CheckRunID(key checks.CheckKey) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ids[key], nil
}

func (p *plant) RunsOf(int64, string) (out []checks.Run, _ error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, run := range p.runs {
		out = append(out, *run)
	}
	slices.SortFunc(out, func(a, b checks.Run) int { return cmp.Compare(b.Seq, a.Seq) })
	return slices.DeleteFunc(out, func(r checks.Run) bool { return r.Seq == 0 }), nil
}

func (p *plant) Run(id string) (checks.Run, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return *p.runs[id], nil
}

func (p *plant) Jobs(id string) (out []checks.Job, _ error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, j := range p.of[id] {
		out = append(out, *j)
	}
	return out, nil
}

func (p *plant) Job(id checks.JobID) (checks.Job, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return *p.jobs[id], nil
}

func (p *plant) Wrote(_ context.Context, installation int64, n int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrote = append(p.wrote, checks.Written{Installation: installation, At: time.Now(), Writes: n})
	return nil
}

func (p *plant) Written(since time.Time) (out []checks.Written, _ error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.wrote {
		if w.At.After(since) {
			out = append(out, w)
		}
	}
	return out, nil
}

// written is one write that GitHub took, and when.
type written struct {
	checks.CheckRun
	at    time.Time
	fresh bool
}

// clerk is a GitHub without latency that writes down what it is told.
type clerk struct {
	mu  sync.Mutex
	all []written
	ids map[checks.CheckKey]int64
}

func (c *clerk) Put(_ context.Context, cr checks.CheckRun, id int64) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fresh := id == 0
	if fresh {
		if c.ids == nil {
			c.ids = map[checks.CheckKey]int64{}
		}
		id = int64(len(c.ids) + 1)
		c.ids[cr.Key] = id
	}
	c.all = append(c.all, written{cr, time.Now(), fresh})
	return id, nil
}

func (c *clerk) Find(_ context.Context, cr checks.CheckRun) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ids[cr.Key], nil
}

// of are the writes of a run's aggregate, or of its packages.
func (c *clerk) of(run string, aggregate bool) (out []written) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.all {
		if w.Key.Run == run && (w.Key.Name == checks.AggregateName) == aggregate {
			out = append(out, w)
		}
	}
	return out
}

// most is how many writes fell into any window of that width.
func most(all []written, width time.Duration) (n int) {
	from := 0
	for to := range all {
		for !all[from].at.Add(width).After(all[to].at) {
			from++
		}
		n = max(n, to-from+1)
	}
	return n
}

// reporting is a reporter at work in a bubble, until end.
func reporting(p *plant, to report.Sink, limits report.Limits) (end func()) {
	r := report.New(report.Options{Store: p, Sink: to, BaseURL: "http://x", Budget: report.NewBudget(limits), Log: zerolog.Nop()})
	p.wake = r.Wake
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	return func() { cancel(); <-done }
}

// figures are what became of a run.
type figures struct {
	writes           int           // of packages' checks
	verdict, all     time.Duration // from the end of the run to its verdict, and to its last check
	perMinute, perHr int
	slow             bool // the aggregate said that checks come late
}

// measure has a run of n packages reported in virtual time: 20 at once, a
// minute each.
func measure(t *testing.T, n int) (f figures) {
	synctest.Test(t, func(t *testing.T) {
		p, to := newPlant(), &clerk{}
		end := reporting(p, to, report.Limits{})
		defer end()
		p.add("r1", 1, n)
		synctest.Wait()
		if first := to.of("r1", true); len(first) == 0 || !first[0].at.Equal(p.runs["r1"].Created) {
			t.Fatal("the aggregate was not there at once")
		}
		p.work("r1", 20, time.Minute)
		synctest.Wait()
		finished := p.runs["r1"].Finished
		aggregate := to.of("r1", true)
		last := aggregate[len(aggregate)-1]
		if last.Conclusion != checks.ConclusionFailure {
			t.Fatalf("the verdict of %d packages is not there: %+v", n, last.CheckRun)
		}
		f.verdict, f.slow = last.at.Sub(finished), strings.Contains(last.Summary, "an hour of Loktar")
		for range 12 * 60 {
			if rows, _ := p.Outbox(1); len(rows) == 0 {
				break
			}
			time.Sleep(time.Minute)
		}
		packages := to.of("r1", false)
		f.writes = len(packages)
		f.all = max(0, packages[len(packages)-1].at.Sub(finished))
		f.perMinute, f.perHr = most(to.all, time.Minute), most(to.all, time.Hour)
		ended := map[checks.CheckKey]int{}
		for _, w := range packages {
			if w.Status == checks.StatusCompleted {
				ended[w.Key]++
			}
		}
		for _, j := range p.of["r1"] {
			if key := (checks.CheckKey{Run: "r1", Name: j.Package.Name}); ended[key] != 1 {
				t.Errorf("the check of %s was completed %d times", j.Package.Name, ended[key])
			}
		}
	})
	return f
}

package engine_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/engine"
	"github.com/dudesons/loktar/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var pets = checks.Repo{ID: 1, Owner: "acme", Name: "pets"}

// source answers each head SHA with a change, or an error.
type source struct {
	mu      sync.Mutex
	changes map[string]checks.Change
	errs    map[string][]error // taken one by one
	loads   int
	doubt   func(checks.Event) string // what GitHub says is the head, of a doubtful event
	facts   map[string]engine.Facts   // by the sender's login; others may write
	asks    []error                   // taken one by one
	gates   map[string]chan struct{}
	entered map[string]bool // heads that wait at their gate
}

func (s *source) Ask(_ context.Context, ev checks.Event) (engine.Facts, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.asks) > 0 {
		err := s.asks[0]
		s.asks = s.asks[1:]
		return engine.Facts{}, err
	}
	if f, ok := s.facts[ev.Sender.Login]; ok {
		return f, nil
	}
	return engine.Facts{Permission: checks.PermissionWrite}, nil
}

func (s *source) Load(ctx context.Context, ev checks.Event) (checks.Change, error) {
	s.mu.Lock()
	gate := s.gates[ev.HeadSHA]
	s.mu.Unlock()
	if gate != nil {
		s.mu.Lock()
		s.entered[ev.HeadSHA] = true
		s.mu.Unlock()
		select {
		case <-gate:
		case <-ctx.Done():
			return checks.Change{}, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loads++
	if errs := s.errs[ev.HeadSHA]; len(errs) > 0 {
		s.errs[ev.HeadSHA] = errs[1:]
		return checks.Change{}, errs[0]
	}
	ch, ok := s.changes[ev.HeadSHA]
	if !ok {
		ch = change(ev.HeadSHA)
	}
	if ev.Doubtful && s.doubt != nil {
		ch.Overtaken = s.doubt(ev)
	}
	return ch, nil
}

// change touches lib; api needs lib, web needs api, doc needs nothing.
func change(sha string, files ...string) checks.Change {
	if len(files) == 0 {
		files = []string{"lib/x", "doc/x"}
	}
	m := &checks.Manifest{}
	for _, p := range [][]string{{"web", "api"}, {"api", "lib"}, {"lib"}, {"doc"}} {
		m.Packages = append(m.Packages, checks.Package{
			Name: p[0], Dir: p[0], TestType: checks.TestMake, Timeout: time.Minute, DependsOn: p[1:], Reuse: true, Network: true,
		})
	}
	return checks.Change{
		HeadSHA: sha, BaseSHA: "base", MergeBase: "base", Tree: "tree-" + sha, Files: files,
		ManifestBlob: "blob", Manifest: m, BaseManifest: m,
	}
}

// runner ends jobs when the test says so.
type runner struct {
	mu      sync.Mutex
	started []string // package names in order
	results map[string]checks.Result
	errs    map[string][]error
	gates   map[string]chan struct{} // closed: the job may end
	script  []attempt                // what attempts come to, taken one by one
	down    bool
	left    map[string]bool // by package: something of an earlier process is there
	now     int
	most    int
}

func (r *runner) Run(ctx context.Context, _ checks.Run, job checks.Job) (checks.Result, error) {
	name := job.Package.Name
	r.mu.Lock()
	r.started = append(r.started, name)
	r.now++
	r.most = max(r.most, r.now)
	gate, res := r.gates[name], r.results[name]
	var err error
	if errs := r.errs[name]; len(errs) > 0 {
		r.errs[name], err = errs[1:], errs[0]
	}
	if len(r.script) > 0 {
		res, err = r.script[0].result, r.script[0].err
		r.script = r.script[1:]
	}
	r.mu.Unlock()
	defer func() { r.mu.Lock(); r.now--; r.mu.Unlock() }()
	if err != nil {
		return checks.Result{}, err
	}
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return checks.Result{Outcome: checks.OutcomeCancelled}, nil
		}
	}
	if res.Outcome == "" {
		res.Outcome = checks.OutcomePassed
	}
	return res, nil
}

func (r *runner) Left(job checks.Job) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.left[job.Package.Name]
}

func (r *runner) Ready(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		return errors.New("down")
	}
	return nil
}

func (r *runner) ran() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.started)
}

// world is an engine on a real store.
type world struct {
	t      *testing.T
	path   string
	store  *store.Store
	engine *engine.Engine
	source *source
	runner *runner
	stop   func()
	seq    int
	// patience is how long something may take to come.
	patience time.Duration

	policy checks.Policy // of every repository
	mu     sync.Mutex
	forgot []checks.Repo
}

func newWorld(t *testing.T) *world {
	w := &world{
		t: t, path: filepath.Join(t.TempDir(), "loktar.db"), patience: 20 * time.Second,
		source: &source{changes: map[string]checks.Change{}, errs: map[string][]error{}, entered: map[string]bool{}},
		runner: &runner{results: map[string]checks.Result{}, errs: map[string][]error{}, gates: map[string]chan struct{}{}},
	}
	w.open()
	t.Cleanup(func() {
		w.stop()
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// open starts an engine on the world's file, as a process would.
func (w *world) open() {
	w.t.Helper()
	s, err := store.Open(w.path, store.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.store = s
	w.engine = engine.New(engine.Options{Store: s, Source: w.source, Runner: w.runner, Slots: 2,
		Policy: func(checks.Repo) checks.Policy { return w.policy }, Forget: w.forget, Log: zerolog.New(zerolog.NewTestWriter(w.t))})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.engine.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	})
}

// restart ends the process of the engine and starts another one.
func (w *world) restart() {
	w.t.Helper()
	w.stop()
	if err := w.store.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open()
}

func (w *world) accept(ev checks.Event) {
	w.t.Helper()
	w.seq++
	ev.Delivery, ev.Installation, ev.Received = delivery(w.seq), 7, time.Now()
	if ev.Kind != checks.EventReposGone && ev.Repo.ID == 0 {
		ev.Repo = pets
	}
	if ev.Sender.ID == 0 {
		ev.Sender = checks.User{ID: 5, Login: "ann"}
	}
	if _, err := w.store.Accept(context.Background(), ev); err != nil {
		w.t.Fatal(err)
	}
	w.engine.Wake()
}

func delivery(seq int) string { return fmt.Sprintf("d-%d", seq) }

func pull(number int, sha string) checks.Event {
	return checks.Event{
		Kind: checks.EventPullRequest, Name: "pull_request.synchronize", HeadSHA: sha,
		PullRequest: &checks.PullRequest{Number: number, Head: checks.Ref{SHA: sha, Branch: "topic", Repo: pets}, Base: checks.Ref{SHA: "base", Branch: "main", Repo: pets}},
	}
}

func rerun(run checks.Run, name string) checks.Event {
	return checks.Event{
		Kind: checks.EventRerunPackage, Name: "check_run.rerequested", HeadSHA: run.HeadSHA,
		CheckRun: &checks.CheckRunRef{ID: 1, Name: name, ExternalID: run.ID + "/" + name},
	}
}

// runOf waits for the nth run (from 1) of a commit.
func (w *world) runOf(sha string, n int) checks.Run {
	w.t.Helper()
	var runs []checks.Run
	w.until("a run of "+sha, func() bool {
		var err error
		runs, err = w.store.RunsOf(pets.ID, sha)
		return err == nil && len(runs) >= n
	})
	return runs[len(runs)-n]
}

// done waits until a run is, and returns its jobs as "name outcome".
func (w *world) done(id string) []string {
	w.t.Helper()
	w.until("the end of run "+id, func() bool {
		r, err := w.store.Run(id)
		return err == nil && r.Done()
	})
	return w.outcomes(id)
}

func (w *world) outcomes(id string) []string {
	w.t.Helper()
	jobs, err := w.store.Jobs(id)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, j := range jobs {
		s := j.Package.Name + " " + string(j.State)
		if j.State == checks.StateDone {
			s = j.Package.Name + " " + string(j.Result.Outcome)
		}
		if j.CarriedFrom != "" {
			s += " (carried)"
		}
		out = append(out, s)
	}
	return out
}

func (w *world) until(what string, cond func() bool) {
	w.t.Helper()
	tick := time.NewTicker(w.patience / 20_000)
	defer tick.Stop()
	deadline := time.After(w.patience)
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			w.t.Fatalf("%s did not come within %s; started: %v", what, w.patience, w.runner.ran())
		}
	}
}

func (w *world) want(got []string, want ...string) {
	w.t.Helper()
	if !slices.Equal(got, want) {
		w.t.Errorf("got  %q\nwant %q", got, want)
	}
}

func (w *world) dirty() []string {
	w.t.Helper()
	rows, err := w.store.Outbox(100)
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for _, r := range rows {
		names = append(names, r.Key.Name)
	}
	slices.Sort(names)
	return names
}

package engine_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
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
}

func (s *source) Load(_ context.Context, ev checks.Event) (checks.Change, error) {
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
	down    bool
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
}

func newWorld(t *testing.T) *world {
	w := &world{
		t: t, path: filepath.Join(t.TempDir(), "loktar.db"),
		source: &source{changes: map[string]checks.Change{}, errs: map[string][]error{}},
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
	w.engine = engine.New(engine.Options{Store: s, Source: w.source, Runner: w.runner, Slots: 2, Log: zerolog.New(zerolog.NewTestWriter(w.t))})
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
	ev.Delivery, ev.Installation, ev.Repo, ev.Received = fmt.Sprintf("d-%d", w.seq), 7, pets, time.Now()
	ev.Sender = checks.User{ID: 5, Login: "ann"}
	if _, err := w.store.Accept(context.Background(), ev); err != nil {
		w.t.Fatal(err)
	}
	w.engine.Wake()
}

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
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			w.t.Fatalf("%s did not come within 20 s; started: %v", what, w.runner.ran())
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

func TestRunsWhatIsAffectedInOrder(t *testing.T) {
	w := newWorld(t)
	w.accept(pull(1, "s1"))
	run := w.runOf("s1", 1)
	w.want(w.done(run.ID), "lib passed", "api passed", "web passed", "doc passed")
	order := w.runner.ran()
	if slices.Index(order, "lib") > slices.Index(order, "api") || slices.Index(order, "api") > slices.Index(order, "web") {
		t.Errorf("started in the order %v", order)
	}
	if w.runner.most > 2 {
		t.Errorf("%d jobs ran at once on 2 slots", w.runner.most)
	}
	w.want(w.dirty(), "api", "doc", "lib", "loktar", "web")
	pending, err := w.store.Pending(10)
	if err != nil || len(pending) != 0 {
		t.Errorf("pending %v, %v", pending, err)
	}
	past, err := w.store.Durations(pets.ID)
	if err != nil || len(past) != 4 {
		t.Errorf("durations %v, %v", past, err)
	}
}

func TestARedHoldsBackWhatNeedsIt(t *testing.T) {
	w := newWorld(t)
	w.runner.results["lib"] = checks.Result{Outcome: checks.OutcomeFailed, ExitCode: 2}
	w.accept(pull(1, "s1"))
	run := w.runOf("s1", 1)
	w.want(w.done(run.ID), "lib failed", "api held_back", "web held_back", "doc passed")
	j, err := w.store.Job(checks.JobID{Run: run.ID, Package: "web"})
	if err != nil || j.Result.Blame != "lib" {
		t.Errorf("web blames %q, %v", j.Result.Blame, err)
	}
}

func TestANewPushTakesTheOlderRunsPlace(t *testing.T) {
	w := newWorld(t)
	gate := make(chan struct{})
	w.runner.gates["lib"] = gate
	w.accept(pull(1, "s1"))
	w.accept(pull(2, "other"))
	old := w.runOf("s1", 1)
	w.until("lib to start", func() bool { return slices.Contains(w.runner.ran(), "lib") })
	w.accept(pull(1, "s2"))
	next := w.runOf("s2", 1)
	got := w.done(old.ID)
	for _, g := range got {
		if strings.Contains(g, "queued") || strings.HasPrefix(g, "lib") && g != "lib superseded" {
			t.Errorf("the old run ended as %q", got)
		}
	}
	close(gate)
	w.want(w.done(next.ID), "lib passed", "api passed", "web passed", "doc passed")
	w.want(w.done(w.runOf("other", 1).ID), "lib passed", "api passed", "web passed", "doc passed")
}

// TestAnEventThatComesLateStopsNothing delivers the events of one pull request
// in the wrong order, as GitHub may.
func TestAnEventThatComesLateStopsNothing(t *testing.T) {
	w := newWorld(t)
	gate := make(chan struct{})
	w.runner.gates["lib"] = gate
	at := func(ev checks.Event, minute int) checks.Event {
		ev.PullRequest.Updated = time.Date(2026, 1, 2, 3, minute, 0, 0, time.UTC)
		return ev
	}
	w.accept(at(pull(1, "s2"), 2))
	run := w.runOf("s2", 1)
	w.until("lib to start", func() bool { return slices.Contains(w.outcomes(run.ID), "lib running") })
	w.accept(at(pull(1, "s1"), 1))
	closed := at(pull(1, "s1"), 1)
	closed.Kind, closed.Name = checks.EventPullRequestClosed, "pull_request.closed"
	w.accept(closed)
	w.until("the events to be noted", func() bool { p, err := w.store.Pending(1); return err == nil && len(p) == 0 })
	close(gate)
	w.want(w.done(run.ID), "lib passed", "api passed", "web passed", "doc passed")
	if rec, _, err := w.store.Delivery("d-2"); err != nil || !strings.Contains(rec.Note, "came late: run "+run.ID) {
		t.Errorf("the note is %q, %v", rec.Note, err)
	}
	if w.source.loads != 1 {
		t.Errorf("the repository was read %d times", w.source.loads)
	}
	// An event of the same second, or of an unknown one, is taken as new.
	w.accept(at(pull(1, "s3"), 2))
	w.done(w.runOf("s3", 1).ID)
	w.accept(pull(1, "s4"))
	w.done(w.runOf("s4", 1).ID)
}

// stuck is a source that answers when it is told to stop, and is asked about
// one commit only.
type stuck struct{ entered, left chan struct{} }

func (s stuck) Load(ctx context.Context, ev checks.Event) (checks.Change, error) {
	if ev.HeadSHA != "stuck" {
		return change(ev.HeadSHA), nil
	}
	close(s.entered)
	<-ctx.Done()
	defer close(s.left)
	return checks.Change{}, ctx.Err()
}

// TestAShutdownWhileAnEventIsPlanned holds the loop until both the shutdown
// and the end of the planning that it broke off are there to be seen: the
// event stays pending whichever is seen first.
func TestAShutdownWhileAnEventIsPlanned(t *testing.T) {
	for range 20 {
		s, err := store.Open(filepath.Join(t.TempDir(), "loktar.db"), store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		src := stuck{make(chan struct{}), make(chan struct{})}
		var once sync.Once
		e := engine.New(engine.Options{Store: s, Source: src, Runner: &runner{}, Slots: 1, Log: zerolog.Nop(), Report: func() {
			once.Do(func() { <-src.entered; cancel(); <-src.left; runtime.Gosched() })
		}})
		for i, sha := range []string{"stuck", "s1"} {
			ev := pull(i+1, sha)
			ev.Delivery, ev.Repo, ev.Received = sha, pets, time.Now()
			if _, err := s.Accept(t.Context(), ev); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if p, err := s.Pending(2); err != nil || len(p) != 1 || p[0].HeadSHA != "stuck" {
			t.Errorf("pending: %v, %v", p, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestClosingStopsWhatRuns(t *testing.T) {
	w := newWorld(t)
	w.runner.gates["lib"] = make(chan struct{})
	w.accept(pull(1, "s1"))
	run := w.runOf("s1", 1)
	w.until("lib to start", func() bool { return slices.Contains(w.runner.ran(), "lib") })
	w.until("doc to end", func() bool { return slices.Contains(w.outcomes(run.ID), "doc passed") })
	ev := pull(1, "s1")
	ev.Kind, ev.Name = checks.EventPullRequestClosed, "pull_request.closed"
	w.accept(ev)
	w.want(w.done(run.ID), "lib cancelled", "api cancelled", "web cancelled", "doc passed")
}

func TestRerunOfARedPackage(t *testing.T) {
	w := newWorld(t)
	w.runner.results["lib"] = checks.Result{Outcome: checks.OutcomeFailed, ExitCode: 2}
	w.accept(pull(1, "s1"))
	first := w.runOf("s1", 1)
	w.done(first.ID)
	w.runner.mu.Lock()
	delete(w.runner.results, "lib")
	w.runner.mu.Unlock()
	w.accept(rerun(first, "lib"))
	second := w.runOf("s1", 2)
	w.want(w.done(second.ID), "lib passed", "api passed", "web passed", "doc passed (carried)")
	if second.RerunOf != first.ID || second.Tree != first.Tree || second.HeadSHA != "s1" || second.PullRequest == nil {
		t.Errorf("the re-run is %+v", second)
	}
	// A re-run of the first run's check is one of the newest state.
	w.accept(rerun(first, "doc"))
	third := w.runOf("s1", 3)
	w.want(w.done(third.ID), "lib passed (carried)", "api passed (carried)", "web passed (carried)", "doc passed")
	if w.source.loads != 1 {
		t.Errorf("the repository was read %d times", w.source.loads)
	}
}

func TestRerunOfAnOlderCommitLeavesTheNewerOneAlone(t *testing.T) {
	w := newWorld(t)
	w.accept(pull(1, "s1"))
	old := w.runOf("s1", 1)
	w.done(old.ID)
	w.runner.mu.Lock()
	gate := make(chan struct{})
	w.runner.gates["lib"] = gate
	w.runner.mu.Unlock()
	w.accept(pull(1, "s2"))
	next := w.runOf("s2", 1)
	w.until("lib to start", func() bool { return slices.Contains(w.outcomes(next.ID), "lib running") })
	w.accept(rerun(old, checks.AggregateName))
	again := w.runOf("s1", 2)
	close(gate)
	w.want(w.done(next.ID), "lib passed", "api passed", "web passed", "doc passed")
	w.want(w.done(again.ID), "lib passed", "api passed", "web passed", "doc passed")
}

func TestRerunOfAVerdictPlansAnew(t *testing.T) {
	w := newWorld(t)
	w.source.errs["s1"] = []error{checks.Errorf(checks.KindNotFound, nil, "The branch is gone.")}
	w.accept(pull(1, "s1"))
	first := w.runOf("s1", 1)
	if first.Verdict == nil || first.Verdict.Conclusion != checks.ConclusionCancelled || !strings.Contains(first.Verdict.Summary, "The branch is gone.") || !first.Done() {
		t.Fatalf("the first run is %+v, its verdict %+v", first, first.Verdict)
	}
	w.accept(rerun(first, checks.AggregateName))
	w.want(w.done(w.runOf("s1", 2).ID), "lib passed", "api passed", "web passed", "doc passed")
}

func TestRerunOfAnUnknownRunEndsVisibly(t *testing.T) {
	w := newWorld(t)
	w.accept(rerun(checks.Run{ID: "nobody", HeadSHA: "s9"}, "lib"))
	run := w.runOf("s9", 1)
	v := run.Verdict
	if v == nil || v.Conclusion != checks.ConclusionActionRequired || v.Title != "There is nothing to run again" ||
		!strings.Contains(v.Summary, `does not know the run that the check "lib" is of`) {
		t.Fatalf("the verdict is %+v", v)
	}
	w.want(w.dirty(), "loktar")
}

func TestRerunOfAnotherRepositorysRunIsDropped(t *testing.T) {
	w := newWorld(t)
	other := checks.Run{ID: "theirs", Seq: 1, Repo: checks.Repo{ID: 99, Owner: "o", Name: "n"}, HeadSHA: "s9", Finished: time.Now()}
	if err := w.store.Commit(t.Context(), checks.Commit{Runs: []checks.Run{other}}); err != nil {
		t.Fatal(err)
	}
	w.accept(rerun(other, "lib"))
	w.until("the event to be noted", func() bool { p, err := w.store.Pending(1); return err == nil && len(p) == 0 })
	rec, ok, err := w.store.Delivery("d-1")
	if err != nil || !ok || !strings.Contains(rec.Note, "another repository") {
		t.Errorf("%+v, %v, %v", rec, ok, err)
	}
}

func TestARepositoryThatCannotBeReadYetIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.source.errs["s1"] = []error{checks.Errorf(checks.KindUnavailable, nil, "GitHub is down")}
	w.accept(pull(1, "s1"))
	w.want(w.done(w.runOf("s1", 1).ID), "lib passed", "api passed", "web passed", "doc passed")
	if w.source.loads != 2 {
		t.Errorf("read %d times", w.source.loads)
	}
}

// TestEventsThatWaitHideNoOthers has more events wait for their repository
// than the loop looks at in one turn.
func TestEventsThatWaitHideNoOthers(t *testing.T) {
	w := newWorld(t)
	w.source.errs["gone"] = slices.Repeat([]error{checks.Errorf(checks.KindUnavailable, nil, "GitHub is down")}, 100_000)
	var all sync.WaitGroup
	for i := range 1100 {
		ev := pull(100+i, "gone")
		ev.Delivery, ev.Repo, ev.Received = fmt.Sprintf("gone-%d", i), pets, time.Now()
		all.Go(func() {
			if _, err := w.store.Accept(context.Background(), ev); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	w.accept(pull(1, "s1"))
	w.want(w.done(w.runOf("s1", 1).ID), "lib passed", "api passed", "web passed", "doc passed")
}

func TestOurFaultIsNotAVerdict(t *testing.T) {
	w := newWorld(t)
	w.runner.errs["lib"] = []error{checks.Errorf(checks.KindConfig, errors.New("secret detail"), "The image is not there.")}
	w.accept(pull(1, "s1"))
	run := w.runOf("s1", 1)
	w.want(w.done(run.ID), "lib errored", "api held_back", "web held_back", "doc passed")
	j, _ := w.store.Job(checks.JobID{Run: run.ID, Package: "lib"})
	if j.Result.Detail != "The image is not there." {
		t.Errorf("detail %q", j.Result.Detail)
	}
}

func TestJobsWaitForTheEngine(t *testing.T) {
	w := newWorld(t)
	w.runner.down = true
	gone := checks.Errorf(checks.KindUnavailable, nil, "no engine")
	w.runner.errs["lib"], w.runner.errs["doc"] = []error{gone}, []error{gone}
	w.accept(pull(1, "s1"))
	run := w.runOf("s1", 1)
	w.until("both attempts to be lost", func() bool { return len(w.runner.ran()) == 2 })
	w.until("the jobs to wait", func() bool {
		return slices.Equal(w.outcomes(run.ID), []string{"lib queued", "api queued", "web queued", "doc queued"})
	})
	w.runner.mu.Lock()
	w.runner.down = false
	w.runner.mu.Unlock()
	w.want(w.done(run.ID), "lib passed", "api passed", "web passed", "doc passed")
	j, _ := w.store.Job(checks.JobID{Run: run.ID, Package: "lib"})
	if j.Attempt != 2 {
		t.Errorf("attempt %d", j.Attempt)
	}
}

func TestARestartTakesUpWhatRan(t *testing.T) {
	w := newWorld(t)
	w.runner.gates["lib"] = make(chan struct{})
	w.accept(pull(1, "s1"))
	run := w.runOf("s1", 1)
	w.until("lib to start", func() bool { return slices.Contains(w.runner.ran(), "lib") })
	w.restart()
	w.until("lib to start again", func() bool {
		n := 0
		for _, p := range w.runner.ran() {
			if p == "lib" {
				n++
			}
		}
		return n == 2
	})
	close(w.runner.gates["lib"])
	w.want(w.done(run.ID), "lib passed", "api passed", "web passed", "doc passed")
}

func TestACrashIsTakenUpToo(t *testing.T) {
	w := newWorld(t)
	w.stop()
	// What a process leaves that was killed: one job running, one doomed.
	run := checks.Run{ID: "r1", Seq: 9, Repo: pets, HeadSHA: "s1", Tree: "t", PullRequest: pull(1, "s1").PullRequest, Created: time.Now()}
	var jobs []checks.Job
	for i, p := range change("s1").Manifest.Packages[2:] {
		jobs = append(jobs, checks.Job{Run: "r1", Package: p, Index: i, State: checks.StateRunning, Attempt: 1, Started: time.Now()})
	}
	jobs[1].Doomed, jobs[1].Doom = checks.OutcomeSuperseded, "newer"
	if err := w.store.Commit(context.Background(), checks.Commit{Runs: []checks.Run{run}, Jobs: jobs}); err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.want(w.done("r1"), "lib passed", "doc superseded")
	w.accept(pull(2, "s2"))
	if next := w.runOf("s2", 1); next.Seq != 10 {
		t.Errorf("the next run has Seq %d", next.Seq)
	}
}

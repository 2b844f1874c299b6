package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/engine"
	"github.com/dudesons/loktar/configs"
	"github.com/dudesons/loktar/configs/manifest"
	"github.com/dudesons/loktar/configs/manifest/infer"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/caches"
	"github.com/dudesons/loktar/runner/docker"
	"github.com/dudesons/loktar/runner/source"
)

// LocalRun says what is to be run of a local repository, and how.
type LocalRun struct {
	LocalOptions
	// Packages are the names of those to run; none means those that are
	// affected, or all of them with All.
	Packages []string
	All      bool
	// Needed: also what those need, all the way.
	Needed bool
	// Dry: nothing is run.
	Dry bool
	// Artifacts is the folder for what packages name as artifacts and reports,
	// each package's below its name; empty keeps none.
	Artifacts string
	Runner    configs.Runner
	Pulls     configs.Config // has the registries that images are pulled from
	Watch     Watcher
	Log       zerolog.Logger
}

// Watcher is told how a run goes on. One call comes after the other; none may
// wait long.
type Watcher interface {
	// Planned tells what is to be run, before anything is. It may refuse that.
	Planned(p *LocalPlan) error
	// Changed tells of jobs that have another state.
	Changed(jobs []checks.Job)
	// Remark is something that is no part of the result.
	Remark(text string)
}

// LocalPlan is what is to be run.
type LocalPlan struct {
	Answer *LocalAnswer
	// Everything says why all packages count as affected; may be empty.
	Everything string
	// Left counts the files that are not committed and not tested.
	Left     int
	Jobs     []checks.Job
	Warnings []string
	Notes    []string
	// Top is the root folder of the working tree; empty where there is none.
	Top string
	// Log is the file with a job's log, once it began.
	Log func(job checks.JobID) string
}

// RunLocal runs packages of a local repository as a server does: planned,
// ordered and carried out by its own code, on files of the commit (or the
// working tree) in the user's cache folder. Nothing is written to the
// repository. It returns the jobs as they ended after all that was made for
// them is removed; those that never ran are queued still. When ctx ends, jobs
// are stopped in order. An error means that not all could be run; it is one of
// AskLocal, or about the machine; with a NotKept all were.
func RunLocal(ctx context.Context, o LocalRun) ([]checks.Job, error) {
	rooms, err := roomsDir(o.CacheDir)
	if err != nil {
		return nil, err
	}
	o.Text = true
	r := &localRun{LocalRun: o, rooms: rooms}
	defer r.close()
	if r.kept, err = openLocalArtifacts(r.Artifacts, r.Dry); err != nil {
		return nil, err
	}
	a, err := look(ctx, o.LocalOptions, func(l *local, ctx context.Context) (*LocalAnswer, error) { return r.ask(ctx, l) })
	debug.SetGCPercent(100) // the process goes on
	if err != nil {
		return nil, err
	}
	if err := r.complete(a); err != nil {
		return nil, err
	}
	jobs, err := r.run(ctx, a)
	if err = errors.Join(err, r.end()); err == nil {
		err = r.kept.close()
	}
	return jobs, err
}

// localRun is one call of RunLocal.
type localRun struct {
	LocalRun
	rooms string

	room    *room
	logs    string // the folder with the repository's logs
	source  *source.Source
	sandbox *docker.Sandbox
	caches  *caches.Store // nil where no package has some
	kept    *localArtifacts
	ready   chan error // of the sandbox, once
	left    int
	objects string // of the repository
	gitDir  string
	top     string
}

// localRepo stands for the one repository in the terms of the server.
var localRepo = checks.Repo{ID: 1, Owner: "local", Name: "repository"}

// ask is AskLocal with all that is needed to run what it answers.
func (r *localRun) ask(ctx context.Context, l *local) (*LocalAnswer, error) {
	r.objects, r.gitDir, r.top = l.src.Objects(), l.src.GitDir(), l.src.Top()
	dir := repositoryDir(r.rooms, r.gitDir)
	r.logs = filepath.Join(dir, "logs")
	var err error
	if r.room, err = openRoom(dir); err != nil {
		return nil, err
	}
	if !r.Dry {
		if err := r.openSandbox(ctx); err != nil {
			return nil, err
		}
	}
	r.source, err = source.New(source.Options{
		Dir: r.room.path("git"), KeepTrees: true, IdleTrees: 1, AllowFile: true,
		URL: func(checks.Repo) string { return "file://" + r.gitDir },
	})
	if err != nil {
		return nil, err
	}
	own, err := r.source.Borrow(ctx, localRepo, r.objects)
	if err != nil {
		return nil, err
	}
	l.src.MakeIn(own)
	var left sync.WaitGroup
	if !r.Uncommitted && r.Head == "" {
		left.Go(func() { r.left, _ = l.src.Left(ctx) }) // it is a remark
	}
	defer left.Wait()
	return l.affected(ctx)
}

// openSandbox makes the sandbox and has it get ready meanwhile.
func (r *localRun) openSandbox(ctx context.Context) (err error) {
	if r.sandbox, err = r.newSandbox(ctx, r.room); err != nil {
		return err
	}
	r.ready = make(chan error, 1)
	go func() { r.ready <- r.prepare(ctx) }()
	return nil
}

func (r *localRun) newSandbox(ctx context.Context, at *room) (*docker.Sandbox, error) {
	c := r.Runner
	return docker.New(r.Log.WithContext(ctx), docker.Options{
		Instance: at.instance, WorkDir: at.path("work"), WayFile: at.path("way"), Image: c.Image, Log: -1,
		Limits:    checks.Resources{CPUs: c.CPUs, Memory: c.Memory.Bytes(), PIDs: c.PIDs},
		Workspace: c.Workspace.Bytes(), Images: c.Images, Pull: c.Pull, Credentials: r.logins().login, Own: true,
		// It is the caller's own machine and code: without root that goes unsaid.
		NoFirewall: c.Firewall == "off" || os.Geteuid() != 0, Reach: c.Reachable(),
	})
}

// prepare removes what killed runs left, and has the sandbox be ready.
func (r *localRun) prepare(ctx context.Context) error {
	ctx = r.Log.WithContext(ctx)
	if err := r.sandbox.Ready(ctx); err != nil {
		return err
	}
	if r.room.left() {
		if err := r.sandbox.Clear(ctx); err != nil {
			return err
		}
	}
	for _, old := range leftBehind(r.rooms) {
		if err := r.clear(ctx, old); err != nil {
			r.Log.Warn().Err(err).Str("folder", old.dir).Msg("what a killed run left cannot be removed")
		}
	}
	return r.room.busy()
}

// clear removes what a killed run left in another room.
func (r *localRun) clear(ctx context.Context, old *room) (err error) {
	defer func() { err = errors.Join(err, old.close()) }()
	sandbox, err := r.newSandbox(ctx, old)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sandbox.Close()) }()
	if err := sandbox.Clear(ctx); err != nil {
		return err
	}
	return old.quiet()
}

// complete has the answer say all of the packages, not only what counts for
// what is affected.
func (r *localRun) complete(a *LocalAnswer) error {
	m, problems := manifest.Parse(a.Text, manifest.Options{})
	if m == nil {
		return &ManifestError{problems}
	}
	m.Edges, m.Unread = a.Change.Manifest.Edges, a.Change.Manifest.Unread
	a.Change.Manifest = m
	return nil
}

// run has the engine carry out what was asked for.
func (r *localRun) run(ctx context.Context, a *LocalAnswer) ([]checks.Job, error) {
	change, everything := a.Change, a.Change.Unbounded
	ev := checks.Event{Delivery: "local", Kind: checks.EventLocal, Name: "local", Received: time.Now(), Repo: localRepo, HeadSHA: change.HeadSHA}
	ev.Packages, ev.Needed = r.Packages, r.Needed
	if r.All {
		ev.Packages = []string{} // nil would mean those that are affected
		for i := range change.Manifest.Packages {
			ev.Packages = append(ev.Packages, change.Manifest.Packages[i].Name)
		}
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	mine := &oneRun{event: &ev}
	var jobs []checks.Job
	mine.told = func(run checks.Run, changed []checks.Job) {
		if jobs == nil {
			jobs = slices.Clone(mine.jobs)
			p := &LocalPlan{Answer: a, Everything: everything, Left: r.left, Jobs: jobs, Warnings: run.Warnings, Notes: run.Notes, Log: r.logOf, Top: r.top}
			if err := r.Watch.Planned(p); err != nil || r.Dry || len(jobs) == 0 {
				stop(errors.Join(errPlanned, err))
				return
			}
			err := <-r.ready
			if r.ready <- err; err != nil {
				stop(atHome(err)) // no job starts
			}
			return
		}
		r.Watch.Changed(changed)
		if run.Done() {
			stop(errRan)
		}
	}
	jobsOf := &localJobs{localRun: r, stop: stop}
	jobsOf.jobs = runner.New(runner.Options{
		Sandbox: r.sandbox, Workspaces: newWorkspaces(r.source, infer.New()), LogDir: r.logs, Slots: r.Runner.Slots, LogLimit: r.Runner.Log.Bytes(),
		Secrets: r.secrets, Caches: r.openCaches(ctx, change.Manifest.Packages), Keep: r.kept.keep,
	})
	// What the engine logs, its Store tells.
	e := engine.New(engine.Options{Store: mine, Source: oneChange{change}, Runner: jobsOf, Slots: r.Runner.Slots, Log: zerolog.Nop()})
	err := e.Run(ctx)
	switch cause := context.Cause(ctx); {
	case err != nil:
	case errors.Is(cause, errRan):
	case errors.Is(cause, errPlanned):
		err = unjoined(cause, errPlanned)
	default:
		err = cause
	}
	return mine.jobs, err
}

var (
	errRan     = errors.New("all jobs ended")
	errPlanned = errors.New("nothing is to be run")
)

// unjoined is what was joined with known; nil when that was nothing.
func unjoined(err, known error) error {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range all.Unwrap() {
			if e != known { //nolint:errorlint // it is the very one
				return e
			}
		}
	}
	return nil
}

// secrets are the caller's own variables, of those that the package names.
func (r *localRun) secrets(_ context.Context, _ checks.Run, job checks.Job) (map[string]string, error) {
	held := map[string]string{}
	for _, name := range job.Package.Secrets {
		if value := r.Getenv(name); value != "" {
			held[name] = value
		}
	}
	return held, nil
}

func (r *localRun) logOf(id checks.JobID) string {
	path, err := runner.LogPath(r.logs, id)
	if err != nil {
		return ""
	}
	return path
}

// end removes what was kept between jobs.
func (r *localRun) end() error {
	if r.sandbox == nil {
		return nil
	}
	ready := <-r.ready
	sandbox := r.sandbox
	r.sandbox = nil
	err := errors.Join(sandbox.Close(), r.closeCaches())
	if ready == nil && err == nil {
		err = r.room.quiet()
	}
	return errors.Join(err, pruneLogs(context.Background(), r.logs))
}

// close gives everything back, after an error too.
func (r *localRun) close() {
	if err := r.end(); err != nil {
		r.Log.Warn().Err(err).Msg("not all could be removed; the next run does")
	}
	if r.source != nil {
		if err := r.source.Close(); err != nil {
			r.Log.Warn().Err(err).Msg("not all folders could be removed; the next run does")
		}
	}
	if r.room != nil {
		r.room.close()
	}
	_ = r.kept.close() // after an error that says more
}

// oneChange is the engine's Source of a change that is known already.
type oneChange struct{ change checks.Change }

func (c oneChange) Load(context.Context, checks.Event) (checks.Change, error) { return c.change, nil }

func (oneChange) Ask(context.Context, checks.Event) (engine.Facts, error) {
	return engine.Facts{}, errors.New("nobody is asked without GitHub")
}

// patience is how long a run waits for a Docker engine that went away.
const patience = 30 * time.Second

// localJobs is the engine's Runner.
type localJobs struct {
	*localRun
	stop context.CancelCauseFunc
	jobs *runner.Runner

	mu   sync.Mutex
	away time.Time // since when the Docker engine does not answer
}

func (j *localJobs) Run(ctx context.Context, run checks.Run, job checks.Job) (checks.Result, error) {
	result, err := j.jobs.Run(j.Log.WithContext(ctx), run, j.kept.begin(job))
	return j.kept.told(result), atHome(err)
}

// Left is false: an earlier process had other runs.
func (*localJobs) Left(checks.Job) bool { return false }

// Ready gives a Docker engine that went away some time to come back.
func (j *localJobs) Ready(ctx context.Context) error {
	err := j.sandbox.Ready(ctx)
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case err == nil:
		j.away = time.Time{}
	case j.away.IsZero():
		j.away = time.Now()
		j.Watch.Remark(checks.PublicText(err, "The Docker engine cannot run jobs.") + " Jobs wait for that.")
	case time.Since(j.away) > patience:
		j.stop(fmt.Errorf("wait for the Docker engine: %w", atHome(err)))
	}
	return err
}

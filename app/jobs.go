package app

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs"
	"github.com/dudesons/loktar/configs/manifest/infer"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/caches"
	"github.com/dudesons/loktar/runner/docker"
	"github.com/dudesons/loktar/runner/source"
	"github.com/dudesons/loktar/store"
)

// jobs is the engine's Runner: the Docker sandbox on leased worktrees, once
// what an earlier process left at the engine is gone.
type jobs struct {
	*runner.Runner
	sandbox *docker.Sandbox
	caches  *caches.Store
	release *releases
	disk    *dataDisk
	logDir  string
	ended   func(run string) // of a job whose attempt ended; nil: nobody asks
	log     zerolog.Logger

	mu     sync.Mutex
	reaped bool
}

// told is set by tests that have the process die at one of docker.Steps or of
// logs.Steps.
var told func(step string)

// openSandbox opens the sandbox with what an earlier process left of the jobs
// that the store has as running.
func openSandbox(ctx context.Context, cfg configs.Config, kept *store.Store, log zerolog.Logger) (*docker.Sandbox, error) {
	return docker.New(log.WithContext(ctx), docker.Options{
		Instance:  kept.InstanceID(),
		WorkDir:   filepath.Join(cfg.DataDir, "work"),
		Image:     cfg.Runner.Image,
		Limits:    checks.Resources{CPUs: cfg.Runner.CPUs, Memory: cfg.Runner.Memory.Bytes(), PIDs: cfg.Runner.PIDs},
		Workspace: cfg.Runner.Workspace.Bytes(),
		Images:    cfg.Runner.Images,
		Pull:      cfg.Runner.Pull,
		Credentials: func(host string) (string, string, error) {
			user, password, err := cfg.PullCredentials(host)
			return user, password.Reveal(), err
		},
		Recorded:   func(run, image string) string { return recorded(kept, run, image) },
		Wanted:     func(left runner.Left) bool { return wanted(kept, left, log) },
		Log:        cfg.Runner.Log.Bytes(),
		At:         told,
		NoFirewall: cfg.Runner.Firewall == "off",
		Reach:      cfg.Runner.Reachable(),
	})
}

// wanted reports whether the attempt that left something is one that the store
// still waits for.
func wanted(kept *store.Store, left runner.Left, log zerolog.Logger) bool {
	job, err := kept.Job(left.Job)
	if err != nil {
		log.Warn().Err(err).Str("job", left.Job.String()).Msg("a job that an earlier process left is not known")
		return false
	}
	return job.State == checks.StateRunning && job.Doomed == "" && job.Attempt == left.Attempt
}

// openCaches opens what packages keep between runs.
func openCaches(ctx context.Context, cfg configs.Config, log zerolog.Logger) (*caches.Store, error) {
	return caches.Open(log.WithContext(ctx), filepath.Join(cfg.DataDir, "caches"), caches.Options{
		MaxBytes: cfg.Caches.MaxSize.Bytes(), Keep: time.Duration(cfg.Caches.Days) * 24 * time.Hour,
	})
}

func openJobs(cfg configs.Config, sandbox *docker.Sandbox, folders *caches.Store, src *source.Source, keep runner.Keep, i *infer.Inferrer, log zerolog.Logger) *jobs {
	spaces := newWorkspaces(src, i)
	j := &jobs{sandbox: sandbox, caches: folders, logDir: filepath.Join(cfg.DataDir, "logs"), log: log, disk: &dataDisk{dir: cfg.DataDir, log: log}}
	j.Runner = runner.New(runner.Options{
		Sandbox: sandbox, Workspaces: spaces, Again: spaces.again, LogDir: j.logDir, Slots: cfg.Runner.Slots,
		LogLimit: cfg.Runner.Log.Bytes(), Caches: folders,
		Secrets: secretsOf(cfg),
		Keep:    keep, MaxKept: cfg.Artifacts.MaxSize.Bytes(),
	})
	return j
}

// recorded is the digest that an earlier job of the run has for the image, by
// which all of a run use one, also after a restart.
func recorded(kept *store.Store, run, image string) string {
	all, err := kept.Jobs(run)
	if err != nil {
		return ""
	}
	for _, job := range all {
		if job.CarriedFrom != "" {
			continue
		}
		if job.Package.Image == image && job.Result.Image != "" {
			return job.Result.Image
		}
		for name, digest := range job.Result.Services {
			if job.Package.Services[name].Image == image {
				return digest
			}
		}
	}
	return ""
}

// Ready is nil when jobs can be started: the engine answers, nothing of an
// earlier process is left there, and the disks have room.
func (j *jobs) Ready(ctx context.Context) error {
	full, err := j.up(ctx)
	if err != nil {
		return err
	}
	if err := j.disk.left(); err != nil {
		return err
	}
	if full != nil { // the engine's own disk
		return &checks.Error{Kind: checks.KindUnavailable, Err: full}
	}
	return nil
}

// up is nil when the engine answers and nothing of an earlier process is left
// there, which may be what fills a disk. full is why no job can begin while a
// disk is full all the same.
func (j *jobs) up(ctx context.Context) (full, err error) {
	ctx = j.log.WithContext(ctx) // the sandbox tells once how jobs get their files
	err = j.Runner.Ready(ctx)
	if checks.CauseOf(err) == checks.CauseDiskFull {
		full, err = err, nil
	}
	if err != nil {
		return nil, err
	}
	return full, j.reap(ctx)
}

// reap removes what an earlier process left at the engine, once.
func (j *jobs) reap(ctx context.Context) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.reaped {
		return nil
	}
	switch err := j.sandbox.Reap(ctx); {
	case checks.KindOf(err) == checks.KindConfig:
		// A folder that no job uses is no reason to keep all jobs waiting.
		j.log.Error().Err(err).Msg("something of an earlier process stays in the work folder")
	case err != nil:
		j.log.Warn().Err(err).Msg("cannot remove yet what an earlier process left at the Docker engine")
		return checks.Errorf(checks.KindUnavailable, err, "The Docker engine does not let go of what an earlier process left there.")
	}
	j.reaped = true
	// Nothing but jobs that go on shows a view of an earlier process any more.
	var wanted []runner.CacheView
	for _, left := range j.sandbox.AllLeft() {
		wanted = append(wanted, left.Caches...)
	}
	if _, err := j.caches.Settle(ctx, wanted...); err != nil {
		j.log.Error().Err(err).Msg("caches cannot be used until the next start")
	}
	return nil
}

// await removes what an earlier process left at the engine, also when no job
// asks for it. It tries until jobs can be started, and reports whether they can
// or ctx is done.
func (j *jobs) await(ctx context.Context) bool {
	for wait := time.Second; !j.isUp(ctx); wait = min(2*wait, 30*time.Second) {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait):
		}
	}
	return true
}

func (j *jobs) isUp(ctx context.Context) bool {
	_, err := j.up(ctx)
	return err == nil
}

// Run waits for no engine and no room: while one is missing the job is to be tried again.
// What an earlier process left waits for it: only then it can be told whether
// it goes on.
func (j *jobs) Run(ctx context.Context, run checks.Run, job checks.Job) (checks.Result, error) {
	if j.ended != nil {
		defer j.ended(run.ID)
	}
	switch {
	case j.Left(job):
		defer j.Abandon(ctx, job)
		if !j.await(ctx) {
			return checks.Result{Outcome: checks.OutcomeCancelled}, nil
		}
	case job.Package.TestType != checks.TestNone || job.Release != nil:
		if err := j.Ready(ctx); err != nil {
			return checks.Result{}, err
		}
	}
	carryOut := j.Runner.Run
	if job.Release != nil {
		carryOut = j.release.run
	}
	result, err := carryOut(ctx, run, job)
	return result, j.orWait(ctx, err)
}

// orWait is err, or what has the job wait where it failed on a disk that is
// still full. One that filled it itself has given that back by now.
func (j *jobs) orWait(ctx context.Context, err error) error {
	if checks.CauseOf(err) != checks.CauseDiskFull {
		return err
	}
	if still := j.Ready(ctx); checks.CauseOf(still) == checks.CauseDiskFull {
		return errors.Join(still, err)
	}
	return err
}

func (j *jobs) close() {
	if err := j.sandbox.Close(); err != nil {
		j.log.Warn().Err(err).Msg("something stays at the Docker engine until the next start")
	}
	if err := j.caches.Close(); err != nil {
		j.log.Warn().Err(err).Msg("caches cannot be brought to the disk")
	}
}

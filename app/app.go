// Package app is the composition root: it joins store, source, runner,
// engine, report and the HTTP handlers into one server, and is the one
// package that sees all of them.
package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/dudesons/loktar/app/github"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/engine"
	"github.com/dudesons/loktar/checks/notify"
	"github.com/dudesons/loktar/checks/report"
	"github.com/dudesons/loktar/configs"
	"github.com/dudesons/loktar/configs/manifest/infer"
	"github.com/dudesons/loktar/runner/source"
	"github.com/dudesons/loktar/store"
	"github.com/dudesons/loktar/store/logs"
)

// Server is a whole Loktar. Make it with New, then call Run once.
type Server struct {
	cfg      configs.Config
	log      zerolog.Logger
	listener net.Listener
	http     *http.Server
	hub      *github.App
	store    *store.Store
	source   *source.Source
	jobs     *jobs
	kept     *artifacts
	files    *files
	old      *oldLogs
	engine   *engine.Engine
	report   *report.Reporter
	replies  *report.Replier
	audit    *report.Auditor
	missed   *missed
	notices  *notify.Notifier
}

// New opens the store and listens, and starts nothing yet: Run does. Its
// errors are about the configuration and the machine, and name the remedy.
// A Docker engine that is down is not an error: jobs wait for it.
func New(ctx context.Context, cfg configs.Config, log zerolog.Logger, version string) (*Server, error) {
	s := &Server{cfg: cfg, log: log}
	if err := s.open(ctx, version); err != nil {
		s.close()
		if checks.IsDiskFull(err) && checks.CauseOf(err) != checks.CauseDiskFull {
			err = checks.Causef(checks.CauseDiskFull, err, "The disk of %s is full. Free some space there, and start Loktar again.", cfg.DataDir)
		}
		return nil, err
	}
	return s, nil
}

// open opens and joins the parts. After an error some of them are open.
func (s *Server) open(ctx context.Context, version string) (err error) {
	if err := os.MkdirAll(s.cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("make data_dir: %w. Set `data_dir` (LOKTAR_DATA_DIR) to a folder that this user may write to", err)
	}
	if s.store, err = store.Open(filepath.Join(s.cfg.DataDir, "loktar.db"), store.Options{Damaged: s.damaged}); err != nil {
		return err
	}
	if s.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", s.cfg.Listen); err != nil {
		return fmt.Errorf("listen: %w. Set `listen` (LOKTAR_LISTEN) to an address that is free", err)
	}
	s.cfg = s.cfg.Bound(s.listener.Addr())
	cfg, log := s.cfg, s.log

	budget := report.NewBudget(report.Limits{Minute: cfg.GitHub.WritesPerMinute, Hour: cfg.GitHub.WritesPerHour})
	budget.Keep(func(installation int64, n int) {
		if err := s.store.Wrote(context.WithoutCancel(ctx), installation, n); err != nil {
			log.Warn().Err(err).Msg("cannot note that GitHub was written to")
		}
	})
	hub, err := openHub(cfg, budget.Left, log, version)
	if err != nil {
		return err
	}
	s.hub = hub
	sandbox, err := openSandbox(ctx, cfg, s.store, log)
	if err != nil {
		return err
	}
	if s.source, err = openSource(cfg, hub, sandbox.AllLeft()); err != nil {
		return errors.Join(err, sandbox.Engine().Close())
	}
	if s.kept, err = openArtifacts(ctx, cfg, s.store, log); err != nil {
		return err
	}
	if s.files, err = openFiles(cfg.DataDir, s.kept.bucket, log); err != nil {
		return err
	}
	folders, err := openCaches(ctx, cfg, log)
	if err != nil {
		return errors.Join(err, sandbox.Engine().Close())
	}
	inferrer := infer.New()
	s.jobs = openJobs(cfg, sandbox, folders, s.source, s.kept.keep, inferrer, log)
	s.old = &oldLogs{keeper: logs.Keeper{Dir: logs.Dir(s.jobs.logDir), At: told}, days: cfg.Logs.Days, every: 10 * time.Second, store: s.store, log: log.With().Str("part", "logs").Logger()}
	s.jobs.ended = s.old.ended
	if s.jobs.release, err = openReleases(cfg, s.store, s.jobs.Runner, log); err != nil {
		return err
	}
	s.jobs.release.announcer, s.jobs.release.budget, s.jobs.release.historian = hub, budget, s.source
	s.kept.built = &s.jobs.release.built
	s.jobs.release.engine = s.jobs.sandbox.Engine()
	s.report = report.New(report.Options{
		Store: s.store, Sink: hub, BaseURL: cfg.PublicURL, Budget: budget, Log: log.With().Str("part", "report").Logger(),
		Suspect: func(run string) { s.audit.Suspect(run) },
	})
	s.audit = report.NewAuditor(report.AuditOptions{
		Store: s.store, Sink: hub, BaseURL: cfg.PublicURL, Budget: budget, Wake: s.report.Wake, Log: log.With().Str("part", "audit").Logger(),
	})
	s.replies = report.NewReplier(report.ReplierOptions{Store: s.store, Sink: hub, Budget: budget, Log: log.With().Str("part", "replies").Logger()})
	if s.notices, err = openNotices(cfg, s.store, hub, budget, log); err != nil {
		return err
	}
	policy := policies(cfg)
	s.engine = engine.New(engine.Options{
		Store: s.store, Source: &changes{source: s.source, hub: hub, policy: policy, releases: s.jobs.release, prover: &prover{s.store.Proofs, s.jobs.sandbox.Digest}, inferrer: inferrer}, Runner: s.jobs,
		Slots: cfg.Runner.Slots, Drain: cfg.Runner.Drain, Policy: policy, Notify: audience(cfg), Forget: s.forget,
		Report: func() { s.report.Wake(); s.replies.Wake(); s.notices.Wake() }, Log: log.With().Str("part", "engine").Logger(),
	})
	s.missed = newMissed(s.store, hub, policy, s.engine.Wake, log.With().Str("part", "missed").Logger())
	s.http = s.server(version)
	return nil
}

// damaged tells the operator of a record of the store that cannot be read.
func (s *Server) damaged(err error) {
	s.log.Error().Err(err).Msg("a record of the store is damaged and is passed over; the rest goes on. Look at the disk, and have a backup of data_dir at hand. " +
		"An event that was lost can be delivered again from the App's page, under Advanced; a check that does not end is ended by a new push")
}

// Addr is where the server listens.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Run serves until ctx is done, then stops in order: no new requests, running
// jobs end or are put back, the store closes last. It returns an error when
// the server could not go on.
func (s *Server) Run(ctx context.Context) error {
	defer s.close()
	s.log.Info().Str("listen", s.Addr()).Str("data_dir", s.cfg.DataDir).
		Int("slots", s.cfg.Runner.Slots).Str("image", s.cfg.Runner.Image).Msg("loktar is up")

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		s.log.Info().Msg("stopping")
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := s.http.Shutdown(bounded); err != nil {
			return s.http.Close()
		}
		return nil
	})
	group.Go(func() error {
		s.jobs.await(ctx)
		return nil
	})
	group.Go(func() error {
		s.jobs.disk.run(ctx)
		return nil
	})
	group.Go(func() error {
		s.introduce(ctx)
		return nil
	})
	group.Go(func() error {
		s.missed.run(ctx)
		return nil
	})
	group.Go(func() error {
		s.audit.Run(ctx)
		return nil
	})
	group.Go(func() error {
		s.kept.run(ctx)
		return nil
	})
	group.Go(func() error {
		s.old.run(ctx)
		return nil
	})
	group.Go(func() error {
		daily(ctx, time.Hour, func() {
			s.jobs.release.sweep(ctx)
			s.jobs.caches.Sweep()
			if err := s.source.Maintain(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn().Err(err).Msg("cannot maintain all mirrors; the next turn is tomorrow")
			}
		})
		return nil
	})
	group.Go(func() error {
		// Reporting outlives the engine, so that what the drain ends is told.
		told, stop := context.WithCancel(context.WithoutCancel(ctx))
		var all sync.WaitGroup
		all.Go(func() { s.report.Run(told) })
		all.Go(func() { s.replies.Run(told) })
		all.Go(func() { s.notices.Run(told) })
		err := s.engine.Run(ctx)
		stop()
		all.Wait()
		return err
	})
	err := group.Wait()
	s.log.Info().Msg("stopped")
	return err
}

// introduce tells the operator at once what would else show with the first
// event only: whether GitHub knows the App, and whether jobs can run. Neither
// keeps the server from taking events.
func (s *Server) introduce(ctx context.Context) {
	if name, err := s.hub.Identify(ctx); err == nil {
		s.log.Info().Str("app", name).Str("github", s.cfg.GitHub.URL).Msg("GitHub knows the App")
	} else if ctx.Err() == nil {
		s.log.Warn().Err(err).Str("github", s.cfg.GitHub.URL).Msg("GitHub does not tell who the App is; events are kept, and tried again")
	}
	if err := s.jobs.Ready(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn().Err(err).Msg("jobs cannot run yet; they wait")
	}
}

// daily calls do after the time first and then once a day, until ctx is done.
func daily(ctx context.Context, first time.Duration, do func()) {
	for wait := first; ; wait = 24 * time.Hour {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
			do()
		}
	}
}

func (s *Server) close() {
	if s.jobs != nil {
		s.jobs.close()
	}
	if s.source != nil {
		s.source.Close()
	}
	if s.listener != nil {
		s.listener.Close()
	}
	if s.jobs != nil && s.jobs.release != nil {
		if err := s.jobs.release.close(); err != nil {
			s.log.Error().Err(err).Msg("close the folder of what was built")
		}
	}
	if s.kept != nil {
		if err := s.kept.close(); err != nil {
			s.log.Error().Err(err).Msg("close the folder of artifacts")
		}
	}
	if s.store != nil {
		if err := s.store.Close(); err != nil {
			s.log.Error().Err(err).Msg("close the store")
		}
	}
}

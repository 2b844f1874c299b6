package app

import (
	"context"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs"
)

// policies is what the configuration says of a repository's events, in the
// domain's terms.
func policies(cfg configs.Config) func(checks.Repo) checks.Policy {
	return func(r checks.Repo) checks.Policy {
		e := cfg.EventsOf(r.Owner, r.Name)
		return checks.Policy{
			Forks: checks.ForkPolicy(e.Forks), Drafts: checks.DraftPolicy(e.Drafts),
			Branches: e.Push, Tags: e.Tags, FullLabel: e.FullLabel, PublishLabel: e.PublishLabel,
			Publish: cfg.Publish.Storage != nil || len(cfg.Registries) > 0,
		}
	}
}

// forget removes what is kept of a repository that the App lost.
func (s *Server) forget(ctx context.Context, repo checks.Repo) {
	log := s.log.With().Str("repo", repo.FullName()).Logger()
	if err := s.jobs.caches.Forget(repo.ID); err != nil {
		log.Warn().Err(err).Msg("cannot remove the caches of a repository that the App lost")
	}
	if err := s.source.Forget(ctx, repo); err != nil {
		log.Warn().Err(err).Msg("cannot remove the mirror of a repository that the App lost")
		return
	}
	log.Info().Msg("removed the mirror of a repository that the App lost")
}

package app

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/app/slack"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/notify"
	"github.com/dudesons/loktar/checks/report"
	"github.com/dudesons/loktar/configs"
	"github.com/dudesons/loktar/store"
)

// openNotices joins what tells people of runs, beside GitHub's checks.
func openNotices(cfg configs.Config, s *store.Store, comments notify.Comments, budget *report.Budget, log zerolog.Logger) (*notify.Notifier, error) {
	o := notify.Options{
		Store: s, Comments: comments, Budget: budget, BaseURL: cfg.PublicURL, GitHubURL: cfg.GitHub.URL,
		Log: log.With().Str("part", "notify").Logger(),
	}
	if cfg.Slack.Used() {
		texts, err := slack.ParseTexts(cfg.Slack.Message, cfg.Slack.Details)
		if err != nil {
			return nil, fmt.Errorf("configuration: %w", err)
		}
		so := slack.Options{URL: cfg.Slack.URL, Texts: texts, Log: log.With().Str("part", "slack").Logger()}
		so.Webhook = func(name string) (string, error) { return revealed(cfg.Slack.Webhook(name)) }
		if cfg.Slack.HasToken() {
			so.Token = func() (string, error) { return revealed(cfg.Slack.Token()) }
		}
		o.Slack = slack.New(so)
	}
	return notify.New(o), nil
}

func revealed(s configs.Secret, err error) (string, error) { return s.Reveal(), err }

// audience is who is told of a run: whom the configuration names for its
// repository, and of whom loktar.json asks for those that the configuration
// lets it name. What is not done is told in notes.
func audience(cfg configs.Config) func(checks.Run, *checks.Notify) (*checks.Notify, []string) {
	return func(run checks.Run, wanted *checks.Notify) (*checks.Notify, []string) {
		repo := run.Repo
		out := &checks.Notify{Comment: checks.When(cfg.EventsOf(repo.Owner, repo.Name).Comment)}
		for _, c := range cfg.Slack.ChannelsOf(repo.Owner, repo.Name) {
			rule := checks.SlackRule{
				On: words[checks.When](c.On), Events: words[checks.NotifyEvent](c.Events), Packages: c.Packages,
			}
			if rule.Channel = c.Name; c.Webhook {
				rule.Channel, rule.Webhook = "", c.Name
			}
			if len(rule.On) == 0 {
				rule.On = []checks.When{checks.WhenFailure, checks.WhenFixed}
			}
			out.Slack = append(out.Slack, rule)
		}
		var notes []string
		if wanted != nil {
			out.Comment = cmp.Or(wanted.Comment, out.Comment)
			refused := map[string]bool{}
			for _, rule := range wanted.Slack {
				switch {
				case cfg.Slack.HasToken() && cfg.Slack.Allows(repo.Owner, repo.Name, rule.Channel):
					out.Slack = append(out.Slack, rule)
				case !refused[rule.Channel]:
					refused[rule.Channel] = true
					notes = append(notes, fmt.Sprintf("The channel %s of notify in %s is not told: the server's configuration does not let %s write to it.",
						rule.Channel, checks.ManifestFile, repo.FullName()))
				}
			}
		}
		if out.Nobody() {
			return nil, notes
		}
		return out, notes
	}
}

func words[T ~string](all []string) (out []T) {
	for _, s := range all {
		out = append(out, T(s))
	}
	return out
}

// untold are what places could not be told of a run, in sentences for anyone.
func (s *Server) untold(run string) []string {
	posts, err := s.store.Posts(run)
	if err != nil {
		s.log.Warn().Err(err).Str("run", run).Msg("cannot read what was told of a run")
	}
	var out []string
	for _, p := range posts {
		if p.GivenUp != "" {
			out = append(out, p.GivenUp)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

package app

import (
	"context"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/dudesons/loktar/app/web"
	"github.com/dudesons/loktar/app/webhook"
	"github.com/dudesons/loktar/checks"
)

// server is the HTTP side: the webhook, the health checks and the pages.
func (s *Server) server(version string) *http.Server {
	mux := http.NewServeMux()
	mux.Handle("/webhook", webhook.New(webhook.Options{
		Secret: s.cfg.GitHub.WebhookSecret.Reveal(), AppID: s.cfg.GitHub.AppID,
		Inbox: s.store, Wake: s.engine.Wake, Logger: s.log.With().Str("part", "webhook").Logger(),
	}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("/files/", s.files.handler())
	mux.Handle("/", web.New(web.Options{
		Store: s.store, Logs: s.old.keeper.Dir, LogDays: s.cfg.Logs.Days, GitHubURL: s.cfg.GitHub.URL, Version: version,
		Ready: s.whatIsMissing, FileURL: s.files.link, Untold: s.untold, Log: s.log.With().Str("part", "web").Logger(),
	}))
	// Pages that stream end when the server stops, so that it can.
	streams, stop := context.WithCancel(context.Background())
	srv := &http.Server{
		Handler:           mux,
		BaseContext:       func(net.Listener) context.Context { return streams },
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute, // a webhook's body is at most 25 MB
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	srv.RegisterOnShutdown(stop)
	return srv
}

// ready answers 200 when events can be kept and jobs can be run, and else 503
// and what is missing, a line each.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	if missing := s.whatIsMissing(r.Context()); len(missing) > 0 {
		plain(w, http.StatusServiceUnavailable, strings.Join(missing, "\n"))
		return
	}
	plain(w, http.StatusOK, "ready")
}

// whatIsMissing names, in words for anyone, what keeps the server from working.
func (s *Server) whatIsMissing(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var missing []string
	kept := " Events are kept, and jobs wait."
	if _, err := s.store.Pending(1); err != nil {
		missing = append(missing, "The store cannot be read.")
	}
	if err := s.store.Writable(ctx); err != nil {
		kept = " Jobs wait."
		missing = append(missing, checks.PublicText(err, "The store cannot be written.")+" Events are refused, and asked for again later.")
	}
	if err := s.jobs.Ready(ctx); err != nil {
		missing = append(missing, checks.PublicText(err, "The Docker engine cannot run jobs.")+kept)
	}
	return missing
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}

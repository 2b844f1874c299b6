// Package web serves Loktar's pages: the start page, one page per run, and one
// per job with its log, live while the job runs, and what it left. It reads
// the store and the logs and changes nothing.
//
// Who knows a run's id may read the run: no page lists ids, and none sends
// its address elsewhere.
package web

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
)

// Store is what the pages show. Its methods are safe for concurrent use, and
// their errors are of checks.KindNotFound for an id that is not there.
type Store interface {
	Run(id string) (checks.Run, error)
	// Jobs are the jobs of a run in dependency order.
	Jobs(run string) ([]checks.Job, error)
	Job(id checks.JobID) (checks.Job, error)
}

// Options are what the pages are made of. Store and one of Logs and LogDir
// are required.
type Options struct {
	Store Store
	// Logs opens the logs of jobs; nil means the files LogDir/RUN/PACKAGE.log.
	Logs   Logs
	LogDir string
	// LogDays is for how many days after a run's end its logs are kept; 0 means
	// that it is not told.
	LogDays int
	// GitHubURL is where pull requests are, as https://github.com; empty
	// means no links to them.
	GitHubURL string
	Version   string
	// FileURL is the way from the start page to the content of an artifact of
	// the repository with the id repo, good for a while. Nil means that files
	// cannot be had.
	FileURL func(repo int64, a checks.Artifact) string
	// Untold is who could not be told of a run, and why, in sentences for
	// anyone. Nil means that everybody was.
	Untold func(run string) []string
	// Ready names, in sentences for anyone, what keeps the server from
	// working; none when all is well. Nil means always well.
	Ready func(context.Context) []string
	// Tail is how much of a log's end a page shows, in bytes; 0 means 1 MiB.
	// Live pages go on from there without a bound.
	Tail int64
	// Poll is how often a live page's stream looks for news; 0 means 250 ms.
	Poll time.Duration
	// Streams bounds the live pages served at once; 0 means 500.
	Streams int
	Log     zerolog.Logger
}

type server struct {
	Options
	streams chan struct{}
}

// New makes the handler of all pages. It is safe for concurrent use. Streams
// of live pages end when their request's context does, so a server that shuts
// down cancels the contexts of its requests.
func New(o Options) http.Handler {
	if o.Logs == nil {
		o.Logs = dirLogs(o.LogDir)
	}
	if o.Tail <= 0 {
		o.Tail = 1 << 20
	}
	if o.Poll <= 0 {
		o.Poll = 250 * time.Millisecond
	}
	if o.Streams <= 0 {
		o.Streams = 500
	}
	o.GitHubURL = strings.TrimRight(o.GitHubURL, "/")
	s := &server{Options: o, streams: make(chan struct{}, o.Streams)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.start)
	mux.HandleFunc("GET /runs/{run}", s.run)
	mux.HandleFunc("GET /runs/{run}/{pkg}", s.job)
	mux.HandleFunc("GET /runs/{run}/{pkg}/log", s.raw)
	mux.HandleFunc("GET /runs/{run}/{pkg}/services/{service}/log", s.serviceLog)
	mux.HandleFunc("GET /runs/{run}/{pkg}/events", s.events)
	mux.HandleFunc("GET /runs/{run}/{pkg}/files/{name...}", s.file)
	mux.HandleFunc("GET /assets/{file}", s.asset)
	mux.HandleFunc("/", s.elsewhere)
	return headers(mux)
}

// headers are those of every answer. Handlers may change them.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("X-Robots-Tag", "noindex, nofollow")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "private, no-cache")
		next.ServeHTTP(w, r)
	})
}

var (
	runID       = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9]{1,64}$`) })
	packageName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}( / publish)?$`) })
)

// jobID reads the job that a request is about. What is not shaped like an id
// is like one that is not there.
func jobID(r *http.Request) (checks.JobID, bool) {
	id := checks.JobID{Run: r.PathValue("run"), Package: r.PathValue("pkg")}
	return id, runID().MatchString(id.Run) && packageName().MatchString(id.Package)
}

// root is the relative way from a request's page to the start page, so that
// the pages work beneath any path of a proxy.
func root(r *http.Request) string {
	if n := strings.Count(r.URL.EscapedPath(), "/"); n > 1 {
		return strings.Repeat("../", n-1)
	}
	return "./"
}

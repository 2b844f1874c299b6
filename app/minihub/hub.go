// Package minihub is a small GitHub in process, for the demo and the tests:
// the REST calls that a checks App makes, git over smart HTTP, signed
// webhooks, and pages that show a pull request's checks. It refuses what
// GitHub refuses, so that what passes here has a chance there. Repositories
// are bare git folders; everything else lives in memory and is gone with the
// process.
package minihub

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Options are the settings of a Hub. Only Dir is required.
type Options struct {
	// Dir holds the bare repositories. It is made when missing.
	Dir string
	// URL is the address that payloads and links name, without a slash at
	// the end. Listen and Serve set it when it is empty.
	URL string
	// AppName is the name of the App that App returns; "loktar" when empty.
	AppName string
	// Permissions of every App; nil means the least that Loktar needs.
	Permissions map[string]string
	// Events that every App subscribes to, besides those that come by
	// themselves; nil means pull_request, push, merge_group, repository.
	Events []string
	// Viewer is the login in whose name the pages act; empty means the owner
	// of the repository that is looked at.
	Viewer string
	// RateLimit is the number of REST requests a token may make in an hour;
	// 0 means 5000.
	RateLimit int
	// WritesPerMinute and WritesPerHour are how much an installation may write
	// in a minute and in an hour, however they are laid, before it is told of
	// a secondary limit; 0 means no bound.
	WritesPerMinute, WritesPerHour int
	// SlowMerge makes the first GET of a pull request after each change
	// answer "mergeable": null, as GitHub does while it computes.
	SlowMerge bool
	// OnError is told of faults of the hub itself that no caller can be told
	// of; nil prints them to standard error.
	OnError func(error)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Hub is the stand-in. Its methods may be called from many goroutines. Create
// it with New and end it with Close.
type Hub struct {
	opts Options
	rest http.Handler
	web  http.Handler

	ctx    context.Context // ends deliveries and event streams at Close
	cancel context.CancelFunc
	work   sync.WaitGroup

	// refMu is held while refs change and while the events of the change are
	// queued, so that events keep the order of the changes. It is taken
	// before mu.
	refMu sync.Mutex
	dirs  map[string]bool // folders of repositories, of deleted ones too; guarded by refMu

	mu      sync.Mutex // guards everything below
	url     string
	servers []*http.Server
	changed chan struct{} // closed and replaced at each change
	version int64
	ids     map[string]int64
	users   map[string]*user // by lower-case login
	repos   map[string]*Repo // by lower-case full name
	moved   map[string]*Repo // by lower-case full names that they had before
	apps    map[int64]*App
	app     *App
	tokens  map[string]*token
	signing []byte // signs installation tokens
}

// New makes a hub with one App and no repositories. It fails when Dir cannot
// be made or git is not installed.
func New(o Options) (*Hub, error) {
	if o.Dir == "" {
		return nil, errors.New("make minihub: no folder is given for its repositories")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("make minihub: %w", err)
	}
	o.Dir = dir
	for _, sub := range []string{"repos", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("make minihub: %w", err)
		}
	}
	if o.AppName == "" {
		o.AppName = "loktar"
	}
	if o.Permissions == nil {
		o.Permissions = map[string]string{"metadata": "read", "checks": "write", "contents": "read",
			"pull_requests": "read", "merge_queues": "read"}
	}
	if o.Events == nil {
		o.Events = []string{"pull_request", "push", "merge_group", "repository"}
	}
	if o.RateLimit == 0 {
		o.RateLimit = 5000
	}
	if o.OnError == nil {
		o.OnError = func(err error) { log.Printf("minihub: %v", err) }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	h := &Hub{
		opts: o, url: strings.TrimRight(o.URL, "/"), changed: make(chan struct{}),
		ids: map[string]int64{}, users: map[string]*user{}, repos: map[string]*Repo{},
		moved: map[string]*Repo{}, dirs: map[string]bool{},
		apps: map[int64]*App{}, tokens: map[string]*token{}, signing: make([]byte, 32),
	}
	if _, err := rand.Read(h.signing); err != nil {
		return nil, fmt.Errorf("make minihub: %w", err)
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	if _, err := h.git(h.ctx, "", nil, "version"); err != nil {
		h.cancel()
		return nil, fmt.Errorf("make minihub: git does not run (install git): %w", err)
	}
	if h.app, err = h.NewApp(o.AppName); err != nil {
		h.cancel()
		return nil, err
	}
	h.rest = h.restHandler()
	h.web = h.pagesHandler()
	return h, nil
}

// Close stops the servers that Listen and Serve started, ends deliveries and
// waits for everything that the hub started, requests for five seconds at
// most. The repositories stay on disk.
func (h *Hub) Close() error {
	h.cancel()
	h.mu.Lock()
	servers := h.servers
	h.servers = nil
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var errs []error
	for _, s := range servers {
		if err := s.Shutdown(ctx); err != nil {
			errs = append(errs, s.Close())
		}
	}
	h.work.Wait()
	return errors.Join(errs...)
}

// Listen serves the hub on addr (as "127.0.0.1:0") in the background until
// Close, and returns its address as http://HOST:PORT.
func (h *Hub) Listen(addr string) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(h.ctx, "tcp", addr)
	if err != nil {
		return "", fmt.Errorf("listen for minihub: %w", err)
	}
	url := "http://" + l.Addr().String()
	h.mu.Lock()
	if h.url == "" {
		h.url = url
	}
	h.mu.Unlock()
	h.work.Go(func() { _ = h.Serve(l) })
	return url, nil
}

// Serve serves the hub on l until Close or an error of l. After Close it
// returns http.ErrServerClosed.
func (h *Hub) Serve(l net.Listener) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return h.ctx }}
	h.mu.Lock()
	if h.url == "" {
		h.url = "http://" + l.Addr().String()
	}
	h.servers = append(h.servers, s)
	h.mu.Unlock()
	if h.ctx.Err() != nil {
		_ = l.Close()
		return http.ErrServerClosed
	}
	return s.Serve(l)
}

// SetURL sets the address that payloads and links name from now on. It is for
// callers that serve the Handler themselves.
func (h *Hub) SetURL(url string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.url = strings.TrimRight(url, "/")
}

// URL is the address that payloads and links name; empty when none was set.
func (h *Hub) URL() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.url
}

// ServeHTTP answers REST requests under /api/v3/, git under /OWNER/REPO.git/
// and pages elsewhere.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == apiPrefix || strings.HasPrefix(r.URL.Path, apiPrefix+"/") {
		h.rest.ServeHTTP(w, r)
		return
	}
	if req, ok := parseGitPath(r.URL.Path); ok {
		h.serveGit(w, r, req)
		return
	}
	h.web.ServeHTTP(w, r)
}

// touch wakes all waiters. mu is held.
func (h *Hub) touch() {
	h.version++
	close(h.changed)
	h.changed = make(chan struct{})
}

// firstIDs keeps ids of different things apart. Those of check runs and
// deliveries do not fit in 32 bits, as GitHub's do not.
var firstIDs = map[string]int64{
	"user": 21_000, "repo": 186_000_000, "app": 29_000, "installation": 957_000, "pull": 279_000_000,
	"suite": 3_359_000_000, "run": 36_593_000_000, "delivery": 163_000_000_000, "hook": 109_000_000,
	"ruleset": 4_200, "issue": 444_500_000, "comment": 4_921_000_000, "reaction": 335_000_000, "label": 1_362_000_000, "release": 231_000_000,
}

// nextID returns a fresh id of a kind. mu is held.
func (h *Hub) nextID(kind string) int64 {
	h.ids[kind]++
	return firstIDs[kind] + h.ids[kind]
}

func (h *Hub) now() time.Time { return h.opts.Now().UTC() }

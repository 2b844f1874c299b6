// Package github is Loktar as a GitHub App: it writes check runs, mints tokens
// for clones, reads pull requests and what branches require, and answers
// comments, as the installation that each call names.
//
// Facts about GitHub are from its REST documentation, version 2022-11-28.
package github

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/golang-jwt/jwt/v4"
	gh "github.com/google/go-github/v60/github"
	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
)

// DefaultAPIURL is where github.com has its REST API.
const DefaultAPIURL = "https://api.github.com"

// maxClients bounds the installations, and maxTokens the clone tokens, that
// are remembered at once. What was used longest ago is forgotten first.
const (
	maxClients = 1000
	maxTokens  = 1000
)

// Options are what an App is made of. AppID and Key are required.
type Options struct {
	AppID int64
	// Key is the App's private key: RSA, in PEM.
	Key []byte
	// APIURL is the root of the REST API, as https://HOST/api/v3 on a server
	// of one's own; empty means DefaultAPIURL.
	APIURL string
	// Version is Loktar's own, for the User-Agent.
	Version string
	// Transport carries the requests; nil means one of our own, with timeouts.
	Transport http.RoundTripper
	// Unsaid is how long to wait when GitHub limits us and does not say; 0 is
	// the minute that its documentation asks for.
	Unsaid time.Duration
	// Left is told, with each answer, what GitHub says is left of the requests
	// that an installation may make until reset. Nil is fine.
	Left   func(installation int64, left int, reset time.Time)
	Logger zerolog.Logger
}

// App is a GitHub App. Its methods are safe for concurrent use. Each call
// ends within a minute; when GitHub asks for a longer pause, it fails at once.
//
// An error is of one of these kinds, and bears no secret:
//   - checks.KindUnavailable: GitHub does not answer, asks to wait, or keeps
//     the installation suspended. The same call may succeed later; where
//     GitHub said when, the error's chain has a method
//     RetryAfter() time.Duration.
//   - checks.KindNotFound: the repository, the pull request or the
//     installation is not there, or the App may not see it.
//   - checks.KindRefused: GitHub understood and will not do it.
//   - checks.KindConfig: GitHub does not accept the App's ID and key, or the
//     App lacks a permission that a feature takes.
type App struct {
	o       Options
	base    http.RoundTripper
	clock   clock
	signer  signer
	app     *client // speaks as the App itself
	mu      sync.Mutex
	clients map[int64]*client
	tokens  map[tokenKey]*cloneToken

	required demands
	slug     slug
}

// client is one identity at GitHub. What is known of its rate limit lives in
// it, so there is one for each installation.
type client struct {
	rest *gh.Client

	mu   sync.Mutex
	hold time.Time // GitHub asked for silence until then
	used time.Time // guarded by App.mu
}

// New makes an App and talks to nobody yet. The error is of
// checks.KindConfig and names what to correct.
func New(o Options) (*App, error) {
	if o.AppID <= 0 {
		return nil, checks.Errorf(checks.KindConfig, nil, "The App's ID is missing. Set github.app_id to the number on the App's settings page.")
	}
	if o.APIURL == "" {
		o.APIURL = DefaultAPIURL
	}
	if o.Unsaid == 0 {
		o.Unsaid = pauseUnknown
	}
	o.APIURL = strings.TrimRight(o.APIURL, "/")
	u, err := url.Parse(o.APIURL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, checks.Errorf(checks.KindConfig, nil, "The address of GitHub's API is not valid. Set github.url to an address such as https://github.example.com.")
	}
	a := &App{o: o, base: o.Transport, clients: map[int64]*client{}, tokens: map[tokenKey]*cloneToken{},
		required: demands{at: map[demandKey]demand{}}}
	if a.base == nil {
		a.base = newTransport()
	}
	a.base = wire{a.base, &a.clock}
	key, err := jwt.ParseRSAPrivateKeyFromPEM(o.Key)
	if err != nil {
		return nil, checks.Errorf(checks.KindConfig, nil, "The App's private key cannot be read. Set github.private_key_file to the .pem file that GitHub gave when the key was made.")
	}
	a.signer = signer{ghinstallation.NewRSASigner(jwt.SigningMethodRS256, key), &a.clock}
	asApp, err := a.identity()
	if err != nil {
		return nil, err
	}
	if a.app, err = a.newClient(asApp); err != nil {
		return nil, err
	}
	return a, nil
}

// Close closes idle connections. Calls after it still work.
func (a *App) Close() {
	if t, ok := a.base.(wire).next.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

func (a *App) newClient(identity http.RoundTripper) (*client, error) {
	rest := gh.NewClient(&http.Client{Transport: follow{limited(identity)}, CheckRedirect: stay})
	base, err := url.Parse(a.o.APIURL + "/")
	if err != nil {
		return nil, fmt.Errorf("parse API address: %w", err)
	}
	rest.BaseURL = base
	rest.UserAgent = strings.TrimSuffix("Loktar/"+a.o.Version, "/")
	return &client{rest: rest}, nil
}

// identity is a transport that speaks as the App.
func (a *App) identity() (*ghinstallation.AppsTransport, error) {
	t, err := ghinstallation.NewAppsTransportWithOptions(a.base, a.o.AppID, ghinstallation.WithSigner(a.signer))
	if err != nil {
		return nil, fmt.Errorf("become the App: %w", err)
	}
	t.BaseURL = a.o.APIURL
	return t, nil
}

// installation is the client of one installation, made when it is first asked
// for.
func (a *App) installation(id int64) (*client, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.clients[id]; c != nil {
		c.used = time.Now()
		return c, nil
	}
	// One of our own for each: installations that share one race.
	asApp, err := a.identity()
	if err != nil {
		return nil, err
	}
	identity := ghinstallation.NewFromAppsTransport(asApp, id)
	c, err := a.newClient(gauge{identity, func(left int, reset time.Time) {
		if a.o.Left != nil {
			a.o.Left(id, left, reset)
		}
	}})
	if err != nil {
		return nil, err
	}
	c.used = time.Now()
	if len(a.clients) >= maxClients {
		a.evict()
	}
	a.clients[id] = c
	return c, nil
}

// evict forgets the client that was used longest ago. mu is held.
func (a *App) evict() {
	var oldest int64
	var used time.Time
	for id, c := range a.clients {
		if used.IsZero() || c.used.Before(used) {
			oldest, used = id, c.used
		}
	}
	delete(a.clients, oldest)
}

// forget drops a client, and with it a token that GitHub accepts no more.
func (a *App) forget(id int64, c *client) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.clients[id] == c {
		delete(a.clients, id)
	}
}

// held is how long GitHub still wants silence; zero when it does not.
func (c *client) held() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(0, time.Until(c.hold))
}

func (c *client) holdFor(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if until := time.Now().Add(d); until.After(c.hold) {
		c.hold = until
	}
}

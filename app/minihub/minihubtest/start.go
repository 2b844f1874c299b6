package minihubtest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/app/minihub"
)

// Patience is how long Await waits before it fails the test.
const Patience = 60 * time.Second

// Options are the settings of a Hub for a test.
type Options struct {
	Hub minihub.Options // Dir is set by Start
	// AllowRefused does not hold requests that the hub refuses with a 4xx
	// against GitHub's description. It is for tests that send such requests
	// on purpose. Answers are always held against it.
	AllowRefused bool
	// Intercept sees each request first; when it returns true it answered
	// and the hub is not asked. It is for outages.
	Intercept func(w http.ResponseWriter, r *http.Request) bool
}

// Hub is a minihub on a loopback port for the time of a test. A REST request
// or answer that is not as GitHub describes it fails the test.
type Hub struct {
	*minihub.Hub
	t testing.TB

	mu    sync.Mutex
	calls []Call
	over  bool // the test has ended: say no more
}

// Start starts a hub that ends with the test.
func Start(t testing.TB) *Hub {
	t.Helper()
	return StartWith(t, Options{})
}

// StartWith is Start with settings.
func StartWith(t testing.TB, o Options) *Hub {
	t.Helper()
	h := &Hub{t: t}
	o.Hub.Dir = t.TempDir()
	if o.Hub.OnError == nil {
		o.Hub.OnError = h.fault
	}
	inner, err := minihub.New(o.Hub)
	if err != nil {
		t.Fatal(err)
	}
	h.Hub = inner
	if Shared(t) == "" {
		t.Log("the shared folder is missing: requests are not held against GitHub's description")
	}
	checked := Validate(inner, func(c Call) { h.record(c, o.AllowRefused) })
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if o.Intercept == nil || !o.Intercept(w, r) {
			checked.ServeHTTP(w, r)
		}
	}))
	inner.SetURL(srv.URL)
	t.Cleanup(func() {
		if err := inner.Close(); err != nil {
			t.Errorf("close minihub: %v", err)
		}
		srv.Close()
		h.mu.Lock()
		defer h.mu.Unlock()
		h.over = true
	})
	return h
}

func (h *Hub) fault(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.over {
		h.t.Errorf("minihub: %v", err)
	}
}

func (h *Hub) record(c Call, allowRefused bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, c)
	for _, v := range c.Violations {
		if h.over || (allowRefused && c.Status >= 400 && c.Status < 500 && strings.HasPrefix(v, "request:")) {
			continue
		}
		h.t.Errorf("%s %s: %d: %s", c.Method, c.Path, c.Status, v)
	}
}

// Calls are the REST requests so far.
func (h *Hub) Calls() []Call {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Call(nil), h.calls...)
}

// Repo makes a repository that the App is installed on, with one commit of
// files on main (none when files is nil).
func (h *Hub) Repo(owner, name string, files map[string]string) *minihub.Repo {
	h.t.Helper()
	r, err := h.CreateRepo(owner, name)
	if err != nil {
		h.t.Fatal(err)
	}
	h.Install(owner)
	if files != nil {
		h.Commit(r, minihub.Commit{Files: files, Message: "Begin"})
	}
	return r
}

// Commit makes and pushes a commit.
func (h *Hub) Commit(r *minihub.Repo, c minihub.Commit) (sha string) {
	h.t.Helper()
	sha, err := r.Commit(h.t.Context(), c)
	if err != nil {
		h.t.Fatal(err)
	}
	return sha
}

// Open opens a pull request and returns its number.
func (h *Hub) Open(r *minihub.Repo, p minihub.NewPull) (number int) {
	h.t.Helper()
	number, err := r.OpenPull(h.t.Context(), p)
	if err != nil {
		h.t.Fatal(err)
	}
	return number
}

// KeyFile writes the App's private key to a file that ends with the test.
func (h *Hub) KeyFile() string {
	h.t.Helper()
	name := filepath.Join(h.t.TempDir(), "app.pem")
	if err := os.WriteFile(name, h.App().PrivateKeyPEM(), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return name
}

// Client is go-github's client of the App's installation on owner, as an
// Enterprise server's client is made.
func (h *Hub) Client(owner string) *github.Client {
	h.t.Helper()
	base := &http.Transport{}
	h.t.Cleanup(base.CloseIdleConnections)
	tr, err := ghinstallation.New(base, h.App().ID(), h.Install(owner), h.App().PrivateKeyPEM())
	if err != nil {
		h.t.Fatal(err)
	}
	tr.BaseURL = h.URL() + "/api/v3"
	return h.enterprise(&http.Client{Transport: tr})
}

// AppClient is go-github's client with the App's own JWT.
func (h *Hub) AppClient() *github.Client {
	h.t.Helper()
	base := &http.Transport{}
	h.t.Cleanup(base.CloseIdleConnections)
	tr, err := ghinstallation.NewAppsTransport(base, h.App().ID(), h.App().PrivateKeyPEM())
	if err != nil {
		h.t.Fatal(err)
	}
	tr.BaseURL = h.URL() + "/api/v3"
	return h.enterprise(&http.Client{Transport: tr})
}

func (h *Hub) enterprise(c *http.Client) *github.Client {
	h.t.Helper()
	gh, err := github.NewClient(c).WithEnterpriseURLs(h.URL(), h.URL())
	if err != nil {
		h.t.Fatal(err)
	}
	return gh
}

// Token mints an installation token through the API.
func (h *Hub) Token(owner string, o *github.InstallationTokenOptions) string {
	h.t.Helper()
	tok, _, err := h.AppClient().Apps.CreateInstallationToken(h.t.Context(), h.Install(owner), o)
	if err != nil {
		h.t.Fatal(err)
	}
	return tok.GetToken()
}

// Await waits until cond holds, and fails the test with the hub's state when
// it takes longer than Patience.
func (h *Hub) Await(what string, cond func(*minihub.View) bool) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), Patience)
	defer cancel()
	if err := h.Wait(ctx, cond); err != nil {
		h.t.Fatalf("waited for %s: %v\n%s", what, err, h.dump())
	}
}

// dump tells what check runs and deliveries there are.
func (h *Hub) dump() string {
	var b strings.Builder
	h.Read(func(v *minihub.View) {
		for _, repo := range v.Repos() {
			for _, c := range v.CheckRuns(repo, "") {
				fmt.Fprintf(&b, "check run %d %s %.7s %q: %s %s: %s\n", c.ID, repo, c.HeadSHA, c.Name, c.Status, c.Conclusion, c.Title)
			}
		}
		for _, d := range v.Deliveries() {
			fmt.Fprintf(&b, "delivery %s %s.%s: %s\n", d.GUID, d.Event, d.Action, d.Status)
		}
	})
	return b.String()
}

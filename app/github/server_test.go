package github_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v4"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/dudesons/loktar/app/github"
	"github.com/dudesons/loktar/checks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	appID   = 4711
	install = 99
	sha     = "0123456789abcdef0123456789abcdef01234567"
)

var (
	key    = func() *rsa.PrivateKey { k, _ := rsa.GenerateKey(rand.Reader, 2048); return k }()
	keyPEM = pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	repo   = checks.Repo{ID: 7, Owner: "acme", Name: "shop"}
)

// hub is a strict stand-in for the API: it knows one installation, verifies
// JWTs and tokens, and fails the test on anything it was not told of.
type hub struct {
	t      *testing.T
	server *httptest.Server

	mu       sync.Mutex
	minted   int
	bodies   []string // of requests for tokens
	lifetime time.Duration
	tokens   map[string]bool
	handlers map[string]http.HandlerFunc
	seen     []request
}

type request struct {
	method, path string
	body         map[string]any
}

func newHub(t *testing.T) *hub {
	h := &hub{t: t, lifetime: time.Hour, tokens: map[string]bool{}, handlers: map[string]http.HandlerFunc{}}
	h.on("POST /app/installations/99/access_tokens", h.mint)
	h.server = httptest.NewServer(h)
	t.Cleanup(h.server.Close)
	return h
}

func (h *hub) on(route string, f http.HandlerFunc) { h.handlers[route] = f }

func (h *hub) app(t *testing.T) *github.App {
	return h.appLogging(t, zerolog.Nop())
}

func (h *hub) appLogging(t *testing.T, log zerolog.Logger) *github.App {
	a, err := github.New(github.Options{AppID: appID, Key: keyPEM, APIURL: h.server.URL + "/api/v3", Version: "1.2", Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, "/api/v3")
	if !ok {
		h.t.Errorf("request outside of the API's root: %s", r.URL.Path)
	}
	if got := r.Header.Get("User-Agent"); !strings.HasPrefix(path, "/app/installations") && got != "Loktar/1.2" {
		h.t.Errorf("User-Agent = %q", got)
	}
	raw, _ := io.ReadAll(r.Body)
	var body map[string]any
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &body); err != nil {
			h.t.Errorf("%s %s: body %q: %v", r.Method, path, raw, err)
		}
	}
	r.Body = io.NopCloser(strings.NewReader(string(raw)))
	h.mu.Lock()
	h.seen = append(h.seen, request{r.Method, path, body})
	f := h.handlers[r.Method+" "+path]
	if f == nil && !strings.HasPrefix(path, "/app/") {
		f = h.handlers[r.Method+" *"]
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "token ")
	known := h.tokens[token]
	h.mu.Unlock()
	if !strings.HasPrefix(path+"/", "/app/") && !known {
		say(w, http.StatusUnauthorized, "Bad credentials")
		return
	}
	if f == nil {
		say(w, http.StatusNotFound, "Not Found")
		return
	}
	f(w, r)
}

func (h *hub) mint(w http.ResponseWriter, r *http.Request) {
	claims := jwt.RegisteredClaims{}
	raw := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	_, err := jwt.ParseWithClaims(raw, &claims, func(*jwt.Token) (any, error) { return &key.PublicKey, nil }, jwt.WithValidMethods([]string{"RS256"}))
	if err != nil || claims.Issuer != fmt.Sprint(appID) {
		say(w, http.StatusUnauthorized, "A JSON web token could not be decoded")
		return
	}
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.minted++
	h.bodies = append(h.bodies, strings.TrimSpace(string(body)))
	token := fmt.Sprintf("ghs_%d_%s", h.minted, strings.Repeat("x", 200))
	h.tokens[token] = true
	answer(w, http.StatusCreated, map[string]any{"token": token, "expires_at": time.Now().Add(h.lifetime).UTC().Format(time.RFC3339)})
}

// requests are those other than for tokens.
func (h *hub) requests() []request {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []request
	for _, r := range h.seen {
		if !strings.HasPrefix(r.path, "/app/") {
			out = append(out, r)
		}
	}
	return out
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func say(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]any{"message": message, "documentation_url": "https://docs.github.com/rest"})
}

func completed() checks.CheckRun {
	at := time.Date(2026, 11, 22, 10, 0, 0, 5e8, time.UTC)
	return checks.CheckRun{
		Key: checks.CheckKey{Run: "RUN1", Name: "pet_api"}, Installation: install, Repo: repo, HeadSHA: sha,
		DetailsURL: "https://loktar.example/runs/RUN1/pet_api", Status: checks.StatusCompleted, Conclusion: checks.ConclusionFailure,
		Started: at, Completed: at.Add(90 * time.Second), Title: "make ci failed", Summary: "It exited with 2.",
	}
}

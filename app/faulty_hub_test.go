package app_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// weather answers some REST calls with a fault of GitHub's or of the network.
type weather struct {
	mu    sync.Mutex
	rng   *rand.Rand
	part  float64 // of the calls
	calls int
	seen  map[string]int // faults by name
	serve http.Handler   // the hub itself
}

// faults are what may become of a call, each as likely as its share says.
var faults = []struct {
	name  string
	share int
	do    func(w http.ResponseWriter, r *http.Request, serve http.Handler)
}{
	{"500", 2, status(500)},
	{"502", 2, status(502)},
	{"503", 2, status(503)},
	{"a reset before it was done", 4, func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }},
	{"a reset after it was done", 4, func(_ http.ResponseWriter, r *http.Request, serve http.Handler) {
		serve.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}},
	{"502 after it was done", 2, func(w http.ResponseWriter, r *http.Request, serve http.Handler) {
		serve.ServeHTTP(httptest.NewRecorder(), r)
		status(502)(w, r, serve)
	}},
	{"401", 2, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { says(w, 401, "Bad credentials") }},
	{"429 with retry-after", 1, limit(429, "Retry-After", func() string { return "1" })},
	{"403 with retry-after", 1, limit(403, "Retry-After", func() string { return "1" })},
	{"403 with a reset", 1, limit(403, "X-RateLimit-Reset", func() string { return fmt.Sprint(time.Now().Add(time.Second).Unix()) })},
	{"429 without a word", 1, limit(429, "", nil)},
	{"403 without a word", 1, limit(403, "", nil)},
}

func status(code int) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { says(w, code, "Server Error") }
}

func limit(code int, header string, value func() string) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		if header != "" {
			w.Header().Set(header, value())
		}
		if header == "X-RateLimit-Reset" {
			w.Header().Set("X-RateLimit-Remaining", "0")
		}
		says(w, code, "You have exceeded a secondary rate limit.")
	}
}

func says(w http.ResponseWriter, code int, message string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"message":%q,"documentation_url":"https://docs.github.com/rest"}`, message)
}

// intercept is for minihubtest.Options.
func (b *weather) intercept(w http.ResponseWriter, r *http.Request) bool {
	if !strings.HasPrefix(r.URL.Path, "/api/v3/") {
		return false
	}
	b.mu.Lock()
	b.calls++
	hit, pick := b.rng.Float64() < b.part, 0
	total := 0
	for _, f := range faults {
		total += f.share
	}
	for n := b.rng.IntN(total); n >= faults[pick].share; pick++ {
		n -= faults[pick].share
	}
	if hit {
		b.seen[faults[pick].name]++
	}
	b.mu.Unlock()
	if hit {
		faults[pick].do(w, r, b.serve)
	}
	return hit
}

// postman stands between GitHub and the server: it loses deliveries, brings
// them twice, and late.
type postman struct {
	mu     sync.Mutex
	rng    *rand.Rand
	server string // where it is now
	late   sync.WaitGroup
	lost   int
	twice  int
	held   int
}

func (p *postman) moved(server string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.server = server
}

func (p *postman) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	roll, hold := p.rng.Float64(), time.Duration(p.rng.IntN(1500))*time.Millisecond
	if r.Header.Get("X-GitHub-Event") != "pull_request" {
		roll = 1
	}
	switch {
	case roll < 0.1:
		p.lost++
	case roll < 0.3:
		p.twice++
	case roll < 0.5:
		p.held++
	}
	p.mu.Unlock()
	head := r.Header.Clone()
	switch {
	case roll < 0.1:
		w.WriteHeader(http.StatusServiceUnavailable)
	case roll < 0.3:
		p.bring(head, body)
		w.WriteHeader(p.bring(head, body))
	case roll < 0.5:
		p.late.Go(func() {
			<-time.After(hold)
			for p.bring(head, body) != http.StatusAccepted {
				<-time.After(50 * time.Millisecond)
			}
		})
		w.WriteHeader(http.StatusAccepted)
	default:
		w.WriteHeader(p.bring(head, body))
	}
}

// bring delivers once and returns the answer's code.
func (p *postman) bring(head http.Header, body []byte) int {
	p.mu.Lock()
	server := p.server
	p.mu.Unlock()
	req, err := http.NewRequest(http.MethodPost, server+"/webhook", bytes.NewReader(body)) //nolint:noctx // it ends with the test
	if err != nil {
		return http.StatusBadGateway
	}
	req.Header = head.Clone()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return http.StatusBadGateway
	}
	resp.Body.Close()
	return resp.StatusCode
}

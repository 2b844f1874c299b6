package publishtest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// Fault is what a Proxy does to a request. One of 400 and more is the status
// that it answers with.
type Fault int

// The faults.
const (
	None    Fault = iota
	Down          // the connection ends before an answer
	Error         // status 500
	Busy          // status 429, to come again after 7 s
	Deny          // status 403
	Broken        // status 500 after half of the body was read
	Cut           // the connection ends after half of the body was read
	Lost          // the request is carried out, and the connection ends before its answer
	Hanging       // no answer until the client gives up, another fault is set or the test ends
)

// Proxy stands before a registry and does it harm.
type Proxy struct {
	URL  string
	Host string

	mu    sync.Mutex
	fault func(*http.Request) Fault
	freed chan struct{} // closed when the next fault is set
	seen  []string
}

// StartProxy starts a proxy before the server at target. It ends with the test.
func StartProxy(t testing.TB, target string) *Proxy {
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{freed: make(chan struct{})}
	ended := make(chan struct{})
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: to.Scheme, Host: to.Host})
		r.Out.Host = r.In.Host // links lead back here
	}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fault, freed := p.next(r)
		switch fault {
		case Down:
			panic(http.ErrAbortHandler)
		case Error:
			http.Error(w, "out of order", http.StatusInternalServerError)
		case Busy:
			w.Header().Set("Retry-After", "7")
			http.Error(w, "come again", http.StatusTooManyRequests)
		case Deny:
			_, password, _ := r.BasicAuth()
			http.Error(w, "not you: "+password, http.StatusForbidden)
		case Broken:
			_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2+1)
			http.Error(w, "out of order", http.StatusInternalServerError)
		case Lost:
			forward.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		case Hanging:
			select {
			case <-r.Context().Done():
			case <-freed:
			case <-ended:
			}
			panic(http.ErrAbortHandler)
		case Cut:
			_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2+1)
			panic(http.ErrAbortHandler)
		default:
			if fault >= http.StatusBadRequest {
				_, _ = io.Copy(io.Discard, r.Body)
				http.Error(w, "no", int(fault))
				return
			}
			forward.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		close(ended)
		s.Close()
	})
	p.URL, p.Host = s.URL, strings.TrimPrefix(s.URL, "http://")
	return p
}

// Set has fault decide on every request from now on; nil does no harm.
func (p *Proxy) Set(fault func(*http.Request) Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.freed)
	p.fault, p.freed = fault, make(chan struct{})
}

// Once does harm to the first request that matches.
func (p *Proxy) Once(fault Fault, match func(*http.Request) bool) {
	done := false
	p.Set(func(r *http.Request) Fault {
		if done || !match(r) {
			return None
		}
		done = true
		return fault
	})
}

func (p *Proxy) next(r *http.Request) (Fault, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, r.Method+" "+r.URL.Path)
	if p.fault == nil {
		return None, p.freed
	}
	return p.fault(r), p.freed
}

// Seen are the methods and paths of all requests.
func (p *Proxy) Seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.seen...)
}

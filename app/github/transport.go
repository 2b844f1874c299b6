package github

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	limiter "github.com/gofri/go-github-ratelimit/v2/github_ratelimit"
	secondary "github.com/gofri/go-github-ratelimit/v2/github_ratelimit/github_secondary_ratelimit"
)

const (
	// callTimeout bounds one call, its pauses and repeats included.
	callTimeout = time.Minute
	// maxPause is the longest pause that a call sits out; for a longer one it
	// fails, so that whoever calls may do other things meanwhile.
	maxPause = 10 * time.Second
	// maxAttempts bounds how often one request is sent. The limiter itself
	// would go on for as long as it is told to.
	maxAttempts = 3
	// maxHops bounds how often one request is moved.
	maxHops = 3
	// maxBody bounds what is read of an answer, in bytes.
	maxBody = 16 << 20
)

// newTransport is Go's default with bounds on waiting.
func newTransport() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = 30 * time.Second
	t.MaxIdleConnsPerHost = 16
	return t
}

// limited wraps an identity in the limiter: it sits out short pauses that
// GitHub asks for. The other limiter of that module, for the hourly budget,
// is left out: it keeps a goroutine for up to an hour, and go-github keeps
// count of that budget itself.
func limited(identity http.RoundTripper) http.RoundTripper {
	return counted{limiter.NewSecondaryLimiter(repeat{identity}, secondary.WithSingleSleepLimit(maxPause, nil))}
}

// follow repeats a request verbatim where GitHub says that it moved it: a
// repository that was renamed or transferred is under /repositories/ID, and a
// branch that was renamed under its new name. (net/http would make a GET of a
// POST or a PATCH that is answered with 301.) The credential is set below, for
// each repeat, so none leaves for another host.
type follow struct{ next http.RoundTripper }

func (f follow) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := f.next.RoundTrip(req)
	for range maxHops {
		if err != nil {
			return nil, err
		}
		to := movedTo(req, resp)
		if to == nil {
			break
		}
		again := req.Clone(req.Context())
		again.URL = to
		if req.Body != nil {
			if req.GetBody == nil {
				break
			}
			if again.Body, err = req.GetBody(); err != nil {
				resp.Body.Close()
				return nil, err
			}
		}
		resp.Body.Close()
		resp, err = f.next.RoundTrip(again)
	}
	return resp, err
}

// movedTo is where req is to be repeated; nil when that is nowhere, or another
// host.
func movedTo(req *http.Request, resp *http.Response) *url.URL {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil
	}
	at := resp.Header.Get("Location")
	if at == "" {
		return nil
	}
	to, err := req.URL.Parse(at)
	if err != nil || to.Host != req.URL.Host || to.Scheme != req.URL.Scheme || to.User != nil {
		return nil
	}
	return to
}

// stay keeps net/http from following what follow did not.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// trace is what the transports of one call note for it.
type trace struct {
	mu      sync.Mutex
	secrets []string
}

type traceKey struct{}

func withTrace(ctx context.Context, t *trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

func traceOf(ctx context.Context) *trace {
	t, _ := ctx.Value(traceKey{}).(*trace)
	return t
}

// errAgain is the end of a call whose request GitHub put off each time.
var errAgain = errors.New("GitHub asked to wait again and again")

type attemptsKey struct{}

// counted sits above the limiter and starts the count of a request's attempts.
type counted struct{ next http.RoundTripper }

func (c counted) RoundTrip(req *http.Request) (*http.Response, error) {
	return c.next.RoundTrip(req.WithContext(context.WithValue(req.Context(), attemptsKey{}, new(int))))
}

// repeat sits below the limiter, which sends a request anew with the body
// that was read before, and for as long as it is told to: each attempt goes
// out with a fresh body, and they are bounded. What only reads is repeated
// after a fault of the network or of GitHub's: what it was asked for waits for
// it, and a write has its own pauses.
type repeat struct{ next http.RoundTripper }

func (r repeat) RoundTrip(req *http.Request) (*http.Response, error) {
	attempt := req.Context().Value(attemptsKey{}).(*int)
	for {
		resp, err := r.once(req, attempt)
		failed := err != nil || resp.StatusCode >= http.StatusInternalServerError
		if !failed || req.Method != http.MethodGet || *attempt >= maxAttempts {
			return resp, err
		}
		pause := time.NewTimer(readPause << *attempt)
		select {
		case <-req.Context().Done():
			pause.Stop()
			return resp, err
		case <-pause.C:
		}
		if err == nil {
			resp.Body.Close()
		}
	}
}

// readPause is half of the pause before a read is repeated for the first time.
const readPause = 50 * time.Millisecond

func (r repeat) once(req *http.Request, attempt *int) (*http.Response, error) {
	*attempt++
	if *attempt > maxAttempts {
		return nil, errAgain
	}
	again := req.Clone(req.Context())
	if *attempt > 1 && req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		again.Body = body
	}
	return r.next.RoundTrip(again)
}

// gauge tells what answers say is left of an identity's hour.
type gauge struct {
	next http.RoundTripper
	left func(left int, reset time.Time)
}

func (g gauge) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := g.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	left, bad := strconv.Atoi(resp.Header.Get("X-RateLimit-Remaining"))
	reset, worse := strconv.ParseInt(resp.Header.Get("X-RateLimit-Reset"), 10, 64)
	if bad == nil && worse == nil {
		at := time.Unix(reset, 0)
		if last := time.Now().Add(time.Hour); at.After(last) {
			at = last // it is by another clock
		}
		g.left(left, at)
	}
	return resp, nil
}

// wire is the last thing before the network: it notes which credentials were
// sent, so that no error repeats them, and what time GitHub has, and bounds the
// answer.
type wire struct {
	next  http.RoundTripper
	clock *clock
}

func (w wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if t := traceOf(req.Context()); t != nil {
		t.mu.Lock()
		t.secrets = append(t.secrets, req.Header.Get("Authorization"))
		t.mu.Unlock()
	}
	resp, err := w.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	w.clock.heard(resp.Header.Get("Date"), time.Now())
	resp.Body = bounded{io.LimitReader(resp.Body, maxBody), resp.Body}
	return resp, nil
}

type bounded struct {
	io.Reader
	io.Closer
}

// Package webhook takes GitHub's deliveries: it bounds and verifies each one,
// has it written down, and only then answers 202. What the delivery leads to
// is for others to do.
package webhook

import (
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
)

// Inbox keeps accepted events.
type Inbox interface {
	// Accept has ev on the disk when it returns without an error. fresh is
	// false when that delivery is known already.
	Accept(ctx context.Context, ev checks.Event) (fresh bool, err error)
}

// Options are what a handler needs. Secret, AppID and Inbox are required.
type Options struct {
	// Secret is the webhook's secret. Without one every delivery is refused.
	Secret string
	// AppID is our App's id. Events about the check runs of other Apps mean
	// nothing to us.
	AppID int64
	Inbox Inbox
	// Wake is called after a fresh event was accepted, from any goroutine; it
	// must not block. Nil is fine.
	Wake func()
	// Logger tells of every delivery; its zero value is silent.
	Logger zerolog.Logger
	// AcceptTimeout is how long the inbox may take before the answer is 503;
	// 0 is five seconds. GitHub hangs up after ten.
	AcceptTimeout time.Duration
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

type handler struct {
	Options
	admission
}

// New makes the handler of POST /webhook. The server that it is mounted in
// sets the deadlines for reading.
//
// An event that Loktar acts on is in the inbox before the answer 202. One
// that it does not act on gets 202 as well and is kept nowhere. Every other
// answer means that nothing was kept: 400, 408, 413, 415 and 422 for a
// delivery that cannot be read or used, 401 for one that is not signed with
// the secret, 405 for other methods, and 503 when the inbox failed or did not
// answer in time, or when for three seconds there was no room for the body:
// about 100 MB of bodies are read at once. After a 503 of the inbox the event
// may still have been accepted, which does no harm as a redelivery is known
// by its GUID.
func New(o Options) http.Handler {
	if o.Wake == nil {
		o.Wake = func() {}
	}
	if o.AcceptTimeout == 0 {
		o.AcceptTimeout = 5 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &handler{o, newAdmission()}
}

// answer is what a delivery is answered with.
type answer struct {
	status int
	text   string // one sentence
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, log := h.receive(w, r)
	level := zerolog.InfoLevel
	switch {
	case a.text == notKept.text:
		level = zerolog.DebugLevel // each check run that we write comes back as events
	case a.status >= 500:
		level = zerolog.ErrorLevel
	case a.status >= 400:
		level = zerolog.WarnLevel
	}
	log.WithLevel(level).Int("status", a.status).Str("remote", r.RemoteAddr).Msg(a.text)
	if a.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(a.status)
	// When nobody reads the answer there is nobody to tell.
	_, _ = io.WriteString(w, a.text+"\n")
}

var (
	guidPattern  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`) })
	eventPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z_]{1,64}$`) })
)

// receive takes one delivery to its end. The logger that it returns names the
// delivery as far as it has a name.
func (h *handler) receive(w http.ResponseWriter, r *http.Request) (answer, zerolog.Logger) {
	log := h.Logger
	if r.Method != http.MethodPost {
		return answer{http.StatusMethodNotAllowed, "Send webhook deliveries with POST."}, log
	}
	event, guid := r.Header.Get("X-GitHub-Event"), r.Header.Get("X-GitHub-Delivery")
	if eventPattern().MatchString(event) && guidPattern().MatchString(guid) {
		log = log.With().Str("delivery", guid).Str("event", event).Logger()
	}
	ev, refused := h.read(w, r)
	if refused != nil {
		return *refused, log
	}
	ev.Delivery, ev.Received = guid, h.Now().UTC()
	log = log.With().Str("kind", string(ev.Kind)).Int64("installation", ev.Installation).Logger()
	if ev.Repo.ID > 0 {
		log = log.With().Str("repo", ev.Repo.FullName()).Logger()
	}
	fresh, err := h.accept(r.Context(), ev)
	if err != nil {
		log = log.With().Err(err).Logger()
		return answer{http.StatusServiceUnavailable, "The delivery could not be saved; deliver it again later."}, log
	}
	if !fresh {
		return answer{http.StatusAccepted, "This delivery was accepted before."}, log
	}
	return answer{http.StatusAccepted, "Accepted."}, log
}

var errSlow = errors.New("the store did not answer in time")

// accept puts ev into the inbox and wakes whoever reads it. It returns within
// AcceptTimeout even when the inbox does not. The event was received whole,
// so that it is kept even when the sender hangs up now.
func (h *handler) accept(ctx context.Context, ev checks.Event) (fresh bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.AcceptTimeout)
	type outcome struct {
		fresh bool
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		defer cancel()
		fresh, err := h.Inbox.Accept(ctx, ev)
		if err == nil && fresh {
			h.Wake()
		}
		done <- outcome{fresh, err}
	}()
	select {
	case o := <-done:
		return o.fresh, o.err
	case <-ctx.Done():
	}
	// The two may come together: then the outcome counts.
	select {
	case o := <-done:
		return o.fresh, o.err
	default:
		return false, errSlow
	}
}

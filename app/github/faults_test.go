package github_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/app/github"
	"github.com/dudesons/loktar/checks"
)

func retryAfter(err error) time.Duration {
	var later interface{ RetryAfter() time.Duration }
	if errors.As(err, &later) {
		return later.RetryAfter()
	}
	return 0
}

func TestFaults(t *testing.T) {
	tests := []struct {
		name    string
		minting bool
		status  int
		header  map[string]string
		message string
		kind    checks.Kind
		public  string
		atLeast time.Duration
		atMost  time.Duration
	}{
		{name: "unknown commit", status: 422, message: "No commit found for SHA: " + sha, kind: checks.KindRefused, public: "does not know that commit"},
		{name: "other 422", status: 422, message: "Invalid request.", kind: checks.KindRefused, public: "will not take"},
		{name: "no repository", status: 404, message: "Not Found", kind: checks.KindNotFound, public: "Install the App"},
		{name: "moved", status: 301, message: "Moved Permanently", kind: checks.KindNotFound, public: "renamed"},
		{name: "not allowed", status: 403, message: "Resource not accessible by integration", kind: checks.KindRefused, public: "checks: write"},
		{name: "suspended", status: 403, message: "This installation has been suspended", kind: checks.KindUnavailable, public: "The App is suspended there; it will be tried again."},
		{name: "archived", status: 403, message: "Repository was archived so is read-only.", kind: checks.KindRefused, public: "acme/shop is archived"},
		{name: "outage", status: 502, kind: checks.KindUnavailable, public: "tried again"},
		{name: "accepted", status: 202, kind: checks.KindUnavailable, public: "tried again"},
		{name: "budget spent", status: 403, header: map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": fmt.Sprint(time.Now().Add(20 * time.Minute).Unix())},
			message: "API rate limit exceeded", kind: checks.KindUnavailable, public: "slow down", atLeast: 19 * time.Minute, atMost: 20 * time.Minute},
		{name: "429 with retry-after", status: 429, header: map[string]string{"Retry-After": "300"}, kind: checks.KindUnavailable, public: "slow down", atLeast: 299 * time.Second, atMost: 5 * time.Minute},
		{name: "secondary with retry-after", status: 403, header: map[string]string{"Retry-After": "120"}, message: "You have exceeded a secondary rate limit.",
			kind: checks.KindUnavailable, public: "slow down", atLeast: 119 * time.Second, atMost: 121 * time.Second},
		{name: "secondary without a word", status: 403, message: "You have exceeded a secondary rate limit.", kind: checks.KindUnavailable, public: "slow down", atLeast: time.Minute, atMost: time.Minute},
		{name: "absurd retry-after", status: 429, header: map[string]string{"Retry-After": "999999999"}, kind: checks.KindUnavailable, public: "slow down", atLeast: time.Hour, atMost: 2 * time.Hour},
		{name: "not installed", minting: true, status: 404, message: "Not Found", kind: checks.KindNotFound, public: "Install it again"},
		{name: "installation suspended", minting: true, status: 403, message: "This installation has been suspended", kind: checks.KindUnavailable, public: "The App is suspended there; it will be tried again."},
		{name: "not allowed to mint", minting: true, status: 403, message: "Forbidden", kind: checks.KindRefused, public: "Settings, Applications"},
		{name: "key refused", minting: true, status: 401, message: "Bad credentials", kind: checks.KindConfig, public: "private_key_file"},
		{name: "repository not in the installation", minting: true, status: 422, message: "There is at least one repository that does not exist", kind: checks.KindNotFound, public: "add the repository"},
		{name: "mint limited", minting: true, status: 429, header: map[string]string{"Retry-After": "90"}, kind: checks.KindUnavailable, public: "slow down", atLeast: 89 * time.Second, atMost: 90 * time.Second},
		{name: "mint outage", minting: true, status: 503, kind: checks.KindUnavailable, public: "tried again"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHub(t)
			route := "POST " + runsPath
			if tt.minting {
				route = "POST /app/installations/99/access_tokens"
			}
			h.on(route, func(w http.ResponseWriter, _ *http.Request) {
				for k, v := range tt.header {
					w.Header().Set(k, v)
				}
				say(w, tt.status, tt.message)
			})
			a := h.app(t)
			began := time.Now()
			_, err := a.Put(t.Context(), completed(), 0)
			check := func(err error) {
				t.Helper()
				if checks.KindOf(err) != tt.kind || !strings.Contains(checks.PublicText(err, ""), tt.public) {
					t.Errorf("kind %v, %v", checks.KindOf(err), err)
				}
				if after := retryAfter(err); after < tt.atLeast || after > tt.atMost {
					t.Errorf("RetryAfter = %v", after)
				}
			}
			check(err)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("the caller was held for %v", took)
			}
			if tt.minting {
				_, err = a.CloneToken(t.Context(), install, repo)
				check(err)
			}
			if tt.atLeast > 0 {
				n := len(h.requests())
				_, err = a.Put(t.Context(), completed(), 0)
				if retryAfter(err) < tt.atLeast-5*time.Second || len(h.requests()) != n {
					t.Errorf("during the pause that GitHub asked for: %v, %d requests more", err, len(h.requests())-n)
				}
			}
		})
	}
}

func TestShortPauseIsSatOut(t *testing.T) {
	h := newHub(t)
	h.takeChecks()
	take := h.handlers["POST "+runsPath]
	asked := 0
	h.on("POST "+runsPath, func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked == 1 {
			w.Header().Set("Retry-After", "1")
			say(w, http.StatusForbidden, "You have exceeded a secondary rate limit. Please wait.")
			return
		}
		take(w, r)
	})
	if id, err := h.app(t).Put(t.Context(), completed(), 0); err != nil || id != 31 {
		t.Fatalf("Put = %d, %v", id, err)
	}
	if reqs := h.requests(); len(reqs) != 2 || reqs[1].body["head_sha"] != sha {
		t.Errorf("the second attempt went out as %v", reqs)
	}
}

func TestEndlessShortPausesAreBounded(t *testing.T) {
	h := newHub(t)
	h.on("POST "+runsPath, func(w http.ResponseWriter, _ *http.Request) {
		// A time that has passed: the limiter would repeat at once, for ever.
		w.Header().Set("X-RateLimit-Reset", "1")
		say(w, http.StatusForbidden, "You have exceeded a secondary rate limit.")
	})
	_, err := h.app(t).Put(t.Context(), completed(), 0)
	if checks.KindOf(err) != checks.KindUnavailable || retryAfter(err) == 0 {
		t.Errorf("Put: %v", err)
	}
	if n := len(h.requests()); n > 3 {
		t.Errorf("%d requests", n)
	}
}

func TestRevokedTokenIsMintedAnew(t *testing.T) {
	h := newHub(t)
	h.takeChecks()
	a := h.app(t)
	if _, err := a.Put(t.Context(), completed(), 0); err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	clear(h.tokens)
	h.mu.Unlock()
	if _, err := a.Put(t.Context(), completed(), 31); err != nil {
		t.Errorf("after the token was revoked: %v", err)
	}
	if h.minted != 2 {
		t.Errorf("minted %d tokens", h.minted)
	}
}

// A hostile or careless server repeats what it was sent. None of it may come
// back out.
func TestNoSecretInErrorsOrLogs(t *testing.T) {
	var sent []string
	echo := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			auth := r.Header.Get("Authorization")
			_, secret, _ := strings.Cut(auth, " ")
			sent = append(sent, secret)
			w.Header().Set("Location", "/api/v3/elsewhere?t="+secret)
			say(w, status, fmt.Sprintf("refused %s (%s) %q base64 %s half %s", auth, secret, secret, base64.StdEncoding.EncodeToString([]byte(secret)), secret[:len(secret)/2]))
		}
	}
	for _, status := range []int{301, 400, 401, 403, 404, 409, 422, 429, 500, 503} {
		for _, route := range []string{"POST " + runsPath, "GET " + listPath, "POST /app/installations/99/access_tokens"} {
			h := newHub(t)
			h.on(route, echo(status))
			var log bytes.Buffer
			a := h.appLogging(t, zerolog.New(&log).Level(zerolog.TraceLevel))
			_, err1 := a.Put(t.Context(), completed(), 0)
			_, err2 := a.Find(t.Context(), completed())
			_, err3 := a.CloneToken(t.Context(), install, repo)
			all := log.String()
			for _, err := range []error{err1, err2, err3} {
				for e := err; e != nil; e = errors.Unwrap(e) {
					all += fmt.Sprintf("%s\n%+v\n%#v\n", e, e, e)
				}
				if strings.Contains(all, "\n\n\n") {
					t.Error("the server's text brought empty lines")
				}
			}
			for _, secret := range sent {
				for _, form := range []string{secret, secret[:len(secret)/2], base64.StdEncoding.EncodeToString([]byte(secret))} {
					if strings.Contains(all, form) {
						t.Fatalf("%d on %s: a credential came out: %.300s", status, route, all)
					}
				}
			}
			if strings.Contains(all, "PRIVATE KEY") {
				t.Fatal("the key came out")
			}
		}
	}
	if len(sent) < 30 {
		t.Fatalf("only %d credentials were sent", len(sent))
	}
}

func TestNetwork(t *testing.T) {
	h := newHub(t)
	a := h.app(t)
	h.server.Close()
	_, err := a.Put(t.Context(), completed(), 0)
	if checks.KindOf(err) != checks.KindUnavailable || retryAfter(err) != 0 {
		t.Errorf("no server: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Put(ctx, completed(), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestGarbageIsNoAnswer(t *testing.T) {
	for _, body := range []string{"", "{}", "<html>proxy</html>", `{"id": "x"}`, `{"id":`, "null"} {
		h := newHub(t)
		h.on("POST "+runsPath, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, body)
		})
		if id, err := h.app(t).Put(t.Context(), completed(), 0); id != 0 || checks.KindOf(err) != checks.KindUnavailable {
			t.Errorf("%q: Put = %d, %v", body, id, err)
		}
	}
}

func TestNew(t *testing.T) {
	for name, o := range map[string]github.Options{
		"no id":    {Key: keyPEM},
		"no key":   {AppID: 1},
		"bad key":  {AppID: 1, Key: []byte("-----BEGIN RSA PRIVATE KEY-----\nsecret\n-----END RSA PRIVATE KEY-----\n")},
		"bad url":  {AppID: 1, Key: keyPEM, APIURL: "ftp://x"},
		"password": {AppID: 1, Key: keyPEM, APIURL: "https://u:secret@x"},
	} {
		if _, err := github.New(o); checks.KindOf(err) != checks.KindConfig || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

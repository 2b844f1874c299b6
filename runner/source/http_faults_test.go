package source

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
)

func TestFetchFaultsOverHTTP(t *testing.T) {
	status := func(code int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Location", "https://example.invalid"+r.URL.Path)
			w.WriteHeader(code)
			return true
		}
	}
	for name, tc := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request) bool
		token  string
		kind   checks.Kind
	}{
		"wrong token":  {token: "ghs_wrong", kind: checks.KindRefused},
		"forbidden":    {answer: status(403), kind: checks.KindRefused},
		"not found":    {answer: status(404), kind: checks.KindNotFound},
		"moved":        {answer: status(301), kind: checks.KindMoved},
		"server error": {answer: status(503), kind: checks.KindUnavailable},
		"too many":     {answer: status(429), kind: checks.KindUnavailable},
		"cut off": {kind: checks.KindUnavailable, answer: func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodGet {
				return false
			}
			panic(http.ErrAbortHandler)
		}},
		"not git": {kind: checks.KindUnavailable, answer: func(w http.ResponseWriter, r *http.Request) bool {
			_, _ = w.Write([]byte("<html>captive portal</html>"))
			return true
		}},
	} {
		t.Run(name, func(t *testing.T) {
			o, ev := pullRequest(t)
			web := serve(t, o)
			if tc.answer != nil {
				web.answer(tc.answer)
			}
			if tc.token == "" {
				tc.token = secret
			}
			s := openSource(t, Options{URL: web.url, Token: tokens(tc.token, new(atomic.Int64))})
			_, err := s.Load(t.Context(), ev)
			wantKind(t, err, tc.kind)
			if checks.PublicText(err, "") == "" || strings.Contains(err.Error(), tc.token) {
				t.Errorf("error is %v", err)
			}
		})
	}
	t.Run("nobody answers", func(t *testing.T) {
		_, ev := pullRequest(t)
		web := httptest.NewServer(nil)
		web.Close()
		s := openSource(t, Options{URL: func(checks.Repo) string { return web.URL + "/x.git" }})
		_, err := s.Load(t.Context(), ev)
		wantKind(t, err, checks.KindUnavailable)
	})
	t.Run("no token", func(t *testing.T) {
		_, ev := pullRequest(t)
		s := openSource(t, Options{URL: func(checks.Repo) string { return "http://127.0.0.1:1/x.git" },
			Token: func(context.Context, int64, checks.Repo) (string, error) {
				return "", checks.Errorf(checks.KindUnavailable, nil, "GitHub does not answer.")
			}})
		_, err := s.Load(t.Context(), ev)
		wantKind(t, err, checks.KindUnavailable)
	})
	t.Run("other protocols", func(t *testing.T) {
		o, ev := pullRequest(t)
		for _, url := range []string{o.url(testRepo), o.dir, "ext::sh -c true", "ssh://127.0.0.1:1/x", "http://user:pw@127.0.0.1:1/x"} {
			s := openSource(t, Options{URL: func(checks.Repo) string { return url }})
			if _, err := s.Load(t.Context(), ev); err == nil {
				t.Errorf("%s was fetched from", url)
			}
		}
	})
}

func TestFetchTimeoutAndCancel(t *testing.T) {
	o, ev := pullRequest(t)
	web := serve(t, o)
	asked, done := make(chan struct{}, 10), make(chan struct{})
	web.answer(func(_ http.ResponseWriter, r *http.Request) bool {
		asked <- struct{}{}
		<-done
		return true
	})
	defer close(done)
	s := openSource(t, Options{URL: web.url, FetchTimeout: 300 * time.Millisecond})
	_, err := s.Load(t.Context(), ev)
	wantKind(t, err, checks.KindUnavailable)
	<-asked

	s = openSource(t, Options{URL: web.url})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if _, err = s.Load(ctx, ev); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

package github_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/app/github"
	"github.com/dudesons/loktar/checks"
)

// direct calls the hub without a network, so that a bubble's clock can run.
type direct struct{ h *hub }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	d.h.ServeHTTP(w, r)
	return w.Result(), r.Context().Err()
}

// demandsOf is an App in the bubble whose hub says that every branch requires
// the check "a".
func demandsOf(t *testing.T, h *hub, gate <-chan struct{}) *github.App {
	h.on("GET *", func(w http.ResponseWriter, r *http.Request) {
		if gate != nil {
			<-gate
		}
		if strings.Contains(r.URL.Path, "/rules/") {
			answer(w, 200, []any{rule([]any{"a"})})
			return
		}
		answer(w, 200, branch(false, nil))
	})
	a, err := github.New(github.Options{AppID: appID, Key: keyPEM, APIURL: "http://hub.test/api/v3", Version: "1.2", Transport: direct{h}, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestRequiredChecksCountsForAMinute(t *testing.T) {
	h := newHub(t)
	synctest.Test(t, func(t *testing.T) {
		a := demandsOf(t, h, nil)
		ask := func(installation int64, r checks.Repo, branch string, requests int) {
			t.Helper()
			before := len(h.requests())
			got, err := a.RequiredChecks(t.Context(), installation, r, branch)
			if err != nil || len(got.Anyone) != 1 || got.Anyone[0] != "a" {
				t.Errorf("RequiredChecks = %+v, %v", got, err)
				return
			}
			got.Anyone[0] = "changed by the caller"
			if n := len(h.requests()) - before; n != requests {
				t.Errorf("%d requests; want %d", n, requests)
			}
		}
		h.on("POST /app/installations/98/access_tokens", h.mint)
		ask(install, repo, "main", 2)
		ask(install, repo, "main", 0)
		ask(install, repo, "other", 2)
		ask(98, repo, "main", 2)
		ask(install, checks.Repo{ID: 8, Owner: "acme", Name: "shop"}, "main", 2)
		time.Sleep(59 * time.Second)
		ask(install, repo, "main", 0)
		time.Sleep(time.Second)
		ask(install, repo, "main", 2)
		for i := range 1000 {
			time.Sleep(time.Millisecond)
			ask(install, repo, fmt.Sprint("b", i), 2)
		}
		ask(install, repo, "b0", 0)
		ask(install, repo, "main", 2)
	})
}

func TestRequiredChecksAsksOnceForAll(t *testing.T) {
	h := newHub(t)
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		a := demandsOf(t, h, gate)
		first, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := a.RequiredChecks(first, install, repo, "main")
			if !errors.Is(err, context.Canceled) || checks.KindOf(err) != checks.KindUnavailable {
				t.Errorf("who left: %v", err)
			}
		})
		synctest.Wait()
		for range 20 {
			wg.Go(func() {
				if got, err := a.RequiredChecks(t.Context(), install, repo, "main"); err != nil || !got.Known || len(got.Anyone) != 1 {
					t.Errorf("RequiredChecks = %+v, %v", got, err)
				}
			})
		}
		synctest.Wait()
		leave()
		synctest.Wait()
		close(gate)
		wg.Wait()
	})
	if n := len(h.requests()); n != 2 {
		t.Errorf("%d requests", n)
	}
}

func TestRequiredChecksRemembersNoError(t *testing.T) {
	h := newHub(t)
	a := h.app(t)
	h.on("GET "+rulesPath, func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, []any{rule([]any{"a", appID})}) })
	h.on("GET "+branchPath, func(w http.ResponseWriter, _ *http.Request) { say(w, 502, "no") })
	if got, err := a.RequiredChecks(t.Context(), install, repo, "main"); checks.KindOf(err) != checks.KindUnavailable || got.Known || got.Ours != nil {
		t.Errorf("RequiredChecks = %+v, %v", got, err)
	}
	h.mu.Lock()
	h.on("GET "+branchPath, func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, branch(false, nil)) })
	h.mu.Unlock()
	if got, err := a.RequiredChecks(t.Context(), install, repo, "main"); err != nil || !got.Known || len(got.Ours) != 1 {
		t.Errorf("afterwards: %+v, %v", got, err)
	}
}

package github_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
)

func TestCloneTokenIsForOneRepository(t *testing.T) {
	h := newHub(t)
	a := h.app(t)
	first, err := a.CloneToken(t.Context(), install, repo)
	if err != nil {
		t.Fatal(err)
	}
	again, err := a.CloneToken(t.Context(), install, repo)
	if err != nil || again != first {
		t.Errorf("the second call got %q, %v; want the same token", again, err)
	}
	other, err := a.CloneToken(t.Context(), install, checks.Repo{ID: 8, Owner: "acme", Name: "other"})
	if err != nil || other == first {
		t.Errorf("another repository got %q, %v", other, err)
	}
	want := []string{
		`{"repository_ids":[7],"permissions":{"contents":"read"}}`,
		`{"repository_ids":[8],"permissions":{"contents":"read"}}`,
	}
	if d := cmp.Diff(want, h.bodies); d != "" {
		t.Error(d)
	}
}

func TestCloneTokenIsRenewedInTime(t *testing.T) {
	h := newHub(t)
	h.lifetime = 5 * time.Minute
	a := h.app(t)
	first, _ := a.CloneToken(t.Context(), install, repo)
	second, err := a.CloneToken(t.Context(), install, repo)
	if err != nil || first == second {
		t.Errorf("a token with five minutes left was handed out again: %v", err)
	}
}

func TestManyAtOnce(t *testing.T) {
	h := newHub(t)
	h.takeChecks()
	h.on("POST "+runsPath, func(w http.ResponseWriter, _ *http.Request) { answer(w, 201, map[string]any{"id": 31}) })
	a := h.app(t)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := a.CloneToken(t.Context(), install, repo); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if _, err := a.Put(t.Context(), completed(), 0); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if h.minted != 2 {
		t.Errorf("minted %d tokens; want one for the clone and one for the installation", h.minted)
	}
}

func TestManyInstallations(t *testing.T) {
	h := newHub(t)
	h.on("POST "+runsPath, func(w http.ResponseWriter, _ *http.Request) { answer(w, 201, map[string]any{"id": 31}) })
	a := h.app(t)
	for i := range 5 {
		id := int64(1000 + i)
		h.mu.Lock()
		h.on(fmt.Sprintf("POST /app/installations/%d/access_tokens", id), h.mint)
		h.mu.Unlock()
		cr := completed()
		cr.Installation = id
		if _, err := a.Put(t.Context(), cr, 0); err != nil {
			t.Fatal(err)
		}
	}
	if h.minted != 5 {
		t.Errorf("minted %d tokens for five installations", h.minted)
	}
}

package github_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
	"github.com/dudesons/loktar/checks"
)

// methods are the methods of the requests so far, but for those for tokens.
func (h *hub) methods() string {
	var out []string
	for _, r := range h.requests() {
		out = append(out, r.method)
	}
	return strings.Join(out, " ")
}

func TestACheckRunThatIsGoneIsMadeAnew(t *testing.T) {
	h := newHub(t)
	h.takeChecks()
	h.on("PATCH "+onePath, func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusNotFound, "Not Found") })
	h.on("GET "+listPath, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"total_count": 0, "check_runs": []any{}})
	})
	id, err := h.app(t).Put(t.Context(), completed(), 31)
	if err != nil || id != 31 || h.methods() != "PATCH GET POST" {
		t.Errorf("Put = %d, %v by %s", id, err, h.methods())
	}
}

func TestARepositoryThatIsGoneIsGivenUp(t *testing.T) {
	h := newHub(t)
	h.on("PATCH "+onePath, func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusNotFound, "Not Found") })
	if _, err := h.app(t).Put(t.Context(), completed(), 31); checks.KindOf(err) != checks.KindNotFound || h.methods() != "PATCH GET POST" {
		t.Errorf("%v by %s", err, h.methods())
	}
}

// One text that GitHub does not take leaves no check without an end.
func TestWhatGitHubDoesNotTakeIsSaidPlainly(t *testing.T) {
	picky := func(h *hub, refuses func(*http.Request) bool) http.HandlerFunc {
		take := h.handlers["POST "+runsPath]
		return func(w http.ResponseWriter, r *http.Request) {
			if refuses(r) {
				say(w, http.StatusUnprocessableEntity, "Invalid request. It is odd.")
				return
			}
			take(w, r)
		}
	}
	last := func(h *hub) map[string]any { all := h.requests(); return all[len(all)-1].body }
	first := true
	once := func(*http.Request) bool { was := first; first = false; return was }

	h := newHub(t)
	h.takeChecks()
	h.on("PATCH "+onePath, picky(h, once))
	if id, err := h.app(t).Put(t.Context(), completed(), 31); err != nil || id != 31 || h.methods() != "PATCH PATCH" {
		t.Errorf("Put = %d, %v by %s", id, err, h.methods())
	}
	if out, _ := last(h)["output"].(map[string]any); last(h)["conclusion"] != "failure" || !strings.Contains(out["summary"].(string), "(https://loktar.example/runs/RUN1/pet_api)") {
		t.Errorf("it says %v", last(h))
	}

	h = newHub(t)
	h.takeChecks()
	h.on("PATCH "+onePath, picky(h, func(*http.Request) bool { return true }))
	if id, err := h.app(t).Put(t.Context(), completed(), 31); err != nil || id != 31 || h.methods() != "PATCH PATCH POST" {
		t.Errorf("an update that is never taken: Put = %d, %v by %s", id, err, h.methods())
	}
	running := completed()
	running.Status, running.Conclusion, running.Completed = checks.StatusInProgress, "", time.Time{}
	if _, err := h.app(t).Put(t.Context(), running, 31); checks.KindOf(err) != checks.KindRefused {
		t.Errorf("progress that is never taken: %v", err)
	}
}

func TestReadsAreRepeated(t *testing.T) {
	h := newHub(t)
	tries := 0
	h.on("GET "+listPath, func(w http.ResponseWriter, _ *http.Request) {
		switch tries++; tries {
		case 1:
			say(w, http.StatusBadGateway, "Server Error")
		case 2:
			panic(http.ErrAbortHandler)
		default:
			answer(w, http.StatusOK, map[string]any{"total_count": 0, "check_runs": []any{}})
		}
	})
	if _, err := h.app(t).Find(t.Context(), completed()); err != nil || tries != 3 {
		t.Errorf("after %d tries: %v", tries, err)
	}
}

// TestClocks has GitHub's clock before and behind ours: its answers tell.
func TestClocks(t *testing.T) {
	for _, skew := range []time.Duration{-time.Hour, -time.Minute, 0, time.Minute, 3 * time.Hour} {
		theirs := func() time.Time { return time.Now().Add(skew) }
		hub, r, here, id := shop(t, minihubtest.Options{
			Hub: minihub.Options{Now: theirs},
			Intercept: func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Date", theirs().UTC().Format(http.TimeFormat))
				return false
			},
		})
		tip, err := r.Tip(t.Context(), "main")
		if err != nil {
			t.Fatal(err)
		}
		cr := completed()
		cr.Installation, cr.Repo, cr.HeadSHA = id, here, tip
		a := appOf(t, hub)
		if _, err := a.Identify(t.Context()); err != nil {
			t.Errorf("with a clock %v ahead: %v", skew, err)
		}
		if _, err := appOf(t, hub).Put(t.Context(), cr, 0); err != nil {
			t.Errorf("with a clock %v ahead: %v", skew, err)
		}
	}
}

func TestUndeliveredAtMinihub(t *testing.T) {
	hub, r, here, id := shop(t, minihubtest.Options{})
	var down atomic.Bool
	down.Store(true)
	heard := make(chan string, 100)
	hook := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		heard <- r.Header.Get("X-GitHub-Delivery")
	})
	hub.App().SetWebhook(hook, "secret")
	hub.Commit(r, minihub.Commit{Branch: "topic", From: "main", Files: map[string]string{"a/x.txt": "2\n"}})
	number := hub.Open(r, minihub.NewPull{Head: "topic"})
	tried := func(v *minihub.View) bool {
		return !slices.ContainsFunc(v.Deliveries(), func(d minihub.Delivery) bool { return !d.Done })
	}
	hub.Await("the deliveries to fail", tried)
	a := appOf(t, hub)
	missed, err := a.Undelivered(t.Context(), time.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	var opened string
	for i, d := range missed {
		if i > 0 && d.At.Before(missed[i-1].At) {
			t.Errorf("%s stands before an older one", d.Event)
		}
		if d.Event != "pull_request.opened" {
			continue
		}
		opened = d.GUID
		down.Store(false)
		if err := a.Redeliver(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	if opened == "" || <-heard != opened {
		t.Fatalf("pull_request.opened is not among %v, or did not come again", missed)
	}
	hub.Await("the delivery to be done", tried)
	again, err := a.Undelivered(t.Context(), time.Now().Add(-time.Hour))
	if err != nil || len(again) != len(missed)-1 {
		t.Errorf("of %d missed deliveries one came again, and %d are left, %v", len(missed), len(again), err)
	}
	if none, err := a.Undelivered(t.Context(), time.Now().Add(time.Hour)); err != nil || len(none) != 0 {
		t.Errorf("since later: %v, %v", none, err)
	}

	installed, err := a.Installed(t.Context())
	if err != nil || len(installed[id]) != 1 || installed[id][0] != here {
		t.Errorf("Installed = %v, %v", installed, err)
	}
	pulls, err := a.OpenPulls(t.Context(), id, here, time.Now().Add(-time.Hour))
	if err != nil || len(pulls) != 1 || pulls[0].Number != number || pulls[0].Base.Repo != here {
		t.Errorf("OpenPulls = %+v, %v", pulls, err)
	}
	if pulls, err := a.OpenPulls(t.Context(), id, here, time.Now().Add(time.Hour)); err != nil || len(pulls) != 0 {
		t.Errorf("OpenPulls since later = %+v, %v", pulls, err)
	}
}

// serve is the address of a handler that ends with the test.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

package github_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/app/github"
	"github.com/dudesons/loktar/checks"
)

const movedPath = "/repositories/7/check-runs"

// writes are a POST and a PATCH, and what each is answered with.
var writes = []struct {
	method, from, to string
	id               int64
	status           int
}{
	{"POST", runsPath, movedPath, 0, http.StatusCreated},
	{"PATCH", onePath, movedPath + "/31", 31, http.StatusOK},
}

// A renamed or transferred repository is found under its id. The hub takes no
// request without a token.
func TestMovedRepositoryIsFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 307, 308} {
		for _, absolute := range []bool{true, false} {
			h := newHub(t)
			a := h.app(t)
			moved := func(to string) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					at := "/api/v3" + to
					if absolute {
						at = h.server.URL + at
					}
					if r.URL.RawQuery != "" {
						at += "?" + r.URL.RawQuery
					}
					w.Header().Set("Location", at)
					answer(w, status, map[string]any{"message": "Moved Permanently", "url": at})
				}
			}
			for _, c := range writes {
				h.on(c.method+" "+c.from, moved(c.to))
				h.on(c.method+" "+c.to, func(w http.ResponseWriter, _ *http.Request) { answer(w, c.status, map[string]any{"id": 31}) })
				before := len(h.requests())
				if id, err := a.Put(t.Context(), completed(), c.id); id != 31 || err != nil {
					t.Errorf("%d: %s: Put = %d, %v", status, c.method, id, err)
					continue
				}
				sent := h.requests()[before:]
				if len(sent) != 2 || sent[1].method != c.method || sent[1].path != c.to || len(sent[1].body) < 5 {
					t.Errorf("%d: %s was repeated as %+v", status, c.method, sent)
					continue
				}
				if d := cmp.Diff(sent[0].body, sent[1].body); d != "" {
					t.Errorf("%d: %s: %s", status, c.method, d)
				}
			}
			h.on("GET "+listPath, moved("/repositories/7/commits/"+sha+"/check-runs"))
			h.on("GET /repositories/7/commits/"+sha+"/check-runs", func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Get("check_name") != "pet_api" {
					t.Errorf("query = %v", r.URL.RawQuery)
				}
				answer(w, http.StatusOK, map[string]any{"check_runs": []any{map[string]any{"id": 31, "name": "pet_api", "external_id": "RUN1/pet_api"}}})
			})
			if id, err := a.Find(t.Context(), completed()); id != 31 || err != nil {
				t.Errorf("%d: Find = %d, %v", status, id, err)
			}
		}
	}
}

func TestRedirectKeepsTheTokenAtHome(t *testing.T) {
	h, other := newHub(t), newHub(t)
	a := h.app(t)
	host := strings.TrimPrefix(h.server.URL, "http://")
	for name, at := range map[string]string{
		"another host":    other.server.URL + "/api/v3" + runsPath,
		"another, cut":    strings.TrimPrefix(other.server.URL, "http:") + "/api/v3" + runsPath,
		"another port":    "http://" + host[:strings.LastIndex(host, ":")] + ":1/api/v3" + runsPath,
		"another scheme":  "https://" + host + "/api/v3" + runsPath,
		"with a password": "http://u:p@" + host + "/api/v3" + movedPath,
		"no address":      "http://%zz/",
		"nothing":         "",
	} {
		for _, status := range []int{301, 307, 308} {
			for _, c := range writes {
				h.on(c.method+" "+c.from, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Location", at)
					w.WriteHeader(status)
				})
				before := len(h.requests())
				_, err := a.Put(t.Context(), completed(), c.id)
				if k := checks.KindOf(err); k != checks.KindNotFound && k != checks.KindUnavailable {
					t.Errorf("%s, %d, %s: %v", name, status, c.method, err)
				}
				if n := len(h.requests()) - before; n != 1 {
					t.Errorf("%s, %d, %s: %d requests", name, status, c.method, n)
				}
			}
		}
	}
	if len(other.seen) != 0 {
		t.Errorf("the other host got %v", other.seen)
	}
}

func TestEndlessRedirectsAreBounded(t *testing.T) {
	h := newHub(t)
	for i := range 9 {
		h.on(fmt.Sprintf("POST /repos/acme/%d/check-runs", i), func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, fmt.Sprintf("/api/v3/repos/acme/%d/check-runs", i+1), http.StatusTemporaryRedirect)
		})
	}
	cr := completed()
	cr.Repo.Name = "0"
	if _, err := h.app(t).Put(t.Context(), cr, 0); checks.KindOf(err) != checks.KindNotFound || !strings.Contains(checks.PublicText(err, ""), "renamed") {
		t.Errorf("Put: %v", err)
	}
	if n := len(h.requests()); n != 4 {
		t.Errorf("%d requests", n)
	}
}

// Nor does the App's own JWT leave for another host.
func TestRedirectedMintIsNotFollowedElsewhere(t *testing.T) {
	h, other := newHub(t), newHub(t)
	h.on("POST /app/installations/99/access_tokens", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.server.URL+r.URL.Path, http.StatusTemporaryRedirect)
	})
	a, err := github.New(github.Options{AppID: appID, Key: keyPEM, APIURL: h.server.URL + "/api/v3", Version: "1.2"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	if _, err := a.CloneToken(t.Context(), install, repo); err == nil {
		t.Error("CloneToken: no error")
	}
	if _, err := a.Put(t.Context(), completed(), 0); err == nil {
		t.Error("Put: no error")
	}
	if len(other.seen) != 0 {
		t.Errorf("the other host got %v", other.seen)
	}
}

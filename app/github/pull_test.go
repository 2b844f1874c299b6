package github_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
)

func TestPullRequest(t *testing.T) {
	h := newHub(t)
	full := map[string]any{
		"number": 5, "state": "closed", "title": "T", "draft": true, "user": map[string]any{"id": 3, "login": "ann"},
		"updated_at": "2026-03-04T06:06:07+01:00",
		"labels":     []any{map[string]any{"name": "full-ci"}, map[string]any{"name": nil}, map[string]any{"name": "<b>"}},
		"head":       map[string]any{"sha": sha, "ref": "topic", "repo": nil},
		"base":       map[string]any{"sha": sha, "ref": "main", "repo": map[string]any{"id": 7, "name": "shop", "owner": map[string]any{"login": "acme"}}},
	}
	h.on("GET /repos/acme/shop/pulls/5", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, full) })
	a := h.app(t)
	pr, open, err := a.PullRequest(t.Context(), install, repo, 5)
	if err != nil || open {
		t.Fatalf("open = %v, %v", open, err)
	}
	want := checks.PullRequest{Number: 5, Title: "T", Draft: true, Author: checks.User{ID: 3, Login: "ann"},
		Head: checks.Ref{SHA: sha, Branch: "topic"}, Base: checks.Ref{SHA: sha, Branch: "main", Repo: repo},
		Labels: []string{"full-ci", "<b>"}, Updated: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	if d := cmp.Diff(want, pr); d != "" {
		t.Error(d)
	}
	delete(full, "updated_at")
	full["labels"] = []any{}
	if pr, _, err = a.PullRequest(t.Context(), install, repo, 5); err != nil || !pr.Updated.IsZero() || pr.Labels != nil {
		t.Errorf("without a time and labels: %+v, %v", pr, err)
	}
	if _, _, err := a.PullRequest(t.Context(), install, repo, 6); checks.KindOf(err) != checks.KindNotFound {
		t.Errorf("an unknown pull request: %v", err)
	}
}

func TestOpenPullOf(t *testing.T) {
	const branch = "feature/ä?&state=closed"
	pull := func(number int, state, ref string, id any) map[string]any {
		head := map[string]any{"ref": ref, "repo": nil}
		if id != nil {
			head["repo"] = map[string]any{"id": id}
		}
		return map[string]any{"number": number, "state": state, "head": head}
	}
	for name, tc := range map[string]struct {
		repo   checks.Repo
		branch string
		status int
		pages  [][]any
		want   int
		kind   checks.Kind
		asked  int
	}{
		"none":               {repo, branch, 200, [][]any{{}}, 0, 0, 1},
		"its own":            {repo, branch, 200, [][]any{{pull(3, "open", branch, 7)}}, 3, 0, 1},
		"of a fork":          {repo, branch, 200, [][]any{{pull(3, "open", branch, 8), pull(4, "open", branch, nil)}}, 0, 0, 1},
		"another branch":     {repo, branch, 200, [][]any{{pull(3, "open", "main", 7), pull(5, "open", branch+"x", 7)}}, 0, 0, 1},
		"a closed one":       {repo, branch, 200, [][]any{{pull(3, "closed", branch, 7)}}, 0, 0, 1},
		"on the third page":  {repo, branch, 200, [][]any{{pull(3, "open", "main", 7)}, {}, {pull(9, "open", branch, 7)}, {}}, 9, 0, 3},
		"pages without end":  {repo, branch, 200, make([][]any, 100), 0, 0, 20},
		"no id of ours":      {checks.Repo{Owner: "acme", Name: "shop"}, branch, 200, [][]any{{pull(3, "open", branch, nil)}}, 0, 0, 1},
		"no branch":          {repo, "", 0, nil, 0, checks.KindRefused, 0},
		"outage":             {repo, branch, 502, nil, 0, checks.KindUnavailable, 3},
		"no such repository": {repo, branch, 404, nil, 0, checks.KindNotFound, 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t)
			h.on("GET /repos/acme/shop/pulls", func(w http.ResponseWriter, r *http.Request) {
				q := r.URL.Query()
				if q.Get("head") != "acme:"+branch || q.Get("state") != "open" || len(q["state"]) != 1 {
					t.Errorf("query = %v", q)
				}
				if tc.status != 200 {
					say(w, tc.status, "no")
					return
				}
				var page int
				fmt.Sscan(q.Get("page"), &page)
				if page < len(tc.pages) {
					w.Header().Set("Link", fmt.Sprintf(`<%s%s?page=%d>; rel="next"`, h.server.URL, r.URL.Path, page+1))
				}
				answer(w, 200, tc.pages[page-1])
			})
			got, err := h.app(t).OpenPullOf(t.Context(), install, tc.repo, tc.branch)
			if got != tc.want || (err != nil) != (tc.kind != 0) || checks.KindOf(err) != tc.kind {
				t.Errorf("OpenPullOf = %d, %v", got, err)
			}
			if n := len(h.requests()); n != tc.asked {
				t.Errorf("%d requests", n)
			}
		})
	}
	h := newHub(t)
	for _, bad := range []string{"", ".", "..", strings.Repeat("x", 5000)} {
		if _, err := h.app(t).OpenPullOf(t.Context(), install, repo, bad); checks.KindOf(err) != checks.KindRefused {
			t.Errorf("%.20q: %v", bad, err)
		}
		if _, err := h.app(t).RequiredChecks(t.Context(), install, repo, bad); checks.KindOf(err) != checks.KindRefused {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	if n := len(h.requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

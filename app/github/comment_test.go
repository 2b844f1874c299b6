package github_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/app/github"
	"github.com/dudesons/loktar/checks"
)

const (
	reactPath   = "/repos/acme/shop/issues/comments/12/reactions"
	commentPath = "/repos/acme/shop/issues/5/comments"
	marker      = "<!-- loktar:GUID -->"
)

func TestReact(t *testing.T) {
	h := newHub(t)
	a := h.app(t)
	status := http.StatusCreated
	h.on("POST "+reactPath, func(w http.ResponseWriter, _ *http.Request) { answer(w, status, obj{"id": 1, "content": "+1"}) })
	for _, status = range []int{http.StatusCreated, http.StatusOK} {
		if err := a.React(t.Context(), install, repo, 12, checks.ReactionDone); err != nil {
			t.Errorf("%d: %v", status, err)
		}
	}
	want := request{"POST", reactPath, obj{"content": "+1"}}
	if d := cmp.Diff([]request{want, want}, h.requests(), cmp.AllowUnexported(request{})); d != "" {
		t.Error(d)
	}
	if err := a.React(t.Context(), install, repo, 13, checks.ReactionDone); checks.KindOf(err) != checks.KindNotFound || !strings.Contains(checks.PublicText(err, ""), "comment 13") {
		t.Errorf("a comment that is gone: %v", err)
	}
}

func TestCommentKeepsGitHubsBound(t *testing.T) {
	h := newHub(t)
	a := h.app(t)
	h.on("POST "+commentPath, func(w http.ResponseWriter, _ *http.Request) { answer(w, 201, obj{"id": 1}) })
	long := marker + "\n" + strings.Repeat("line ü\n", 20_000)
	for _, body := range []string{"Done.", long, "\xff\x00"} {
		if err := a.Comment(t.Context(), install, repo, 5, body); err != nil {
			t.Fatal(err)
		}
	}
	sent := h.requests()
	if got := sent[0].body; len(got) != 1 || got["body"] != "Done." {
		t.Errorf("sent %v", got)
	}
	cut := sent[1].body["body"].(string)
	if n := utf8.RuneCountInString(cut); n > 65_536 || n < 65_000 || !strings.HasPrefix(cut, marker) || !strings.HasSuffix(cut, "left out here.)") {
		t.Errorf("%d characters, from %.30q", n, cut)
	}
	if got := sent[2].body["body"]; got != "\uFFFD\uFFFD" {
		t.Errorf("sent %q", got)
	}
}

// calls are the calls that answer comments, each with its route.
var calls = map[string]func(*testing.T, *github.App) error{
	"POST " + reactPath:   func(t *testing.T, a *github.App) error { return a.React(t.Context(), install, repo, 12, "+1") },
	"POST " + commentPath: func(t *testing.T, a *github.App) error { return a.Comment(t.Context(), install, repo, 5, "x") },
	"GET " + commentPath: func(t *testing.T, a *github.App) error {
		_, err := a.FindComment(t.Context(), install, repo, 5, marker, time.Time{})
		return err
	},
}

func TestCommentFaults(t *testing.T) {
	for route, call := range calls {
		for name, tc := range map[string]struct {
			status  int
			message string
			kind    checks.Kind
			public  string
		}{
			"no leave":  {403, "Resource not accessible by integration", checks.KindRefused, `Give the App the permission "Issues: read and write"`},
			"locked":    {403, "Unable to create comment because issue is locked.", checks.KindRefused, "locked"},
			"archived":  {403, "Repository was archived so is read-only.", checks.KindRefused, "archived"},
			"suspended": {403, "This installation has been suspended", checks.KindUnavailable, "The App is suspended there; it will be tried again."},
			"gone":      {410, "Gone", checks.KindNotFound, "GitHub has no"},
			"outage":    {502, "", checks.KindUnavailable, "tried again"},
		} {
			t.Run(route+" "+name, func(t *testing.T) {
				h := newHub(t)
				h.on(route, func(w http.ResponseWriter, _ *http.Request) { say(w, tc.status, tc.message) })
				err := call(t, h.app(t))
				if checks.KindOf(err) != tc.kind || !strings.Contains(checks.PublicText(err, ""), tc.public) {
					t.Errorf("%v of kind %v", err, checks.KindOf(err))
				}
			})
		}
	}
}

func TestFindComment(t *testing.T) {
	since := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	by := func(body string, app any, login, kind string) obj {
		o := obj{"id": 1, "body": body, "user": obj{"login": login, "type": kind}, "performed_via_github_app": nil}
		if app != nil {
			o["performed_via_github_app"] = obj{"id": app, "slug": "x"}
		}
		return o
	}
	deleted := obj{"id": 1, "body": marker, "user": nil}
	for name, tc := range map[string]struct {
		marker string
		pages  [][]any
		want   bool
		asked  int // for pages
		named  int // for the App's name
	}{
		"none":               {marker, [][]any{{}}, false, 1, 0},
		"ours":               {marker, [][]any{{by("a "+marker+" b", appID, "loktar[bot]", "Bot")}}, true, 1, 0},
		"another App's":      {marker, [][]any{{by(marker, 1, "loktar[bot]", "Bot")}}, false, 1, 0},
		"a person's":         {marker, [][]any{{by(marker, nil, "loktar", "User"), by(marker, nil, "loktar[bot]", "User"), deleted}}, false, 1, 0},
		"another text":       {marker, [][]any{{by("x", appID, "loktar[bot]", "Bot"), by("x", nil, "loktar[bot]", "Bot")}}, false, 1, 0},
		"our bot, no App":    {marker, [][]any{{by(marker, nil, "Loktar[bot]", "Bot")}}, true, 1, 1},
		"another bot":        {marker, [][]any{{by(marker, nil, "other[bot]", "Bot")}}, false, 1, 1},
		"on the second page": {marker, [][]any{{by(marker, nil, "other[bot]", "Bot")}, {by(marker, appID, "", "")}, {}}, true, 2, 0},
		"pages without end":  {marker, make([][]any, 100), false, 40, 0},
		"no marker":          {"", [][]any{{by("x", appID, "loktar[bot]", "Bot")}}, false, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t)
			h.on("GET "+commentPath, func(w http.ResponseWriter, r *http.Request) {
				q := r.URL.Query()
				if at, err := time.Parse(time.RFC3339, q.Get("since")); err != nil || at.After(since.Add(-time.Minute)) || at.Before(since.Add(-time.Hour)) {
					t.Errorf("since = %q", q.Get("since"))
				}
				var page int
				fmt.Sscan(q.Get("page"), &page)
				if page < len(tc.pages) {
					w.Header().Set("Link", fmt.Sprintf(`<%s%s?page=%d>; rel="next"`, h.server.URL, r.URL.Path, page+1))
				}
				answer(w, 200, tc.pages[page-1])
			})
			named := 0
			h.on("GET /app", func(w http.ResponseWriter, _ *http.Request) {
				named++
				answer(w, 200, obj{"id": appID, "slug": "loktar", "name": "Our Loktar"})
			})
			a := h.app(t)
			for range 2 {
				got, err := a.FindComment(t.Context(), install, repo, 5, tc.marker, since)
				if got != tc.want || err != nil {
					t.Errorf("FindComment = %v, %v", got, err)
				}
			}
			if n := len(h.requests()) - named; n != 2*tc.asked || named != tc.named {
				t.Errorf("%d requests for comments, %d for the App", n, named)
			}
		})
	}
}

// Without the App's name it is not known whose the comment is.
func TestFindCommentWithoutTheAppsName(t *testing.T) {
	for name, app := range map[string]reply{"outage": {502, obj{}}, "no name": {200, obj{"id": appID}}} {
		h := newHub(t)
		h.on("GET "+commentPath, func(w http.ResponseWriter, _ *http.Request) {
			answer(w, 200, []any{obj{"body": marker, "user": obj{"login": "loktar[bot]", "type": "Bot"}}})
		})
		h.on("GET /app", func(w http.ResponseWriter, _ *http.Request) { answer(w, app.status, app.body) })
		if got, err := h.app(t).FindComment(t.Context(), install, repo, 5, marker, time.Time{}); got || checks.KindOf(err) != checks.KindUnavailable {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

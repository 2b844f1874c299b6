package github_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
)

const (
	runsPath = "/repos/acme/shop/check-runs"
	onePath  = runsPath + "/31"
	listPath = "/repos/acme/shop/commits/" + sha + "/check-runs"
)

// takeChecks makes h create check run 31 and count its annotations.
func (h *hub) takeChecks() (annotations *int) {
	annotations = new(int)
	take := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			var body struct{ Output struct{ Annotations []any } }
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil && r.Method != http.MethodGet {
				h.t.Error(err)
			}
			if len(body.Output.Annotations) > 50 {
				say(w, http.StatusUnprocessableEntity, "too many annotations")
				return
			}
			*annotations += len(body.Output.Annotations)
			answer(w, status, map[string]any{"id": 31, "output": map[string]any{"annotations_count": *annotations}})
		}
	}
	h.on("POST "+runsPath, take(http.StatusCreated))
	h.on("PATCH "+onePath, take(http.StatusOK))
	h.on("GET "+onePath, take(http.StatusOK))
	return annotations
}

func TestPutCreates(t *testing.T) {
	h := newHub(t)
	h.takeChecks()
	id, err := h.app(t).Put(t.Context(), completed(), 0)
	if err != nil || id != 31 {
		t.Fatalf("Put = %d, %v", id, err)
	}
	want := []request{{"POST", runsPath, map[string]any{
		"name": "pet_api", "head_sha": sha, "external_id": "RUN1/pet_api", "details_url": "https://loktar.example/runs/RUN1/pet_api",
		"status": "completed", "conclusion": "failure", "started_at": "2026-11-22T10:00:00Z", "completed_at": "2026-11-22T10:01:30Z",
		"output": map[string]any{"title": "make ci failed", "summary": "It exited with 2."}, "actions": []any{},
	}}}
	if d := cmp.Diff(want, h.requests(), cmp.AllowUnexported(request{})); d != "" {
		t.Error(d)
	}
}

func TestPutUpdates(t *testing.T) {
	h := newHub(t)
	h.takeChecks()
	cr := completed()
	cr.Status, cr.Conclusion, cr.Summary, cr.Title = checks.StatusInProgress, "", "", ""
	id, err := h.app(t).Put(t.Context(), cr, 31)
	if err != nil || id != 31 {
		t.Fatalf("Put = %d, %v", id, err)
	}
	want := []request{{"PATCH", onePath, map[string]any{
		"name": "pet_api", "external_id": "RUN1/pet_api", "details_url": "https://loktar.example/runs/RUN1/pet_api",
		"status": "in_progress", "started_at": "2026-11-22T10:00:00Z", "actions": []any{},
	}}}
	if d := cmp.Diff(want, h.requests(), cmp.AllowUnexported(request{})); d != "" {
		t.Errorf("an update sends no head_sha, no completion and no empty output: %s", d)
	}
}

func TestPutSendsAnnotationsInBatchesAndOnce(t *testing.T) {
	h := newHub(t)
	got := h.takeChecks()
	cr := completed()
	for i := range 120 {
		cr.Annotations = append(cr.Annotations, checks.Annotation{Path: "a.go", StartLine: i + 1, EndLine: i + 1, Level: "failure", Message: "no"})
	}
	a := h.app(t)
	if _, err := a.Put(t.Context(), cr, 0); err != nil {
		t.Fatal(err)
	}
	reqs := h.requests()
	if *got != 120 || len(reqs) != 3 || reqs[0].method != "POST" || reqs[1].method != "PATCH" {
		t.Fatalf("%d annotations in %d requests", *got, len(reqs))
	}
	if reqs[2].body["status"] != nil || reqs[2].body["output"].(map[string]any)["summary"] == "" {
		t.Errorf("a further batch is %v; want an output with a summary alone", reqs[2].body)
	}
	if _, err := a.Put(t.Context(), cr, 31); err != nil {
		t.Fatal(err)
	}
	if *got != 120 {
		t.Errorf("the same Put again doubled annotations: %d", *got)
	}
}

func TestPutGoesOnWhereItFailed(t *testing.T) {
	h := newHub(t)
	got := h.takeChecks()
	patch := h.handlers["PATCH "+onePath]
	h.on("PATCH "+onePath, func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusBadGateway, "") })
	cr := completed()
	for i := range 60 {
		cr.Annotations = append(cr.Annotations, checks.Annotation{Path: "a.go", StartLine: i + 1, EndLine: i + 1, Level: "notice", Message: "no"})
	}
	a := h.app(t)
	id, err := a.Put(t.Context(), cr, 0)
	if checks.KindOf(err) != checks.KindUnavailable || id != 31 {
		t.Fatalf("Put = %d, %v", id, err)
	}
	h.mu.Lock()
	h.on("PATCH "+onePath, patch)
	h.mu.Unlock()
	if _, err := a.Put(t.Context(), cr, id); err != nil || *got != 60 {
		t.Errorf("annotations = %d, %v", *got, err)
	}
}

func TestPutKeepsGitHubsBounds(t *testing.T) {
	h := newHub(t)
	h.takeChecks()
	cr := completed()
	cr.Title = strings.Repeat("ü", 300)
	cr.Summary = strings.Repeat("line ü\n", 9_000) + "```go\n" + strings.Repeat("code();\n", 9_000)
	cr.Text = strings.Repeat("界", 70_000) + "\xff"
	cr.Annotations = []checks.Annotation{
		{Path: "", Message: "has no file"},
		{Path: "a", StartLine: 3, EndLine: 5, StartColumn: 2, EndColumn: 4, Level: "fatal", Title: strings.Repeat("t", 300), Message: strings.Repeat("界", 30_000)},
		{Path: "b", StartLine: 0, EndLine: -1, StartColumn: 7, EndColumn: 2, Level: "notice", Message: " \x00"},
		{Path: "c", StartLine: 2, EndLine: 1, Level: "notice"},
	}
	if _, err := h.app(t).Put(t.Context(), cr, 0); err != nil {
		t.Fatal(err)
	}
	out := h.requests()[0].body["output"].(map[string]any)
	for field, most := range map[string]int{"title": 255, "summary": 65_535, "text": 65_535} {
		s := out[field].(string)
		if n := utf8.RuneCountInString(s); n > most || n < most-1000 || !utf8.ValidString(s) {
			t.Errorf("%s has %d characters of %d", field, n, most)
		}
	}
	summary := out["summary"].(string)
	if !strings.Contains(summary[len(summary)-100:], "code();\n```\n\n(") || !strings.HasSuffix(summary, " characters left out here.)") {
		t.Errorf("summary ends in %q", summary[len(summary)-150:])
	}
	notes := out["annotations"].([]any)
	if len(notes) != 3 {
		t.Fatalf("%d annotations; the one without a file is to be left out", len(notes))
	}
	first, second, third := notes[0].(map[string]any), notes[1].(map[string]any), notes[2].(map[string]any)
	if m := first["message"].(string); len(m) > 64*1024 || !utf8.ValidString(m) || first["start_column"] != nil ||
		first["annotation_level"] != "warning" || len(first["title"].(string)) > 257 {
		t.Errorf("annotation = %.200v", first)
	}
	want := map[string]any{"path": "b", "start_line": 1.0, "end_line": 1.0, "start_column": 7.0, "end_column": 7.0, "annotation_level": "notice", "message": " \uFFFD"}
	if d := cmp.Diff(want, second); d != "" {
		t.Error(d)
	}
	if third["end_line"] != 2.0 || third["message"] != "No message." {
		t.Errorf("annotation = %v", third)
	}
}

// Every request that updates a check run says which buttons it has.
func TestPutSendsActions(t *testing.T) {
	h := newHub(t)
	h.takeChecks()
	a := h.app(t)
	cr := completed()
	cr.Annotations = make([]checks.Annotation, 60)
	for i := range cr.Annotations {
		cr.Annotations[i] = checks.Annotation{Path: "a.go", Message: "no"}
	}
	cr.Actions = []checks.Action{
		{ID: checks.ActionRerunFailed, Label: "Re-run\nfailed", Description: strings.Repeat("ü", 50)},
		{ID: checks.ActionCancel},
		{ID: checks.ActionID(strings.Repeat("x", 21)), Label: strings.Repeat("界", 21), Description: "d"},
		{ID: "fourth", Label: "no"},
	}
	id, err := a.Put(t.Context(), cr, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := []any{
		map[string]any{"identifier": "rerun_failed", "label": "Re-run failed", "description": strings.Repeat("ü", 39) + "…"},
		map[string]any{"identifier": "cancel", "label": "cancel", "description": "cancel"},
		map[string]any{"identifier": strings.Repeat("x", 19) + "…", "label": strings.Repeat("界", 19) + "…", "description": "d"},
	}
	sent := h.requests()
	if len(sent) != 2 {
		t.Fatalf("%d requests", len(sent))
	}
	for _, r := range sent {
		if d := cmp.Diff(want, r.body["actions"]); d != "" {
			t.Errorf("%s: %s", r.method, d)
		}
	}
	cr.Annotations, cr.Actions = nil, []checks.Action{{Label: "without an identifier"}}
	if _, err := a.Put(t.Context(), cr, id); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]any{}, h.requests()[2].body["actions"]); d != "" {
		t.Errorf("a check run without buttons: %s", d)
	}
}

func TestFind(t *testing.T) {
	h := newHub(t)
	a := h.app(t)
	if id, err := a.Find(t.Context(), completed()); id != 0 || err != nil {
		t.Errorf("a server without the list: Find = %d, %v", id, err)
	}
	h.mu.Lock()
	h.on("GET "+listPath, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("check_name") != "pet_api" || q.Get("filter") != "all" {
			t.Errorf("query = %v", q)
		}
		runs := []any{map[string]any{"id": 1, "name": "pet_api", "external_id": "OTHER/pet_api"}}
		if q.Get("page") == "2" {
			runs = []any{
				map[string]any{"id": 5, "name": "pet_api", "external_id": "RUN1/pet_api", "app": map[string]any{"id": 1}},
				map[string]any{"id": 4, "name": "pet_api", "external_id": "RUN1/pet_api", "app": map[string]any{"id": appID}},
			}
		} else {
			w.Header().Set("Link", fmt.Sprintf(`<%s%s?page=2>; rel="next"`, h.server.URL, r.URL.Path))
		}
		answer(w, http.StatusOK, map[string]any{"total_count": 3, "check_runs": runs})
	})
	h.mu.Unlock()
	if id, err := a.Find(t.Context(), completed()); id != 4 || err != nil {
		t.Errorf("Find = %d, %v; want the one of our App on page 2", id, err)
	}
	other := completed()
	other.Key.Run = "RUN2"
	if id, err := a.Find(t.Context(), other); id != 0 || err != nil {
		t.Errorf("Find of another run = %d, %v", id, err)
	}
}

func TestNamesAreNotPaths(t *testing.T) {
	h := newHub(t)
	a := h.app(t)
	for _, r := range []checks.Repo{{Owner: "..", Name: "x"}, {Owner: "a", Name: "b/../../c"}, {Owner: "a", Name: ""}, {Owner: "a?b", Name: "c"}} {
		cr := completed()
		cr.Repo = r
		if _, err := a.Put(t.Context(), cr, 0); checks.KindOf(err) != checks.KindRefused {
			t.Errorf("Put to %q: %v", r.FullName(), err)
		}
	}
	cr := completed()
	cr.HeadSHA = "main/../x"
	if _, err := a.Find(t.Context(), cr); checks.KindOf(err) != checks.KindRefused {
		t.Errorf("Find: %v", err)
	}
	if n := len(h.requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

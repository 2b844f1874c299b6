package minihub_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
)

type m = map[string]any

// with is base with some members replaced; a nil value removes the member.
func with(base m, kv ...any) m {
	out := m{}
	for k, v := range base {
		out[k] = v
	}
	for i := 0; i < len(kv); i += 2 {
		if kv[i+1] == nil {
			delete(out, kv[i].(string))
		} else {
			out[kv[i].(string)] = kv[i+1]
		}
	}
	return out
}

func repeat(n int, v m) []m {
	out := make([]m, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// TestCheckRunRules sends what GitHub refuses, and beside it the nearest
// thing that it takes.
func TestCheckRunRules(t *testing.T) {
	h := minihubtest.StartWith(t, minihubtest.Options{AllowRefused: true})
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	sha, err := repo.Tip(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	token := h.Token("acme", nil)
	run := m{"name": "lib", "head_sha": sha}
	out := m{"title": "t", "summary": "s"}
	note := m{"path": "a", "start_line": 1, "end_line": 1, "annotation_level": "failure", "message": "m"}
	noted := func(kv ...any) m { return with(run, "output", with(out, "annotations", []m{with(note, kv...)})) }
	action := m{"label": strings.Repeat("l", 20), "description": strings.Repeat("d", 40), "identifier": strings.Repeat("i", 20)}
	acted := func(kv ...any) m { return with(run, "actions", []m{with(action, kv...)}) }
	big := strings.Repeat("é", 65_535)
	for _, c := range []struct {
		name   string
		body   any
		status int
		says   string
	}{
		{"the least", run, 201, ""},
		{"unknown members", with(run, "colour", "red"), 201, ""},
		{"bad JSON", `{"name":`, 400, "Problems parsing JSON"},
		{"two values", `{}{}`, 400, "Problems parsing JSON"},
		{"an array", `[]`, 400, "Body should be a JSON object"},
		{"no name", with(run, "name", nil), 422, `"name" wasn't supplied`},
		{"an empty name", with(run, "name", " "), 422, "empty"},
		{"a number as name", with(run, "name", 7), 422, "7 is not a string"},
		{"no sha", with(run, "head_sha", nil), 422, `"head_sha" wasn't supplied`},
		{"an unknown sha", with(run, "head_sha", strings.Repeat("a", 40)), 422, "No commit found for SHA: aaaa"},
		{"a short sha", with(run, "head_sha", sha[:12]), 422, "No commit found for SHA"},
		{"a branch as sha", with(run, "head_sha", "main"), 422, "No commit found for SHA: main"},
		{"details_url without http", with(run, "details_url", "ftp://x"), 422, "http or https"},
		{"an unknown status", with(run, "status", "done"), 422, "not a member"},
		{"a status of Actions", with(run, "status", "waiting"), 422, "not a member"},
		{"completed without conclusion", with(run, "status", "completed"), 422, "conclusion"},
		{"completed_at without conclusion", with(run, "completed_at", "2026-01-02T03:04:05Z"), 422, "conclusion"},
		{"an unknown conclusion", with(run, "conclusion", "green"), 422, "not a member"},
		{"conclusion stale", with(run, "conclusion", "stale"), 422, "not a member"},
		{"a conclusion alone completes", with(run, "conclusion", "success"), 201, ""},
		{"a bad time", with(run, "started_at", "yesterday"), 422, "date-time"},
		{"output without title", with(run, "output", m{"summary": "s"}), 422, `"output/title" wasn't supplied`},
		{"output without summary", with(run, "output", m{"title": "t"}), 422, `"output/summary" wasn't supplied`},
		{"output that is text", with(run, "output", "text"), 422, "not an object"},
		{"the longest summary", with(run, "output", with(out, "summary", big)), 201, ""},
		{"a summary too long", with(run, "output", with(out, "summary", big+"x")), 422, "65536 characters"},
		{"the longest text", with(run, "output", with(out, "text", big)), 201, ""},
		{"a text too long", with(run, "output", with(out, "text", big+"x")), 422, "65536 characters"},
		{"50 annotations", with(run, "output", with(out, "annotations", repeat(50, note))), 201, ""},
		{"51 annotations", with(run, "output", with(out, "annotations", repeat(51, note))), 422, "51 items"},
		{"line 0", noted("start_line", 0), 422, "less than 1"},
		{"lines backwards", noted("start_line", 3, "end_line", 2), 422, "before start_line"},
		{"columns on one line", noted("start_column", 1, "end_column", 2), 201, ""},
		{"columns on two lines", noted("end_line", 2, "start_column", 1), 422, "columns are only allowed"},
		{"column 0", noted("start_column", 0), 422, "columns start at 1"},
		{"columns backwards", noted("start_column", 3, "end_column", 2), 422, "before start_column"},
		{"an unknown level", noted("annotation_level", "error"), 422, "not a member"},
		{"no message", noted("message", nil), 422, "message\" wasn't supplied"},
		{"an empty message", noted("message", ""), 422, "empty"},
		{"no path", noted("path", nil), 422, "path\" wasn't supplied"},
		{"a fractional line", noted("start_line", 1.5), 422, "not an integer"},
		{"the longest message", noted("message", strings.Repeat("m", 64*1024)), 201, ""},
		{"a message too long", noted("message", strings.Repeat("m", 64*1024+1)), 422, "65537 bytes"},
		{"raw details too long", noted("raw_details", strings.Repeat("m", 64*1024+1)), 422, "65537 bytes"},
		{"an annotation's title too long", noted("title", strings.Repeat("t", 256)), 422, "256 characters"},
		{"3 actions", with(run, "actions", repeat(3, action)), 201, ""},
		{"4 actions", with(run, "actions", repeat(4, action)), 422, "4 items"},
		{"a label too long", acted("label", strings.Repeat("l", 21)), 422, "21 characters"},
		{"a description too long", acted("description", strings.Repeat("l", 41)), 422, "41 characters"},
		{"an identifier too long", acted("identifier", strings.Repeat("l", 21)), 422, "21 characters"},
		{"an action without identifier", acted("identifier", nil), 422, "wasn't supplied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, got, _ := do(t, h, token, "POST", "/repos/acme/mono/check-runs", c.body)
			message, _ := got["message"].(string)
			if status != c.status || !strings.Contains(message, c.says) {
				t.Errorf("got %d %q, want %d with %q", status, message, c.status, c.says)
			}
			if status >= 400 && got["documentation_url"] == nil {
				t.Error("the error names no documentation_url")
			}
		})
	}
}

func TestCheckRunUpdates(t *testing.T) {
	h := minihubtest.StartWith(t, minihubtest.Options{AllowRefused: true})
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	h.Repo("acme", "other", map[string]string{"a": "1"})
	sha, err := repo.Tip(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	token := h.Token("acme", nil)
	create := func(body m) string {
		status, got, _ := do(t, h, token, "POST", "/repos/acme/mono/check-runs", with(body, "name", "lib", "head_sha", sha))
		if status != 201 {
			t.Fatalf("create: %d %v", status, got)
		}
		return fmt.Sprintf("/repos/acme/mono/check-runs/%.0f", got["id"])
	}
	done := create(m{"status": "completed", "conclusion": "failure", "output": m{"title": "t", "summary": "s", "text": "x"}})
	running := create(m{"status": "in_progress"})
	for _, c := range []struct {
		name, path string
		body       m
		status     int
		says       string
	}{
		{"reopen", done, m{"status": "in_progress"}, 422, "cannot go back to in_progress"},
		{"queue again", done, m{"status": "queued"}, 422, "cannot go back to queued"},
		{"another conclusion", done, m{"status": "completed", "conclusion": "success"}, 200, ""},
		{"a new summary", done, m{"output": m{"title": "t2", "summary": "s2"}}, 200, ""},
		{"complete without conclusion", running, m{"status": "completed"}, 422, "conclusion"},
		{"output without title", running, m{"output": m{"summary": "s2"}}, 422, "title"},
		{"null as conclusion", running, m{"conclusion": any(nil)}, 422, "nil is not a string"},
		{"an id of another repository", strings.Replace(running, "mono", "other", 1), m{}, 404, "Not Found"},
		{"an id of nothing", "/repos/acme/mono/check-runs/1", m{}, 404, "Not Found"},
		{"re-request while it runs", running + "/rerequest", nil, 422, "not rerequestable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			method, body := "PATCH", any(c.body)
			if c.body == nil {
				method, body = "POST", nil
			}
			status, got, _ := do(t, h, token, method, c.path, body)
			message, _ := got["message"].(string)
			if status != c.status || !strings.Contains(message, c.says) {
				t.Errorf("got %d %q, want %d with %q", status, message, c.status, c.says)
			}
		})
	}
	run, _ := findRun(h, "acme/mono", sha, "failure")
	if run.Name != "" {
		t.Error("the conclusion was not replaced")
	}
	run, _ = findRun(h, "acme/mono", sha, "success")
	if run.Title != "t2" || run.Summary != "s2" || run.Text != "x" || run.Writes != 3 {
		t.Errorf("after the updates: %+v", run)
	}
}

func findRun(h *minihubtest.Hub, repo, sha, conclusion string) (minihub.CheckRun, bool) {
	for _, c := range h.CheckRuns(repo, sha) {
		if c.Conclusion == conclusion {
			return c, true
		}
	}
	return minihub.CheckRun{}, false
}

func TestUnknownCallsAre404(t *testing.T) {
	h, err := minihub.New(minihub.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	url, err := h.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{DisableKeepAlives: true}
	for _, c := range []struct{ method, path string }{
		{"GET", "/api/v3/user"}, {"DELETE", "/api/v3/app"}, {"GET", "/api/v3"}, {"POST", "/api/v3/repos/a/b/statuses/x"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, url+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&http.Client{Transport: tr}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != 404 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
			t.Errorf("%s %s: %s, %s", c.method, c.path, resp.Status, resp.Header.Get("Content-Type"))
		}
	}
}

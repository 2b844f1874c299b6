package minihubtest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestValidateKnowsReactions: these calls are held against a description too,
// though GitHub's subset leaves them out.
func TestValidateKnowsReactions(t *testing.T) {
	if Shared(t) == "" {
		t.Skip("the shared folder with GitHub's description is missing")
	}
	const path = "/repos/a/b/issues/comments/7/reactions"
	user := `{"login":"x","id":1,"node_id":"n","avatar_url":"http://h/","gravatar_id":"","url":"http://h/","html_url":"http://h/",
		"followers_url":"http://h/","following_url":"f","gists_url":"g","starred_url":"s","subscriptions_url":"http://h/",
		"organizations_url":"http://h/","repos_url":"http://h/","events_url":"e","received_events_url":"http://h/","type":"Bot","site_admin":false}`
	good := `{"id":1,"node_id":"n","user":` + user + `,"content":"eyes","created_at":"2026-01-02T03:04:05Z"}`
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		answer, want             string
	}{
		{"a new one", "POST", path, `{"content":"eyes"}`, 201, good, ""},
		{"one that is there", "POST", path, `{"content":"+1"}`, 200, good, ""},
		{"a list", "GET", path + "?content=eyes&per_page=2", "", 200, "[" + good + "]", ""},
		{"a refusal", "POST", path, `{"content":"eyes"}`, 403, `{"message":"no"}`, ""},
		{"an unknown content", "POST", path, `{"content":"tada"}`, 422, `{"message":"no","documentation_url":"u"}`, "request:"},
		{"no content", "POST", path, `{}`, 422, `{"message":"no","documentation_url":"u"}`, "request:"},
		{"a list of an unknown content", "GET", path + "?content=tada", "", 200, "[]", "request:"},
		{"an answer without node_id", "POST", path, `{"content":"eyes"}`, 201, strings.Replace(good, `"node_id":"n","user"`, `"user"`, 1), "answer:"},
		{"an answer without created_at", "POST", path, `{"content":"eyes"}`, 201, strings.Replace(good, "created_at", "made_at", 1), "answer:"},
		{"an answer without the user's login", "POST", path, `{"content":"eyes"}`, 201, strings.Replace(good, `"login"`, `"name"`, 1), "answer:"},
		{"an answer that is no list", "GET", path, "", 200, good, "answer:"},
		{"a status of another kind", "POST", path, `{"content":"eyes"}`, 202, good, "answer: status 202"},
		{"another call on reactions", "DELETE", path + "/1", "", 404, `{"message":"no"}`, "no such call"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got Call
			next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json; charset=utf-8")
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.answer))
			})
			req := httptest.NewRequestWithContext(t.Context(), c.method, "/api/v3"+c.path, strings.NewReader(c.body))
			if c.body != "" {
				req.Header.Set("Content-Type", "application/json")
			}
			Validate(next, func(call Call) { got = call }).ServeHTTP(httptest.NewRecorder(), req)
			found := strings.Join(got.Violations, "\n")
			if (c.want == "") != (found == "") || !strings.Contains(found, c.want) {
				t.Errorf("violations %q, want %q", found, c.want)
			}
		})
	}
}

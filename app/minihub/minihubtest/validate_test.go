package minihubtest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestValidateSeesViolations proves that the middleware is not asleep.
func TestValidateSeesViolations(t *testing.T) {
	if Shared(t) == "" {
		t.Skip("the shared folder with GitHub's description is missing")
	}
	meta := `{"verifiable_password_authentication":false}`
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		answer, want             string
	}{
		{"all is well", "GET", "/meta", "", 200, meta, ""},
		{"an answer that lacks a member", "GET", "/meta", "", 200, `{}`, "answer:"},
		{"an answer that is not described", "GET", "/meta", "", 201, meta, "answer: status 201"},
		{"an error in another shape", "GET", "/meta", "", 403, `"no"`, "answer:"},
		{"a refusal", "POST", "/repos/a/b/check-runs", `{"name":"x","head_sha":"y"}`, 422, `{"message":"no","documentation_url":"u"}`, ""},
		{"a request that lacks a member", "POST", "/repos/a/b/check-runs", `{"name":"x"}`, 422, `{"message":"no","documentation_url":"u"}`, "request:"},
		{"a request of the wrong type", "POST", "/repos/a/b/check-runs", `{"name":"x","head_sha":7}`, 422, `{"message":"no","documentation_url":"u"}`, "request:"},
		{"a bad query", "GET", "/repos/a/b/commits/main/check-runs?filter=newest", "", 404, `{"message":"no"}`, "request:"},
		{"a redirect", "POST", "/repos/a/b/check-runs", `{"name":"x","head_sha":"y"}`, 307, `{"message":"Moved Permanently","url":"u"}`, ""},
		{"a redirect in another shape", "GET", "/repos/a/b/pulls", "", 301, `{"message":7}`, "answer:"},
		{"a redirect to nowhere", "GET", "/repos/a/b/commits/main/check-runs", "", 301, `{}`, "without Location"},
		{"a repository by its id", "GET", "/repositories/7/check-runs/7", "", 404, `{"message":"no"}`, ""},
		{"a bad query to a repository by its id", "GET", "/repositories/7/commits/main/check-runs?filter=newest", "", 404, `{"message":"no"}`, "request:"},
		{"an id that is none", "GET", "/repositories/x/pulls", "", 404, `{"message":"no"}`, "no such call"},
		{"a call that GitHub does not have", "GET", "/nothing", "", 404, `{"message":"no"}`, "no such call"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got Call
			next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json; charset=utf-8")
				if strings.Contains(c.answer, `"message"`) && c.status < 400 {
					w.Header().Set("Location", "http://127.0.0.1/elsewhere")
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.answer))
			})
			req := httptest.NewRequestWithContext(t.Context(), c.method, "/api/v3"+c.path, strings.NewReader(c.body))
			if c.body != "" {
				req.Header.Set("Content-Type", "application/json")
			}
			rec := httptest.NewRecorder()
			Validate(next, func(call Call) { got = call }).ServeHTTP(rec, req)
			if rec.Code != c.status || rec.Body.String() != c.answer {
				t.Errorf("the answer was changed: %d %s", rec.Code, rec.Body)
			}
			found := strings.Join(got.Violations, "\n")
			if (c.want == "") != (found == "") || !strings.Contains(found, c.want) {
				t.Errorf("violations %q, want %q", found, c.want)
			}
		})
	}
}

func TestCheckPayload(t *testing.T) {
	if Shared(t) == "" {
		t.Skip("the shared folder with GitHub's schemas is missing")
	}
	if err := CheckPayload("check_run", "rerequested", []byte(`{"action":"rerequested"}`)); err == nil {
		t.Error("an empty check_run payload passed")
	}
	if err := CheckPayload("weather", "", []byte(`{}`)); err == nil {
		t.Error("an unknown event passed")
	}
}

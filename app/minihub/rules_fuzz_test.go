package minihub

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzReadRun feeds any JSON object to the rules: whatever they take is
// within GitHub's bounds.
func FuzzReadRun(f *testing.F) {
	f.Add(`{"name":"lib","head_sha":"x","status":"completed","conclusion":"success"}`, true)
	f.Add(`{"output":{"title":"t","summary":"s","annotations":[{"path":"a","start_line":1,"end_line":1,"annotation_level":"notice","message":"m","start_column":2}]}}`, false)
	f.Add(`{"actions":[{"label":"l","description":"d","identifier":"i"}],"started_at":"2026-01-02T03:04:05Z"}`, false)
	f.Add(`{"output":[],"actions":{},"conclusion":null,"name":7}`, true)
	f.Fuzz(func(t *testing.T, body string, create bool) {
		d := json.NewDecoder(strings.NewReader(body))
		d.UseNumber()
		var m map[string]any
		if d.Decode(&m) != nil {
			return
		}
		in, err := readRun(m, create)
		if err != nil {
			return
		}
		if create && in.name == "" {
			t.Error("created without a name")
		}
		if (in.status == "completed") != (in.conclusion != "") {
			t.Errorf("status %q with conclusion %q", in.status, in.conclusion)
		}
		if in.output && (in.title == "" || in.summary == "" || utf8.RuneCountInString(in.summary) > maxText) {
			t.Errorf("output with title %q and %d characters of summary", in.title, utf8.RuneCountInString(in.summary))
		}
		if len(in.annotations) > maxAnnotations || len(in.actions) > maxActions {
			t.Errorf("%d annotations, %d actions", len(in.annotations), len(in.actions))
		}
		for _, a := range in.annotations {
			if a.StartLine < 1 || a.EndLine < a.StartLine || (a.StartColumn != 0 && a.StartLine != a.EndLine) || a.Message == "" || a.Path == "" {
				t.Errorf("annotation %+v", a)
			}
		}
	})
}

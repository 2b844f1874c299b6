package minihub_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
)

// settled waits until everything that was queued for the first App was
// delivered.
func settled(t *testing.T, h *minihubtest.Hub) {
	t.Helper()
	h.Await("all deliveries", func(v *minihub.View) bool {
		return !slices.ContainsFunc(v.Deliveries(), func(d minihub.Delivery) bool { return !d.Done })
	})
}

// since are the events that arrived after the first n, as event.action with
// what tells them apart, and how many there are by now.
func since(t *testing.T, h *minihubtest.Hub, in *inbox, n int) (events []string, all int) {
	t.Helper()
	settled(t, h)
	got := in.all()
	for _, r := range got[n:] {
		b := decode(t, r.body)
		s := r.header.Get("X-GitHub-Event")
		for _, k := range []any{b["action"], b["reason"], b["number"], b["ref"]} {
			if k != nil {
				s += fmt.Sprintf(" %v", k)
			}
		}
		if at(b, "merge_group") != nil {
			s += fmt.Sprintf(" %v", at(b, "merge_group", "head_sha"))
		}
		events = append(events, s)
	}
	return events, len(got)
}

// holdAgainstGitHub holds every payload that arrived against GitHub's schema
// and go-github's types.
func holdAgainstGitHub(t *testing.T, in *inbox) {
	t.Helper()
	for _, r := range in.all() {
		event := r.header.Get("X-GitHub-Event")
		action, _ := decode(t, r.body)["action"].(string)
		if _, err := github.ParseWebHook(event, r.body); err != nil {
			t.Errorf("go-github cannot read %s.%s: %v", event, action, err)
		}
		if minihubtest.Shared(t) == "" {
			continue
		}
		if err := minihubtest.CheckPayload(event, action, r.body); err != nil {
			t.Errorf("%s", err)
		}
	}
}

// likeCapture compares the last payload of an event with one that GitHub sent:
// what the keys (all of the payload when there are none) hold in the one, they
// hold in the other, with values of the same kind. Members that need an
// organization or a GitHub App of another age are left out.
func likeCapture(t *testing.T, in *inbox, event, action, file string, keys ...string) {
	t.Helper()
	dir := minihubtest.Shared(t)
	if dir == "" {
		return
	}
	raw, err := os.ReadFile(filepath.Join(dir, "github", "webhooks", event, file))
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	for _, r := range in.all() {
		if b := decode(t, r.body); r.header.Get("X-GitHub-Event") == event && b["action"] == action {
			got = b
		}
	}
	if got == nil {
		t.Fatalf("no %s.%s came", event, action)
	}
	if len(keys) == 0 {
		keys = []string{""}
	}
	for _, k := range keys {
		w, g := want, got
		if k != "" {
			w, g = at(want, k), at(got, k)
		}
		if bad := unlike(k, w, g); len(bad) > 0 {
			t.Errorf("%s.%s is unlike %s:\n%s", event, action, file, strings.Join(bad, "\n"))
		}
	}
}

// unlike lists the members of want that got lacks or has of another kind. A
// null says nothing of the kind.
func unlike(path string, want, got any) (bad []string) {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s: %T", path, got)}
		}
		for k, v := range w {
			if k == "organization" || k == "custom_properties" || path == "" && k == "installation" {
				continue
			}
			x, ok := g[k]
			switch {
			case !ok:
				bad = append(bad, path+"/"+k+" is missing")
			case v != nil && x != nil:
				bad = append(bad, unlike(path+"/"+k, v, x)...)
			}
		}
	case []any:
		g, ok := got.([]any)
		if !ok {
			return []string{fmt.Sprintf("%s: %T", path, got)}
		}
		if len(w) > 0 && len(g) > 0 {
			bad = unlike(path+"/0", w[0], g[0])
		}
	default:
		if a, b := fmt.Sprintf("%T", want), fmt.Sprintf("%T", got); a != b {
			bad = []string{fmt.Sprintf("%s: %s, want %s", path, b, a)}
		}
	}
	return bad
}

// TestUnlike proves that the comparison is not asleep.
func TestUnlike(t *testing.T) {
	want := m{"a": m{"b": "x", "c": []any{m{"d": 1.0}}}, "n": nil, "organization": m{}}
	for _, c := range []struct {
		name string
		got  any
		bad  int
	}{
		{"the same", m{"a": m{"b": "y", "c": []any{m{"d": 2.0}}}, "n": "z"}, 0},
		{"nulls", m{"a": nil, "n": nil}, 0},
		{"a member is missing", m{"a": m{"b": "y", "c": []any{}}}, 1},
		{"members are of other kinds", m{"a": m{"b": 1.0, "c": []any{m{"d": "1"}}}, "n": nil}, 2},
		{"no object", "a", 1},
	} {
		if bad := unlike("", any(want), c.got); len(bad) != c.bad {
			t.Errorf("%s: %q", c.name, bad)
		}
	}
}

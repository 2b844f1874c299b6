package source

import (
	"strings"
	"testing"
)

func TestPassed(t *testing.T) {
	o := newOrigin(t)
	first := o.commit("main", files{"a": "1"})
	second := o.commit("main", files{"a": "2"})
	third := o.commit("main", files{"a": "3"})
	side := o.commitAs("side", "aside", files{"a": "4"}, first)
	s := o.source(t)
	for name, c := range map[string]struct {
		branch, older, newer string
		want                 bool
	}{
		"the branch went on":         {"main", first, second, true},
		"to its tip":                 {"main", second, third, true},
		"the same":                   {"main", second, second, false},
		"the other way":              {"main", third, second, false},
		"another line":               {"main", second, side, false},
		"not on the branch":          {"main", first, side, false},
		"on another":                 {"side", first, side, true},
		"of a branch that is gone":   {"old", first, second, false},
		"of what cannot be a branch": {"--all", first, second, false},
		"a commit that nobody knows": {"main", first, strings.Repeat("1", 40), false},
		"from what nobody knows":     {"main", strings.Repeat("1", 40), first, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := s.Passed(t.Context(), 7, testRepo, c.branch, c.older, c.newer)
			if err != nil || got != c.want {
				t.Errorf("%v, %v, want %v", got, err, c.want)
			}
		})
	}
	// The branch is set back: what it held is not on it any more.
	o.git("update-ref", "refs/heads/main", first)
	if got, err := s.Passed(t.Context(), 7, testRepo, "main", first, second); err != nil || got {
		t.Errorf("a branch that was set back: %v, %v", got, err)
	}
}

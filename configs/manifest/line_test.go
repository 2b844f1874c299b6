package manifest_test

import (
	"testing"

	"github.com/dudesons/loktar/configs/manifest"
)

func TestLine(t *testing.T) {
	const text = `{
  "defaults": {
    "depends_on": ["base"] },
  "packages": [
    { "pkg_name": "base" },
    { "pkg_name": "a" },
    { "pkg_name": "b",
      "depends_on": [
        "a",
        "base" ] } ] }`
	for _, s := range []struct {
		name, dependency string
		want             int
	}{
		{"a", "", 6}, {"a", "base", 3}, {"a", "b", 0}, {"b", "", 7}, {"b", "a", 9}, {"b", "base", 10}, {"nosuch", "", 0}, {"nosuch", "a", 0},
	} {
		if got := manifest.Line([]byte(text), s.name, s.dependency); got != s.want {
			t.Errorf("%s on %s is line %d, want %d", s.name, s.dependency, got, s.want)
		}
	}
	for _, text := range []string{"", "[]", "{", "{}", `{"packages": 1}`, `{"packages": [1]}`} {
		if got := manifest.Line([]byte(text), "a", "b"); got != 0 {
			t.Errorf("%q has line %d", text, got)
		}
	}
}

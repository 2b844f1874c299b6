package docker

import (
	"strings"
	"testing"

	"github.com/distribution/reference"
	"pgregory.net/rapid"
)

func TestAllows(t *testing.T) {
	for _, c := range []struct {
		pattern, image string
		want           bool
	}{
		{"*", "golang", true},
		{"*", "registry.example.com/a/b:c", true},
		{"golang", "golang:1.26", true},
		{"golang", "docker.io/library/golang@sha256:" + strings.Repeat("a", 64), true},
		{"golang", "golang-evil", false},
		{"golang", "acme/golang", false},
		{"golang", "registry.example.com/golang", false},
		{"golang:1.*", "golang:1.26", true},
		{"golang:1.*", "golang:2.0", false},
		{"golang:1.*", "golang", false},
		{"golang*", "golang-evil", true},
		{"acme/*", "acme/ci:3", true},
		{"acme/*", "acme.evil.com/ci", false},
		{"acme/*", "evil.com/acme/ci", false},
		{"docker.io/acme/*", "acme/ci", true},
		{"index.docker.io/acme/*", "acme/ci", true},
		{"registry.example.com/*", "registry.example.com/a/b", true},
		{"registry.example.com/*", "registry.example.com.evil.com/a", false},
		{"registry.example.com/*", "registry.example.com:5000/a", false},
		{"localhost:5000/*", "localhost:5000/a:b", true},
		{"localhost/*", "localhost/a", true},
		{"*/golang", "evil.com/golang", true},
		{"registry.example.com/ci", "registry.example.com/ci/more", false},
		{"registry.example.com/ci@sha256:*", "registry.example.com/ci:latest", false},
	} {
		ref, err := reference.ParseDockerRef(c.image)
		if err != nil {
			t.Fatal(err)
		}
		if got := allows(c.pattern, ref); got != c.want {
			t.Errorf("allows(%q, %q) is %t", c.pattern, c.image, got)
		}
	}
}

// TestMatches holds matches against the plain definition of "*".
func TestMatches(t *testing.T) {
	var slow func(p, s string) bool
	slow = func(p, s string) bool {
		switch {
		case p == "":
			return s == ""
		case p[0] == '*':
			return slow(p[1:], s) || s != "" && slow(p, s[1:])
		}
		return s != "" && p[0] == s[0] && slow(p[1:], s[1:])
	}
	rapid.Check(t, func(t *rapid.T) {
		p, s := rapid.StringMatching(`[ab*]{0,8}`).Draw(t, "pattern"), rapid.StringMatching(`[ab]{0,10}`).Draw(t, "text")
		if got, want := matches(p, s), slow(p, s); got != want {
			t.Fatalf("matches(%q, %q) is %t", p, s, got)
		}
	})
}

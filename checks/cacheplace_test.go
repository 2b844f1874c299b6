package checks_test

import (
	"path"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
)

func TestCachePlaces(t *testing.T) {
	type places = []checks.CachePlace
	for name, c := range map[string]struct {
		dir, home string
		paths     []string
		want      places
		wrong     string
	}{
		"all forms":             {"a/b", "", []string{"~/.cache/pip", ".venv", "/opt/x"}, places{{"k", "/root/.cache/pip", false}, {"k", "a/b/.venv", true}, {"k", "/opt/x", false}}, ""},
		"another home":          {".", "/home/me", []string{"~/x", "x"}, places{{"k", "/home/me/x", false}, {"k", "x", true}}, ""},
		"names alike":           {".", "", []string{"x", "xy", "/var/cache/x", "~x"}, places{{"k", "x", true}, {"k", "xy", true}, {"k", "/var/cache/x", false}, {"k", "~x", true}}, ""},
		"a home that is none":   {".", "x", []string{"~/x"}, nil, "`~/x` leads nowhere, as HOME in env is `x`"},
		"a home in the kernel":  {".", "/proc/self", []string{"~/x"}, nil, "`~/x` leads nowhere"},
		"a home that climbs":    {".", "/a/..", []string{"~/x"}, nil, "`~/x` leads nowhere"},
		"an empty home":         {".", "", []string{"~/etc", "/root/etc/x"}, nil, "`/root/etc/x` is, or has inside"},
		"one in another":        {"a", "", []string{"x/y", "x"}, nil, "`x` is, or has inside"},
		"one twice":             {"a", "", []string{"/opt/x", "/opt/x"}, nil, "`/opt/x` is, or has inside"},
		"one that is not clean": {"a", "", []string{"x//y"}, nil, "`x//y` is not the plain path"},
		"too many":              {"a", "", strings.Fields("a b c d e f g h i j k l m n o p q"), nil, "`q` is one more than the 16 folders"},
	} {
		p := checks.Package{Dir: c.dir, Cache: []checks.Cache{{Key: "k", Paths: c.paths}}}
		if c.home != "" {
			p.Env = map[string]string{"HOME": c.home}
		}
		got, wrong := checks.CachePlaces(&p)
		if !slices.Equal(got, c.want) || !strings.HasPrefix(wrong, c.wrong) || c.wrong == "" && wrong != "" {
			t.Errorf("%s: %+v, %q", name, got, wrong)
		}
	}
}

func TestCachePathFault(t *testing.T) {
	for _, good := range []string{"x", "node_modules", "a/b", "~/x", "/root/.cache", "/etcetera", "/usr/local/share/x", "/go/pkg/mod", "/opt/x", "x.git", "/workspaces"} {
		if wrong := checks.CachePathFault(good); wrong != "" {
			t.Errorf("%s %s", good, wrong)
		}
	}
	for bad, want := range map[string]string{
		"/": "plain path", "": "plain path", "/etc": "programs need", "/etc/ssl": "programs need", "/lib64": "programs need", "/proc": "the kernel's",
		"/proc/self": "the kernel's", "/dev/shm": "the kernel's", "/sys": "the kernel's", "/workspace": "from the package's folder",
		"/workspace/a": "from the package's folder", "/.loktar": "Loktar's own", "/.loktar/objects": "Loktar's own", "/usr": "holds more", "~": "holds more",
		"/root": "holds more", "/tmp": "holds more", ".": "whole folder", ".git": "git's own", "a/.git/b": "git's own", "..": "goes up", "a/../b": "goes up", "a,b": "a comma", "a:b": "a comma",
		"a/": "plain path", "a\\b": "backslash", "a\x00": "control",
	} {
		if wrong := checks.CachePathFault(bad); !strings.Contains(wrong, want) {
			t.Errorf("%q: %q, want %q", bad, wrong, want)
		}
	}
}

// TestCachePlacesStayApart: whatever is written, no place is the system's or
// Loktar's, none is in another, and those inside stay inside.
func TestCachePlacesStayApart(t *testing.T) {
	word := rapid.StringOfN(rapid.RuneFrom([]rune("a/.~")), 0, 8, -1)
	text := rapid.OneOf(word, rapid.Custom(func(r *rapid.T) string {
		return rapid.SampledFrom([]string{"/proc", "/etc", "/workspace", "/.loktar", "~", "/dev", ""}).Draw(r, "from") + word.Draw(r, "rest")
	}))
	rapid.Check(t, func(r *rapid.T) {
		p := checks.Package{Dir: rapid.SampledFrom([]string{".", "a", "a/a"}).Draw(r, "dir"),
			Cache: []checks.Cache{{Key: "k", Paths: rapid.SliceOfN(text, 0, 4).Draw(r, "paths")}}}
		if rapid.Bool().Draw(r, "has a home") {
			p.Env = map[string]string{"HOME": text.Draw(r, "home")}
		}
		places, wrong := checks.CachePlaces(&p)
		if wrong != "" && places != nil {
			r.Fatal("there are places beside a fault")
		}
		for i, at := range places {
			if path.Clean(at.Path) != at.Path || strings.HasPrefix(at.Path, "/") == at.Inside || at.Path == "." || at.Path == "/" || strings.HasPrefix(at.Path, "..") {
				r.Fatalf("%+v", at)
			}
			for _, no := range []string{"/proc", "/etc", "/workspace", "/.loktar", "/dev"} {
				if at.Path == no || strings.HasPrefix(at.Path, no+"/") {
					r.Fatalf("%+v is kept", at)
				}
			}
			for _, other := range places[:i] {
				if at.Path == other.Path || strings.HasPrefix(at.Path, other.Path+"/") || strings.HasPrefix(other.Path, at.Path+"/") {
					r.Fatalf("%+v and %+v", at, other)
				}
			}
		}
	})
}

package value

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	keys := []string{"pkg_name", "pkg_dir", "pkg_type", "test_type", "timeout", "depends_on"}
	for word, want := range map[string]string{
		"pkgname":                "pkg_name",
		"PKG-DIR":                "pkg_dir",
		"pkg_tpye":               "pkg_type",
		"tiemout":                "timeout",
		"dependsOn":              "depends_on",
		"timeout":                "",
		"colour":                 "",
		"":                       "",
		"pk":                     "",
		strings.Repeat("x", 500): "",
	} {
		if got := Nearest(word, keys, nil); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
	if got := Nearest("abc", []string{"abd", "abe"}, nil); got != "abd" {
		t.Errorf("of two equally near the first is meant, not %q", got)
	}
}

func TestMemory(t *testing.T) {
	for s, want := range map[string]int64{
		"4GiB": 4 << 30, "4g": 4 << 30, "512 MiB": 512 << 20, "1.5g": 3 << 29, "8388608": 8 << 20,
	} {
		if got, err := Memory(s); err != nil || got != want {
			t.Errorf("Memory(%q) = %d, %v, want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", "4", "1k", "-4GiB", "GiB", "4GiBB", "lots", "1e30", "99999999999999999999g", "0"} {
		if got, err := Memory(s); err == nil {
			t.Errorf("Memory(%q) = %d, want an error", s, got)
		}
	}
}

func TestImage(t *testing.T) {
	for _, s := range []string{"loktar/base", "debian:13", "localhost:5000/a/b:c", "sha256:" + strings.Repeat("a", 64), "a@sha256:" + strings.Repeat("a", 64)} {
		if err := Image(s); err != nil {
			t.Errorf("Image(%q): %v", s, err)
		}
	}
	for _, s := range []string{"", "Debian", "a b", "debian:", "-x", "http://x/y"} {
		if err := Image(s); err == nil {
			t.Errorf("Image(%q) found nothing wrong", s)
		}
	}
}

func TestNearestEffort(t *testing.T) {
	effort := Effort(30)
	if got := Nearest("tiemout", []string{"timeout"}, &effort); got != "timeout" {
		t.Errorf("with effort left: %q", got)
	}
	if got := Nearest("tiemout", []string{"timeout"}, &effort); got != "" {
		t.Errorf("with no effort left: %q", got)
	}
}

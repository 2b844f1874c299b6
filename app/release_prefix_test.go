package app

import (
	"slices"
	"testing"
)

func TestImagePrefix(t *testing.T) {
	for address, want := range map[string]struct {
		prefix string
		plain  []string
	}{
		"https://registry.example.com":      {"registry.example.com", nil},
		"https://registry.example.com/acme": {"registry.example.com/acme", nil},
		"https://quay.io/acme/team":         {"quay.io/acme/team", nil},
		"http://127.0.0.1:5000/team":        {"127.0.0.1:5000/team", []string{"127.0.0.1:5000"}},
		"http://registry.example.com":       {"registry.example.com", []string{"registry.example.com"}},
		"https://registry/team":             {"registry:443/team", nil},
		"http://registry":                   {"registry:80", []string{"registry:80"}},
		"http://localhost/x":                {"localhost/x", []string{"localhost"}},
	} {
		if prefix, plain := imagePrefix(address); prefix != want.prefix || !slices.Equal(plain, want.plain) {
			t.Errorf("%s: %q, %q; want %q, %q", address, prefix, plain, want.prefix, want.plain)
		}
	}
}

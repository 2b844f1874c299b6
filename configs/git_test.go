package configs

import (
	"strings"
	"testing"
)

func TestGitBounds(t *testing.T) {
	for value, want := range map[string]Size{"0": 0, "50GiB": 50 << 30, "1MiB": 1 << 20} {
		var c Config
		for _, set := range []func(*Config, string) error{setGitMaxSize, setGitMinFree} {
			if err := set(&c, value); err != nil {
				t.Errorf("%q: %v", value, err)
			}
		}
		if c.Git.MaxSize != want || c.Git.MinFree != want {
			t.Errorf("%q is %v and %v", value, c.Git.MaxSize, c.Git.MinFree)
		}
	}
	for value, says := range map[string]string{"-1": "is not a size", "much": "for example 100GiB", "00": "is less than 1MiB", "1KiB": "is less than 1MiB", "": "is not a size"} {
		if err := setGitMaxSize(&Config{}, value); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", value, err)
		}
	}
}

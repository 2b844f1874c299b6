package runner_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dudesons/loktar/checks"
)

func TestReadFile(t *testing.T) {
	f := setUp(t, 1)
	outside := filepath.Join(t.TempDir(), "secret")
	for path, text := range map[string]string{
		filepath.Join(f.lender.dir, "pkg", "VERSION"): "1.2\nmore\n", filepath.Join(f.lender.dir, "ALL"): "7", outside: "secret",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"in": "../ALL", "out": outside, "up": "../../secret", "loop": "loop"} {
		if err := os.Symlink(target, filepath.Join(f.lender.dir, "pkg", name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"VERSION": "1.2\n", "in": "7"} {
		if got, err := f.ReadFile(t.Context(), run(), job(), name, 4); string(got) != want || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"out", "up", "loop", "none", ".", "../../secret", strings.Repeat("x", 300)} {
		if got, err := f.ReadFile(t.Context(), run(), job(), name, 4); checks.KindOf(err) != checks.KindRefused {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if f.lender.lent.Load() != 0 {
		t.Error("a workspace was not given back")
	}
}

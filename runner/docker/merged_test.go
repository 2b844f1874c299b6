package docker

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMerged holds what no job can bring about: paths that finding files does
// not make.
func TestMerged(t *testing.T) {
	dir := t.TempDir()
	tree, upper := filepath.Join(dir, "tree"), filepath.Join(dir, "upper")
	for _, name := range []string{"tree/pkg/sub", "upper/pkg"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"tree/secret", "tree/pkg/sub/below", "upper/pkg/above"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"file": "above", "folder": "sub", "out": "../secret", "far": "/etc/passwd"} {
		if err := os.Symlink(target, filepath.Join(upper, "pkg", name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(upper, "pkg", "pipe"), 0o666); err != nil {
		t.Fatal(err)
	}
	m, err := openMerged("pkg", upper, tree)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
		t.Skipf("this process may not mount: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"above": "upper/pkg/above", "sub/below": "tree/pkg/sub/below"} {
		r, err := m.Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(r); string(text) != want || err != nil {
			t.Errorf("%s: %q, %v", name, text, err)
		}
		r.Close()
	}
	for _, name := range []string{"file", "folder/below", "out", "far", "../secret", "/etc/passwd", "sub/../../secret", "pipe", "sub", ".", "none"} {
		if r, err := m.Open(t.Context(), name); err == nil {
			r.Close()
			t.Errorf("%s was opened", name)
		}
	}
	for _, name := range []string{"folder", "..", "/etc", "none", "above"} {
		if entries, err := m.ReadDir(t.Context(), name, 10); err == nil {
			t.Errorf("%s was read: %v", name, entries)
		}
	}
	if entries, err := m.ReadDir(t.Context(), ".", 10); err != nil || len(entries) != 7 {
		t.Errorf("%v, %v", entries, err)
	}
	m.close()
	if _, err := m.Open(t.Context(), "above"); err == nil {
		t.Error("it opens files after it was closed")
	}

	for _, none := range []string{"missing", "secret", "pkg/far", "pkg/above/x"} {
		m, err := openMerged(none, upper, tree)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.ReadDir(t.Context(), ".", 10); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", none, err)
		}
		m.close()
	}
}

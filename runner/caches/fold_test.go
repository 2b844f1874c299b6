package caches

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFold has jobs do to a cache what they do to a plain folder, each on what
// the one before left, with a fold after each: what both show is the same.
func TestFold(t *testing.T) {
	needsRoot(t)
	write := func(name, text string) func(string) error {
		return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o640) }
	}
	all := func(do ...func(string) error) func(string) error {
		return func(dir string) (err error) {
			for _, f := range do {
				err = errors.Join(err, f(dir))
			}
			return err
		}
	}
	mkdir := func(name string) func(string) error {
		return func(dir string) error { return os.MkdirAll(filepath.Join(dir, name), 0o750) }
	}
	remove := func(name string) func(string) error {
		return func(dir string) error { return os.RemoveAll(filepath.Join(dir, name)) }
	}
	base := all(mkdir("d/e"), mkdir("x"), write("a", "a"), write("d/a", "da"), write("d/e/a", "dea"), write("x/a", "xa"))
	for name, change := range map[string]func(string) error{
		"adds":                           all(write("b", "b"), mkdir("n/m"), write("n/m/a", "nma"), write("d/e/b", "deb")),
		"changes":                        all(write("a", "other"), write("d/e/a", "other")),
		"removes files":                  all(remove("a"), remove("d/e/a")),
		"removes a folder":               remove("d"),
		"makes a folder anew":            all(remove("d"), mkdir("d"), write("d/b", "db")),
		"makes an empty one anew":        all(remove("d/e"), mkdir("d/e")),
		"makes anew what is in one anew": all(remove("d"), mkdir("d/e"), write("d/e/b", "deb")),
		"a folder in place of a file":    all(remove("a"), mkdir("a"), write("a/b", "ab")),
		"a file in place of a folder":    all(remove("d"), write("d", "d")),
		"a link in place of a folder":    all(remove("d"), func(dir string) error { return os.Symlink("x", filepath.Join(dir, "d")) }),
		"two names":                      func(dir string) error { return os.Link(filepath.Join(dir, "a"), filepath.Join(dir, "d/link")) },
		"moves": func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "d/e/a")), os.Rename(filepath.Join(dir, "x/a"), filepath.Join(dir, "a")))
		},
		"modes and owners": func(dir string) error {
			return errors.Join(os.Chmod(filepath.Join(dir, "d"), 0o500), os.Chown(filepath.Join(dir, "d/e"), 5, 6), os.Chmod(filepath.Join(dir, "d/e/a"), 0o777|os.ModeSetuid), os.Chmod(dir, 0o711))
		},
		"attributes": func(dir string) error { return unix.Setxattr(filepath.Join(dir, "d"), "user.a", []byte("b"), 0) },
		"nodes":      func(dir string) error { return unix.Mkfifo(filepath.Join(dir, "d/pipe"), 0o600) },
	} {
		for _, shared := range []bool{false, true} {
			s := settled(t, t.TempDir(), Options{})
			s.most = 1
			plain := t.TempDir()
			if err := os.Chmod(plain, 0o755); err != nil {
				t.Fatal(err)
			}
			mnt := filepath.Join(t.TempDir(), "mnt")
			for _, do := range []func(string) error{base, change, write("last", name), mkdir("d/e")} {
				var reader = lease(t, s, want("own"))
				if !shared {
					s.Release(reader)
				}
				m := show(t, lease(t, s, want("own")), mnt)
				err := do(m.dir)
				m.hide(t)
				if also := do(plain); (err == nil) != (also == nil) {
					t.Fatalf("%s: %v, and in a plain folder %v", name, err, also)
				}
				save(t, s, m.CacheView)
				if e := s.entries[id(1, place, "own")]; len(e.Layers) != 1 {
					t.Errorf("%s: %d layers", name, len(e.Layers))
				}
				m = show(t, lease(t, s, want("own")), mnt)
				got, same := snapshot(t, m.dir), snapshot(t, plain)
				value := make([]byte, 8)
				n, _ := unix.Getxattr(filepath.Join(m.dir, "d"), "user.a", value)
				k, _ := unix.Getxattr(filepath.Join(plain, "d"), "user.a", value)
				m.hide(t)
				s.Release(m.CacheView)
				s.Release(reader)
				if !maps.Equal(got, same) || n != k {
					t.Errorf("%s (shared %v): it has\n%q\nand a plain folder\n%q", name, shared, got, same)
				}
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

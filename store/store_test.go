package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
	"go.uber.org/goleak"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store"
	"github.com/dudesons/loktar/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	seen := map[string]bool{} // what is opened again needs one check at the end
	storetest.Run(t, func(t testing.TB, dir string, now func() time.Time) storetest.Store {
		if !seen[dir] {
			seen[dir] = true
			return open(t, dir, store.Options{Now: now})
		}
		s, err := store.Open(filepath.Join(dir, "loktar.db"), store.Options{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// open opens the store in dir. With the test the file is checked.
func open(t testing.TB, dir string, o store.Options) *store.Store {
	t.Helper()
	path := filepath.Join(dir, "loktar.db")
	s, err := store.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		mustCheck(t, path)
	})
	return s
}

// mustCheck looks for damage in a store that nobody has open.
func mustCheck(t testing.TB, path string) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, PreLoadFreelist: true, Timeout: time.Second})
	if err != nil {
		t.Errorf("check %s: %v", path, err)
		return
	}
	err = db.View(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			t.Errorf("%s is damaged: %v", path, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenMakesFileAndFolders(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "var", "lib")
	open(t, dir, store.Options{})
	for name, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "loktar.db"): 0o600} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
}

// TestOpenErrors holds the texts that an operator meets.
func TestOpenErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		prepare func(t *testing.T, path string)
		want    []string
	}{
		"in use": {func(t *testing.T, path string) {
			open(t, filepath.Dir(path), store.Options{})
		}, []string{"Another loktar uses DIR.", "data_dir"}},
		"newer": {func(t *testing.T, path string) {
			if err := open(t, filepath.Dir(path), store.Options{}).Close(); err != nil {
				t.Fatal(err)
			}
			edit(t, path, func(tx *bolt.Tx) error {
				return tx.Bucket([]byte("meta")).Put([]byte("schema"), []byte("999"))
			})
		}, []string{"was written by a newer loktar (schema 999, this one knows 6)", "Start that version again"}},
		"another program's": {func(t *testing.T, path string) {
			edit(t, path, func(tx *bolt.Tx) error {
				_, err := tx.CreateBucket([]byte("etcd"))
				return err
			})
		}, []string{"is not a store of Loktar", `"etcd"`, "data_dir"}},
		"no database": {func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(strings.Repeat("hello ", 10_000)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{"is not a store of Loktar, or it is damaged", "backup"}},
		"a folder": {func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, []string{"Cannot open DIR/loktar.db", "data_dir"}},
		"no folder": {func(t *testing.T, path string) {
			if err := os.Remove(filepath.Dir(path)); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Dir(path), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{"Cannot make the data directory DIR", "data_dir"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "loktar.db")
			tt.prepare(t, path)
			_, err := store.Open(path, store.Options{LockTimeout: 20 * time.Millisecond})
			if checks.KindOf(err) != checks.KindConfig {
				t.Fatalf("error %v is not of kind %q", err, checks.KindConfig)
			}
			for _, want := range tt.want {
				if want = strings.ReplaceAll(want, "DIR", dir); !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
}

func edit(t *testing.T, path string, f func(*bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(f); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestDiscardsAreBoundedAndReadable(t *testing.T) {
	s := open(t, t.TempDir(), store.Options{})
	key := checks.CheckKey{Run: "run", Name: "lib"}
	for range 1003 {
		if err := s.Commit(t.Context(), checks.Commit{Dirty: []checks.CheckKey{key}}); err != nil {
			t.Fatal(err)
		}
		rows, err := s.Outbox(1)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Discard(t.Context(), key, rows[0].Rev, "The repository is gone."); err != nil {
			t.Fatal(err)
		}
	}
	ds, err := s.Discards(5000)
	if err != nil {
		t.Fatal(err)
	}
	if len(ds) != 1000 {
		t.Fatalf("%d discards are kept, want 1,000", len(ds))
	}
	if d := ds[0]; d.Key != key || d.Rev != 1003 || d.Why != "The repository is gone." || d.At.IsZero() {
		t.Errorf("newest discard %+v", d)
	}
}

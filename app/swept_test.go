package app

import (
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store"
	"github.com/dudesons/loktar/store/blob"
)

// TestSweepBuilt: the files of what is owed stay, those of what was published
// or overtaken go.
func TestSweepBuilt(t *testing.T) {
	s, err := store.Open(filepath.Join(t.TempDir(), "loktar.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	dir, err := blob.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	a := &artifacts{store: s, built: &shelf{bucket: dir, now: func() time.Time { return time.Now().Add(grace + time.Hour) }}}
	built := func(pkg, key string, published bool) string {
		t.Helper()
		sum, size, err := a.built.add(t.Context(), 0, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(pkg + key)), nil })
		if err != nil {
			t.Fatal(err)
		}
		pub, err := s.Reserve(t.Context(), checks.Publication{Repo: 1, Package: pkg, Key: key, Commit: "c" + key}, 0, func(int64) (string, error) { return key, nil })
		if err == nil {
			pub.Items = []checks.PublishedItem{{Name: "f", SHA256: sum, Size: size}}
			err = s.Built(t.Context(), pub)
		}
		if err == nil && published {
			err = s.Published(t.Context(), pub)
		}
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	built("lib", "1", false) // overtaken
	built("lib", "2", true)
	waits, other := built("lib", "3", false), built("app", "1", false)
	if done, err := a.sweepBuilt(t.Context()); err != nil || done.Objects != 2 {
		t.Errorf("%+v, %v; want 2 removed", done, err)
	}
	for _, sum := range []string{waits, other} {
		if has, err := (blob.Blobs{Bucket: dir}).Has(t.Context(), blob.Digest(sum)); err != nil || !has {
			t.Errorf("what is owed is gone: %v, %v", has, err)
		}
	}
}

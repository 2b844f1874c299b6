package store_test

import (
	"path/filepath"
	"strconv"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store"
)

// TestMigrateFromSchema2 shows that a file of schema 2 keeps what it has and
// takes publications and proofs. The schemas since add buckets alone, so a file
// of schema 2 is one without them.
func TestMigrateFromSchema2(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "loktar.db")
	s, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	instance := s.InstanceID()
	run := checks.Run{ID: "one", Seq: 1, HeadSHA: shaA, Repo: checks.Repo{ID: 11, Owner: "acme", Name: "shop"}}
	if err := s.Commit(t.Context(), checks.Commit{Runs: []checks.Run{run}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	edit(t, path, func(tx *bolt.Tx) error {
		for _, name := range []string{"publications", "pubkeys", "pubversions", "owed", "proofs", "proofages", "claims", "notices", "noticerows", "channels", "pullcomments", "findings", "tests"} {
			if err := tx.DeleteBucket([]byte(name)); err != nil {
				return err
			}
		}
		return tx.Bucket([]byte("meta")).Put([]byte("schema"), []byte("2"))
	})

	s = open(t, dir, store.Options{})
	if s.InstanceID() != instance {
		t.Errorf("the instance was %q and is %q now", instance, s.InstanceID())
	}
	wantIDs(t, s, shaA, "one")
	p, err := s.Reserve(t.Context(), checks.Publication{Repo: 11, Package: "lib", Key: "k"}, 4, func(n int64) (string, error) {
		return strconv.FormatInt(n, 10), nil
	})
	if err != nil || p.Version != "5" {
		t.Errorf("reserved %+v (%v)", p, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	edit(t, path, func(tx *bolt.Tx) error {
		if got := string(tx.Bucket([]byte("meta")).Get([]byte("schema"))); got != "6" {
			t.Errorf("the schema is %q now", got)
		}
		return nil
	})
}

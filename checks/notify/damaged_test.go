package notify_test

import (
	"encoding/binary"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/dudesons/loktar/checks"
)

// TestADamagedRunIsGivenUp has what is known of some runs be lost in the store:
// people are told of the others, and nothing waits for ever.
func TestADamagedRunIsGivenUp(t *testing.T) {
	for name, damage := range map[string]func(tx *bolt.Tx) error{
		"the run": func(tx *bolt.Tx) error {
			return tx.Bucket([]byte("runs")).Put(binary.BigEndian.AppendUint64(nil, 1), []byte("{"))
		},
		"what they were told": func(tx *bolt.Tx) error { return tx.Bucket([]byte("notices")).Put([]byte("run1"), []byte("{")) },
		"the row": func(tx *bolt.Tx) error {
			return tx.Bucket([]byte("noticerows")).Put(binary.BigEndian.AppendUint64(nil, 1), []byte("{"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := begin(t)
			w.stop()
			for range 2 {
				r, jobs := w.run(ci(checks.WhenAlways), "api")
				w.ends(&r, jobs, failed)
			}
			w.shut()
			db, err := bolt.Open(filepath.Join(w.dir, "loktar.db"), 0o600, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Update(damage); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			w.open()
			w.told()
			want := 1
			if name == "the row" { // the rest knows of which run it was
				want = 2
			}
			if n := strings.Count(w.shows("ci"), "Add cats"); n != want {
				t.Errorf("%d messages, want %d: %s", n, want, w.shows("ci"))
			}
			w.whole(ci(checks.WhenAlways), []string{"api"}, passed)
			if n := strings.Count(w.shows("ci"), "Add cats"); n != want+1 {
				t.Errorf("%d messages after another run, want %d: %s", n, want+1, w.shows("ci"))
			}
		})
	}
}

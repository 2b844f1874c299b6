package report_test

import (
	"encoding/binary"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store"
)

// TestADamagedRunIsDiscarded has the record of a run, of a job and of a row be
// lost in the store: GitHub is told of all the rest, what it cannot be told
// leaves a trace, and nothing waits for ever.
func TestADamagedRunIsDiscarded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "loktar.db")
	s, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range []string{"r1", "r2", "r3"} {
		run, job := aRun(), aJob(checks.StateDone)
		run.ID, run.Seq, run.HeadSHA, job.Run, job.Result.Outcome = id, uint64(i+1), strings.Repeat(id[1:], 40), id, checks.OutcomePassed
		put(t, s, run, job)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		garble := func(bucket string, key []byte) error { return tx.Bucket([]byte(bucket)).Put(key, []byte("{")) }
		first, _ := tx.Bucket([]byte("outbox")).Cursor().Last() // of r3
		for _, err := range []error{garble("runs", seqKey(1)), garble("jobs", append(seqKey(2), "lib"...)), garble("outbox", first)} {
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = store.Open(path, store.Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	to := &sink{}
	r, stop := start(t, s, to)
	defer stop()
	wait(t, func() bool { r.Wake(); rows, err := s.Outbox(1); return err == nil && len(rows) == 0 })
	got := map[string]checks.Conclusion{}
	to.mu.Lock()
	for _, cr := range to.puts {
		got[cr.Key.String()] = cr.Conclusion
	}
	to.mu.Unlock()
	if len(got) != 4 || got["r3/lib"] != checks.ConclusionSuccess || got["r2/lib"] != checks.ConclusionActionRequired {
		t.Errorf("GitHub was told %v", got)
	}
	discards, err := s.Discards(9)
	if err != nil || len(discards) != 2 || discards[0].Key.Run != "r1" || !strings.Contains(discards[0].Why, "damaged") {
		t.Errorf("discarded are %+v (%v)", discards, err)
	}
}

func seqKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

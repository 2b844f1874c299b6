package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"

	bolt "go.etcd.io/bbolt"

	"github.com/dudesons/loktar/checks"
)

// runEntry is what a run's id leads to: its number, and its keys in the
// indexes without the number that ends them.
type runEntry struct {
	seq          uint64
	head, target []byte
}

// encode is the entry as it is stored. Both keys tell their own length.
func (e runEntry) encode() []byte { return append(append(seqKey(e.seq), e.head...), e.target...) }

// findRun is the entry of the run id, in memory of its own. The error is of
// kind checks.KindNotFound when there is none.
func findRun(tx *bolt.Tx, id string) (runEntry, error) {
	v := tx.Bucket(bucketRunIDs).Get([]byte(id))
	if v == nil {
		return runEntry{}, checks.Errorf(checks.KindNotFound, nil, "There is no run %s.", id)
	}
	const fixed = 8 + 8 + 1 // number, repository's id, length of the head
	if len(v) < fixed || len(v) < fixed+int(v[fixed-1]) {
		return searchRun(tx, id)
	}
	keys := bytes.Clone(v[8:])
	n := fixed - 8 + int(v[fixed-1])
	return runEntry{binary.BigEndian.Uint64(v), keys[:n:n], keys[n:]}, nil
}

// searchRun finds the run id by its record, where its entry is damaged.
func searchRun(tx *bolt.Tx, id string) (runEntry, error) {
	c := tx.Bucket(bucketRuns).Cursor()
	for k, v := c.Last(); k != nil; k, v = c.Prev() {
		var run checks.Run
		if json.Unmarshal(v, &run) == nil && run.ID == id {
			return entryOf(binary.BigEndian.Uint64(k), &run), nil
		}
	}
	return runEntry{}, damagedAt(bucketRunIDs, []byte(id), errors.New("it is too short"))
}

func entryOf(seq uint64, r *checks.Run) runEntry {
	return runEntry{seq, headKey(r.Repo.ID, r.HeadSHA), targetKey(r.Target())}
}

// runSeq is the number of the run id. Its error is that of findRun.
func runSeq(tx *bolt.Tx, id string) (uint64, error) {
	e, err := findRun(tx, id)
	return e.seq, err
}

// replace makes e the entry of the run id, in place of old, which is zero for
// a run that is new.
func (e runEntry) replace(tx *bolt.Tx, id string, old runEntry) error {
	heads, targets := tx.Bucket(bucketHeads), tx.Bucket(bucketTargets)
	if bytes.Equal(e.head, old.head) && bytes.Equal(e.target, old.target) {
		return nil
	}
	if old.head != nil {
		if err := heads.Delete(be(bytes.Clone(old.head), old.seq)); err != nil {
			return err
		}
		if err := targets.Delete(be(bytes.Clone(old.target), old.seq)); err != nil {
			return err
		}
	}
	if err := heads.Put(be(bytes.Clone(e.head), e.seq), nil); err != nil {
		return err
	}
	if err := targets.Put(be(bytes.Clone(e.target), e.seq), nil); err != nil {
		return err
	}
	return tx.Bucket(bucketRunIDs).Put([]byte(id), e.encode())
}

// headKey is the key of a head commit, without the Seq that ends it. The
// length of sha keeps one commit's keys from being a prefix of another's.
func headKey(repo int64, sha string) []byte {
	return append(append(be(nil, uint64(repo)), byte(len(sha))), sha...)
}

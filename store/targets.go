package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/dudesons/loktar/checks"
)

// Latest is the newest run of t, by Seq, among those whose Outdated is empty,
// with its repositories as Run tells them. found is false when there is none.
// A t without a pull number and a ref has the runs that have neither, not all
// runs of its repository.
func (s *Store) Latest(t checks.Target) (run checks.Run, found bool, err error) {
	return s.latest(t, func(r *checks.Run) bool { return r.Outdated == "" })
}

// LatestFresh is as Latest, among the runs that are no re-run: of a branch,
// that of the push which was heard of last.
func (s *Store) LatestFresh(t checks.Target) (run checks.Run, found bool, err error) {
	return s.latest(t, func(r *checks.Run) bool { return r.RerunOf == "" })
}

// Earlier are the newest limit runs of t whose Seq is below seq, newest first.
func (s *Store) Earlier(t checks.Target, seq uint64, limit int) (runs []checks.Run, err error) {
	if len(t.Ref) > maxName || seq == 0 {
		return nil, nil
	}
	prefix := targetKey(t)
	err = s.db.View(func(tx *bolt.Tx) error {
		mv := s.movesIn(tx)
		c := tx.Bucket(bucketTargets).Cursor()
		k, _ := c.Seek(be(bytes.Clone(prefix), seq))
		if k == nil {
			k, _ = c.Last()
		} else {
			k, _ = c.Prev()
		}
		for ; bytes.HasPrefix(k, prefix) && len(runs) < limit; k, _ = c.Prev() {
			r, err := runAt(tx, mv, k[len(prefix):])
			if s.skip(err) {
				continue
			}
			if err != nil {
				return err
			}
			runs = append(runs, r)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read runs of %+v before %d: %w", t, seq, err)
	}
	return runs, nil
}

func (s *Store) latest(t checks.Target, counts func(*checks.Run) bool) (run checks.Run, found bool, err error) {
	if len(t.Ref) > maxName {
		return checks.Run{}, false, nil
	}
	prefix := targetKey(t)
	err = s.db.View(func(tx *bolt.Tx) error {
		mv := s.movesIn(tx)
		c := tx.Bucket(bucketTargets).Cursor()
		for k := seekLast(c, prefix); bytes.HasPrefix(k, prefix); k, _ = c.Prev() {
			r, err := runAt(tx, mv, k[len(prefix):])
			if s.skip(err) {
				continue
			}
			if err != nil {
				return err
			}
			if counts(&r) {
				run, found = r, true
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return checks.Run{}, false, fmt.Errorf("read newest run of %+v: %w", t, err)
	}
	return run, found, nil
}

// seekLast is the last key that is at most prefix and the highest sequence.
func seekLast(c *bolt.Cursor, prefix []byte) []byte {
	last := be(bytes.Clone(prefix), 1<<64-1)
	k, _ := c.Seek(last)
	switch {
	case k == nil:
		k, _ = c.Last()
	case !bytes.Equal(k, last):
		k, _ = c.Prev()
	}
	return k
}

// checkTarget refuses a target that cannot be part of a key.
func checkTarget(t checks.Target) error {
	if t.Ref == "" {
		return nil
	}
	return checkName("ref", t.Ref)
}

// targetKey is the key of a target, without the Seq that ends it. The length
// of the ref keeps one target's keys from being a prefix of another's.
func targetKey(t checks.Target) []byte {
	k := be(be(nil, uint64(t.Repo)), uint64(t.Pull))
	return append(binary.BigEndian.AppendUint16(k, uint16(len(t.Ref))), t.Ref...)
}

// indexTargets fills the targets from the runs that are there, and brings the
// entries of their ids to schema 2.
func indexTargets(tx *bolt.Tx) error {
	c := tx.Bucket(bucketRuns).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		var run checks.Run
		if err := json.Unmarshal(v, &run); err != nil {
			return fmt.Errorf("decode run %x: %w", k, err)
		}
		e := entryOf(binary.BigEndian.Uint64(k), &run)
		if err := tx.Bucket(bucketTargets).Put(be(bytes.Clone(e.target), e.seq), nil); err != nil {
			return err
		}
		if err := tx.Bucket(bucketRunIDs).Put([]byte(run.ID), e.encode()); err != nil {
			return err
		}
	}
	return nil
}

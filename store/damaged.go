package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/dudesons/loktar/checks"
)

// bucketDamaged holds what could not be read and was in the way, by sequence.
// It is made when there is something to put into it, and nothing is ever
// removed from it.
var bucketDamaged = []byte("damaged")

// DamagedRecord is a record that could not be read, as it was.
type DamagedRecord struct {
	Bucket string    `json:"bucket"`
	Key    []byte    `json:"key"`
	Bytes  []byte    `json:"bytes"`
	At     time.Time `json:"at"` // when it was taken out of its place
	Why    string    `json:"why"`
}

// damage says which record cannot be read.
type damage struct {
	bucket, key []byte
	err         error
}

func (d *damage) Error() string {
	return fmt.Sprintf("record %q of %s cannot be read: %v", d.key, d.bucket, d.err)
}
func (d *damage) Unwrap() error { return d.err }

// damagedAt is an error of kind checks.KindDamaged.
func damagedAt(bucket, key []byte, err error) error {
	return &checks.Error{Kind: checks.KindDamaged, Err: &damage{bucket, bytes.Clone(key), err},
		Public: "A record of the store is damaged. The server's log says which; a backup may still have it."}
}

// skip reports whether err is that of a record that cannot be read, and tells
// the operator of it, once.
func (s *Store) skip(err error) bool {
	var d *damage
	if !errors.As(err, &d) {
		return false
	}
	name := string(d.bucket) + "\x00" + string(d.key)
	s.damagedMu.Lock()
	known := s.damaged[name]
	if s.damaged == nil {
		s.damaged = map[string]bool{}
	}
	s.damaged[name] = true
	s.damagedMu.Unlock()
	if !known && s.onDamage != nil {
		s.onDamage(d)
	}
	return true
}

// heal is as getJSON. A record that cannot be read is taken out of the way, and
// then lost is true: it counts as one that is not there.
func (s *Store) heal(tx *bolt.Tx, bucket, key []byte, v any) (found, lost bool, err error) {
	b := tx.Bucket(bucket)
	if found, err = getJSON(b, key, v); err == nil {
		return found, false, nil
	}
	return false, true, s.setAside(tx, bucket, key, err)
}

// setAside takes a record out of the way, and keeps its bytes.
func (s *Store) setAside(tx *bolt.Tx, bucket, key []byte, why error) error {
	s.skip(damagedAt(bucket, key, why))
	aside, err := tx.CreateBucketIfNotExists(bucketDamaged)
	if err != nil {
		return err
	}
	seq, err := aside.NextSequence()
	if err != nil {
		return err
	}
	b := tx.Bucket(bucket)
	key = bytes.Clone(key)
	r := DamagedRecord{Bucket: string(bucket), Key: key, Bytes: bytes.Clone(b.Get(key)), At: s.now(), Why: why.Error()}
	if err := putJSON(aside, seqKey(seq), r); err != nil {
		return err
	}
	return b.Delete(key)
}

// Damaged are the records that could not be read and were taken out of the way,
// oldest first.
func (s *Store) Damaged() (all []DamagedRecord, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketDamaged)
		if b == nil {
			return nil
		}
		return b.ForEach(func(k, v []byte) error {
			var r DamagedRecord
			if err := json.Unmarshal(v, &r); err != nil {
				r = DamagedRecord{Bucket: string(bucketDamaged), Key: bytes.Clone(k), Bytes: bytes.Clone(v), Why: err.Error()}
			}
			all = append(all, r)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read damaged records: %w", err)
	}
	return all, nil
}

// queue is a bucket whose rows are worked off, each under its number.
type queue[T any] struct {
	bucket []byte
	// names reports whether a row says whose it is.
	names func(*T) bool
}

// badRow is a row that cannot be read.
type badRow struct {
	key []byte
	err error
}

var errNameless = errors.New("it does not say whose it is")

func (q queue[T]) decode(v []byte) (r T, err error) {
	if err = json.Unmarshal(v, &r); err == nil && !q.names(&r) {
		err = errNameless
	}
	return r, err
}

// each tells do the rows, the first first, until it returns false, and returns
// those that cannot be read.
func (q queue[T]) each(tx *bolt.Tx, do func(T) (more bool, err error)) (bad []badRow, err error) {
	c := tx.Bucket(q.bucket).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		r, err := q.decode(v)
		if err != nil {
			bad = append(bad, badRow{bytes.Clone(k), err})
			continue
		}
		if more, err := do(r); err != nil || !more {
			return bad, err
		}
	}
	return bad, nil
}

// mend takes rows that cannot be read out of the queue, and has after put right
// what else knows of each, by its number. What fails is met again at the next
// reading.
func (q queue[T]) mend(s *Store, bad []badRow, after func(tx *bolt.Tx, seq uint64) error) {
	for _, row := range bad {
		s.skip(damagedAt(q.bucket, row.key, row.err))
		_ = s.writer.do(context.Background(), func(tx *bolt.Tx) error {
			v := tx.Bucket(q.bucket).Get(row.key)
			if v == nil {
				return nil // somebody else did
			}
			if _, err := q.decode(v); err == nil {
				return nil // likewise
			}
			if err := s.setAside(tx, q.bucket, row.key, row.err); err != nil || len(row.key) != 8 {
				return err
			}
			return after(tx, binary.BigEndian.Uint64(row.key))
		})
	}
}

package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/dudesons/loktar/checks"
)

// keepDiscards is how many discards are remembered.
const keepDiscards = 1000

// check is what is known of a check run. It is kept for ever.
type check struct {
	ID  int64  `json:"id,omitempty"`  // at GitHub
	Row uint64 `json:"row,omitempty"` // the key of its row in the outbox
}

// row is an OutboxRow as it is stored.
type row struct {
	Key   checks.CheckKey `json:"key"`
	Rev   uint64          `json:"rev"`
	Since time.Time       `json:"since"`
}

var outbox = queue[row]{bucketOutbox, func(r *row) bool { return checkKey(r.Key) == nil }}

// DiscardRecord is a state of a check run that GitHub was never told.
type DiscardRecord struct {
	Key checks.CheckKey `json:"key"`
	Rev uint64          `json:"rev"`
	At  time.Time       `json:"at"`
	Why string          `json:"why"`
}

// dirty makes the outbox row of key, or gives the one that waits a newer
// revision. One counter gives all revisions and, with the first of a row, its
// place.
func (s *Store) dirty(tx *bolt.Tx, key checks.CheckKey) error {
	if key.Name == checks.AggregateName {
		if err := s.notice(tx, key.Run); err != nil {
			return err
		}
	}
	rows, known := tx.Bucket(bucketOutbox), tx.Bucket(bucketChecks)
	rev, err := rows.NextSequence()
	if err != nil {
		return err
	}
	c, err := s.checkOf(tx, key)
	if err != nil {
		return err
	}
	r := row{Key: key, Since: s.now()}
	if c.Row != 0 {
		if _, lost, err := s.heal(tx, bucketOutbox, seqKey(c.Row), &r); err != nil {
			return err
		} else if lost {
			r = row{Key: key, Since: s.now()}
		}
	} else {
		c.Row = rev
		if err := putJSON(known, checkRecord(key), c); err != nil {
			return err
		}
	}
	r.Rev = rev
	return putJSON(rows, seqKey(c.Row), r)
}

// checkOf is what is known of a check run. Where that cannot be read its row is
// looked for.
func (s *Store) checkOf(tx *bolt.Tx, key checks.CheckKey) (c check, err error) {
	_, lost, err := s.heal(tx, bucketChecks, checkRecord(key), &c)
	if err != nil || !lost {
		return c, err
	}
	c = check{}
	err = tx.Bucket(bucketOutbox).ForEach(func(k, v []byte) error {
		var r row
		if json.Unmarshal(v, &r) == nil && r.Key == key {
			c.Row = binary.BigEndian.Uint64(k)
		}
		return nil
	})
	if err != nil || c.Row == 0 {
		return c, err
	}
	return c, putJSON(tx.Bucket(bucketChecks), checkRecord(key), c)
}

// remakeRow makes the row anew that was lost in the place seq of the outbox.
func (s *Store) remakeRow(tx *bolt.Tx, seq uint64) error {
	known := tx.Bucket(bucketChecks)
	c := known.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		var of check
		run, name, ok := strings.Cut(string(k), "\x00")
		if json.Unmarshal(v, &of) != nil || of.Row != seq || !ok {
			continue
		}
		of.Row = 0
		if err := putJSON(known, bytes.Clone(k), of); err != nil {
			return err
		}
		return s.dirty(tx, checks.CheckKey{Run: run, Name: name})
	}
	return nil
}

// Outbox is the first limit rows of what GitHub was not told, oldest first:
// a row keeps its place while its revision grows. A limit below 1 gives none.
func (s *Store) Outbox(limit int) (rows []checks.OutboxRow, err error) {
	var bad []badRow
	if limit < 1 {
		return nil, nil
	}
	err = s.db.View(func(tx *bolt.Tx) (err error) {
		known := tx.Bucket(bucketChecks)
		bad, err = outbox.each(tx, func(r row) (bool, error) {
			var c check
			if _, err := getJSON(known, checkRecord(r.Key), &c); err != nil {
				s.skip(damagedAt(bucketChecks, checkRecord(r.Key), err))
				c = check{}
			}
			rows = append(rows, checks.OutboxRow{Key: r.Key, Rev: r.Rev, Since: r.Since, CheckRunID: c.ID})
			return len(rows) < limit, nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	outbox.mend(s, bad, s.remakeRow)
	return rows, nil
}

// Delivered says that GitHub has the state rev of the check run key, under
// the id checkRunID, which is remembered for ever. The row goes when rev is
// its revision; with a newer one it stays, to be delivered again. No row is
// no error. A checkRunID of 0 says that GitHub needs no check run of it, and
// changes none that is remembered; one below 0 is refused.
func (s *Store) Delivered(ctx context.Context, key checks.CheckKey, rev uint64, checkRunID int64) error {
	err := checkKey(key)
	if err == nil && checkRunID < 0 {
		err = checks.Errorf(checks.KindRefused, nil, "%d is not the id of a check run.", checkRunID)
	}
	if err == nil {
		err = s.writer.do(ctx, func(tx *bolt.Tx) error {
			_, err := s.endRow(tx, key, rev, checkRunID)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("end delivery of %s: %w", key, err)
	}
	return nil
}

// Discard gives up the state rev of the check run key: GitHub will never take
// it, and why says so in one sentence. When rev is the row's revision the row
// goes and the last 1,000 discards stay to be read; with any other, and with
// no row, nothing changes.
func (s *Store) Discard(ctx context.Context, key checks.CheckKey, rev uint64, why string) error {
	err := checkKey(key)
	if err == nil {
		err = s.writer.do(ctx, func(tx *bolt.Tx) error {
			ended, err := s.endRow(tx, key, rev, 0)
			if err != nil || !ended {
				return err
			}
			b := tx.Bucket(bucketDiscards)
			seq, err := b.NextSequence()
			if err != nil {
				return err
			}
			if seq > keepDiscards {
				if err := b.Delete(seqKey(seq - keepDiscards)); err != nil {
					return err
				}
			}
			return putJSON(b, seqKey(seq), DiscardRecord{Key: key, Rev: rev, At: s.now(), Why: why})
		})
	}
	if err != nil {
		return fmt.Errorf("discard %s: %w", key, err)
	}
	return nil
}

// endRow removes the row of key when rev is its revision, and remembers id
// when it is not 0.
func (s *Store) endRow(tx *bolt.Tx, key checks.CheckKey, rev uint64, id int64) (ended bool, err error) {
	rows, known := tx.Bucket(bucketOutbox), tx.Bucket(bucketChecks)
	c, err := s.checkOf(tx, key)
	if err != nil {
		return false, err
	}
	old := c
	if c.Row != 0 {
		var r row
		if _, err := getJSON(rows, seqKey(c.Row), &r); err != nil {
			return false, err // the next reading mends it
		}
		if ended = r.Rev == rev; ended {
			if err := rows.Delete(seqKey(c.Row)); err != nil {
				return false, err
			}
			c.Row = 0
		}
	}
	if id != 0 {
		c.ID = id
	}
	if c == old {
		return ended, nil
	}
	return ended, putJSON(known, checkRecord(key), c)
}

// Discards are the newest limit discards, newest first. A limit below 1 gives
// none.
func (s *Store) Discards(limit int) (ds []DiscardRecord, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketDiscards).Cursor()
		for k, v := c.Last(); k != nil && len(ds) < limit; k, v = c.Prev() {
			var d DiscardRecord
			if err := json.Unmarshal(v, &d); err != nil {
				s.skip(damagedAt(bucketDiscards, k, err))
				continue
			}
			ds = append(ds, d)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read discards: %w", err)
	}
	return ds, nil
}

// CheckRunID is the id at GitHub of the check run key, 0 when none is known.
func (s *Store) CheckRunID(key checks.CheckKey) (int64, error) {
	var c check
	err := s.db.View(func(tx *bolt.Tx) error {
		if _, err := getJSON(tx.Bucket(bucketChecks), checkRecord(key), &c); err != nil {
			s.skip(damagedAt(bucketChecks, checkRecord(key), err))
			c = check{}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("read check run %s: %w", key, err)
	}
	return c.ID, nil
}

func checkKey(k checks.CheckKey) error {
	if err := checkName("run's id", k.Run); err != nil {
		return err
	}
	return checkName("check run's name", k.Name)
}

// checkRecord is the key of a check run's record; no name holds a zero byte.
func checkRecord(k checks.CheckKey) []byte { return []byte(k.Run + "\x00" + k.Name) }

package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/dudesons/loktar/checks"
)

// keepWritten is how long what was written is remembered.
const keepWritten = time.Hour

// writtenPrefix is what the keys of bucketMeta begin with under which the
// writes of one installation are, each followed by the installation's id.
const writtenPrefix = "written/"

// writtenSlot is how finely times are kept, in seconds.
const writtenSlot = 5

// writes are those of one slot.
type writes struct {
	At int64 `json:"at"` // when it began, in Unix time
	N  int   `json:"n"`
}

// Wrote keeps for an hour that GitHub is written to n times for an
// installation, now.
func (s *Store) Wrote(ctx context.Context, installation int64, n int) error {
	key := be([]byte(writtenPrefix), uint64(installation))
	err := s.writer.do(ctx, func(tx *bolt.Tx) error {
		b, now := tx.Bucket(bucketMeta), s.now()
		slot := now.Unix() / writtenSlot * writtenSlot
		var all []writes
		if _, _, err := s.heal(tx, bucketMeta, key, &all); err != nil {
			return err
		}
		old := now.Add(-keepWritten).Unix()
		for len(all) > 0 && all[0].At+writtenSlot < old {
			all = all[1:]
		}
		for i := range all { // the clock was set back
			all[i].At = min(all[i].At, slot)
		}
		if k := len(all); k > 0 && all[k-1].At == slot {
			all[k-1].N += n
		} else {
			all = append(all, writes{slot, n})
		}
		return putJSON(b, key, all)
	})
	if err != nil {
		return fmt.Errorf("note writes of installation %d: %w", installation, err)
	}
	return nil
}

// Written is what Wrote was told since, or within the last hour if that is
// later. Times are late by up to five seconds, and never early; none is later
// than that, whatever the clock was.
func (s *Store) Written(since time.Time) (out []checks.Written, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		c, last := tx.Bucket(bucketMeta).Cursor(), s.now().Unix()/writtenSlot*writtenSlot
		for k, v := c.Seek([]byte(writtenPrefix)); bytes.HasPrefix(k, []byte(writtenPrefix)); k, v = c.Next() {
			var all []writes
			if err := json.Unmarshal(v, &all); err != nil {
				s.skip(damagedAt(bucketMeta, k, err))
				continue
			}
			installation := int64(binary.BigEndian.Uint64(k[len(writtenPrefix):]))
			for _, w := range all {
				if at := time.Unix(min(w.At, last)+writtenSlot, 0).UTC(); at.After(since) {
					out = append(out, checks.Written{Installation: installation, At: at, Writes: w.N})
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read writes: %w", err)
	}
	return out, nil
}

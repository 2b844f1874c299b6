package store

import (
	"context"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

var keySeen = []byte("seen")

// See keeps that all that GitHub had to tell until then was heard. Whoever
// looks for what was missed looks from there on.
func (s *Store) See(ctx context.Context, until time.Time) error {
	err := s.writer.do(ctx, func(tx *bolt.Tx) error { return putJSON(tx.Bucket(bucketMeta), keySeen, until.UTC()) })
	if err != nil {
		return fmt.Errorf("note what was heard: %w", err)
	}
	return nil
}

// Seen is what See was told last; zero when it never was.
func (s *Store) Seen() (until time.Time, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		if _, err := getJSON(tx.Bucket(bucketMeta), keySeen, &until); err != nil {
			s.skip(damagedAt(bucketMeta, keySeen, err))
			until = time.Time{}
		}
		return nil
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("read what was heard: %w", err)
	}
	return until, nil
}

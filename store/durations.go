package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/dudesons/loktar/checks"
)

// newestWeight is the part of a new duration in the smoothed one.
const newestWeight = 0.3

// duration is the smoothed duration of a package.
type duration struct {
	Nanoseconds time.Duration `json:"ns"`
}

// observe smooths ds into what is known. Durations below 1 ns say nothing
// and are passed over.
func (s *Store) observe(tx *bolt.Tx, ds []checks.PackageDuration) error {
	b := tx.Bucket(bucketDurations)
	for _, d := range ds {
		if d.Duration <= 0 {
			continue
		}
		key := durationKey(d.Repo, d.Package)
		var old duration
		found, _, err := s.heal(tx, bucketDurations, key, &old)
		if err != nil {
			return err
		}
		next := d.Duration
		if found {
			next = old.Nanoseconds + time.Duration(newestWeight*float64(d.Duration-old.Nanoseconds))
		}
		if err := putJSON(b, key, duration{next}); err != nil {
			return err
		}
	}
	return nil
}

// Durations is how long each package of the repository with the id repo
// takes: a moving average in which newer durations weigh more.
func (s *Store) Durations(repo int64) (map[string]time.Duration, error) {
	m := map[string]time.Duration{}
	prefix := durationKey(repo, "")
	err := s.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketDurations).Cursor()
		for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
			var d duration
			if err := json.Unmarshal(v, &d); err != nil {
				s.skip(damagedAt(bucketDurations, k, err))
				continue
			}
			m[string(k[len(prefix):])] = d.Nanoseconds
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read durations of repository %d: %w", repo, err)
	}
	return m, nil
}

func durationKey(repo int64, name string) []byte { return append(be(nil, uint64(repo)), name...) }

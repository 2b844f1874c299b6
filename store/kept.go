package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/dudesons/loktar/checks"
)

// keptJob is of a stored job what Kept looks at.
type keptJob struct {
	Finished time.Time `json:"finished"`
	Result   struct {
		Artifacts []struct {
			SHA256 string `json:"sha256"`
		} `json:"artifacts"`
	} `json:"result"`
}

// Kept tells do the SHA-256 of every artifact of a job that ended at since or
// later, or whose run was made then: a result that was carried is older than
// its run. repo is the id of the job's repository. One artifact may be told
// many times. An error of do ends it.
func (s *Store) Kept(since time.Time, do func(repo int64, sha256 string) error) error {
	err := s.db.View(func(tx *bolt.Tx) error {
		var of []byte
		var run struct { // of of
			Created time.Time `json:"created"`
			Repo    struct {
				ID int64 `json:"id"`
			} `json:"repo"`
		}
		return tx.Bucket(bucketJobs).ForEach(func(k, v []byte) error {
			var job keptJob
			if err := json.Unmarshal(v, &job); err != nil {
				s.skip(damagedAt(bucketJobs, k, err))
				return nil // nobody can read it
			}
			if len(job.Result.Artifacts) == 0 {
				return nil
			}
			if !bytes.Equal(of, k[:8]) {
				of = k[:8]
				run.Created, run.Repo.ID = time.Time{}, 0
				found, err := getJSON(tx.Bucket(bucketRuns), k[:8], &run)
				if err != nil {
					return fmt.Errorf("read the run of job %s: %w", k[8:], err)
				}
				if !found {
					return fmt.Errorf("the store has no run of job %s", k[8:])
				}
			}
			if job.Finished.Before(since) && run.Created.Before(since) {
				return nil
			}
			for _, a := range job.Result.Artifacts {
				if err := do(run.Repo.ID, a.SHA256); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("read what jobs keep: %w", err)
	}
	return nil
}

// AllOwed are the publications of all repositories that are reserved and not
// done, those of one repository in the order in which they were reserved.
func (s *Store) AllOwed() (ps []checks.Publication, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		return tx.Bucket(bucketOwed).ForEach(func(_, v []byte) error {
			r, err := publicationAt(tx, v)
			ps = append(ps, r.Publication)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read what is owed: %w", err)
	}
	return ps, nil
}

package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/dudesons/loktar/checks"
)

// Active is every unfinished run, oldest first, each with all its jobs by
// Index under the run's id, and the Seq of the newest run of all, 0 when
// there never was one.
func (s *Store) Active() (runs []checks.Run, jobs map[string][]checks.Job, lastSeq uint64, err error) {
	jobs = map[string][]checks.Job{}
	err = s.db.View(func(tx *bolt.Tx) error {
		if k, _ := tx.Bucket(bucketRuns).Cursor().Last(); k != nil {
			lastSeq = binary.BigEndian.Uint64(k)
		}
		mv := movesIn(tx)
		return tx.Bucket(bucketActive).ForEach(func(k, _ []byte) error {
			run, err := runAt(tx, mv, k)
			if err != nil {
				return err
			}
			runs = append(runs, run)
			jobs[run.ID], err = jobsOf(tx, run.Seq)
			return err
		})
	})
	if err != nil {
		return nil, nil, 0, fmt.Errorf("read active runs: %w", err)
	}
	return runs, jobs, lastSeq, nil
}

// Run is the run id. The error is of kind checks.KindNotFound when there is
// none. Its repositories, its pull request's and its installation are those
// of the newest move of each, unless the run was created after that. So it is
// with every run that is read.
func (s *Store) Run(id string) (run checks.Run, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		seq, err := runSeq(tx, id)
		if err != nil {
			return err
		}
		run, err = runAt(tx, movesIn(tx), seqKey(seq))
		return err
	})
	if err != nil {
		return checks.Run{}, fmt.Errorf("read run %s: %w", id, err)
	}
	return run, nil
}

// Jobs are the jobs of the run by Index, without their findings. The error is of kind
// checks.KindNotFound when there is no such run.
func (s *Store) Jobs(run string) (jobs []checks.Job, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		seq, err := runSeq(tx, run)
		if err != nil {
			return err
		}
		jobs, err = jobsOf(tx, seq)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read jobs of run %s: %w", run, err)
	}
	return jobs, nil
}

// Job is the job id, with its findings. The error is of kind
// checks.KindNotFound when there is none.
func (s *Store) Job(id checks.JobID) (job checks.Job, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		seq, err := runSeq(tx, id.Run)
		if err != nil {
			return err
		}
		found, err := getJSON(tx.Bucket(bucketJobs), jobKey(seq, id.Package), &job)
		if err == nil && !found {
			err = checks.Errorf(checks.KindNotFound, nil, "Run %s has no package %s.", id.Run, id.Package)
		}
		if err != nil {
			return err
		}
		job.Result.Findings, err = decodeFindings(tx.Bucket(bucketFindings).Get(jobKey(seq, id.Package)))
		return err
	})
	if err != nil {
		return checks.Job{}, fmt.Errorf("read job %s: %w", id, err)
	}
	return job, nil
}

// RunsOf are the runs of a head commit of the repository with the id repo,
// newest first.
func (s *Store) RunsOf(repo int64, headSHA string) (runs []checks.Run, err error) {
	if len(headSHA) > 255 {
		return nil, nil
	}
	prefix := headKey(repo, headSHA)
	err = s.db.View(func(tx *bolt.Tx) error {
		mv := movesIn(tx)
		c := tx.Bucket(bucketHeads).Cursor()
		for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
			run, err := runAt(tx, mv, k[len(prefix):])
			if err != nil {
				return err
			}
			runs = append(runs, run)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read runs of %s: %w", headSHA, err)
	}
	slices.Reverse(runs)
	return runs, nil
}

// Recent are the newest limit runs, newest first. A limit below 1 gives none.
func (s *Store) Recent(limit int) (runs []checks.Run, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		mv := movesIn(tx)
		c := tx.Bucket(bucketRuns).Cursor()
		for k, v := c.Last(); k != nil && len(runs) < limit; k, v = c.Prev() {
			var run checks.Run
			if err := json.Unmarshal(v, &run); err != nil {
				return err
			}
			if err := mv.run(&run); err != nil {
				return err
			}
			runs = append(runs, run)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read recent runs: %w", err)
	}
	return runs, nil
}

// runAt is the run whose Seq is key, up to date with mv.
func runAt(tx *bolt.Tx, mv *moves, key []byte) (run checks.Run, err error) {
	found, err := getJSON(tx.Bucket(bucketRuns), key, &run)
	switch {
	case err != nil:
		return run, err
	case !found:
		return run, fmt.Errorf("the store has no run %x that its index names", key)
	}
	return run, mv.run(&run)
}

func jobsOf(tx *bolt.Tx, run uint64) ([]checks.Job, error) {
	var jobs []checks.Job
	prefix := seqKey(run)
	c := tx.Bucket(bucketJobs).Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		var job checks.Job
		if err := json.Unmarshal(v, &job); err != nil {
			return nil, fmt.Errorf("decode job %s: %w", k[8:], err)
		}
		jobs = append(jobs, job)
	}
	slices.SortStableFunc(jobs, func(a, b checks.Job) int { return cmp.Compare(a.Index, b.Index) })
	return jobs, nil
}

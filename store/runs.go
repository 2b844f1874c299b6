package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
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
		mv := s.movesIn(tx)
		return tx.Bucket(bucketActive).ForEach(func(k, _ []byte) error {
			run, err := runAt(tx, mv, k)
			if err != nil {
				if s.skip(err) {
					return nil
				}
				return err
			}
			runs = append(runs, run)
			jobs[run.ID] = s.jobsOf(tx, run.ID, run.Seq)
			return nil
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
		run, err = runAt(tx, s.movesIn(tx), seqKey(seq))
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
		jobs = s.jobsOf(tx, run, seq)
		return nil
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
		key := jobKey(seq, id.Package)
		v := tx.Bucket(bucketJobs).Get(key)
		if v == nil {
			return checks.Errorf(checks.KindNotFound, nil, "Run %s has no package %s.", id.Run, id.Package)
		}
		job = s.jobIn(id.Run, key, v)
		if job.Result.Findings, err = decodeFindings(tx.Bucket(bucketFindings).Get(key)); err != nil {
			s.skip(damagedAt(bucketFindings, key, err))
		}
		return nil
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
		mv := s.movesIn(tx)
		c := tx.Bucket(bucketHeads).Cursor()
		for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
			run, err := runAt(tx, mv, k[len(prefix):])
			if s.skip(err) {
				continue
			}
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
		mv := s.movesIn(tx)
		c := tx.Bucket(bucketRuns).Cursor()
		for k, v := c.Last(); k != nil && len(runs) < limit; k, v = c.Prev() {
			var run checks.Run
			if err := json.Unmarshal(v, &run); err != nil {
				s.skip(damagedAt(bucketRuns, k, err))
				continue
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
	v := tx.Bucket(bucketRuns).Get(key)
	if v == nil {
		return run, damagedAt(bucketRuns, key, errors.New("an index names it, and it is not there"))
	}
	if err := json.Unmarshal(v, &run); err != nil {
		return run, damagedAt(bucketRuns, key, err)
	}
	return run, mv.run(&run)
}

// jobsOf are the jobs of the run id, whose number is seq.
func (s *Store) jobsOf(tx *bolt.Tx, id string, seq uint64) []checks.Job {
	var jobs []checks.Job
	prefix := seqKey(seq)
	c := tx.Bucket(bucketJobs).Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		jobs = append(jobs, s.jobIn(id, k, v))
	}
	slices.SortStableFunc(jobs, func(a, b checks.Job) int { return cmp.Compare(a.Index, b.Index) })
	return jobs
}

// jobIn is the job of a record. In place of one that cannot be read there is one
// that says so, the last of its run: without it the run might pass as a whole.
func (s *Store) jobIn(run string, k, v []byte) (job checks.Job) {
	err := json.Unmarshal(v, &job)
	if err == nil {
		return job
	}
	s.skip(damagedAt(bucketJobs, k, err))
	return checks.Job{
		Run: run, Package: checks.Package{Name: string(k[8:])}, Index: math.MaxInt32, State: checks.StateDone,
		Result: checks.Result{Outcome: checks.OutcomeErrored, Detail: "The server's record of this package is damaged, so it is not known how it ended. Press Re-run to test it again."},
	}
}

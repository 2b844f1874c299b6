package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/dudesons/loktar/checks"
)

// Commit writes c in one transaction: when it returns without an error all of
// it is on the disk, otherwise none of it counts. It reads and writes the
// records that c names and no others, however large a run is.
//
// When ctx ends before the commit's turn nothing is written and the error is
// ctx's. An error of kind checks.KindNotFound means that the delivery
// c.Planned is not pending, or that a job's run is neither stored nor in c;
// checks.KindRefused that a record has no usable name, that a run takes the
// Seq of another or changes its own, that a reply is the second of its
// delivery while the first waits, or that a move says not all of where its
// repository is and since when.
//
// Runs and replies are put with the words that they have; the moves that are
// known change what is read. Of the moves of one repository the one with the
// latest At counts, and of two with the same the one that was committed last.
func (s *Store) Commit(ctx context.Context, c checks.Commit) error {
	p, err := s.preparePut(c)
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	err = s.writer.do(ctx, func(tx *bolt.Tx) error {
		if c.Planned != "" {
			if err := s.settle(tx, c.Planned, c.Note); err != nil {
				return err
			}
		}
		if err := p.apply(s, tx); err != nil {
			return err
		}
		for _, key := range c.Dirty {
			if err := s.dirty(tx, key); err != nil {
				return err
			}
		}
		for _, m := range c.Moves {
			if err := s.putMove(tx, m); err != nil {
				return err
			}
		}
		if err := s.dropProofs(tx, c.Refuted); err != nil {
			return err
		}
		if err := s.putProofs(tx, c.Proofs); err != nil {
			return err
		}
		if err := putTests(tx, c.Tests); err != nil {
			return err
		}
		return s.observe(tx, c.Durations)
	})
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// put is the runs, jobs and replies of a commit, encoded.
type put struct {
	runs    []runPut
	jobs    []jobPut
	replies []replyPut
}

type runPut struct {
	id    string
	entry runEntry
	done  bool
	told  bool
	data  []byte
}

type jobPut struct {
	run, name string
	data      []byte
	findings  []byte // nil for none
}

// preparePut checks and encodes c, outside of any transaction.
func (s *Store) preparePut(c checks.Commit) (*put, error) {
	p := &put{}
	for i := range c.Runs {
		r := &c.Runs[i]
		if err := checkName("run's id", r.ID); err != nil {
			return nil, err
		}
		if len(r.HeadSHA) > 255 {
			return nil, checks.Errorf(checks.KindRefused, nil, "The head commit of run %s is not a SHA.", r.ID)
		}
		if err := checkTarget(r.Target()); err != nil {
			return nil, err
		}
		data, err := json.Marshal(r)
		if err != nil {
			return nil, fmt.Errorf("encode run %s: %w", r.ID, err)
		}
		p.runs = append(p.runs, runPut{r.ID, entryOf(r.Seq, r), r.Done(), r.Notify != nil, data})
	}
	for i := range c.Jobs {
		j := &c.Jobs[i]
		if err := checkName("package's name", j.Package.Name); err != nil {
			return nil, err
		}
		data, err := json.Marshal(j)
		if err != nil {
			return nil, fmt.Errorf("encode job %s: %w", j.ID(), err)
		}
		found, err := s.encodeFindings(j.Result.Findings)
		if err != nil {
			return nil, fmt.Errorf("encode findings of job %s: %w", j.ID(), err)
		}
		p.jobs = append(p.jobs, jobPut{j.Run, j.Package.Name, data, found})
	}
	for _, r := range c.Replies {
		reply, err := prepareReply(r)
		if err != nil {
			return nil, err
		}
		p.replies = append(p.replies, reply)
	}
	for _, m := range c.Moves {
		if err := checkMove(m); err != nil {
			return nil, err
		}
	}
	for _, k := range c.Dirty {
		if err := checkKey(k); err != nil {
			return nil, err
		}
	}
	for _, p := range slices.Concat(c.Proofs, c.Refuted) {
		if err := checkProof(p); err != nil {
			return nil, err
		}
	}
	for _, h := range c.Tests {
		if err := checkHistory(h); err != nil {
			return nil, err
		}
	}
	for _, d := range c.Durations {
		if err := checkName("package's name", d.Package); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *put) apply(s *Store, tx *bolt.Tx) error {
	for _, r := range p.runs {
		if err := r.apply(tx); err != nil {
			return err
		}
	}
	jobs := tx.Bucket(bucketJobs)
	seqs := map[string]uint64{}
	for _, j := range p.jobs {
		seq, ok := seqs[j.run]
		if !ok {
			var err error
			if seq, err = runSeq(tx, j.run); err != nil {
				return err
			}
			seqs[j.run] = seq
		}
		if err := jobs.Put(jobKey(seq, j.name), j.data); err != nil {
			return err
		}
		if j.findings != nil {
			if err := s.putFindings(tx, jobKey(seq, j.name), j.findings); err != nil {
				return err
			}
		}
	}
	for _, r := range p.replies {
		if err := r.apply(tx); err != nil {
			return err
		}
	}
	return nil
}

func (r *runPut) apply(tx *bolt.Tx) error {
	runs, active := tx.Bucket(bucketRuns), tx.Bucket(bucketActive)
	seq := r.entry.seq
	key := seqKey(seq)
	old, err := findRun(tx, r.id)
	known := checks.KindOf(err) != checks.KindNotFound
	switch {
	case known && err != nil:
		return err
	case known && old.seq != seq:
		return checks.Errorf(checks.KindRefused, nil, "Run %s has number %d and cannot take %d.", r.id, old.seq, seq)
	case !known && runs.Get(key) != nil:
		return checks.Errorf(checks.KindRefused, nil, "Run %s cannot take number %d: another run has it.", r.id, seq)
	}
	if !known {
		old = runEntry{}
	}
	if err := r.entry.replace(tx, r.id, old); err != nil {
		return err
	}
	if r.done {
		err = active.Delete(key)
	} else {
		err = active.Put(key, nil)
	}
	if err == nil && r.told && !known {
		err = told(tx, r.id)
	}
	if err != nil {
		return err
	}
	return runs.Put(key, r.data)
}

func jobKey(run uint64, name string) []byte { return append(be(nil, run), name...) }

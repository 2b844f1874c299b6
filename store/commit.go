package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"

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
// checks.KindRefused that a record has no usable name, or that a run takes
// the Seq of another or changes its own.
func (s *Store) Commit(ctx context.Context, c checks.Commit) error {
	p, err := preparePut(c)
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	err = s.writer.do(ctx, func(tx *bolt.Tx) error {
		if c.Planned != "" {
			if err := s.settle(tx, c.Planned, c.Note); err != nil {
				return err
			}
		}
		if err := p.apply(tx); err != nil {
			return err
		}
		for _, key := range c.Dirty {
			if err := s.dirty(tx, key); err != nil {
				return err
			}
		}
		return observe(tx, c.Durations)
	})
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// put is the runs and jobs of a commit, encoded.
type put struct {
	runs []runPut
	jobs []jobPut
}

type runPut struct {
	id   string
	seq  uint64
	head []byte
	done bool
	data []byte
}

type jobPut struct {
	run, name string
	data      []byte
}

// preparePut checks and encodes c, outside of any transaction.
func preparePut(c checks.Commit) (*put, error) {
	p := &put{}
	for i := range c.Runs {
		r := &c.Runs[i]
		if err := checkName("run's id", r.ID); err != nil {
			return nil, err
		}
		if len(r.HeadSHA) > 255 {
			return nil, checks.Errorf(checks.KindRefused, nil, "The head commit of run %s is not a SHA.", r.ID)
		}
		data, err := json.Marshal(r)
		if err != nil {
			return nil, fmt.Errorf("encode run %s: %w", r.ID, err)
		}
		p.runs = append(p.runs, runPut{r.ID, r.Seq, headKey(r.Repo.ID, r.HeadSHA), r.Done(), data})
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
		p.jobs = append(p.jobs, jobPut{j.Run, j.Package.Name, data})
	}
	for _, k := range c.Dirty {
		if err := checkKey(k); err != nil {
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

func (p *put) apply(tx *bolt.Tx) error {
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
			if seq, _, err = runSeq(tx, j.run); err != nil {
				return err
			}
			seqs[j.run] = seq
		}
		if err := jobs.Put(jobKey(seq, j.name), j.data); err != nil {
			return err
		}
	}
	return nil
}

func (r *runPut) apply(tx *bolt.Tx) error {
	ids, runs, heads, active := tx.Bucket(bucketRunIDs), tx.Bucket(bucketRuns), tx.Bucket(bucketHeads), tx.Bucket(bucketActive)
	key := seqKey(r.seq)
	seq, head, err := runSeq(tx, r.id)
	known := checks.KindOf(err) != checks.KindNotFound
	switch {
	case known && err != nil:
		return err
	case known && seq != r.seq:
		return checks.Errorf(checks.KindRefused, nil, "Run %s has number %d and cannot take %d.", r.id, seq, r.seq)
	case !known && runs.Get(key) != nil:
		return checks.Errorf(checks.KindRefused, nil, "Run %s cannot take number %d: another run has it.", r.id, r.seq)
	}
	if known && !bytes.Equal(head, r.head) {
		if err := heads.Delete(be(head, seq)); err != nil {
			return err
		}
	}
	if !known || !bytes.Equal(head, r.head) {
		if err := ids.Put([]byte(r.id), append(seqKey(r.seq), r.head...)); err != nil {
			return err
		}
		if err := heads.Put(be(bytes.Clone(r.head), r.seq), nil); err != nil {
			return err
		}
	}
	if r.done {
		err = active.Delete(key)
	} else {
		err = active.Put(key, nil)
	}
	if err != nil {
		return err
	}
	return runs.Put(key, r.data)
}

// runSeq is the Seq of the run id and its key in heads, in memory of its own.
func runSeq(tx *bolt.Tx, id string) (seq uint64, head []byte, err error) {
	v := tx.Bucket(bucketRunIDs).Get([]byte(id))
	if v == nil {
		return 0, nil, checks.Errorf(checks.KindNotFound, nil, "There is no run %s.", id)
	}
	if len(v) < 8 {
		return 0, nil, fmt.Errorf("the record of run %s is damaged", id)
	}
	return binary.BigEndian.Uint64(v), bytes.Clone(v[8:]), nil
}

// headKey is the key of a head commit, without the Seq that ends it. The
// length of sha keeps one commit's keys from being a prefix of another's.
func headKey(repo int64, sha string) []byte {
	return append(append(be(nil, uint64(repo)), byte(len(sha))), sha...)
}

func jobKey(run uint64, name string) []byte { return append(be(nil, run), name...) }

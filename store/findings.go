package store

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/dudesons/loktar/checks"
)

// findingsTime is how long findings are kept at least. They are much larger
// than their jobs.
const findingsTime = 90 * 24 * time.Hour

// encodeFindings is the record of findings: when it was made, in nanoseconds of
// Unix time, and deflated JSON. It is nil for none.
func (s *Store) encodeFindings(f *checks.Findings) ([]byte, error) {
	if f == nil {
		return nil, nil
	}
	b := bytes.NewBuffer(be(nil, uint64(max(s.now().UnixNano(), 0))))
	w, err := flate.NewWriter(b, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	if err := json.NewEncoder(w).Encode(f); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func decodeFindings(data []byte) (*checks.Findings, error) {
	if data == nil {
		return nil, nil
	}
	if len(data) < 8 {
		return nil, io.ErrUnexpectedEOF
	}
	f := &checks.Findings{}
	if err := json.NewDecoder(flate.NewReader(bytes.NewReader(data[8:]))).Decode(f); err != nil {
		return nil, fmt.Errorf("decode findings: %w", err)
	}
	return f, nil
}

// putFindings stores a record, and removes two that are too old, if there are
// any: the first runs are the oldest.
func (s *Store) putFindings(tx *bolt.Tx, key, data []byte) error {
	b := tx.Bucket(bucketFindings)
	if err := b.Put(key, data); err != nil {
		return err
	}
	oldest := s.now().Add(-findingsTime).UnixNano()
	c := b.Cursor()
	for range 2 {
		k, v := c.First()
		if k == nil || len(v) >= 8 && int64(binary.BigEndian.Uint64(v)) > oldest {
			return nil
		}
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return nil
}

// TestHistories are those of a package of the repository with the id repo, by
// the tests' names.
func (s *Store) TestHistories(repo int64, pkg string) (all []checks.TestHistory, err error) {
	prefix := testKey(repo, pkg, "")
	err = s.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketTests).Cursor()
		for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
			h := checks.TestHistory{Name: string(k[len(prefix):])}
			if err := json.Unmarshal(v, &h.Outcomes); err != nil {
				s.skip(damagedAt(bucketTests, k, err))
				continue
			}
			all = append(all, h)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read tests of %.100q in repository %d: %w", pkg, repo, err)
	}
	return all, nil
}

// putTests stores histories; one without outcomes is removed.
func putTests(tx *bolt.Tx, all []checks.ScopedTestHistory) error {
	b := tx.Bucket(bucketTests)
	for _, h := range all {
		key := testKey(h.Repo, h.Package, h.Name)
		if len(h.Outcomes) == 0 {
			if err := b.Delete(key); err != nil {
				return err
			}
			continue
		}
		if err := putJSON(b, key, h.Outcomes); err != nil {
			return err
		}
	}
	return nil
}

// testKey ends the package with a zero byte, which no name holds.
func testKey(repo int64, pkg, test string) []byte {
	return append(append(append(be(nil, uint64(repo)), pkg...), 0), test...)
}

// checkHistory refuses one that cannot be found again.
func checkHistory(h checks.ScopedTestHistory) error {
	if err := checkName("package's name", h.Package); err != nil {
		return err
	}
	if strings.TrimSpace(h.Name) == "" {
		return checks.Errorf(checks.KindRefused, nil, "A test of package %s has no name.", h.Package)
	}
	return checkName("test's name", h.Name)
}

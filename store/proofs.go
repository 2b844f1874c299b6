package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/dudesons/loktar/checks"
)

// clockSlack is how far a clock may be set back without that what was written
// before counts for nothing.
const clockSlack = 24 * time.Hour

// Proofs gives for each package of want, by its name, the proof that it passed
// at the key that want holds: that of the first of the scopes that has one
// which is not older than checks.ProofTime. One that is of a day to come was
// made by a clock that was wrong, and does not count.
func (s *Store) Proofs(repo int64, scopes []checks.Scope, want map[string]string) (map[string]checks.Proof, error) {
	out := map[string]checks.Proof{}
	oldest, latest := s.now().Add(-checks.ProofTime), s.now().Add(clockSlack)
	err := s.db.View(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketProofs)
		c := b.Cursor()
		for _, scope := range scopes {
			prefix := scopeKey(repo, scope)
			if k, _ := c.Seek(prefix); !bytes.HasPrefix(k, prefix) {
				continue // nothing of it: no package needs to be looked up
			}
			for pkg, key := range want {
				if _, have := out[pkg]; have || key == "" {
					continue
				}
				v := b.Get(proofKey(repo, scope, pkg, key))
				if v == nil {
					continue
				}
				var p checks.Proof
				if err := json.Unmarshal(v, &p); err != nil {
					s.skip(damagedAt(bucketProofs, proofKey(repo, scope, pkg, key), err))
					continue
				}
				if p.Passed.After(oldest) && p.Passed.Before(latest) {
					out[pkg] = p
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read proofs of repository %d: %w", repo, err)
	}
	return out, nil
}

// dropProofs removes what is stored under the scopes, packages and keys of
// proofs.
func (s *Store) dropProofs(tx *bolt.Tx, proofs []checks.ScopedProof) error {
	b, ages := tx.Bucket(bucketProofs), tx.Bucket(bucketProofAges)
	for _, p := range proofs {
		key := proofKey(p.Repo, p.Scope, p.Package, p.Proof.Key)
		var old checks.Proof
		found, _, err := s.heal(tx, bucketProofs, key, &old)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		if err := ages.Delete(ageKey(old.Passed, key)); err != nil {
			return err
		}
		if err := b.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// putProofs stores proofs, and removes some that count no more. One that is
// there and newer stays, if it is not of a day to come.
func (s *Store) putProofs(tx *bolt.Tx, proofs []checks.ScopedProof) error {
	b, ages := tx.Bucket(bucketProofs), tx.Bucket(bucketProofAges)
	latest := s.now().Add(clockSlack)
	for _, p := range proofs {
		key := proofKey(p.Repo, p.Scope, p.Package, p.Proof.Key)
		var old checks.Proof
		found, _, err := s.heal(tx, bucketProofs, key, &old)
		if err != nil {
			return err
		}
		if found {
			if !p.Proof.Passed.After(old.Passed) && old.Passed.Before(latest) {
				continue
			}
			if err := ages.Delete(ageKey(old.Passed, key)); err != nil {
				return err
			}
		}
		if err := putJSON(b, key, p.Proof); err != nil {
			return err
		}
		if err := ages.Put(ageKey(p.Proof.Passed, key), nil); err != nil {
			return err
		}
	}
	return s.expireProofs(b, ages, 2*len(proofs))
}

// expireProofs removes at most n proofs that are too old to count.
func (s *Store) expireProofs(b, ages *bolt.Bucket, n int) error {
	oldest := s.now().Add(-checks.ProofTime)
	c := ages.Cursor()
	for k, _ := c.First(); k != nil && n > 0; k, _ = c.First() {
		if at := int64(binary.BigEndian.Uint64(k)); at > oldest.UnixNano() {
			return nil
		}
		if err := b.Delete(k[8:]); err != nil {
			return err
		}
		if err := c.Delete(); err != nil {
			return err
		}
		n--
	}
	return nil
}

func scopeKey(repo int64, scope checks.Scope) []byte {
	return append(append(be(nil, uint64(repo)), scope...), 0)
}

// proofKey ends every part that has no length of its own with a zero byte,
// which no name, ref or key holds.
func proofKey(repo int64, scope checks.Scope, pkg, key string) []byte {
	return append(append(append(scopeKey(repo, scope), pkg...), 0), key...)
}

func ageKey(passed time.Time, key []byte) []byte {
	return append(be(nil, uint64(max(passed.UnixNano(), 0))), key...)
}

// checkProof refuses a proof that cannot be found again.
func checkProof(p checks.ScopedProof) error {
	for what, name := range map[string]string{"scope of a proof": string(p.Scope), "package's name": p.Package, "key of package " + p.Package: p.Proof.Key} {
		if err := checkName(what, name); err != nil {
			return err
		}
	}
	return nil
}

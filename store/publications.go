package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"

	bolt "go.etcd.io/bbolt"

	"github.com/dudesons/loktar/checks"
)

// publication is a checks.Publication as it is stored. It is kept for ever:
// so its number is the highest of its package until a newer one comes, and no
// number is used twice.
type publication struct {
	checks.Publication
	Owed uint64 `json:"owed,omitempty"` // the sequence in bucketOwed while it is reserved
}

// Reserve takes a version for p.Package of the repository p.Repo, before
// anything is built for it. When it returns without an error the version is
// on the disk and nobody else gets it, also over a crash.
//
// A publication with the key p.Key that the package has already, reserved or
// done, is returned as it is, and nothing is taken. Otherwise the new one has
// p's Commit and Run, the next number after floor (the highest that the
// registry has) and after every number that was reserved before, whatever
// became of it, and the version that version makes of that number. Its
// Reserved is p's, or the present time when that is zero. The rest of p does
// not count.
//
// version runs inside of a transaction that all writes wait for, and maybe
// several times, each with another number: it does nothing but make the text,
// and calls no method of s. Its error ends Reserve as it is.
//
// The error is of kind checks.KindRefused when another publication of the
// package has the version, when p has no usable names, and when there is no
// number left. With any error nothing is taken. When ctx ends before the
// turn of Reserve the error is ctx's.
func (s *Store) Reserve(ctx context.Context, p checks.Publication, floor int64, version func(number int64) (string, error)) (checks.Publication, error) {
	err := checkPublication(p)
	var got checks.Publication
	if err == nil {
		err = s.writer.do(ctx, func(tx *bolt.Tx) error {
			old, found, err := publicationOf(tx, p)
			if err == nil && !found {
				old, err = s.reserve(tx, p, floor, version)
			}
			got = old.Publication
			return err
		})
	}
	if err != nil {
		return checks.Publication{}, fmt.Errorf("reserve a version of %.100q for commit %.40q: %w", p.Package, p.Commit, err)
	}
	return got, nil
}

// reserve takes the next number for p, whose key is new.
func (s *Store) reserve(tx *bolt.Tx, p checks.Publication, floor int64, version func(int64) (string, error)) (publication, error) {
	r := publication{Publication: checks.Publication{
		Repo: p.Repo, Package: p.Package, Key: p.Key, State: checks.PublicationReserved,
		Commit: p.Commit, Run: p.Run, Reserved: p.Reserved,
	}}
	if r.Reserved.IsZero() {
		r.Reserved = s.now().Round(0).UTC()
	}
	prefix := packageKey(p.Repo, p.Package)
	highest := max(newest(tx, prefix), floor, 0)
	if highest == math.MaxInt64 {
		return r, checks.Errorf(checks.KindRefused, nil, "Package %s has no number after %d. Remove the version with that number from its registry.", p.Package, highest)
	}
	r.Number = highest + 1
	var err error
	if r.Version, err = version(r.Number); err != nil {
		return r, err
	}
	if err := checkName("version of package "+p.Package, r.Version); err != nil {
		return r, err
	}
	versionKey := append(bytes.Clone(prefix), r.Version...)
	if number := tx.Bucket(bucketPubVersions).Get(versionKey); number != nil {
		return r, taken(tx, r.Publication, append(bytes.Clone(prefix), number...))
	}

	owed := tx.Bucket(bucketOwed)
	if r.Owed, err = owed.NextSequence(); err != nil {
		return r, err
	}
	number := seqKey(uint64(r.Number))
	key := append(bytes.Clone(prefix), number...)
	if err := putJSON(tx.Bucket(bucketPublications), key, r); err != nil {
		return r, err
	}
	if err := tx.Bucket(bucketPubKeys).Put(append(bytes.Clone(prefix), r.Key...), number); err != nil {
		return r, err
	}
	if err := tx.Bucket(bucketPubVersions).Put(versionKey, number); err != nil {
		return r, err
	}
	return r, owed.Put(owedKey(r.Repo, r.Owed), key)
}

// taken is the refusal of p's version, which the publication at key has.
func taken(tx *bolt.Tx, p checks.Publication, key []byte) error {
	holder, err := publicationAt(tx, key)
	if err != nil {
		return err
	}
	return checks.Errorf(checks.KindRefused, nil, "Version %q of package %s belongs to commit %s, so commit %s cannot have it. Let build_info.version give each release its own, as with {{.Next}}.",
		p.Version, p.Package, holder.Commit, p.Commit)
}

// Published marks the publication p.Key of p.Package in the repository p.Repo
// as done, with p.Items and p.Done, or the present time when that is zero. Of
// one that is done already nothing changes, and that is no error.
//
// The error is of kind checks.KindRefused when p.Version is not the version
// that the key has, or belongs to another key, and when p has no usable
// names; checks.KindNotFound when the package has neither the key nor the
// version. When ctx ends before the turn of Published nothing changes and the
// error is ctx's.
func (s *Store) Published(ctx context.Context, p checks.Publication) error {
	err := checkPublication(p)
	if err == nil {
		err = checkName("version of package "+p.Package, p.Version)
	}
	if err == nil {
		err = s.writer.do(ctx, func(tx *bolt.Tx) error { return s.published(tx, p) })
	}
	if err != nil {
		return fmt.Errorf("mark version %.100q of %.100q as published: %w", p.Version, p.Package, err)
	}
	return nil
}

// Built notes what the reserved publication p consists of: p.Items are its
// files, which the caller keeps until it is published. So whoever died on the
// way publishes the same bytes. What was noted before is replaced; of a
// publication that is done nothing changes. The errors are those of Published.
func (s *Store) Built(ctx context.Context, p checks.Publication) error {
	err := checkPublication(p)
	if err == nil {
		err = s.writer.do(ctx, func(tx *bolt.Tx) error {
			r, found, err := publicationOf(tx, p)
			switch {
			case err != nil:
				return err
			case !found:
				return checks.Errorf(checks.KindNotFound, nil, "Version %q of package %s was never reserved.", p.Version, p.Package)
			case r.Version != p.Version:
				return checks.Errorf(checks.KindRefused, nil, "What commit %s publishes of package %s has version %q, not %q.", r.Commit, p.Package, r.Version, p.Version)
			case r.State == checks.PublicationDone:
				return nil
			}
			r.Items = p.Items
			return putJSON(tx.Bucket(bucketPublications), be(packageKey(p.Repo, p.Package), uint64(r.Number)), r)
		})
	}
	if err != nil {
		return fmt.Errorf("note what version %.100q of %.100q is made of: %w", p.Version, p.Package, err)
	}
	return nil
}

func (s *Store) published(tx *bolt.Tx, p checks.Publication) error {
	r, found, err := publicationOf(tx, p)
	prefix := packageKey(p.Repo, p.Package)
	switch {
	case err != nil:
		return err
	case !found:
		if number := tx.Bucket(bucketPubVersions).Get(append(bytes.Clone(prefix), p.Version...)); number != nil {
			return taken(tx, p, append(prefix, number...))
		}
		return checks.Errorf(checks.KindNotFound, nil, "Version %q of package %s was never reserved.", p.Version, p.Package)
	case r.Version != p.Version:
		return checks.Errorf(checks.KindRefused, nil, "What commit %s publishes of package %s has version %q, not %q.", r.Commit, p.Package, r.Version, p.Version)
	case r.State == checks.PublicationDone:
		return nil
	}
	if err := tx.Bucket(bucketOwed).Delete(owedKey(r.Repo, r.Owed)); err != nil {
		return err
	}
	r.State, r.Items, r.Done, r.Owed = checks.PublicationDone, p.Items, p.Done, 0
	if r.Done.IsZero() {
		r.Done = s.now().Round(0).UTC()
	}
	return putJSON(tx.Bucket(bucketPublications), be(prefix, uint64(r.Number)), r)
}

// checkPublication refuses a publication that cannot be found again.
func checkPublication(p checks.Publication) error {
	if p.Repo < 1 {
		return checks.Errorf(checks.KindRefused, nil, "The publication of package %.100q names no repository.", p.Package)
	}
	if err := checkName("package's name", p.Package); err != nil {
		return err
	}
	return checkName("key of package "+p.Package, p.Key)
}

// publicationOf is the publication with the key of p.
func publicationOf(tx *bolt.Tx, p checks.Publication) (publication, bool, error) {
	prefix := packageKey(p.Repo, p.Package)
	number := tx.Bucket(bucketPubKeys).Get(append(bytes.Clone(prefix), p.Key...))
	if number == nil {
		return publication{}, false, nil
	}
	r, err := publicationAt(tx, append(prefix, number...))
	return r, true, err
}

func publicationAt(tx *bolt.Tx, key []byte) (r publication, err error) {
	found, err := getJSON(tx.Bucket(bucketPublications), key, &r)
	if err == nil && !found {
		err = fmt.Errorf("the store has no publication %x that its index names", key)
	}
	return r, err
}

// newest is the number of the newest publication of a package, 0 when it has
// none.
func newest(tx *bolt.Tx, prefix []byte) int64 {
	k := seekLast(tx.Bucket(bucketPublications).Cursor(), prefix)
	if !bytes.HasPrefix(k, prefix) {
		return 0
	}
	return int64(binary.BigEndian.Uint64(k[len(prefix):]))
}

// packageKey is the key of a package, without what ends it; no name holds a
// zero byte.
func packageKey(repo int64, name string) []byte {
	return append(append(be(nil, uint64(repo)), name...), 0)
}

func owedKey(repo int64, seq uint64) []byte { return be(be(nil, uint64(repo)), seq) }

// LastPublished is the publication of the package pkg of the repository with
// the id repo that has the highest number of those that are done. found is
// false when none is.
func (s *Store) LastPublished(repo int64, pkg string) (p checks.Publication, found bool, err error) {
	err = s.publications(repo, pkg, func(r checks.Publication) bool {
		if found = r.State == checks.PublicationDone; found {
			p = r
		}
		return !found
	})
	if err != nil {
		return checks.Publication{}, false, fmt.Errorf("read last publication of %.100q: %w", pkg, err)
	}
	return p, found, nil
}

// Publications are the limit publications of the package pkg of the
// repository with the id repo that have the highest numbers, highest first,
// whether they are reserved or done. A limit below 1 gives none.
func (s *Store) Publications(repo int64, pkg string, limit int) (ps []checks.Publication, err error) {
	if limit < 1 {
		return nil, nil
	}
	err = s.publications(repo, pkg, func(r checks.Publication) bool {
		ps = append(ps, r)
		return len(ps) < limit
	})
	if err != nil {
		return nil, fmt.Errorf("read publications of %.100q: %w", pkg, err)
	}
	return ps, nil
}

// publications gives those of a package to take, highest number first, until
// take returns false.
func (s *Store) publications(repo int64, pkg string, take func(checks.Publication) bool) error {
	if checkName("package's name", pkg) != nil {
		return nil // no package has it
	}
	prefix := packageKey(repo, pkg)
	return s.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketPublications).Cursor()
		for k := seekLast(c, prefix); bytes.HasPrefix(k, prefix); k, _ = c.Prev() {
			r, err := publicationAt(tx, k)
			if err != nil {
				return err
			}
			if !take(r.Publication) {
				return nil
			}
		}
		return nil
	})
}

// Owed are the publications of the repository with the id repo that are
// reserved and not done, in the order in which they were reserved.
func (s *Store) Owed(repo int64) (ps []checks.Publication, err error) {
	prefix := be(nil, uint64(repo))
	err = s.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketOwed).Cursor()
		for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
			r, err := publicationAt(tx, v)
			if err != nil {
				return err
			}
			ps = append(ps, r.Publication)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what repository %d owes: %w", repo, err)
	}
	return ps, nil
}

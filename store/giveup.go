package store

import (
	"bytes"
	"context"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/dudesons/loktar/checks"
)

// GiveUp marks the reserved publication p as one whose version somebody else
// has: the next Reserve of its key takes another number, and neither its
// number nor its version is ever given again. Of one that is done, or given up
// already, nothing changes. The errors are those of Published.
func (s *Store) GiveUp(ctx context.Context, p checks.Publication) error {
	err := checkPublication(p)
	if err == nil {
		err = s.writer.do(ctx, func(tx *bolt.Tx) error { return giveUp(tx, p) })
	}
	if err != nil {
		return fmt.Errorf("give up version %.100q of %.100q: %w", p.Version, p.Package, err)
	}
	return nil
}

func giveUp(tx *bolt.Tx, p checks.Publication) error {
	prefix := packageKey(p.Repo, p.Package)
	number := tx.Bucket(bucketPubVersions).Get(append(bytes.Clone(prefix), p.Version...))
	if number == nil {
		return checks.Errorf(checks.KindNotFound, nil, "Version %q of package %s was never reserved.", p.Version, p.Package)
	}
	at := append(bytes.Clone(prefix), number...)
	r, err := publicationAt(tx, at)
	switch {
	case err != nil:
		return err
	case r.Key != p.Key:
		return taken(tx, p, at)
	case r.State != checks.PublicationReserved:
		return nil
	}
	if err := tx.Bucket(bucketPubKeys).Delete(append(bytes.Clone(prefix), r.Key...)); err != nil {
		return err
	}
	if err := tx.Bucket(bucketOwed).Delete(owedKey(r.Repo, r.Owed)); err != nil {
		return err
	}
	r.State, r.Items, r.Owed = checks.PublicationGivenUp, nil, 0
	return putJSON(tx.Bucket(bucketPublications), at, r)
}

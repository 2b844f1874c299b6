package store

import (
	"context"
	"fmt"
	"strings"

	bolt "go.etcd.io/bbolt"

	"github.com/dudesons/loktar/checks"
)

// Claim takes what, which only one repository may have, for repo, and tells who
// has it: repo, or whoever took it before. A repository is the same under
// another name, and so is one that was made again under the name of one that
// is gone. The error is of kind checks.KindRefused when what is no usable name.
func (s *Store) Claim(ctx context.Context, what string, repo checks.Repo) (holder checks.Repo, err error) {
	if err = checkName("claim", what); err == nil {
		err = s.writer.do(ctx, func(tx *bolt.Tx) error {
			b := tx.Bucket(bucketClaims)
			found, err := getJSON(b, []byte(what), &holder)
			if err != nil || found && holder.ID != repo.ID && !strings.EqualFold(holder.FullName(), repo.FullName()) {
				return err
			}
			if found && holder == repo {
				return nil
			}
			holder = repo
			return putJSON(b, []byte(what), repo)
		})
	}
	if err != nil {
		return checks.Repo{}, fmt.Errorf("claim %.200q for %s: %w", what, repo.FullName(), err)
	}
	return holder, nil
}

package store

import bolt "go.etcd.io/bbolt"

// Migrated has f called at the end of each migration, before it is committed.
func Migrated(f func()) {
	last := len(migrations) - 1
	step := migrations[last]
	migrations[last] = func(tx *bolt.Tx) error {
		if err := step(tx); err != nil {
			return err
		}
		f()
		return nil
	}
}

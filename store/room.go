package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"github.com/dudesons/loktar/checks"
)

// spare is how much of the disk is set aside for the file beyond what it
// holds, so that the store goes on for a while when others fill the disk.
const spare = 16 << 20

// provider sets room aside for a file. The zero value does nothing.
type provider struct {
	file *os.File
	got  int64 // the size that the file can take without asking the disk
}

// provide has room for a file of used bytes and spare more. What cannot be had
// is asked for again after the next write: the file works without it.
func (p *provider) provide(used int64) {
	if p.file == nil || used+spare/2 <= p.got {
		return
	}
	// Of a file that has holes these are filled too.
	switch err := unix.Fallocate(int(p.file.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, used+spare); {
	case err == nil:
		p.got = used + spare
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
		p.got = math.MaxInt64 // this file system has no such thing
	}
}

// tried is the size of what is written to find out whether anything can be. A
// small write may find a place in the file where an event does not.
const tried = 64 << 10

// Writable is nil unless a write failed and others still would. The error says
// what to do, in words for anyone.
func (s *Store) Writable(ctx context.Context) error {
	if !s.writer.failing.Load() {
		return nil
	}
	err := s.writer.do(ctx, func(tx *bolt.Tx) error { return tx.Bucket(bucketMeta).Put(keyTrial, make([]byte, tried)) })
	if err != nil {
		return fmt.Errorf("try to write: %w", err)
	}
	s.writer.failing.Store(false)
	// Its place is free for what comes next.
	return s.writer.do(ctx, func(tx *bolt.Tx) error { return tx.Bucket(bucketMeta).Delete(keyTrial) })
}

// diskError gives an error of a write its words.
func diskError(err error) error {
	if checks.IsDiskFull(err) {
		return checks.Causef(checks.CauseDiskFull, err, "The disk of the server is full, so that Loktar cannot save anything. Its operator has to free some space where data_dir is.")
	}
	return checks.Errorf(checks.KindConfig, err, "Loktar could not save to its disk. Look whether the disk of data_dir is full or broken.")
}

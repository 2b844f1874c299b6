// Package store keeps what Loktar promised to remember: accepted deliveries,
// runs and their jobs, the check runs that GitHub has yet to be told of, the
// replies that comments have yet to get, and the versions that packages took.
// It is one bbolt file that one process holds at a time.
//
// A record that cannot be read does not keep the others from being read: it is
// passed over, or out of the way of a write, and Options.Damaged is told of it.
// What was published and who may publish is the exception: there the error
// stays, as nothing must come twice.
//
// Every write is durable when its call returns. Writes that come at the same
// time share one transaction and so one wait for the disk. A write that fails,
// as on a full disk, changes nothing, and the next may succeed.
package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/dudesons/loktar/checks"
)

// Options are the choices that Open leaves to its caller. The zero value is
// what a server wants.
type Options struct {
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// LockTimeout is how long Open waits for a file that another process
	// holds; 0 is one second.
	LockTimeout time.Duration
	// Damaged is told of each record that cannot be read and is passed over,
	// once. It must not call the store. Nil calls nothing.
	Damaged func(error)
}

// Store is an open store. Its methods may be called from any goroutine.
type Store struct {
	db       *bolt.DB
	now      func() time.Time
	instance string
	writer   *writer

	onDamage  func(error)
	damagedMu sync.Mutex
	damaged   map[string]bool // what Options.Damaged was told of
}

// mmapSize is the address space set aside for the file. While the file is
// smaller, growing it does not have to wait for readers.
const mmapSize = 256 << 20

// Open opens the store in the file path. A file that is missing is made, with
// mode 0600, and so are its folders. Open fails, with a text that names the
// remedy, when another process holds the file, when a newer Loktar wrote it,
// and when it is not a store.
func Open(path string, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.LockTimeout == 0 {
		o.LockTimeout = time.Second
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, checks.Errorf(checks.KindConfig, err, "Cannot make the data directory %s. Make it by hand, or set data_dir to a folder that Loktar may write to.", dir)
	}
	_, statErr := os.Stat(path)
	fresh := errors.Is(statErr, os.ErrNotExist)
	var room provider
	db, err := bolt.Open(path, 0o600, &bolt.Options{
		Timeout:         o.LockTimeout,
		FreelistType:    bolt.FreelistMapType,
		InitialMmapSize: mmapSize,
		OpenFile: func(name string, flag int, mode os.FileMode) (f *os.File, err error) {
			f, err = os.OpenFile(name, flag, mode)
			room.file = f
			return f, err
		},
	})
	if err != nil {
		if fresh && checks.IsDiskFull(err) {
			_ = os.Remove(path) // half a file would be no store once there is room
		}
		return nil, openError(path, err)
	}
	s := &Store{db: db, now: o.Now, onDamage: o.Damaged}
	if err := s.prepare(path, fresh); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if info, err := room.file.Stat(); err == nil {
		room.provide(info.Size())
	}
	s.writer = startWriter(db, room, s.prune)
	return s, nil
}

// prepare brings the file to the present schema and reads the instance's name.
func (s *Store) prepare(path string, fresh bool) error {
	if err := migrate(s.db, path); err != nil {
		return err
	}
	if fresh {
		// The name of a new file is durable only when its folder is.
		if err := syncDir(filepath.Dir(path)); err != nil {
			return fmt.Errorf("sync folder of %s: %w", path, err)
		}
	}
	return s.db.View(func(tx *bolt.Tx) error {
		s.instance = string(tx.Bucket(bucketMeta).Get(keyInstance))
		if s.instance == "" {
			return fmt.Errorf("read %s: the store has no instance name", path)
		}
		return nil
	})
}

// Close waits for the writes that were handed in before it, ends those that
// come later with ErrClosed, and lets go of the file. A second Close does
// nothing.
func (s *Store) Close() error {
	s.writer.stop()
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// ErrClosed is the end of a write to a store that was closed.
var ErrClosed = errors.New("the store is closed")

// InstanceID is a random name of 26 letters and digits, made when the file
// was, and the same ever since.
func (s *Store) InstanceID() string { return s.instance }

func newInstanceID() string { return strings.ToLower(rand.Text()) }

func openError(path string, err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return checks.Errorf(checks.KindConfig, err, "Another loktar uses %s. Stop it, or give this one a data_dir of its own.", filepath.Dir(path))
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch), errors.Is(err, bolterrors.ErrChecksum):
		return checks.Errorf(checks.KindConfig, err, "%s is not a store of Loktar, or it is damaged. Put a backup in its place, or move it away to begin with an empty store.", path)
	case errors.Is(err, os.ErrPermission):
		return checks.Errorf(checks.KindConfig, err, "Cannot open %s. Give it to the user that Loktar runs as.", path)
	case checks.IsDiskFull(err):
		return noRoom(path, err)
	}
	return checks.Errorf(checks.KindConfig, err, "Cannot open %s. Look at the disk and at data_dir.", path)
}

func noRoom(path string, err error) error {
	return checks.Causef(checks.CauseDiskFull, err, "The disk of %s is full. Free some space there, and start Loktar again.", filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

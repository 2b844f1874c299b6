// Package caches keeps folders between jobs, each under the level of trust of
// who wrote it, within bounds, on the disk of the machine.
//
// What is kept of a cache is a stack of layers, as an overlay of Linux has them:
// the lowest is a plain folder, each one above it is what a job wrote to its
// view of those below. A layer never changes while somebody reads it, so that
// reading costs nothing and disturbs nobody, and to keep what a job wrote costs
// a rename. Stacks share layers: a fork's begins with that of the repository.
// One that became too high is folded into a plain folder. At each moment of
// that, however the process dies, what the stack shows is the same.
//
// On disk, beneath one folder: entries/ID.json says which layers a cache has,
// its time of change when it was used last; layers/NAME is a layer; views/NAME
// is what a job writes; trash/NAME is on its way out. An entry is replaced by
// rename, and a layer that no entry names is removed at the next start, once
// it is known which jobs still read (Settle).
package caches

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

// Defaults of Options.
const (
	DefaultMaxBytes = 20 << 30
	DefaultKeep     = 14 * 24 * time.Hour
)

// The folders below the store's own.
const (
	entriesDir = "entries"
	layersDir  = "layers"
	viewsDir   = "views"
	trashDir   = "trash"
	emptyDir   = "empty" // what a view of nothing shows
)

// Options are the bounds of a store.
type Options struct {
	// MaxBytes bounds all caches together; 0 means DefaultMaxBytes. A quarter of
	// it bounds one cache, and those of all forks together.
	MaxBytes int64
	// Keep is how long one is kept that nobody uses; 0 means DefaultKeep.
	Keep time.Duration

	// now is the clock, and point is called where a process may die, for tests.
	now   func() time.Time
	point func(name string)
}

// Store is a runner.Caches. Make one with Open.
type Store struct {
	dir  string
	o    Options
	log  zerolog.Logger
	lock *os.File
	// most is how many layers a stack may have.
	most int
	// cannot is why nothing can be kept here; nil when it can.
	cannot error

	mu      sync.Mutex
	idle    sync.Cond // of mu: an entry is busy no more
	settled bool
	dirty   bool // something is kept that may not be on the disk yet
	entries map[string]*entry
	layers  map[string]*layer
	views   map[string][]string // the layers that a lease reads, by its ID
	trash   sync.WaitGroup
}

var _ runner.Caches = (*Store)(nil)

// layer is a folder on disk.
type layer struct {
	bytes int64
	// refs is how many entries it is part of, leases how many views.
	refs, leases int
}

// Open opens the store in the folder dir, which it makes where it is missing;
// dir is absolute. Two processes cannot have one store open. The store logs to
// ctx's logger. Nothing can be leased before Settle.
//
// Where the server may not keep caches, as it is not root, Open says so in the
// log, and Lease fails.
func Open(ctx context.Context, dir string, o Options) (*Store, error) {
	s := &Store{dir: filepath.Clean(dir), o: o, log: *zerolog.Ctx(ctx), entries: map[string]*entry{}, layers: map[string]*layer{}, views: map[string][]string{}}
	s.idle.L = &s.mu
	if s.o.MaxBytes <= 0 {
		s.o.MaxBytes = DefaultMaxBytes
	}
	if s.o.Keep <= 0 {
		s.o.Keep = DefaultKeep
	}
	if s.o.now == nil {
		s.o.now = time.Now
	}
	if s.o.point == nil {
		s.o.point = func(string) {}
	}
	// All layers stand in one option of a mount, which may have a page (4 KiB).
	if s.most = min(8, 2500/(len(s.dir)+32)); s.most < 2 || !filepath.IsAbs(dir) {
		return nil, fmt.Errorf("open caches: the path %q is too long, or not absolute", dir)
	}
	for _, sub := range []string{"", entriesDir, layersDir, viewsDir, trashDir, emptyDir} {
		if err := os.MkdirAll(filepath.Join(s.dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("make the folder of caches: %w", err)
		}
	}
	if err := s.take(); err != nil {
		return nil, err
	}
	err := s.try()
	if err == nil {
		err = s.wake()
	}
	if err == nil {
		err = s.read()
	}
	if err != nil {
		s.lock.Close()
		return nil, err
	}
	return s, nil
}

// take keeps other processes off.
func (s *Store) take() (err error) {
	if s.lock, err = os.OpenFile(filepath.Join(s.dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return fmt.Errorf("open the lock of caches: %w", err)
	}
	if err = unix.Flock(int(s.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		s.lock.Close()
		return checks.Errorf(checks.KindUnavailable, err, "Another process of Loktar has the caches open.")
	}
	return nil
}

// try finds out whether this process may do what keeping takes: read the marks
// that the kernel leaves, and change what a container's root wrote.
func (s *Store) try() error {
	dir := filepath.Join(s.dir, "trial")
	err := os.MkdirAll(dir, 0o700)
	if checks.IsDiskFull(err) {
		return nil // it may serve all the same, once there is room
	}
	if err != nil {
		return fmt.Errorf("try what caches take: %w", err)
	}
	err = unix.Setxattr(dir, opaqueMark, []byte("y"), 0)
	if err := os.Remove(dir); err != nil {
		return fmt.Errorf("try what caches take: %w", err)
	}
	if checks.IsDiskFull(err) {
		return nil
	}
	if err == nil && os.Geteuid() != 0 {
		err = errors.New("the server is not root")
	}
	if err != nil {
		s.log.Warn().Err(err).Str("folder", s.dir).Msg("caches are not kept: for that the server has to be root, on a file system like ext4 or xfs")
		s.cannot = checks.Errorf(checks.KindConfig, err, "The server cannot keep them: for that it has to run as root, with data_dir on a file system like ext4 or xfs.")
	}
	return nil
}

// Close waits until what is dropped is removed, and what is kept on the disk.
// Call it when no lease is used any more.
func (s *Store) Close() error {
	s.trash.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.sleep(), s.lock.Close())
}

func (s *Store) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// newName is a name that was never used.
func newName() string { return strings.ToLower(rand.Text()[:16]) }

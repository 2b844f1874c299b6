package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	units "github.com/docker/go-units"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/disk"
)

// room keeps mirrors and idle worktrees within Options.MaxSize together, and
// Options.MinFree of the disk free: what was not used for the longest goes
// first. What is in use stays.
type room struct {
	src *Source
	// free is how many bytes the disk has left; tests have their own.
	free func() int64

	turn  sync.Mutex // who makes room
	mu    sync.Mutex
	sizes map[string]int64 // of mirrors' and worktrees' folders, when last measured
}

func newRoom(s *Source) *room {
	return &room{src: s, sizes: map[string]int64{}, free: func() int64 {
		if free, _, _, ok := disk.Left(s.opts.Dir); ok {
			return free
		}
		return math.MaxInt64
	}}
}

// bounded reports whether there is anything to keep to.
func (r *room) bounded() bool { return r.src.opts.MaxSize > 0 || r.src.opts.MinFree > 0 }

// victim is something that may be removed.
type victim struct {
	used   time.Time
	dir    string
	remove func() (bool, error) // false: it is in use
}

// make removes what has to go. It is no error when too little can.
func (r *room) make(ctx context.Context) error {
	if !r.bounded() {
		return nil
	}
	r.turn.Lock()
	defer r.turn.Unlock()
	over, err := r.over()
	if err != nil || over <= 0 {
		return err
	}
	victims, err := r.victims(ctx)
	if err != nil {
		return err
	}
	for _, v := range victims {
		size := r.size(v.dir)
		removed, err := v.remove()
		if err != nil {
			return err
		}
		if !removed {
			continue
		}
		r.forget(v.dir)
		if over -= size; over <= 0 {
			return nil
		}
	}
	return nil
}

// over is how many bytes have to go.
func (r *room) over() (int64, error) {
	over := int64(0)
	if most := r.src.opts.MaxSize; most > 0 {
		all, err := r.all()
		if err != nil {
			return 0, err
		}
		over = all - most
	}
	if lack := r.src.opts.MinFree - r.free(); r.src.opts.MinFree > 0 && lack > 0 {
		// What is in the trash will be free soon.
		over = max(over, lack-r.src.trash.size())
	}
	return over, nil
}

// all is the size of mirrors and worktrees together.
func (r *room) all() (sum int64, err error) {
	for _, glob := range []string{"mirrors/*", "worktrees/*"} {
		found, err := filepath.Glob(filepath.Join(r.src.opts.Dir, glob))
		if err != nil {
			return 0, err
		}
		for _, dir := range found {
			sum += r.size(dir)
		}
	}
	return sum, nil
}

// size is that of a folder, as it was last measured.
func (r *room) size(dir string) int64 {
	r.mu.Lock()
	size, known := r.sizes[dir]
	r.mu.Unlock()
	if known {
		return size
	}
	return r.measure(dir)
}

func (r *room) measure(dir string) int64 {
	size := sizeOf(dir)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sizes[dir] = size
	return size
}

func (r *room) forget(dir string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.sizes, dir)
}

// measureAll has every folder measured when it is next asked for.
func (r *room) measureAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.sizes)
}

// sizeOf is what a folder takes of the disk, in bytes. What cannot be looked
// at counts for nothing.
func sizeOf(dir string) (sum int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // it may be gone meanwhile
		}
		if info, err := d.Info(); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				sum += st.Blocks * 512
			}
		}
		return nil
	})
	return sum
}

// victims are what may be removed, the longest unused first.
func (r *room) victims(ctx context.Context) ([]victim, error) {
	list := r.src.trees.victims()
	leased, last := r.src.trees.inUse()
	names, err := filepath.Glob(filepath.Join(r.src.opts.Dir, "mirrors", "*.git"))
	if err != nil {
		return nil, fmt.Errorf("list mirrors: %w", err)
	}
	for _, name := range names {
		id, err := strconv.ParseInt(strings.TrimSuffix(filepath.Base(name), ".git"), 10, 64)
		if err != nil || leased[id] {
			continue
		}
		m := r.src.mirror(checks.Repo{ID: id})
		used := m.lastUsed()
		if last[id].After(used) {
			used = last[id]
		}
		list = append(list, victim{used: used, dir: m.dir, remove: func() (bool, error) { return m.giveUp(ctx) }})
	}
	slices.SortStableFunc(list, func(a, b victim) int { return a.used.Compare(b.used) })
	return list, nil
}

// usedFile is the file of a mirror whose time says when it was last used.
const usedFile = "loktar-used"

// touch notes that the mirror is used now.
func (m *mirror) touch() {
	name, now := filepath.Join(m.dir, usedFile), m.src.now()
	if err := os.Chtimes(name, now, now); errors.Is(err, fs.ErrNotExist) && m.exists() {
		if os.WriteFile(name, nil, 0o600) == nil {
			_ = os.Chtimes(name, now, now) // it is used now all the same
		}
	}
}

func (m *mirror) lastUsed() time.Time {
	for _, name := range []string{usedFile, "HEAD"} {
		if info, err := os.Stat(filepath.Join(m.dir, name)); err == nil {
			return info.ModTime()
		}
	}
	return time.Time{}
}

// giveUp removes the mirror and its idle worktrees, unless somebody works in
// it or reads from it.
func (m *mirror) giveUp(ctx context.Context) (removed bool, err error) {
	m.mu.Lock()
	if m.evicting != nil || len(m.users) > 0 || m.readers > 0 {
		m.mu.Unlock()
		return false, nil
	}
	over := make(chan struct{})
	m.evicting = over
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.evicting = nil
		close(over)
	}()
	if err := m.vanish(ctx); err != nil {
		return false, fmt.Errorf("make room: %w", err)
	}
	id, _ := strconv.ParseInt(strings.TrimSuffix(filepath.Base(m.dir), ".git"), 10, 64)
	m.src.trees.drop(id)
	return true, nil
}

// limit bounds each file that a fetch may write, in bytes; 0 is none. why is
// what is to be said when it is met.
func (r *room) limit(repo checks.Repo) (bytes int64, why error) {
	o := r.src.opts
	if o.MaxSize > 0 {
		bytes, why = o.MaxSize, r.tooLarge(repo)
	}
	if o.MinFree > 0 {
		if spare := max(r.free()-o.MinFree, 1<<20); bytes == 0 || spare < bytes {
			bytes, why = spare, checks.Causef(checks.CauseDiskFull, nil,
				"The disk of the server has too little room to fetch %s: git.min_free (%s) is to stay free. Its operator has to make room.", repo.FullName(), units.BytesSize(float64(o.MinFree)))
		}
	}
	return bytes, why
}

func (r *room) tooLarge(repo checks.Repo) error {
	return checks.Errorf(checks.KindConfig, nil,
		"The repository %s alone is larger than git.max_size (%s) of the server allows. Its operator has to raise that.", repo.FullName(), units.BytesSize(float64(r.src.opts.MaxSize)))
}

// outgrown measures a mirror, and reports whether it is too large alone.
func (r *room) outgrown(m *mirror) bool {
	return r.src.opts.MaxSize > 0 && r.measure(m.dir) > r.src.opts.MaxSize
}

// refuse empties a mirror that is too large alone. The caller has its turn.
func (r *room) refuse(ctx context.Context, m *mirror, repo checks.Repo) error {
	err := m.recreate(ctx)
	r.measure(m.dir)
	return errors.Join(r.tooLarge(repo), err)
}

// filled looks at a worktree that was checked out into a new folder, and makes
// room for it: the bound was met before it.
func (r *room) filled(ctx context.Context, dir string, repo checks.Repo) error {
	if r.src.opts.MaxSize <= 0 {
		return nil
	}
	if r.measure(dir) > r.src.opts.MaxSize {
		return r.tooLarge(repo)
	}
	return r.make(ctx)
}

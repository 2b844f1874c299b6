package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/dudesons/loktar/checks"
)

// Lease is the use of a folder that holds exactly the files of one tree.
type Lease struct {
	// Dir is the folder's absolute path: no comma, colon or backslash in it.
	// It is for reading alone, as others may have leased the same folder.
	Dir string
	// Tree is the tree's object id.
	Tree string
	// Gaps are the paths at which Dir does not hold what the authors see,
	// ascending. Nobody changes them.
	Gaps []Gap

	once    sync.Once
	release func()
	mu      sync.Mutex
	extra   []string // folders that go with the lease
}

// Release gives the folder back; Dir may not be used any more. More calls
// than one do nothing.
func (l *Lease) Release() { l.once.Do(l.release) }

// Lease gives a folder with the files of a tree that is in repo's mirror, as
// git checks them out (modes, links, attributes) but without a .git in it.
// Submodules are empty folders and files of git-lfs stay pointers: Gaps names
// them. Leases of one
// tree share one folder. A tree that the mirror does not have is an error of
// checks.KindNotFound (see Restore), one that git will not write to disk is
// one of KindRefused, a full disk one of KindConfig; one of KindUnavailable
// says that Forget came in between.
func (s *Source) Lease(ctx context.Context, repo checks.Repo, tree string) (*Lease, error) {
	if !isObjectName(tree) {
		return nil, fmt.Errorf("lease tree: %q is not an object id", tree)
	}
	f, err := s.trees.take(ctx, s.mirror(repo), repo, tree)
	if err != nil {
		return nil, fmt.Errorf("lease tree %s: %w", tree, err)
	}
	l := &Lease{Dir: f.files(), Tree: tree, Gaps: f.gaps.list}
	l.release = func() {
		s.trash.report(l.removeExtra())
		s.trees.give(f)
	}
	return l, nil
}

// folder is one worktree. Who may read which field is said for each.
type folder struct {
	dir    string // files and index are in it; never changes
	key    treeKey
	ready  chan struct{} // closed when err is set and the files are there
	cancel context.CancelFunc
	// gaps and err are set before ready is closed.
	gaps *gaps
	err  error

	refs    int       // under worktrees.mu
	since   time.Time // when it became idle; under worktrees.mu
	dropped bool      // under worktrees.mu: nobody will use it any more
}

type treeKey struct {
	repo int64
	tree string
}

func (f *folder) files() string { return filepath.Join(f.dir, "files") }
func (f *folder) index() string { return filepath.Join(f.dir, "index") }

// worktrees are the folders of all repositories.
type worktrees struct {
	src     *Source
	dir     string
	maxIdle int

	wg   sync.WaitGroup
	mu   sync.Mutex
	last int
	// byTree has every folder that is leased, being made or idle.
	byTree map[treeKey]*folder
	// idle are the folders without a lease, the longest idle first.
	idle []*folder
	// left are the folders of Options.Left by their paths, which is in no other
	// list: nobody knows any more what they hold.
	left map[string]*folder
}

func newWorktrees(s *Source, dir string, maxIdle int) *worktrees {
	return &worktrees{src: s, dir: dir, maxIdle: maxIdle, byTree: map[treeKey]*folder{}}
}

func (w *worktrees) wait() { w.wg.Wait() }

// take leases the folder of a tree and waits until it is filled.
func (w *worktrees) take(ctx context.Context, m *mirror, repo checks.Repo, tree string) (*folder, error) {
	key := treeKey{repo.ID, tree}
	w.mu.Lock()
	f := w.byTree[key]
	if f != nil && f.refs == 0 {
		w.unidle(f)
		if _, err := os.Lstat(f.files()); err != nil {
			w.forget(f)
			w.remove(f)
			f = nil
		}
	}
	if f == nil {
		f = w.begin(ctx, m, repo, key)
	}
	f.refs++
	w.mu.Unlock()

	select {
	case <-f.ready:
	case <-ctx.Done():
		w.give(f)
		return nil, context.Cause(ctx)
	}
	if f.err != nil {
		w.give(f)
		return nil, f.err
	}
	return f, nil
}

// begin starts to fill a folder for key: the repository's folder that was idle
// the shortest is moved, or a new one is made. w.mu is held.
func (w *worktrees) begin(ctx context.Context, m *mirror, repo checks.Repo, key treeKey) *folder {
	// The folder may serve others when the first to ask has gone.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &folder{key: key, ready: make(chan struct{}), cancel: cancel}
	var from *folder
	for _, old := range slices.Backward(w.idle) {
		if old.key.repo == key.repo {
			w.unidle(old)
			delete(w.byTree, old.key)
			f.dir, from = old.dir, old
			break
		}
	}
	if f.dir == "" {
		f.dir = w.newDir(key.repo)
	}
	w.byTree[key] = f
	w.wg.Go(func() {
		defer cancel()
		err := w.fill(ctx, m, repo, f, from)
		w.mu.Lock()
		defer w.mu.Unlock()
		f.err = err
		close(f.ready)
		if err != nil {
			w.forget(f)
		}
		w.settle(f)
	})
	return f
}

func (w *worktrees) newDir(repo int64) string {
	w.last++
	return filepath.Join(w.dir, strconv.FormatInt(repo, 10)+"-"+strconv.Itoa(w.last))
}

// give ends one lease of f.
func (w *worktrees) give(f *folder) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f.refs--
	if f.refs > 0 {
		return
	}
	select {
	case <-f.ready:
	default:
		// Nobody waits for it any more. Who asks from now on gets another.
		f.cancel()
		w.forget(f)
	}
	w.settle(f)
}

// forget keeps f from being leased again. w.mu is held.
func (w *worktrees) forget(f *folder) {
	f.dropped = true
	if w.byTree[f.key] == f {
		delete(w.byTree, f.key)
	}
}

// settle puts a filled folder without a lease among the idle ones, or removes
// it. w.mu is held.
func (w *worktrees) settle(f *folder) {
	select {
	case <-f.ready:
	default:
		return
	}
	if f.refs > 0 || slices.Contains(w.idle, f) {
		return
	}
	if f.dropped {
		w.remove(f)
		return
	}
	f.since = w.src.now()
	w.idle = append(w.idle, f)
	for len(w.idle) > w.maxIdle {
		oldest := w.idle[0]
		w.unidle(oldest)
		w.forget(oldest)
		w.remove(oldest)
	}
}

func (w *worktrees) unidle(f *folder) {
	w.idle = slices.DeleteFunc(w.idle, func(g *folder) bool { return g == f })
}

// drop takes the idle folders of a repository away, and the others when their
// last lease is given back.
func (w *worktrees) drop(repo int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, f := range w.byTree {
		if key.repo == repo {
			w.unidle(f)
			w.forget(f)
			w.settle(f)
		}
	}
}

// victims are the idle folders.
func (w *worktrees) victims() (list []victim) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.idle {
		list = append(list, victim{used: f.since, dir: f.dir, remove: func() (bool, error) { return w.giveUp(f), nil }})
	}
	return list
}

// giveUp removes a folder unless somebody leased it meanwhile.
func (w *worktrees) giveUp(f *folder) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.idle, f) {
		return false
	}
	w.unidle(f)
	w.forget(f)
	w.remove(f)
	return true
}

// inUse are the repositories with leased folders, and when one became idle
// last of each.
func (w *worktrees) inUse() (leased map[int64]bool, last map[int64]time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	leased, last = map[int64]bool{}, map[int64]time.Time{}
	for key, f := range w.byTree {
		if f.refs > 0 {
			leased[key.repo] = true
		}
		if f.since.After(last[key.repo]) {
			last[key.repo] = f.since
		}
	}
	return leased, last
}

// remove takes a folder that nobody uses away. An error stays with the trash.
func (w *worktrees) remove(f *folder) {
	if f.dir == "" {
		return
	}
	w.src.trash.report(w.src.trash.discard(f.dir))
	f.dir = ""
}

// fill makes f hold key's tree: by moving it on from the tree of `from`, which had the
// folder before, or by a checkout into a new folder.
func (w *worktrees) fill(ctx context.Context, m *mirror, repo checks.Repo, f, from *folder) error {
	ctx, done, err := m.use(ctx)
	if err != nil {
		return err
	}
	defer done()
	return forgotten(ctx, w.src.onDisk(w.fillFrom(ctx, m, repo, f, from)))
}

func (w *worktrees) fillFrom(ctx context.Context, m *mirror, repo checks.Repo, f, from *folder) error {
	if !m.exists() {
		return noMirror(repo)
	}
	if from != nil {
		err := m.move(ctx, f, from.key.tree, f.key.tree, from.gaps)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		if err := w.src.trash.discard(f.dir); err != nil {
			return err
		}
	}
	if err := w.src.room.make(ctx); err != nil {
		return err
	}
	err := m.checkout(ctx, f, f.key.tree)
	if err == nil {
		return w.src.room.filled(ctx, f.dir, repo)
	}
	if ctx.Err() != nil {
		return err
	}
	m.distrust()
	gone := checks.Errorf(checks.KindNotFound, err, "The server no longer has the files to test of %s.", repo.FullName())
	if ok, err := w.src.Has(ctx, repo, f.key.tree); err == nil && !ok {
		return gone
	}
	err = w.src.onDisk(checkoutFault(err))
	if checks.KindOf(err) == checks.KindInternal && broken(err) {
		return errors.Join(gone, m.replace(ctx))
	}
	return err
}

// Package source is the git side of repositories on the server: a bare mirror
// of each, what an event changes in it, the tree to test, and folders that hold
// exactly that tree.
//
// Git is run as a process, away from every configuration, hook and credential
// of the machine. What a repository holds is taken as hostile: names are split
// by NUL alone, and nothing is written outside of the folder it belongs to.
package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/dudesons/loktar/checks"
)

// Options say where a Source keeps its files and how it reaches repositories.
type Options struct {
	// Dir is the folder for mirrors and worktrees. It is made when it is
	// missing and belongs to one Source at a time. Its absolute path may hold
	// no comma, colon or backslash: container engines split mount options there.
	Dir string
	// URL is where git reaches a repository. It holds no credentials.
	URL func(checks.Repo) string
	// Token gives a token that may read one repository. It is called only
	// when something has to be fetched. Nil means that none is needed.
	Token func(ctx context.Context, installation int64, repo checks.Repo) (string, error)
	// Git is the git program; empty means the git on PATH.
	Git string
	// AllowFile lets git fetch from file:// addresses. It is for tests.
	AllowFile bool
	// FetchTimeout bounds one fetch; zero means 15 minutes.
	FetchTimeout time.Duration
	// Left are worktrees, as Lease.Dir had them, that an earlier process leased
	// for what still goes on. Each stays as it is until a LeaseLeft of it is
	// released.
	Left []string
	// IdleTrees is how many worktrees are kept when nobody leases them; zero
	// means 8, less than zero means none.
	IdleTrees int
	// Keep is how long fetched commits and merged trees are kept at least
	// after they were last used; zero means 30 days.
	Keep time.Duration
	// MaxSize bounds mirrors and worktrees together, in bytes; zero is no
	// bound. What was not used for the longest goes first, what is in use
	// stays, and a repository that is larger alone is refused.
	MaxSize int64
	// MinFree is how many bytes of the disk stay free as far as that can be
	// had by removing the same; zero is none.
	MinFree int64
	// KeepTrees keeps the worktree that was used last for the next Source on
	// Dir, where it was given back and Close was called.
	KeepTrees bool
}

// Source holds the mirrors and worktrees beneath one folder. All its methods
// may be called from many goroutines at once.
type Source struct {
	opts  Options
	git   *git
	trash *trash
	now   func() time.Time

	mu      sync.Mutex
	mirrors map[int64]*mirror

	trees *worktrees
	room  *room
}

// New makes a Source on o.Dir. It removes what an earlier process left there:
// stale lock files and half written packs in mirrors, and all worktrees but those
// of o.Left (these in the background). The error is of checks.KindConfig when git is missing or
// older than 2.38, or when the folder cannot serve.
func New(o Options) (*Source, error) {
	if o.URL == nil {
		return nil, errors.New("open source: Options.URL is missing")
	}
	if o.Git == "" {
		o.Git = "git"
	}
	if o.FetchTimeout <= 0 {
		o.FetchTimeout = 15 * time.Minute
	}
	if o.IdleTrees == 0 {
		o.IdleTrees = 8
	}
	if o.Keep <= 0 {
		o.Keep = 30 * 24 * time.Hour
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", o.Dir, err)
	}
	if strings.ContainsAny(dir, ",:\\\n") {
		return nil, checks.Errorf(checks.KindConfig, nil,
			"The folder %q cannot hold worktrees: its path has a comma, a colon, a backslash or a line break. Choose another data folder.", dir)
	}
	o.Dir = dir
	bin, err := exec.LookPath(o.Git)
	if err != nil {
		return nil, checks.Errorf(checks.KindConfig, err, "Git was not found. Install git %s or newer.", minGit)
	}
	if bin, err = filepath.Abs(bin); err != nil {
		return nil, fmt.Errorf("resolve %s: %w", o.Git, err)
	}
	s := &Source{opts: o, now: time.Now, mirrors: map[int64]*mirror{}}
	for _, sub := range []string{"mirrors", "home"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, checks.Errorf(checks.KindConfig, err, "The folder %s cannot be written. Give it to the user that Loktar runs as.", dir)
		}
	}
	s.git = newGit(bin, filepath.Join(dir, "home"), o.AllowFile)
	if err := s.git.checkVersion(context.Background()); err != nil {
		return nil, err
	}
	if s.trash, err = openTrash(filepath.Join(dir, "trash")); err != nil {
		return nil, err
	}
	if err := cleanMirrors(filepath.Join(dir, "mirrors")); err != nil {
		return nil, err
	}
	s.trees = newWorktrees(s, filepath.Join(dir, "worktrees"), max(o.IdleTrees, 0))
	if err := s.trees.open(); err != nil {
		return nil, err
	}
	s.room = newRoom(s)
	return s, nil
}

// Close waits until what is being removed in the background is gone. Nothing
// else may be called during or after it, but for Release. Files stay as they are.
func (s *Source) Close() error {
	s.trees.wait()
	return errors.Join(s.trees.save(), s.trash.wait())
}

func (s *Source) mirror(repo checks.Repo) *mirror {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.mirrors[repo.ID]
	if m == nil {
		m = newMirror(s, repo.ID)
		s.mirrors[repo.ID] = m
	}
	return m
}

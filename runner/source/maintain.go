package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/dudesons/loktar/checks"
)

// Maintain lets go of commits and trees that were not used for Options.Keep,
// forgets repositories of which nothing is left then, packs mirrors that
// need it, and keeps to Options.MaxSize and MinFree. So the code of a repository that the App lost goes from the disk,
// also when nobody told of the loss. It may take minutes and may run beside
// everything else; call it once a day or so. A mirror that fails does not keep
// the others from their turn.
func (s *Source) Maintain(ctx context.Context) error {
	names, err := filepath.Glob(filepath.Join(s.opts.Dir, "mirrors", "*.git"))
	if err != nil {
		return fmt.Errorf("list mirrors: %w", err)
	}
	var errs []error
	for _, name := range names {
		id, err := strconv.ParseInt(strings.TrimSuffix(filepath.Base(name), ".git"), 10, 64)
		if err != nil {
			continue
		}
		unused, err := s.mirror(checks.Repo{ID: id}).maintain(ctx)
		if err == nil && unused {
			err = s.Forget(ctx, checks.Repo{ID: id})
		}
		if err != nil && !errors.Is(err, errForgotten) {
			errs = append(errs, fmt.Errorf("maintain mirror %d: %w", id, err))
		}
	}
	s.room.measureAll()
	if err := s.room.make(ctx); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// maintain reports whether nothing of the mirror was used for so long.
func (m *mirror) maintain(ctx context.Context) (unused bool, err error) {
	ctx, done, err := m.join(ctx)
	if err != nil {
		return false, err
	}
	defer done()
	if unused, err = m.letGo(ctx); err != nil || unused {
		return unused, err
	}
	if _, err := os.Stat(m.dir); err != nil {
		return false, nil
	}
	gc := call{dir: m.dir, args: []string{"gc", "--auto", "--quiet"}, config: []setting{
		{"gc.auto", "2000"}, {"gc.autoPackLimit", "30"}, {"gc.autoDetach", "false"}, {"gc.pruneExpire", "1.week.ago"},
	}}
	_, err = m.src.git.run(ctx, gc)
	return false, diskFault(err)
}

// letGo deletes the refs of days that are too long ago, and reports whether
// none is left.
func (m *mirror) letGo(ctx context.Context) (empty bool, err error) {
	if err := m.lock(ctx); err != nil {
		return false, err
	}
	defer m.unlock()
	if !m.exists() {
		return false, nil
	}
	oldest := m.src.now().Add(-m.src.opts.Keep).UTC().Format(time.DateOnly)
	out, err := m.run(ctx, "for-each-ref", "--format=%(refname)", refRoot)
	if err != nil {
		return false, err
	}
	m.mu.Lock()
	for id, day := range m.kept {
		if day < oldest {
			delete(m.kept, id)
		}
	}
	m.mu.Unlock()
	var in bytes.Buffer
	empty = true
	for ref := range strings.Lines(string(out)) {
		ref = strings.TrimSuffix(ref, "\n")
		if day, _, ok := strings.Cut(strings.TrimPrefix(ref, refRoot), "/"); ok && day < oldest {
			fmt.Fprintf(&in, "delete %s\x00\x00", ref)
		} else {
			empty = false
		}
	}
	if in.Len() == 0 {
		return empty, nil
	}
	_, err = m.src.git.run(ctx, call{dir: m.dir, args: []string{"update-ref", "--stdin", "-z"}, stdin: in.Bytes()})
	return empty, err
}

package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/dudesons/loktar/checks"
)

const (
	// maxLinks bounds the symbolic links of one tree.
	maxLinks = 100_000
	// maxTarget bounds a link's target, in bytes: Linux has none longer.
	maxTarget = 4095
	// maxLines bounds the base branches whose links are remembered.
	maxLines = 16
)

// emptyTree is the tree without entries. Git knows it everywhere.
const emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

// linked are all links of one tree, by path; Target is empty where one leads
// nowhere in the repository. Nobody changes them.
type linked struct {
	tree  string
	links []checks.Link
}

// linkMemory remembers the links of the tree that was last seen for each base
// branch, so that only what changed since has to be looked at.
type linkMemory struct {
	mu    sync.Mutex
	lines []linkLine // the last used last
}

type linkLine struct {
	branch string
	linked
}

// near is what is known of the tree that is most like those of branch.
func (l *linkMemory) near(branch string) linked {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if line.branch == branch {
			return line.linked
		}
	}
	if n := len(l.lines); n > 0 {
		return l.lines[n-1].linked
	}
	return linked{tree: emptyTree}
}

func (l *linkMemory) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = nil
}

func (l *linkMemory) keep(branch string, now linked) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = slices.DeleteFunc(l.lines, func(line linkLine) bool { return line.branch == branch })
	if len(l.lines) >= maxLines {
		l.lines = slices.Delete(l.lines, 0, 1)
	}
	l.lines = append(l.lines, linkLine{branch, now})
}

// links gives the links of a tree that is to be merged into branch, by path:
// those that lead somewhere in the repository. The error is errTooMany or
// errTooMuch when there are too many to look at.
func (m *mirror) links(ctx context.Context, objects *Objects, branch, tree string) ([]checks.Link, error) {
	from := m.linkMemory.near(branch)
	now, err := m.linksSince(ctx, objects, from, tree)
	if err != nil && exitOf(err) > 0 && from.tree != emptyTree {
		// The tree that was remembered may have been collected.
		now, err = m.linksSince(ctx, objects, linked{tree: emptyTree}, tree)
	}
	if err != nil {
		return nil, fmt.Errorf("find symbolic links: %w", err)
	}
	m.linkMemory.keep(branch, now)
	var links []checks.Link
	for _, l := range now.links {
		if l.Target != "" {
			links = append(links, l)
		}
	}
	return links, nil
}

// linksSince gives the links of tree: those of from, but for what differs.
func (m *mirror) linksSince(ctx context.Context, objects *Objects, from linked, tree string) (linked, error) {
	now := linked{tree, from.links}
	if from.tree == tree {
		return now, nil
	}
	out, err := m.run(ctx, "diff-tree", "-r", "--no-renames", "--raw", "--no-abbrev", "-z", from.tree, tree, "--")
	if err != nil {
		return linked{}, err
	}
	changes, err := parseLinkChanges(out)
	if err != nil || len(changes) == 0 {
		return now, err
	}
	touched := make(map[string]bool, len(changes))
	added := 0
	for _, c := range changes {
		touched[c.path] = true
		if c.oid != "" {
			added++
		}
	}
	now.links = make([]checks.Link, 0, len(from.links)+added)
	for _, l := range from.links {
		if !touched[l.Path] {
			now.links = append(now.links, l)
		}
	}
	if len(now.links)+added > maxLinks {
		return linked{}, errTooMany
	}
	targets := map[string]string{} // by object id: many links may share one
	for _, c := range changes {
		if c.oid == "" {
			continue
		}
		target, known := targets[c.oid]
		if !known {
			_, raw, err := objects.Blob(c.oid, maxTarget)
			var large *TooLargeError
			if err != nil && !errors.As(err, &large) {
				return linked{}, err
			}
			target = string(raw)
			targets[c.oid] = target
		}
		now.links = append(now.links, checks.Link{Path: c.path, Target: leadsTo(c.path, target)})
	}
	slices.SortFunc(now.links, func(a, b checks.Link) int { return cmp.Compare(a.Path, b.Path) })
	return now, nil
}

// linkChange is a path that is a link before or after; oid is empty when it
// is none after.
type linkChange struct{ path, oid string }

// parseLinkChanges picks the links among the changes that git diff-tree prints,
// see eachChange.
func parseLinkChanges(out []byte) ([]linkChange, error) {
	var list []linkChange
	err := eachChange(out, func(c rawChange) error {
		switch string(ModeSymlink) {
		case c.after:
			if !isObjectName(c.oid) {
				return fmt.Errorf("%q is not an object", c.oid)
			}
			list = append(list, linkChange{c.path, c.oid})
		case c.before:
			list = append(list, linkChange{path: c.path})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// leadsTo is where the link at a path leads, from the root and clean. It is
// worked out from the names alone: folders on the way that are links
// themselves are not followed. It is empty for a target that is absolute or
// leaves the repository, for a link to itself, and for a malformed path.
func leadsTo(link, target string) string {
	if target == "" || target[0] == '/' || path.Clean(link) != link || strings.IndexByte(target, 0) >= 0 {
		return ""
	}
	to := path.Join(path.Dir(link), target)
	if to == ".." || strings.HasPrefix(to, "../") || to == link {
		return ""
	}
	return to
}

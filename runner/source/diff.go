package source

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// What is said of histories that do not meet.
const (
	tooLong   = "the list of changed files is too long to be kept"
	unrelated = "the branch and its base have no common history"
	cutOff    = "the repository that was fetched from is shallow, and the common history is not in it"
)

// mergeBase is the commit at which two histories part. It is empty when they
// do not meet; why says so then.
func (m *mirror) mergeBase(ctx context.Context, base, head string) (sha, why string, err error) {
	out, err := m.run(ctx, "merge-base", "--all", base, head)
	if exitOf(err) == 1 && stderrOf(err) == "" {
		if m.shallow() {
			return "", cutOff, nil
		}
		return "", unrelated, nil
	}
	if err != nil {
		return "", "", fmt.Errorf("find the merge base: %w", err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	if !isObjectName(first) {
		return "", "", fmt.Errorf("find the merge base: git printed %q", first)
	}
	return first, "", nil
}

// diffMergeBase fills MergeBase and Files, or Unbounded.
func (m *mirror) diffMergeBase(ctx context.Context, c *checks.Change) (err error) {
	c.MergeBase, c.Unbounded, err = m.mergeBase(ctx, c.BaseSHA, c.HeadSHA)
	if err != nil {
		return err
	}
	return m.diff(ctx, c)
}

// diff fills Files with what differs from MergeBase, if there is one, or
// Unbounded.
func (m *mirror) diff(ctx context.Context, c *checks.Change) error {
	if c.MergeBase == "" {
		return nil
	}
	out, err := m.run(ctx, "diff-tree", "-r", "--no-renames", "--no-ext-diff", "--ignore-submodules=none",
		"--name-status", "-z", c.MergeBase, c.HeadSHA, "--")
	if errors.Is(err, errTooMuch) {
		c.Unbounded = tooLong
		return nil
	}
	if err != nil {
		return fmt.Errorf("list the changed files: %w", err)
	}
	if c.Files, err = parseNameStatus(out); err != nil {
		return fmt.Errorf("list the changed files: %w", err)
	}
	return nil
}

// merge merges head into base, without a common history too.
func (m *mirror) merge(ctx context.Context, base, head string) (tree string, conflicts []string, err error) {
	out, err := m.run(ctx, "merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", "--allow-unrelated-histories", base, head)
	conflicted := exitOf(err) == 1
	if err != nil && !conflicted {
		return "", nil, fmt.Errorf("merge %s into %s: %w", head, base, m.mergeFault(err))
	}
	tree, conflicts, perr := parseMergeTree(out)
	switch {
	case perr != nil:
		return "", nil, fmt.Errorf("merge %s into %s: %w", head, base, errors.Join(perr, err))
	case conflicted != (len(conflicts) > 0):
		return "", nil, fmt.Errorf("merge %s into %s: git names %d conflicts: %w", head, base, len(conflicts), err)
	case conflicted:
		return "", conflicts, nil
	}
	return tree, nil, nil
}

// mergeFault tells of trees that git cannot merge as such: it stops, or fails
// one of its assertions, on trees that no honest git makes.
func (m *mirror) mergeFault(err error) error {
	if err = m.src.onDisk(err); checks.CauseOf(err) != "" {
		return err
	}
	if f := faultOf(err); f == faultUnknown && (exitOf(err) > 1 || strings.Contains(stderrOf(err), "Assertion")) {
		return checks.Errorf(checks.KindRefused, err, "Git could not merge the branch into its base. A folder in one of them is malformed: look at it with git fsck.")
	}
	return err
}

// treeOf is the tree of a commit. Something else, that a tag may point at, is
// an error of checks.KindRefused.
func (o *Objects) treeOf(sha string) (string, error) {
	obj, err := o.Info(sha)
	if err != nil {
		return "", err
	}
	if obj.Type != "commit" {
		return "", checks.Errorf(checks.KindRefused, nil, "%s is a %s, not a commit. Push a branch or a tag of a commit.", sha, obj.Type)
	}
	obj, err = o.Info(sha + "^{tree}")
	return obj.OID, err
}

// subject is the first paragraph of a commit's message on one line.
func (o *Objects) subject(sha string) (string, error) {
	_, raw, err := o.Read(sha, maxCommit)
	var large *TooLargeError
	if errors.As(err, &large) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return subjectOf(string(raw)), nil
}

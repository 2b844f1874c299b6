package source

import (
	"context"
	"errors"
	"fmt"
)

// Edit is a path that differs between two trees.
type Edit struct {
	Path string
	// Was is the id of the blob that a file was before, which is a file after
	// too. It is empty of all that comes, goes or is another kind of thing.
	Was string
}

// Diff are the paths that differ between two commits or trees, in git's order,
// both sides of a rename. Where they are too many, unbounded says so.
func (l *Local) Diff(ctx context.Context, from, to string) (edits []Edit, unbounded string, err error) {
	out, err := l.m.run(ctx, "diff-tree", "-r", "--no-renames", "--no-ext-diff", "--ignore-submodules=none", "--raw", "--no-abbrev", "-z", from, to, "--")
	if errors.Is(err, errTooMuch) {
		return nil, tooLong, nil
	}
	if err == nil {
		err = eachChange(out, func(c rawChange) error {
			e := Edit{Path: c.path}
			if isFileMode(c.before) && isFileMode(c.after) {
				e.Was = c.was
			}
			edits = append(edits, e)
			return nil
		})
	}
	if err != nil {
		return nil, "", fmt.Errorf("list the changed files: %w", err)
	}
	return edits, "", nil
}

func isFileMode(mode string) bool { return (Entry{Mode: Mode(mode)}).IsFile() }

package source

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
)

var objectName = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)

// isObjectName reports whether s is a full object id as git prints it.
func isObjectName(s string) bool { return objectName.MatchString(s) }

// cutNUL splits b at its first NUL.
func cutNUL(b []byte) (field string, rest []byte, err error) {
	i := bytes.IndexByte(b, 0)
	if i < 0 {
		return "", nil, errors.New("a field does not end with NUL")
	}
	return string(b[:i]), b[i+1:], nil
}

// parseNameStatus reads the output of git diff-tree --no-renames
// --name-status -z: a status letter and a path, each ended by NUL. It returns
// the paths in git's order.
func parseNameStatus(out []byte) ([]string, error) {
	files := make([]string, 0, bytes.Count(out, []byte{0})/2)
	for len(out) > 0 {
		status, rest, err := cutNUL(out)
		if err != nil {
			return nil, err
		}
		if len(status) != 1 || !bytes.Contains([]byte("AMDTUX"), []byte(status)) {
			return nil, fmt.Errorf("status %q is not known", status)
		}
		path, rest, err := cutNUL(rest)
		if err != nil {
			return nil, err
		}
		if path == "" {
			return nil, errors.New("a path is empty")
		}
		files = append(files, path)
		out = rest
	}
	return files, nil
}

// parseMergeTree reads the output of git merge-tree --write-tree -z
// --name-only --no-messages: the tree, then the paths in conflict.
func parseMergeTree(out []byte) (tree string, conflicts []string, err error) {
	tree, out, err = cutNUL(out)
	if err != nil {
		return "", nil, err
	}
	if !isObjectName(tree) {
		return "", nil, fmt.Errorf("%q is not a tree", tree)
	}
	for len(out) > 0 {
		var path string
		if path, out, err = cutNUL(out); err != nil {
			return "", nil, err
		}
		if path == "" {
			return "", nil, errors.New("a path is empty")
		}
		conflicts = append(conflicts, path)
	}
	return tree, conflicts, nil
}

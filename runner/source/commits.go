package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// What is listed of a change's commits at most.
const (
	maxCommits     = 1000
	maxCommitFiles = 100_000  // over all commits
	maxCommitText  = 32 << 20 // bytes of what git prints of them
)

// errTooMany says that there are more commits, or files in them, than are kept.
var errTooMany = errors.New("there are more than are kept")

// commits fills Commits with what head reaches and base does not, or
// CommitsUnknown. A merge names the files that differ from each of its
// parents alone, so that what it merely brings in counts for nothing.
func (m *mirror) commits(ctx context.Context, c *checks.Change) error {
	if c.BaseSHA == "" {
		c.CommitsUnknown = true
		return nil
	}
	if m.shallow() {
		// A commit whose parent is cut off looks as if it made every file.
		c.CommitsUnknown = true
		return nil
	}
	out, err := m.src.git.run(ctx, call{dir: m.dir, max: maxCommitText, args: []string{
		"log", "-z", "--reverse", "--topo-order", fmt.Sprintf("--max-count=%d", maxCommits+1),
		"--format=%H%x00%P%x00%s", "--encoding=UTF-8", "--no-show-signature", "--no-notes", "--no-color",
		"--name-status", "--root", "--diff-merges=combined", "--no-renames", "--no-ext-diff", "--ignore-submodules=none",
		c.HeadSHA, "^" + c.BaseSHA, "--",
	}})
	if errors.Is(err, errTooMuch) {
		c.CommitsUnknown = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("list the commits: %w", err)
	}
	list, err := parseLog(out)
	if errors.Is(err, errTooMany) {
		c.CommitsUnknown = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("list the commits: %w", err)
	}
	c.Commits = list
	return nil
}

// parseLog reads the output of git log -z --format=%H%x00%P%x00%s
// --name-status. A commit is its id, the ids of its parents with blanks
// between them, and its subject, each ended by NUL. Its files follow, as
// parseNameStatus has them, but that a merge has a letter for each parent.
// Git puts a line break before the first file of a commit, and a NUL before
// those of a merge, if it has any or not.
func parseLog(out []byte) ([]checks.CommitInfo, error) {
	var list []checks.CommitInfo
	names := 0
	for len(out) > 0 {
		var c checks.CommitInfo
		var err error
		if c.SHA, out, err = cutNUL(out); err != nil {
			return nil, err
		}
		if !isObjectName(c.SHA) {
			return nil, fmt.Errorf("%q is not a commit", c.SHA)
		}
		var parents string
		if parents, out, err = cutNUL(out); err != nil {
			return nil, err
		}
		c.Merge = strings.Contains(parents, " ")
		if c.Subject, out, err = cutNUL(out); err != nil {
			return nil, err
		}
		c.Subject = oneLine(c.Subject)
		if len(out) > 0 && (out[0] == '\n' || out[0] == 0) {
			out = out[1:]
		}
		for {
			status, rest, ok := bytes.Cut(out, []byte{0})
			if !ok || !isStatus(status) {
				break
			}
			if names++; names > maxCommitFiles {
				return nil, errTooMany
			}
			path, rest, err := cutNUL(rest)
			if err != nil {
				return nil, err
			}
			if path == "" {
				return nil, errors.New("a path is empty")
			}
			c.Files = append(c.Files, path)
			out = rest
		}
		if list = append(list, c); len(list) > maxCommits {
			return nil, errTooMany
		}
	}
	return list, nil
}

// isStatus tells the letters of --name-status from a commit's id.
func isStatus(b []byte) bool {
	for _, c := range b {
		if !strings.ContainsRune("AMDTUX", rune(c)) {
			return false
		}
	}
	return len(b) > 0
}

// subjectOf is the first paragraph of a commit object's message on one line,
// as git log has it for %s.
func subjectOf(commit string) string {
	_, message, _ := strings.Cut(commit, "\n\n")
	message, _, _ = strings.Cut(message, "\x00")
	var paragraph []string
	for line := range strings.Lines(message) {
		if line = strings.TrimSpace(line); line != "" {
			paragraph = append(paragraph, line)
		} else if len(paragraph) > 0 {
			break
		}
	}
	return oneLine(strings.Join(paragraph, " "))
}

// oneLine is s with single blanks for white space, and valid UTF-8.
func oneLine(s string) string {
	return strings.ToValidUTF8(strings.Join(strings.Fields(s), " "), "\uFFFD")
}

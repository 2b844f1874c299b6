package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// errAttributes says that two trees differ in a .gitattributes file: then
// files whose blob is the same may have other bytes on disk.
var errAttributes = errors.New("the attributes differ")

// checkout fills a new folder. Its index is beside the files, not in them.
func (m *mirror) checkout(ctx context.Context, f *folder, tree string) error {
	if err := os.MkdirAll(f.files(), 0o755); err != nil {
		return fmt.Errorf("make worktree: %w", err)
	}
	for _, dir := range []string{m.src.trees.dir, f.dir, f.files()} {
		if err := os.Chmod(dir, 0o755); err != nil {
			return fmt.Errorf("make worktree: %w", err)
		}
	}
	if err := m.readTree(ctx, f, "--reset", tree); err != nil {
		return err
	}
	g, err := m.survey(ctx, f)
	f.gaps = g
	return err
}

// move changes a folder that holds the tree `from`, with the gaps old, into
// the tree `to`. Git touches only what differs. After an error the folder's
// content is undefined.
func (m *mirror) move(ctx context.Context, f *folder, from, to string, old *gaps) error {
	raw, err := m.run(ctx, "diff-tree", "-r", "--no-renames", "--raw", "--no-abbrev", "-z", from, to, "--")
	if err != nil {
		return err
	}
	err = eachChange(raw, func(c rawChange) error {
		if _, name := splitDir(c.path); name == ".gitattributes" {
			return errAttributes
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := m.readTree(ctx, f, "-m", from, to); err != nil {
		return err
	}
	f.gaps, err = m.moved(ctx, f, old, raw)
	return err
}

func (m *mirror) readTree(ctx context.Context, f *folder, how string, trees ...string) error {
	_, err := m.src.git.run(ctx, call{
		dir:   m.dir,
		args:  append([]string{"--work-tree=" + f.files(), "read-tree", "-u", "--no-recurse-submodules", how}, trees...),
		env:   []string{"GIT_INDEX_FILE=" + f.index()},
		umask: true,
	})
	return err
}

var (
	invalidPath = regexp.MustCompile(`(?m)^error: (invalid path .*)$`)
	uncreated   = regexp.MustCompile(`(?m)^(?:error|fatal): ((?:unable to create|cannot create) .*)$`)
)

// checkoutFault tells of a tree that cannot be written to disk as such.
func checkoutFault(err error) error {
	text := stderrOf(err)
	line := invalidPath.FindStringSubmatch(text)
	if line == nil && faultOf(err) == faultDisk {
		return diskFault(err)
	}
	if line == nil {
		line = uncreated.FindStringSubmatch(text)
	}
	if line == nil {
		return err
	}
	said := strings.ToValidUTF8(line[1], "\uFFFD")
	if r := []rune(said); len(r) > 300 {
		said = string(r[:300]) + "..."
	}
	return checks.Errorf(checks.KindRefused, err, "Git will not check these files out: %q. Rename or remove that path.", said)
}

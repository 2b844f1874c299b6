// Package publish brings what a package's steps produced into registries: one
// file a kind of registry. It holds the credentials of registries; the steps,
// which run a repository's own code, never see them.
//
// A version is used once. Nothing here overwrites what is published: Publish
// leaves what is there with the same content, completes what is there in
// part, and refuses a version that holds something else. So whoever died
// between an upload and its own record asks Find, or just publishes again.
package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/dudesons/loktar/checks"
)

// Publisher publishes the releases of one kind of package to one kind of
// registry. All methods may be called concurrently for different packages;
// for one name in one registry, a caller runs one at a time, since few
// registries can create a version only where there is none.
//
// Errors have kinds. Unavailable: the same call may succeed later, after
// RetryAfter() time.Duration if an error of the chain has that method.
// Refused: the registry understood and will not, or the release is not fit
// for it; another commit may mend that. Config: the operator has to mend
// credentials or addresses. No error and no log line holds a secret.
type Publisher interface {
	// Highest is the highest number that the registry has for the package:
	// of its whole-number versions, and of those that build_info.version
	// makes with {{.Next}} (a file named there must be read before: see
	// ReadTemplate). It is 0 where there is none.
	Highest(ctx context.Context, pkg checks.Package) (int64, error)
	// Find tells what the registry holds of the release. It changes nothing.
	// Published holds the items that are there.
	Find(ctx context.Context, r Release) (Published, State, error)
	// Publish makes the release complete. A release that is complete already
	// is no error. Where the version holds something else the error wraps a
	// *ConflictError, and nothing was changed. What points at the newest
	// version moves last, and never back to an older one.
	Publish(ctx context.Context, r Release) (Published, error)
}

// Release is one version of one package, ready to be published.
type Release struct {
	Repo    checks.Repo
	Package checks.Package
	Version string // CheckVersion tells what it may be
	Commit  string // the SHA that it was made from
	// PullRequest asks for a build to try, under Branch: it has no place
	// among the versions, and the next build of the branch replaces it. Only
	// storage takes it. Whether a pull request may publish is for the caller
	// to decide.
	PullRequest bool
	Branch      string
	// Files are what the steps produced; they must stay as they are, also
	// over a crash, until the release is recorded as published: a second
	// build seldom has the same bytes.
	Files []File
	// Image is the id of an image that the engine has, for docker. Find does
	// without it.
	Image string
}

// File is one file of a release.
type File struct {
	Name   string // slash-separated; it is from the repository, and hostile
	Size   int64
	SHA256 string // in lowercase hexadecimal digits
	// Open gives the content from the start. It may be called many times.
	Open func() (io.ReadCloser, error)
}

// State is how far a release is published.
type State int

// The states of a release.
const (
	// Absent: the registry has nothing under the version.
	Absent State = iota
	// Partial: some of it is there, as after a crash. Publish completes it.
	Partial
	// Complete: all of it is there, with the same content.
	Complete
	// Conflict: the version holds something else.
	Conflict
)

func (s State) String() string {
	switch s {
	case Absent:
		return "absent"
	case Partial:
		return "partial"
	case Complete:
		return "complete"
	case Conflict:
		return "conflict"
	}
	return fmt.Sprintf("State(%d)", int(s))
}

// Published is what a registry holds of a release.
type Published struct {
	Version string
	Items   []checks.PublishedItem
}

// ConflictError says that a version holds something else than the release.
type ConflictError struct {
	Version string
	Place   string // the registry's name and the item, for people
	Err     error  // what differs, for the log; it may be nil
}

func (e *ConflictError) Error() string {
	text := fmt.Sprintf("%s holds other content as version %s", e.Place, e.Version)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap is what differs.
func (e *ConflictError) Unwrap() error { return e.Err }

func conflict(version, place, format string, args ...any) error {
	return checks.Errorf(checks.KindRefused, &ConflictError{Version: version, Place: place, Err: fmt.Errorf(format, args...)},
		"Version %s is in %s already, with other content. Nothing was overwritten; publish under another version.", short(version), place)
}

// IsConflict reports whether err says that the version holds something else.
func IsConflict(err error) bool {
	var c *ConflictError
	return errors.As(err, &c)
}

const maxFiles = 1000

// checkFiles refuses names that could mean something outside of the release,
// or the same file twice.
func checkFiles(files []File) error {
	if len(files) > maxFiles {
		return refusedf("The release has %d files; %d is the most. Publish an archive, or fewer artifacts.", len(files), maxFiles)
	}
	seen := make(map[string]bool, len(files))
	for _, f := range files {
		switch {
		case !cleanName(f.Name):
			return refusedf("%q cannot be the name of a published file. Name it with printable characters, without `..` and backslashes.", short(f.Name))
		case seen[f.Name]:
			return refusedf("The release has two files with the name %q.", short(f.Name))
		case !isHex(f.SHA256, 64) || f.Size < 0 || f.Open == nil:
			return fmt.Errorf("check release: file %q has no size, SHA-256 or content", short(f.Name))
		}
		seen[f.Name] = true
	}
	for name := range seen {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if seen[dir] {
				return refusedf("The release has the file %q and another in a folder of that name.", short(dir))
			}
		}
	}
	return nil
}

func cleanName(name string) bool {
	return name != "." && len(name) <= 512 && fs.ValidPath(name) && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || r == '\\' })
}

func isHex(s string, digits int) bool {
	return len(s) == digits && strings.Trim(s, "0123456789abcdef") == ""
}

// base is the last element of a file's name.
func base(f File) string { return path.Base(f.Name) }

// short is text that a stranger wrote, for use within a sentence.
func short(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > 200 {
		return string(runes[:200]) + "…"
	}
	return text
}

func refusedf(format string, args ...any) error {
	return checks.Errorf(checks.KindRefused, nil, format, args...)
}

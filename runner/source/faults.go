package source

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"
	"syscall"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/disk"
)

// fault is what git's own words say went wrong.
type fault int

const (
	faultUnknown  fault = iota
	faultNoRef          // the other side has no such branch
	faultNoCommit       // the other side does not have or give the commit
	faultAuth
	faultNoRepository
	faultMoved
	faultDisk
	faultCorrupt // our mirror is broken
	faultNetwork
)

// The words are git's and curl's in the C locale, from 2.38 to 2.39.
var faultWords = sync.OnceValue(func() []faultWord {
	return []faultWord{
		{faultDisk, regexp.MustCompile(`: (No space left on device|Disk quota exceeded|Read-only file system)\s*$`)},
		{faultNoRef, regexp.MustCompile(`couldn't find remote ref `)},
		{faultNoCommit, regexp.MustCompile(`not our ref |unadvertised object`)},
		{faultAuth, regexp.MustCompile(`returned error: 40[13]\b|Authentication failed|could not read (Username|Password)|access denied`)},
		{faultNoRepository, regexp.MustCompile(`returned error: 404\b|repository '.*' not found|does not appear to be a git repository`)},
		{faultMoved, regexp.MustCompile(`returned error: 30\d\b|unable to update url base from redirection`)},
		{faultNetwork, regexp.MustCompile(`unable to access |RPC failed|early EOF|hung up unexpectedly|unexpected disconnect|Operation too slow|Could not resolve|Connection (refused|reset|timed out)|expected flush|bad line length`)},
		{faultCorrupt, regexp.MustCompile(`object file .* is empty|is corrupt|garbage at end of|unable to unpack|[Uu]nable to read|could not read [0-9a-f]{40}|failed to read object|bad (tree|commit|object|tag)|not a git repository|bad config |pack(file)? .* (cannot be accessed|does not match|is far too short|signature mismatch)|index file .* (too small|corrupt)|did not send all necessary objects|unresolved delta|missing (blob|tree|commit)|invalid (object|sha1 pointer)|Could not read [0-9a-f]{40}|[Ff]ailed to traverse`)},
	}
})

type faultWord struct {
	fault fault
	words *regexp.Regexp
}

// faultOf reads git's standard error. What the other side printed does not
// count as a fault of our mirror.
func faultOf(err error) fault {
	text := stderrOf(err)
	for _, w := range faultWords() {
		for line := range strings.Lines(text) {
			if w.fault == faultCorrupt && (strings.HasPrefix(line, "remote:") || strings.Contains(line, "remote error:")) {
				continue
			}
			if w.words.MatchString(line) {
				return w.fault
			}
		}
	}
	return faultUnknown
}

// errBroken says that the mirror lacks what it must have.
var errBroken = errors.New("the mirror is broken")

// broken reports whether err says that the mirror has to be made anew.
func broken(err error) bool {
	return errors.Is(err, errBroken) || faultOf(err) == faultCorrupt
}

// diskFault tells of a full disk as such, be it by git's words or by an error
// of the system.
func diskFault(err error) error {
	if faultOf(err) == faultDisk || checks.IsDiskFull(err) || errors.Is(err, syscall.EROFS) {
		return noDisk(err)
	}
	return err
}

func noDisk(err error) error {
	return checks.Causef(checks.CauseDiskFull, err, "The disk of the server is full or cannot be written. Its operator has to make room.")
}

// onDisk is diskFault for all that writes to the source's folder. Git does not
// always say why it could not write: what nobody can explain is laid to the
// disk while that is full.
func (s *Source) onDisk(err error) error {
	if err == nil || checks.KindOf(err) != checks.KindInternal || checks.CauseOf(err) != "" {
		return err
	}
	if exitOf(err) > 0 && faultOf(err) == faultUnknown && disk.Full(s.opts.Dir) {
		return noDisk(err)
	}
	return diskFault(err)
}

// fetchFault gives the error of a fetch of repo its kind and its sentence.
func fetchFault(err error, repo checks.Repo) error {
	name := repo.FullName()
	if errors.Is(err, context.DeadlineExceeded) {
		return checks.Errorf(checks.KindUnavailable, err, "Fetching %s took too long.", name)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, errForgotten) || errors.Is(err, errNoRoom) {
		return err
	}
	switch faultOf(err) {
	case faultDisk:
		return diskFault(err)
	case faultNoRef, faultNoCommit:
		return vanished(err, name)
	case faultAuth:
		return checks.Errorf(checks.KindRefused, err, "The server was not allowed to fetch %s. Check that the App is installed there and may read its contents.", name)
	case faultNoRepository:
		return checks.Errorf(checks.KindNotFound, err, "The repository %s was not found. It was deleted or renamed, or the App is not installed there.", name)
	case faultMoved:
		return checks.Errorf(checks.KindMoved, err, "The repository %s has moved. Push again, so that the event has its new name.", name)
	case faultCorrupt:
		return err
	}
	return checks.Errorf(checks.KindUnavailable, err, "The repository %s could not be reached.", name)
}

func vanished(err error, name string) error {
	return checks.Errorf(checks.KindNotFound, err, "A commit of %s is not there: the branch was deleted or force-pushed before it could be fetched.", name)
}

package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxSeen is how many entries of folders are looked at.
	maxSeen = 500_000
	// maxFolder is how long the path of a folder may be that is looked into:
	// well below what Linux takes, and far beyond MaxArtifactName.
	maxFolder = 2048
)

// finder looks through folders for what globs match.
type finder struct {
	files Files
	globs *globs
	seen  int
	left  int64 // of most bytes
	most  int64
	found []FileEntry // with whole names
	// lenient is nil where everything has to be in order.
	lenient *lenient
}

// findAll finds, in the order in which they are handed over.
func (f *finder) findAll(ctx context.Context) error {
	err := f.find(ctx, ".")
	if f.lenient != nil {
		if err = f.lenient.leaveOut(err); err == nil {
			err = f.fit()
		}
		return err
	}
	slices.SortFunc(f.found, byName)
	return err
}

func byName(a, b FileEntry) int { return strings.Compare(a.Name, b.Name) }

func (f *finder) find(ctx context.Context, dir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(dir) > maxFolder {
		return Refusedf("A folder where artifacts are looked for has a path of more than %d bytes. Look for them elsewhere with `artifacts`, or remove it: %s", maxFolder, quote(dir))
	}
	entries, err := f.files.ReadDir(ctx, dir, maxSeen-f.seen+1)
	switch {
	case dir == "." && errors.Is(err, fs.ErrNotExist):
		return nil // the steps removed the package's own folder
	case err != nil:
		return fmt.Errorf("look for artifacts in %q: %w", dir, err)
	}
	if f.seen += len(entries); f.seen > maxSeen {
		return Refusedf("There are more than %d files where artifacts are looked for (%s). Name the folder that holds them in `artifacts`.", maxSeen, f.globs)
	}
	slices.SortFunc(entries, byName)
	for _, e := range entries {
		e.Name = path.Join(dir, e.Name)
		switch {
		case e.Mode.IsDir():
			if f.globs.below(e.Name) {
				if err := f.find(ctx, e.Name); err != nil {
					return err
				}
			}
		case f.globs.match(e.Name):
			if err := f.lenient.leaveOut(f.add(e)); err != nil {
				return err
			}
		case e.Mode&fs.ModeSymlink != 0 && f.globs.through(e.Name):
			err := Refusedf("%s is a symbolic link. Artifacts are taken from folders, not from where links lead.", quote(e.Name))
			if err := f.lenient.leaveOut(err); err != nil {
				return err
			}
		}
	}
	return nil
}

// add takes a file up, or says why not.
func (f *finder) add(e FileEntry) error {
	switch {
	case !e.Mode.IsRegular():
		return Refusedf("%s is %s. An artifact is a regular file: put one there, or correct `artifacts`.", quote(e.Name), kindText(e.Mode))
	case !cleanName(e.Name):
		return Refusedf("%s cannot be the name of an artifact. A name has at most %d bytes, all of printable characters, and no backslash.", quote(fmt.Sprintf("%q", e.Name)), MaxArtifactName)
	case f.lenient != nil: // fit looks at the bounds, once all are known
		f.found = append(f.found, e)
		return nil
	}
	return f.take(e)
}

// take takes a file up that is in order, as long as there is room.
func (f *finder) take(e FileEntry) error {
	switch {
	case len(f.found) == MaxArtifacts:
		return Refusedf("%s is one file more than the %d that a package may have as artifacts (%s). Pack them into an archive.", quote(e.Name), MaxArtifacts, f.globs)
	case e.Size > f.left:
		return Refusedf("%s has %s; with it, the artifacts are larger than the %s that they may have together.", quote(e.Name), bytesText(e.Size), bytesText(f.most))
	}
	f.left -= e.Size
	f.found = append(f.found, e)
	return nil
}

func cleanName(name string) bool {
	return len(name) <= MaxArtifactName && name != "." && fs.ValidPath(name) && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || r == '\\' })
}

func kindText(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "a special file"
}

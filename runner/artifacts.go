package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The bounds of what one job may hand over.
const (
	// MaxArtifacts is how many files.
	MaxArtifacts = 1000
	// DefaultArtifactBytes is how many bytes together, where nobody says.
	DefaultArtifactBytes = 10 << 30
	// MaxArtifactName is how long a name may be, in bytes.
	MaxArtifactName = 512
)

const (
	// maxSeen is how many entries of folders are looked at.
	maxSeen = 500_000
	// maxFolder is how long the path of a folder may be that is looked into:
	// well below what Linux takes, and far beyond MaxArtifactName.
	maxFolder = 2048
)

// Collect takes one artifact. name is slash-separated and relative to the
// package's folder; it was checked, as the file's kind was. mode is 0644, or
// 0755 for a file that somebody may execute. open gives the content from its
// start, exactly size bytes or an error; it may be called many times, until
// Collect returns. An error ends the collecting and is the job's fault.
type Collect func(ctx context.Context, name string, size int64, mode fs.FileMode, open func() (io.ReadCloser, error)) error

// Artifacts is what a job hands over once its steps passed.
type Artifacts struct {
	// Globs name the files, from the package's folder. One whose last element
	// has no *, ? and [ means the file, or all in the folder, of that name.
	Globs []string
	// MaxBytes bounds them together; 0 means DefaultArtifactBytes.
	MaxBytes int64
	// Collect is called for one file after the other, in the order of their
	// names, once all of them are known to be in order.
	Collect Collect
}

// Files is a view of a package's folder that nobody writes to any more.
// Names are slash-separated, relative to that folder, and clean.
type Files interface {
	// ReadDir tells of all that is in a folder ("." is the package's own), in
	// any order, without following links. It may stop after most entries. The
	// error is fs.ErrNotExist where there is no such folder.
	ReadDir(ctx context.Context, name string, most int) ([]FileEntry, error)
	// Open opens a regular file. It follows no symbolic link, not even one to
	// a folder on the way.
	Open(ctx context.Context, name string) (io.ReadCloser, error)
}

// FileEntry is one entry of a folder.
type FileEntry struct {
	Name string // its last element
	Mode fs.FileMode
	Size int64
}

// A refusedError says in a sentence for the author why there is a red verdict
// and not an artifact.
type refusedError string

func (e refusedError) Error() string { return string(e) }

// Refusedf is an error of Files that is the job's own fault: CollectFrom makes
// a refusal of its sentence, which must have no control characters.
func Refusedf(format string, args ...any) error { return refusedError(fmt.Sprintf(format, args...)) }

// CollectFrom finds what a asks for in files and hands it to a.Collect. It is
// what every Sandbox does with Task.Artifacts: count and refusal are for Exit.
// A refusal means that nothing was handed over. An error is that of files or
// of a.Collect, or the end of ctx.
func CollectFrom(ctx context.Context, files Files, a *Artifacts) (count int, refusal string, err error) {
	set, err := newGlobs(a.Globs)
	if err == nil {
		f := finder{files: files, globs: set, left: cmp.Or(a.MaxBytes, DefaultArtifactBytes), most: cmp.Or(a.MaxBytes, DefaultArtifactBytes)}
		if err = f.find(ctx, "."); err == nil {
			if err = handOver(ctx, files, f.found, a.Collect); err == nil {
				return len(f.found), "", nil
			}
		}
	}
	if refused := refusedError(""); errors.As(err, &refused) {
		return 0, string(refused), nil
	}
	return 0, "", err
}

func handOver(ctx context.Context, files Files, found []FileEntry, collect Collect) error {
	slices.SortFunc(found, func(a, b FileEntry) int { return strings.Compare(a.Name, b.Name) })
	for _, e := range found {
		if err := ctx.Err(); err != nil {
			return err
		}
		open := func() (io.ReadCloser, error) {
			r, err := files.Open(ctx, e.Name)
			if err != nil {
				return nil, err
			}
			return &exact{ReadCloser: r, left: e.Size}, nil
		}
		mode := fs.FileMode(0o644)
		if e.Mode&0o111 != 0 {
			mode = 0o755
		}
		if err := collect(ctx, e.Name, e.Size, mode, open); err != nil {
			return fmt.Errorf("collect artifact %q: %w", e.Name, err)
		}
	}
	return nil
}

// exact gives as many bytes as were promised, or an error.
type exact struct {
	io.ReadCloser
	left int64
}

func (e *exact) Read(p []byte) (int, error) {
	n, err := e.ReadCloser.Read(p)
	e.left -= int64(n)
	switch {
	case e.left < 0:
		return 0, errors.New("the file has more bytes than its size told")
	case err == io.EOF && e.left > 0:
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}

// WriteTo has io.Copy take larger steps than it does by itself.
func (e *exact) WriteTo(w io.Writer) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{e}, make([]byte, 256<<10))
}

// finder looks through folders for what globs match.
type finder struct {
	files Files
	globs *globs
	seen  int
	left  int64 // of most bytes
	most  int64
	found []FileEntry // with whole names
}

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
	slices.SortFunc(entries, func(a, b FileEntry) int { return strings.Compare(a.Name, b.Name) })
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
			if err := f.add(e); err != nil {
				return err
			}
		case e.Mode&fs.ModeSymlink != 0 && f.globs.through(e.Name):
			return Refusedf("%s is a symbolic link. Artifacts are taken from folders, not from where links lead.", quote(e.Name))
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

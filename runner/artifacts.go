package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
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

// Collect takes one artifact. name is slash-separated and relative to the
// package's folder; it was checked, as the file's kind was. mode is 0644, or
// 0755 for a file that somebody may execute. open gives the content from its
// start, exactly size bytes or an error; it may be called many times, until
// Collect returns. An error ends the collecting and is the job's fault.
type Collect func(ctx context.Context, name string, size int64, mode fs.FileMode, open func() (io.ReadCloser, error)) error

// Artifacts is what a job hands over once its steps ended.
type Artifacts struct {
	// Globs name the files, from the package's folder. One whose last element
	// has no *, ? and [ means the file, or all in the folder, of that name.
	Globs []string
	// MaxBytes bounds them together; 0 means DefaultArtifactBytes.
	MaxBytes int64
	// Lenient has what cannot be handed over left out, with a refusal that
	// tells of it, in place of handing over nothing. Steps that failed hand
	// over too.
	Lenient bool
	// First, with Lenient, names the files that come before the others, and
	// have their room within the bounds before them. Nil is none.
	First func(name string) bool
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
// A refusal means that nothing was handed over or, of what is Lenient, not
// all. An error is that of files or of a.Collect, or the end of ctx.
func CollectFrom(ctx context.Context, files Files, a *Artifacts) (count int, refusal string, err error) {
	set, err := newGlobs(a.Globs)
	if err == nil {
		most := cmp.Or(a.MaxBytes, DefaultArtifactBytes)
		f := finder{files: files, globs: set, left: most, most: most}
		if a.Lenient {
			f.lenient = &lenient{first: a.First}
		}
		if err = f.findAll(ctx); err == nil {
			if err = handOver(ctx, files, f.found, a.Collect); err == nil {
				return len(f.found), f.lenient.refusal(), nil
			}
		}
	}
	if refused := refusedError(""); errors.As(err, &refused) {
		return 0, string(refused), nil
	}
	return 0, "", err
}

func handOver(ctx context.Context, files Files, found []FileEntry, collect Collect) error {
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

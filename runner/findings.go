package runner

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/annotate"
)

// TreeRoot is where a sandbox that has files of its own shows a job's tree.
const TreeRoot = "/workspace"

// reading finds out what a job's reports and its log tell.
type reading struct {
	c       *annotate.Collector
	files   *treeFiles
	attempt int
}

func newReading(job checks.Job, tree string, log *Log) *reading {
	files := &treeFiles{dir: tree}
	return &reading{files: files, attempt: job.Attempt, c: annotate.New(annotate.Options{
		Dir: job.Package.Dir, Root: TreeRoot, Files: files, Mask: log.masked,
	})}
}

// report reads a report; what is wrong with it is among the findings.
func (r *reading) report(ctx context.Context, name string, open func() (io.ReadCloser, error)) {
	f, err := open()
	if err != nil {
		return // who keeps it meets the same, and tells
	}
	defer f.Close()
	r.c.Report(name, Until(ctx, f))
}

// Until is r, whose reads fail once ctx has ended.
func Until(ctx context.Context, r io.Reader) io.Reader { return &until{ctx, r} }

type until struct {
	ctx context.Context
	io.Reader
}

func (u *until) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.Reader.Read(p)
}

// told is result with what was found. The log counts where the job is red: what
// its last step printed.
func (r *reading) told(ctx context.Context, result checks.Result, exit Exit, log *Log) checks.Result {
	if r == nil {
		return result
	}
	switch result.Outcome {
	case checks.OutcomePassed:
	case checks.OutcomeFailed, checks.OutcomeTimedOut:
		if err := r.log(ctx, exit, log); err != nil {
			zerolog.Ctx(ctx).Warn().Err(err).Str("log", log.file.Name()).Msg("cannot read back what a job printed")
		}
	default:
		return result
	}
	f := r.c.Findings()
	if f.Tests.Total() > 0 || len(f.Annotations)+len(f.Unplaced)+len(f.Notes) > 0 || f.Log != "" {
		result.Findings = &f
	}
	return result
}

// close lets go of the tree.
func (r *reading) close() {
	if r != nil {
		r.files.close()
	}
}

// log reads back what the attempt printed until its clean lines began.
func (r *reading) log(ctx context.Context, exit Exit, log *Log) error {
	log.mu.Lock()
	log.settle()
	log.mu.Unlock()
	f, err := os.Open(log.file.Name())
	if err != nil {
		return err
	}
	defer f.Close()
	steps, last := 0, exit.Step+1
	begin, err := attemptStart(f, r.attempt)
	if err != nil {
		return err
	}
	if _, err := f.Seek(begin, io.SeekStart); err != nil {
		return err
	}
	err = eachLogLine(Until(ctx, f), func(_ int64, own bool, m mark, text []byte) bool {
		switch {
		case !own && steps > 0:
			r.c.Line(text)
		case own && m == stepMark:
			if steps++; steps > last {
				return false
			}
			r.c.Step()
		}
		return true
	})
	r.c.End()
	return err
}

// attemptStart is where the last attempt of that number begins in a log.
func attemptStart(f io.ReadSeeker, attempt int) (begin int64, err error) {
	if attempt <= 1 {
		return 0, nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	err = eachLogLine(f, func(at int64, own bool, m mark, text []byte) bool {
		if own && m == noteMark && string(text) == attemptText(attempt) {
			begin = at
		}
		return true
	})
	return begin, err
}

// eachLogLine calls do with each line of a log, of which at is the place, until
// it says no. own is one of Loktar's, without its mark; of a long line text is
// the beginning.
func eachLogLine(r io.Reader, do func(at int64, own bool, m mark, text []byte) (more bool)) error {
	in := bufio.NewReaderSize(r, 128<<10)
	for at := int64(0); ; {
		piece, err := in.ReadSlice('\n')
		n := int64(len(piece))
		if n > 0 {
			form, text := cutStamp(piece)
			m := mark("")
			own := form == ownStamp || form == breakStamp
			if own {
				m, text = cutMark(text)
			} else if text[len(text)-1] == '\n' {
				text = text[:len(text)-1]
			}
			if !do(at, own, m, text) {
				return nil
			}
		}
		for errors.Is(err, bufio.ErrBufferFull) {
			piece, err = in.ReadSlice('\n')
			n += int64(len(piece))
		}
		at += n
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// treeFiles are the files of a checked out tree.
type treeFiles struct {
	dir   string
	root  *os.Root
	named map[string][]string // by their last elements; nil until they are asked for
}

// maxNamed bounds how many files are looked at.
const maxNamed = 500_000

func (t *treeFiles) open() *os.Root {
	if t.root == nil {
		root, err := os.OpenRoot(t.dir)
		if err != nil {
			return nil
		}
		t.root = root
	}
	return t.root
}

func (t *treeFiles) close() {
	if t.root != nil {
		_ = t.root.Close()
		t.root = nil
	}
}

// Has implements annotate.Files.
func (t *treeFiles) Has(name string) bool {
	root := t.open()
	if root == nil {
		return false
	}
	info, err := root.Lstat(name)
	return err == nil && info.Mode().IsRegular()
}

// Named implements annotate.Files.
func (t *treeFiles) Named(base string) []string {
	root := t.open()
	if root == nil {
		return nil
	}
	if t.named == nil {
		t.named = map[string][]string{}
		seen := 0
		// What cannot be read is not found.
		_ = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
			if seen++; seen > maxNamed {
				return fs.SkipAll
			}
			if err == nil && d.Type().IsRegular() {
				t.named[path.Base(name)] = append(t.named[path.Base(name)], name)
			}
			return nil
		})
	}
	return slices.Clone(t.named[base])
}

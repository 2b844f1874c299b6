package web

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
)

// Logs opens the logs of jobs. A log that does not exist is an error that is
// fs.ErrNotExist. A log only grows, but for a part of its last line that may
// change when the server starts. Each of its lines is a timestamp (RFC 3339), a
// space, and the bytes of the line as the job printed them; those of Loktar's
// own have a timestamp that ends in "+00:00" instead of "Z", or in "-00:00"
// where the line feed before it is not the job's. Their text begins with a mark
// that tells steps, remarks on them and the last line apart; see kinds.
type Logs interface {
	Open(run, pkg string) (io.ReadSeekCloser, error)
}

// dirLogs is the folder that the runner writes logs to.
type dirLogs string

func (d dirLogs) Open(run, pkg string) (io.ReadSeekCloser, error) {
	// The names are valid already; OpenInRoot holds even when they are not,
	// and against links.
	f, err := os.OpenInRoot(string(d), path.Join(url.PathEscape(run), url.PathEscape(pkg)+".log"))
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("open log: %w", fs.ErrNotExist), err, f.Close())
	}
	return f, nil
}

// tailStart puts f where the last most bytes begin, at the start of a line
// where there is one, and returns the mark of that place and the log's size.
func tailStart(f io.ReadSeeker, most int64) (mark, int64, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return mark{}, 0, fmt.Errorf("measure log: %w", err)
	}
	at := mark{Line: 1}
	if size > most {
		at = mark{Offset: size - most}
		if at, err = nextLine(f, at, size); err != nil {
			return mark{}, 0, err
		}
	}
	if _, err := f.Seek(at.Offset, io.SeekStart); err != nil {
		return mark{}, 0, fmt.Errorf("find log's end: %w", err)
	}
	return at, size, nil
}

// nextLine is the mark after the first end of a line between at and size; at
// itself when there is none.
func nextLine(f io.ReadSeeker, at mark, size int64) (mark, error) {
	// One byte before at may be that end.
	if _, err := f.Seek(at.Offset-1, io.SeekStart); err != nil {
		return mark{}, fmt.Errorf("find log's end: %w", err)
	}
	buf := make([]byte, 32<<10)
	for pos := at.Offset - 1; pos < size; {
		n, err := f.Read(buf[:min(int64(len(buf)), size-pos)])
		for i, c := range buf[:n] {
			if c == '\n' {
				return mark{Offset: pos + int64(i) + 1}, nil
			}
		}
		pos += int64(n)
		if errors.Is(err, io.EOF) || n == 0 {
			break
		}
		if err != nil {
			return mark{}, fmt.Errorf("read log: %w", err)
		}
	}
	return at, nil
}

package runner

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/dudesons/loktar/checks"
)

// DefaultLogLimit is the size in bytes after which a log keeps no more output.
const DefaultLogLimit = 256 << 20

// The two forms of a line's timestamp, both RFC 3339 in UTC with nanoseconds
// and of a fixed length. The line of a job ends its timestamp in "Z", a line
// of Loktar's own in "+00:00"; a job cannot write the second form, as it does
// not write timestamps at all.
const (
	jobStamp = "2006-01-02T15:04:05.000000000Z "
	ownStamp = "2006-01-02T15:04:05.000000000+00:00 "
)

// headingMark begins the text of Loktar's own lines, for the eye.
const headingMark = "\x1b[1;36m==>\x1b[0m "

// LogPath is the file beneath dir that holds the log of a job.
func LogPath(dir string, id checks.JobID) (string, error) {
	for _, name := range []string{id.Run, id.Package} {
		if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "\\\x00") {
			return "", fmt.Errorf("name log of job %q: %q cannot be a file name", id, name)
		}
	}
	return filepath.Join(dir, url.PathEscape(id.Run), url.PathEscape(id.Package)+".log"), nil
}

// Log is a job's log file while the job runs. Each line of the file is a
// timestamp, one space, and the bytes of the line as the job printed them; the
// timestamp tells when its first byte came. Bytes are in the file as soon as
// Write returns, so others may read it meanwhile. It is safe for concurrent use.
type Log struct {
	mu    sync.Mutex
	file  *os.File
	buf   []byte
	mid   bool  // the last byte written was not a line's end
	left  int64 // bytes that may still be written
	own   int64 // bytes that this attempt's job may still print
	full  bool
	over  chan struct{} // closed when own is used up
	limit int64
	err   error
}

// OpenLog opens the log at path with mode 0600, making it and its folder where
// they are missing. What an earlier attempt wrote stays, and counts. After
// limit bytes (0 means DefaultLogLimit) the log says so once and keeps no more
// output. See Over for a job that prints as much by itself.
func OpenLog(path string, limit int64) (*Log, error) {
	if limit <= 0 {
		limit = DefaultLogLimit
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make log folder: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	l := &Log{file: file, limit: limit, own: limit, over: make(chan struct{})}
	size, err := l.resume()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open log: %w", err), file.Close())
	}
	l.left = limit - size
	return l, nil
}

// resume finds out where an earlier attempt left off.
func (l *Log) resume() (size int64, err error) {
	info, err := l.file.Stat()
	if err != nil || info.Size() == 0 {
		return 0, err
	}
	var last [1]byte
	if _, err := l.file.ReadAt(last[:], info.Size()-1); err != nil {
		return 0, err
	}
	l.mid = last[0] != '\n'
	return info.Size(), nil
}

// Write takes output of the job. It never fails: what could not be written
// shows in Close.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full {
		l.count(len(p))
		return len(p), nil
	}
	var stamp [len(jobStamp)]byte
	time.Now().UTC().AppendFormat(stamp[:0], jobStamp)
	l.buf = l.buf[:0]
	for rest := p; len(rest) > 0; {
		if !l.mid {
			l.buf = append(l.buf, stamp[:]...)
		}
		line := rest
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			line = rest[:i+1]
		}
		l.buf = append(l.buf, line...)
		l.mid = line[len(line)-1] != '\n'
		rest = rest[len(line):]
	}
	l.count(len(l.buf))
	if int64(len(l.buf)) > l.left {
		l.buf, l.full, l.mid = l.buf[:max(l.left, 0)], true, true
	}
	l.flush()
	if l.full {
		l.heading(fmt.Sprintf("The log reached its limit of %s. What the job prints from here on is not kept.", bytesText(l.limit)))
	}
	return len(p), nil
}

// count takes n bytes off what the job may print.
func (l *Log) count(n int) {
	if l.own < 0 {
		return
	}
	if l.own -= int64(n); l.own < 0 {
		close(l.over)
	}
}

// Over is closed once the job of this attempt printed more than the log's
// limit by itself. Such a job is to be ended.
func (l *Log) Over() <-chan struct{} { return l.over }

// Heading writes a line of Loktar's own. Control characters in text, which may
// be hostile, become spaces; long text is cut.
func (l *Log) Heading(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heading(text)
}

func (l *Log) heading(text string) {
	l.buf = l.buf[:0]
	if l.mid {
		l.buf = append(l.buf, '\n')
	}
	l.buf = time.Now().UTC().AppendFormat(l.buf, ownStamp)
	l.buf = append(append(append(l.buf, headingMark...), plain(text, 500)...), '\n')
	l.mid = false
	l.flush()
}

func (l *Log) flush() {
	n, err := l.file.Write(l.buf)
	l.left -= int64(n)
	if err != nil && l.err == nil {
		l.err = err
	}
	if cap(l.buf) > 1<<20 {
		l.buf = nil
	}
}

// Close closes the file. It returns the first error that any write met.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := errors.Join(l.err, l.file.Close()); err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	return nil
}

// plain makes one line of at most limit characters out of text, with nothing
// in it that a terminal would act on.
func plain(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	text = strings.TrimSpace(text)
	if runes := []rune(text); len(runes) > limit {
		text = string(runes[:limit]) + "…"
	}
	return text
}

// bytesText is n in the largest unit that leaves no fraction.
func bytesText(n int64) string {
	for _, unit := range []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= unit.size && n%unit.size == 0 {
			return fmt.Sprintf("%d %s", n/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

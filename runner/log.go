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
	"github.com/dudesons/loktar/runner/redact"
)

// DefaultLogLimit is the size in bytes after which a log keeps no more output.
const DefaultLogLimit = 256 << 20

// The forms of a line's timestamp, all RFC 3339 in UTC with nanoseconds and of
// a fixed length. The line of a job ends its timestamp in "Z", a line of
// Loktar's own in "+00:00", or in "-00:00" where it broke a line of the job's
// in two: the line feed before it is Loktar's then. A job cannot write these,
// as it does not write timestamps at all.
const (
	jobStamp   = "2006-01-02T15:04:05.000000000Z "
	ownStamp   = "2006-01-02T15:04:05.000000000+00:00 "
	breakStamp = "2006-01-02T15:04:05.000000000-00:00 "
)

// mark begins the text of Loktar's own lines, for the eye. To the eye all are
// much the same; to a reader of the file each tells what kind of line it is.
type mark string

const (
	noteMark   mark = "\x1b[1;36m==>\x1b[0m "   // Heading
	stepMark   mark = "\x1b[1;36m==>\x1b[0;1m " // Step; stepEnd ends the line
	remarkMark mark = "\x1b[36m==>\x1b[0m "     // Remark
	endMark    mark = "\x1b[1;36m==>\x1b[m "    // the last line of an attempt
)

// stepEnd ends the weight that stepMark began.
const stepEnd = "\x1b[0m"

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
// Write returns, so others may read it meanwhile. It is an Output, and safe for
// concurrent use.
type Log struct {
	mu    sync.Mutex
	file  *os.File
	buf   []byte
	stamp [len(jobStamp)]byte
	mid   bool  // the last byte in the file is not a line's end
	left  int64 // bytes that may still be written
	full  bool
	limit int64
	err   error

	mask   *redact.Set // nil: nothing is secret
	stream *redact.Stream
	add    func([]byte) // keep, for stream

	// What the job of this attempt may still print, and whether a line of it
	// is not at its end. It hangs on the job's bytes alone, not on what is kept.
	own    int64
	ownMid bool
	over   chan struct{} // closed when own is used up
	broken chan struct{} // closed when err is set

	// What the file has already of that which comes again; see ResumeLog.
	skip  int64  // bytes
	known uint32 // the sum of all these
	sum   uint32 // of those that came
	marks int    // steps and remarks, until it was full
	late  int    // steps since
	began []time.Time

	steps []begun // of this attempt
}

// begun is a step, or a clean line, and when it began.
type begun struct {
	text string
	at   time.Time
}

// OpenLog opens the log at path for a new attempt, with mode 0600, making it
// and its folder where they are missing. What earlier attempts wrote stays, and
// counts. After limit bytes (0 means DefaultLogLimit) the log says so once and
// keeps no more output. See Over for a job that prints as much by itself.
func OpenLog(path string, limit int64) (*Log, error) { return openLog(path, limit, 0) }

// openLog opens the log for a new attempt, or for one to be resumed when its
// number is given.
func openLog(path string, limit int64, resumed int) (*Log, error) {
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
	l := &Log{file: file, limit: limit, own: limit, over: make(chan struct{}), broken: make(chan struct{})}
	l.add = l.keep
	if err := l.takeUp(resumed); err != nil {
		return nil, errors.Join(fmt.Errorf("open log: %w", err), file.Close())
	}
	return l, nil
}

// Mask has the secrets of set replaced in all that is written from here on, in
// the output and in Loktar's own lines. A few bytes of output that may be the
// beginning of a secret wait for those that follow; Step, Remark and Close write
// them. It is to be called before the first Write.
func (l *Log) Mask(set *redact.Set) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mask, l.stream = set, nil; set != nil {
		l.stream = set.Stream()
	}
}

// masked is text without secrets.
func (l *Log) masked(text string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mask.Text(text)
}

// Write takes output of the job. It never fails: what could not be written
// shows in Close.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.output(func() {
		if l.stream == nil {
			l.keep(p)
		} else {
			l.stream.Write(p, l.add)
		}
	})
	return len(p), nil
}

// settle writes the output that waits for more.
func (l *Log) settle() {
	if l.stream != nil {
		l.output(func() { l.stream.Flush(l.add) })
	}
}

// output writes what do gives to keep.
func (l *Log) output(do func()) {
	wasFull := l.full
	l.buf = l.buf[:0]
	time.Now().UTC().AppendFormat(l.stamp[:0], jobStamp)
	do()
	l.flush()
	if l.full && !wasFull {
		l.heading(noteMark, fmt.Sprintf(fullText, bytesText(l.limit)))
	}
}

// keep takes output as the file is to have it into buf, each line behind stamp.
func (l *Log) keep(p []byte) {
	l.count(p)
	known := min(l.skip, int64(len(p)))
	if known > 0 {
		l.skip -= known
		if _, l.sum = sums(l.sum, p[:known]); l.skip == 0 && l.sum != l.known && !l.full {
			l.heading(noteMark, missingText)
			l.buf = l.buf[:0]
		}
	}
	for rest := p[known:]; len(rest) > 0 && !l.full; {
		line := rest
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			line = rest[:i+1]
		}
		rest = rest[len(line):]
		room := l.left - int64(len(l.buf))
		if !l.mid {
			room -= int64(len(l.stamp))
		}
		if room < int64(len(line)) {
			l.full = true
			if line = line[:max(room, 0)]; len(line) == 0 {
				break
			}
		}
		if !l.mid {
			l.buf = append(l.buf, l.stamp[:]...)
		}
		l.buf = append(l.buf, line...)
		l.mid = line[len(line)-1] != '\n'
	}
}

// fullText is the line after which no more output is kept.
const fullText = "The log reached its limit of %s. What the job prints from here on is not kept."

// missingText is the line where what came again has another beginning.
const missingText = "What was printed between the line above and the next one is not kept."

// count takes p, and the timestamps of its lines, off what the job may print.
func (l *Log) count(p []byte) {
	if l.own < 0 || len(p) == 0 {
		return
	}
	lines := bytes.Count(p, []byte{'\n'})
	last := p[len(p)-1] != '\n'
	if last {
		lines++
	}
	if l.ownMid {
		lines--
	}
	l.ownMid = last
	if l.own -= int64(len(p) + lines*len(jobStamp)); l.own < 0 {
		close(l.over)
	}
}

// Over is closed once the job of this attempt printed more than the log's
// limit by itself. Such a job is to be ended.
func (l *Log) Over() <-chan struct{} { return l.over }

// Broken is closed once something could not be written; Close tells why. The
// rest of the job's output is lost.
func (l *Log) Broken() <-chan struct{} { return l.broken }

// Heading writes a line of Loktar's own. Control characters in text, which may
// be hostile, become spaces; long text is cut.
func (l *Log) Heading(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heading(noteMark, text)
}

// Step writes the line that begins a step of the job's; see Output.
func (l *Log) Step(text string) { l.told(stepMark, text) }

// Remark writes a line on the output before it; see Output.
func (l *Log) Remark(text string) { l.told(remarkMark, text) }

// told writes a line that comes again when the output does.
func (l *Log) told(m mark, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle()
	at := time.Now()
	if m == stepMark {
		if len(l.began) > 0 {
			at, l.began = l.began[0], l.began[1:]
		}
		l.steps = append(l.steps, begun{plain(l.mask.Text(text), 120), at})
	}
	switch {
	case l.marks > 0:
		l.marks--
	case m == remarkMark && l.full: // there may be any number of them
	case l.late > 0:
		l.late--
	default:
		l.heading(m, text)
	}
}

// took is how long the first n of the steps that began took, until now at most.
func (l *Log) took(n int, now time.Time) []checks.Step {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []checks.Step
	for i, s := range l.steps[:min(n, len(l.steps))] {
		end := now
		if i+1 < len(l.steps) {
			end = l.steps[i+1].at
		}
		out = append(out, checks.Step{Line: s.text, Took: max(end.Sub(s.at), 0).Round(time.Millisecond)})
	}
	return out
}

// end writes the last line of an attempt.
func (l *Log) end(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle()
	l.heading(endMark, text)
}

func (l *Log) heading(m mark, text string) {
	l.buf = l.buf[:0]
	stamp := ownStamp
	if l.mid {
		l.buf, stamp = append(l.buf, '\n'), breakStamp
	}
	l.buf = time.Now().UTC().AppendFormat(l.buf, stamp)
	l.buf = append(append(l.buf, m...), plain(l.mask.Text(text), 500)...)
	if m == stepMark {
		l.buf = append(l.buf, stepEnd...)
	}
	l.buf = append(l.buf, '\n')
	l.mid = false
	l.flush()
}

// flush writes buf out. After an error nothing is written any more, as nobody
// could tell where the line that it cut off ends.
func (l *Log) flush() {
	if l.err != nil {
		return
	}
	n, err := l.file.Write(l.buf)
	l.left -= int64(n)
	if l.err = err; err != nil {
		close(l.broken)
	}
	if cap(l.buf) > 1<<20 {
		l.buf = nil
	}
}

// Close closes the file. It returns the first error that any write met.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle()
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

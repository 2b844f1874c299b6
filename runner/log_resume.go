package runner

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"time"
)

// ResumeLog takes up the log of an attempt whose writer died, at whatever byte:
// half a line, half a timestamp. The caller then gives everything that the job
// of this attempt printed once more, from its very start, through Write, Step
// and Remark as an Output has them, in any pieces. What the file has already is
// not written again, all else is: in the end each byte, each step and each
// remark stands in the file once, in its place. Where what comes again has other
// bytes than the file, as its start is not kept anywhere any more, a line of
// Loktar's own says that something is missing.
//
// What Heading wrote stays as it is and is not to come again. A heading may be
// written at any time, also before all has come again: it stands where the file
// ends then. The line that told how the attempt ended is taken away: it is
// written once more. Where an attempt after the first has no line yet that says
// so, ResumeLog writes it.
//
// The end of the file may be taken away, up to one line that was not whole or a
// line feed of which nobody can tell whose it is; it comes again. The limit is
// as for OpenLog. Over counts what comes again from its start. Timestamps tell
// when a line was written, not when it came first. A log that does not exist is
// made.
func ResumeLog(path string, limit int64, attempt int) (*Log, error) {
	return openLog(path, limit, max(attempt, 1))
}

// attemptText is the line that begins an attempt after the first.
func attemptText(n int) string { return fmt.Sprintf("Attempt %d", n) }

// takeUp finds out where the last writer left off, and mends the end.
func (l *Log) takeUp(resumed int) error {
	found, err := scanLog(l.file, resumed)
	if err != nil {
		return err
	}
	at := found.now
	if resumed > 0 && found.begun {
		at = found.resumable()
		l.skip, l.marks, l.full, l.late, l.began = at.bytes, at.marks, at.full, at.late, found.began
		l.known = at.sum
	}
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() > at.size {
		if err := l.file.Truncate(at.size); err != nil {
			return err
		}
	}
	l.mid, l.left = at.mid, l.limit-at.size
	if resumed > 1 && !found.begun {
		l.heading(noteMark, attemptText(resumed))
	}
	return nil
}

// place is a place in a log behind which a writer can go on, and what the
// attempt has in the file until there.
type place struct {
	size  int64
	mid   bool   // it is inside a line of the job's
	bytes int64  // of the job
	sum   uint32 // of these
	marks int    // steps and remarks, until it was full
	full  bool
	late  int // steps since
}

// scanned is a log as scanLog found it.
type scanned struct {
	now    place       // behind the last line that is whole, or as much of it as is
	before place       // before that line
	last   mark        // of that line when it is Loktar's own, else empty
	whole  bool        // it is the job's, and nothing tells whose its line feed is
	bare   uint32      // now.sum without that line feed
	begun  bool        // the attempt began
	broken bool        // what follows cannot be read
	began  []time.Time // of its steps
}

// maxOwnLine is more than what a line of Loktar's own can take.
const maxOwnLine = 4 << 10

// scanLog reads a log whole, in little memory. It counts what the attempt has
// in it: all behind the last line that says that it began, from the start for
// the first. With attempt 0 the counts mean nothing.
func scanLog(r io.ReadSeeker, attempt int) (*scanned, error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	s := &scanned{begun: attempt <= 1}
	in := bufio.NewReaderSize(r, 128<<10)
	var head []byte
	for pos := int64(0); ; {
		piece, err := in.ReadSlice('\n')
		n := int64(len(piece))
		head = append(head[:0], piece[:min(n, maxOwnLine)]...)
		bare, sum := s.now.sum, s.now.sum
		if fits(piece, jobStamp) {
			bare, sum = sums(sum, piece[len(jobStamp):])
		}
		for errors.Is(err, bufio.ErrBufferFull) {
			piece, err = in.ReadSlice('\n')
			n += int64(len(piece))
			bare, sum = sums(sum, piece)
		}
		ended := err == nil
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if n > 0 {
			s.line(head, pos, n, ended, attempt, bare, sum)
			pos += n
		}
		if !ended {
			return s, nil
		}
	}
}

// sumTable is that of the sums by which bytes that come again are known.
var sumTable = crc32.MakeTable(crc32.Castagnoli)

// sums goes on from sum with text, without a line feed at its end and whole.
func sums(sum uint32, text []byte) (bare, whole uint32) {
	bare = crc32.Update(sum, sumTable, bytes.TrimSuffix(text, []byte("\n")))
	if !bytes.HasSuffix(text, []byte("\n")) {
		return bare, bare
	}
	return bare, crc32.Update(bare, sumTable, []byte("\n"))
}

// line takes one line of n bytes at pos, which begins with head. bare and sum
// are what s.now.sum becomes by it where it is the job's.
func (s *scanned) line(head []byte, pos, n int64, ended bool, attempt int, bare, sum uint32) {
	form, text := cutStamp(head)
	if form == jobStamp {
		at := s.now
		at.size, at.mid, at.bytes, at.sum = pos+n, !ended, at.bytes+n-int64(len(jobStamp)), sum
		switch {
		case s.broken:
		case len(text) == 0: // the end of the file, or no line of ours
			s.broken = true
		default:
			s.before, s.now, s.last, s.whole, s.bare = s.now, at, "", ended, bare
		}
		return
	}
	m, text := cutMark(text)
	if form == "" || !ended || n > maxOwnLine {
		s.broken = true
		return
	}
	if m == noteMark && attempt > 1 && string(text) == attemptText(attempt) {
		*s = scanned{begun: true, now: place{size: pos + n}, last: m}
		s.before = s.now
		return
	}
	if s.broken {
		return
	}
	if form == breakStamp && s.whole { // the line feed before it is not the job's
		s.now.size, s.now.mid, s.now.bytes, s.now.sum = s.now.size-1, true, s.now.bytes-1, s.bare
	}
	s.before, s.last, s.whole = s.now, m, false
	s.now.size, s.now.mid = pos+n, false
	if m == stepMark {
		at, _ := time.Parse(time.RFC3339Nano, string(head[:len(form)-1])) // of a form that can be read
		s.began = append(s.began, at)
	}
	switch {
	case m == stepMark && s.now.full:
		s.now.late++
	case m == stepMark || m == remarkMark:
		s.now.marks++
	case m == noteMark && isFullText(string(text)):
		s.now.full = true
	}
}

// resumable is the place behind which the same output can come again.
func (s *scanned) resumable() place {
	at := s.now
	switch {
	case s.last == endMark && !s.broken:
		return s.before
	case !s.whole:
		return at
	}
	// The line feed may have been written for a line of Loktar's own that did
	// not come to be.
	at.size, at.mid, at.bytes, at.sum = at.size-1, true, at.bytes-1, s.bare
	if at.bytes == s.before.bytes {
		return s.before // a timestamp alone is no line
	}
	return at
}

func isFullText(text string) bool {
	before, after, _ := strings.Cut(fullText, "%s")
	return strings.HasPrefix(text, before) && strings.HasSuffix(text, after)
}

// cutStamp takes the timestamp off the start of a line, and tells its form.
// The form is empty when there is none.
func cutStamp(line []byte) (form string, text []byte) {
	for _, form := range []string{jobStamp, ownStamp, breakStamp} {
		if fits(line, form) {
			return form, line[len(form):]
		}
	}
	return "", nil
}

func fits(line []byte, form string) bool {
	if len(line) < len(form) {
		return false
	}
	zone := len(jobStamp) - len("Z ")
	for i := range form {
		digit := i < zone && form[i] >= '0' && form[i] <= '9'
		if digit && (line[i] < '0' || line[i] > '9') || !digit && line[i] != form[i] {
			return false
		}
	}
	return true
}

// cutMark takes the mark off the start of a line of Loktar's own, and what
// goes with it off its end. A line without one is a note.
func cutMark(line []byte) (m mark, text []byte) {
	line = bytes.TrimSuffix(line, []byte("\n"))
	for _, m := range []mark{noteMark, stepMark, remarkMark, endMark} {
		if text, ok := bytes.CutPrefix(line, []byte(m)); ok {
			if m == stepMark {
				text = bytes.TrimSuffix(text, []byte(stepEnd))
			}
			return m, text
		}
	}
	return noteMark, line
}

package web

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// halfLine is how much is kept of the start, and of the end, of a line that
// is longer than twice that.
const halfLine = maxCells / 2

// mark is a place in a log, at the start of a line, and what one has to know
// to go on from there.
type mark struct {
	Offset int64
	Line   int64 // the line's number, from 1; 0 when it is not known
	Style  style
}

// String is the mark as the id of an event: OFFSET-LINE-STYLE.
func (m mark) String() string {
	return fmt.Sprintf("%d-%d-%s", m.Offset, m.Line, m.Style)
}

var markForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(\d{1,15})-(\d{1,15})-([0-9;]{0,60})$`) })

// parseMark reads what String wrote. Anyone may have written it.
func parseMark(s string) (mark, bool) {
	p := markForm().FindStringSubmatch(s)
	if p == nil {
		return mark{}, false
	}
	var m mark
	m.Offset, _ = strconv.ParseInt(p[1], 10, 64)
	m.Line, _ = strconv.ParseInt(p[2], 10, 64)
	m.Style.apply(p[3])
	return m, true
}

// follower reads a log and makes a row of HTML of each line. It may be asked
// for more after it met the end of a log that grows.
type follower struct {
	src    io.Reader
	at     mark // the start of the line being read
	render renderer
	buf    []byte

	// The line being read: its first and its last bytes, and its length so far.
	head, tail []byte
	length     int64
	whole      []byte // head and tail together, when they are all of it
}

func newFollower(src io.Reader, at mark) *follower {
	return &follower{src: src, at: at, render: renderer{style: at.Style}, buf: make([]byte, 32<<10)}
}

// next reads once and appends the rows of the lines that ended to dst. n is
// how many bytes were read; err is the source's, io.EOF at the end so far.
func (f *follower) next(dst []byte) (out []byte, n int, err error) {
	n, err = f.src.Read(f.buf)
	for rest := f.buf[:n]; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			f.keep(rest)
			break
		}
		f.keep(rest[:i])
		dst = f.end(dst, 1)
		rest = rest[i+1:]
	}
	return dst, n, err
}

// keep adds to the line being read, in bounded memory.
func (f *follower) keep(p []byte) {
	f.length += int64(len(p))
	if room := halfLine - len(f.head); room > 0 {
		n := min(room, len(p))
		f.head, p = append(f.head, p[:n]...), p[n:]
	}
	if len(p) > halfLine {
		f.tail, p = f.tail[:0], p[len(p)-halfLine:]
	}
	f.tail = append(f.tail, p...)
	if len(f.tail) > 4*halfLine {
		f.tail = f.tail[:copy(f.tail, f.tail[len(f.tail)-halfLine:])]
	}
}

// end appends the row of the line being read and goes on behind it, and
// behind the skip bytes that end it.
func (f *follower) end(dst []byte, skip int64) []byte {
	dst = f.row(dst)
	f.at.Offset += f.length + skip
	if f.at.Line > 0 {
		f.at.Line++
	}
	f.at.Style = f.render.style
	f.head, f.tail, f.length = f.head[:0], f.tail[:0], 0
	return dst
}

// partial appends the row of a line that has not ended yet, and changes
// nothing. It appends nothing when there is no such line.
func (f *follower) partial(dst []byte) []byte {
	if f.length == 0 {
		return dst
	}
	before := f.render.style
	dst = f.row(dst)
	f.render.style = before
	return dst
}

// rest appends the last line of a log that grows no more, when no line feed
// ended it.
func (f *follower) rest(dst []byte) []byte {
	if f.length == 0 {
		return dst
	}
	return f.end(dst, 0)
}

// row appends one line as HTML: its number, its time, its text.
func (f *follower) row(dst []byte) []byte {
	tail := f.tail[max(0, len(f.tail)-halfLine):]
	left := f.length - int64(len(f.head)+len(tail))
	line := f.head
	if left == 0 && len(tail) > 0 {
		f.whole = append(append(f.whole[:0], f.head...), tail...)
		line = f.whole
	}
	when, own, text := splitStamp(line)
	dst = append(dst, `<div class="l`...)
	if own {
		dst = append(append(dst, ` own`...), kindOf(text)...)
	}
	anchor := func() {
		if f.at.Line > 0 {
			dst = strconv.AppendInt(append(dst, 'L'), f.at.Line, 10)
		} else {
			dst = strconv.AppendInt(append(dst, 'B'), f.at.Offset, 10)
		}
	}
	dst = append(dst, `" id="`...)
	anchor()
	dst = append(dst, `"><a href="#`...)
	anchor()
	dst = append(dst, `" data-n="`...)
	if f.at.Line > 0 {
		dst = strconv.AppendInt(dst, f.at.Line, 10)
	} else {
		dst = append(dst, "·"...)
	}
	dst = append(dst, `"></a><i data-t="`...)
	if !when.IsZero() {
		dst = when.AppendFormat(dst, "15:04:05")
		dst = append(dst, `" title="`...)
		dst = when.AppendFormat(dst, "2006-01-02 15:04:05.000 UTC")
	}
	dst = append(dst, `"></i><span>`...)
	dst = f.render.appendHTML(dst, text)
	if left > 0 {
		dst = fmt.Appendf(dst, `<b class="cut"> … %s of this line left out here … </b>`, size(left))
		dst = f.render.appendHTML(dst, tail)
	}
	return append(dst, "</span></div>\n"...)
}

// The marks that begin Loktar's own lines, as the runner writes them. Each is
// a class of its row, by which the script makes sections.
var kinds = []struct{ mark, class string }{
	{"\x1b[1;36m==>\x1b[0;1m ", " step"},
	{"\x1b[36m==>\x1b[0m ", " remark"},
	{"\x1b[1;36m==>\x1b[m ", " end"},
}

// kindOf is the class that a line of Loktar's own has beside "own".
func kindOf(text []byte) string {
	for _, k := range kinds {
		if bytes.HasPrefix(text, []byte(k.mark)) {
			return k.class
		}
	}
	return ""
}

// splitStamp takes the timestamp off a line's start. A line without one is
// shown as it is. own tells a line that Loktar wrote itself.
func splitStamp(line []byte) (when time.Time, own bool, text []byte) {
	i := bytes.IndexByte(line[:min(len(line), 40)], ' ')
	if i < 20 {
		return time.Time{}, false, line
	}
	when, err := time.Parse(time.RFC3339Nano, string(line[:i]))
	if err != nil {
		return time.Time{}, false, line
	}
	return when.UTC(), line[i-1] != 'Z', line[i+1:]
}

// size is n bytes for a reader.
func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}

package annotate

import "strings"

// maxLogLine bounds a line of a log that is looked at, in bytes.
const maxLogLine = 8 << 10

// The bounds of the part of a log that is kept.
const (
	maxLog      = 20 << 10 // bytes
	maxLogLines = 300
	maxShown    = 1000 // characters of a line
)

// logged is the end of a step's output.
type logged struct {
	lines []string
	bytes int
	cut   int
	scan  *lines
}

// Step tells that a step of the job begins. The failing part of the log is
// what its last step printed.
func (c *Collector) Step() { c.log.lines, c.log.bytes, c.log.cut = nil, 0, 0 }

// Line takes a line of the log, without its end.
func (c *Collector) Line(line []byte) {
	line = line[:min(len(line), maxLogLine)]
	c.log.add(line)
	if c.log.scan == nil {
		c.report = 0
		c.log.scan = newLines(c)
	}
	c.log.scan.line(line)
}

// End tells that the log is over.
func (c *Collector) End() {
	if c.log.scan != nil {
		c.log.scan.end()
		c.log.scan = nil
	}
}

func (l *logged) add(line []byte) {
	l.lines = append(l.lines, string(line))
	l.bytes += len(line) + 1
	if len(l.lines) > 2*maxLogLines { // not at each line
		l.trim()
	}
}

func (l *logged) trim() {
	n := 0
	for len(l.lines)-n > maxLogLines || l.bytes > maxLog && n < len(l.lines)-1 {
		l.bytes -= len(l.lines[n]) + 1
		n++
	}
	l.lines = append(l.lines[:0:0], l.lines[n:]...)
	l.cut += n
}

// text is what is kept, as it may be shown.
func (l *logged) text() (text string, cut int) {
	l.trim()
	shown := make([]string, len(l.lines))
	for i, line := range l.lines {
		shown[i] = clip(strings.TrimRight(strings.ReplaceAll(visible(line), "\n", " "), " "), maxShown)
	}
	return strings.TrimRight(strings.Join(shown, "\n"), "\n"), l.cut
}

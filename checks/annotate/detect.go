package annotate

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// errUnknown: what is given is no report that is known here.
var errUnknown = errors.New("it is in no form that Loktar reads")

// sniff is how much of a report's beginning tells what it is.
const sniff = 4 << 10

// Report reads one report, whose form its content tells: JUnit XML, go test
// -json, SARIF, or lines of compilers and linters. name is for the reader.
// What cannot be read is told in Findings.Notes, as is a reader's error.
// Reports come before the log.
func (c *Collector) Report(name string, r io.Reader) {
	c.report++
	limited := &io.LimitedReader{R: r, N: c.budget}
	b := bufio.NewReaderSize(limited, xmlChunk)
	err := c.parse(b)
	c.budget = limited.N
	name = c.texts.oneLine(name, maxName)
	switch {
	case c.budget == 0:
		c.note("%s was not read whole: the reports are longer than 1 GiB together.", name)
	case errors.Is(err, errUnknown):
		c.note("%s is not a report: %v.", name, err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		c.note("%s was read as far as it goes: its end is missing.", name)
	case err != nil:
		c.note("%s was not read whole: %v.", name, err)
	}
}

func (c *Collector) parse(b *bufio.Reader) error {
	if head, _ := b.Peek(3); bytes.Equal(head, []byte("\xef\xbb\xbf")) {
		_, _ = b.Discard(3)
	}
	head, err := b.Peek(sniff)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	text := bytes.TrimLeft(head, " \t\r\n")
	switch {
	case len(text) == 0 && len(head) < sniff:
		return nil // empty
	case len(text) > 0 && text[0] == '<':
		return c.junit(b)
	case isGoTest(text):
		return c.gotest(b)
	case len(text) > 0 && text[0] == '{':
		return c.sarif(b)
	case len(text) == 0, isArray(text), bytes.IndexByte(text, 0) >= 0:
		return errUnknown
	}
	return c.lines(b)
}

// isGoTest reports whether one of the first lines is of go test -json.
func isGoTest(head []byte) bool {
	for line := range bytes.Lines(head) {
		if line[0] == '{' && bytes.Contains(line, []byte(`"Action":"`)) {
			return true
		}
	}
	return false
}

// isArray reports whether head begins an array of JSON.
func isArray(head []byte) bool {
	rest, ok := bytes.CutPrefix(head, []byte("["))
	rest = bytes.TrimLeft(rest, " \t\r\n")
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte(`{["]`), rest[0]) >= 0)
}

// lines reads lines of compilers and linters.
func (c *Collector) lines(r io.Reader) error {
	l := newLines(c)
	_, err := eachLine(r, maxLogLine, l.line)
	l.end()
	if err == nil && !l.found {
		err = errUnknown
	}
	return err
}

// eachLine calls do with each line of r, without its end. Of a line longer than
// most it gives the beginning; long is how many these are.
func eachLine(r io.Reader, most int, do func(line []byte)) (long int, err error) {
	b := bufio.NewReaderSize(r, xmlChunk)
	var held []byte
	for {
		part, err := b.ReadSlice('\n')
		done := err == nil
		part = bytes.TrimSuffix(part, []byte("\n"))
		switch {
		case done && len(held) == 0:
			do(part)
			continue
		case len(held)+len(part) > most:
			if len(held) < most {
				long++
			}
			held = append(held, part[:max(0, most-len(held))]...)
		default:
			held = append(held, part...)
		}
		switch {
		case done, errors.Is(err, io.EOF) && len(held) > 0:
			do(held)
			held = held[:0]
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return long, err
		}
	}
}

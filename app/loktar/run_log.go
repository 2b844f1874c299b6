package main

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"strings"
)

// sequence is what a terminal acts on in the output of programs: CSI and OSC
// sequences, and others of ESC.
var sequence = regexp.MustCompile(`\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])`)

// logLine is a line of a job's log as a terminal may show it: without its time
// and colours, and of what was overwritten on the line the last.
func logLine(line string) string {
	line = strings.TrimRight(line, "\r\n")
	if at := strings.IndexByte(line, ' '); at >= 0 {
		line = line[at+1:]
	}
	if at := strings.LastIndexByte(line, '\r'); at >= 0 {
		line = line[at+1:]
	}
	line = sequence.ReplaceAllString(line, "")
	return printable(strings.ReplaceAll(line, "\t", "    "))
}

// maxTail bounds what is read of a log's end, in bytes.
const maxTail = 256 << 10

// tail are the last n lines of a log, and whether there are more before them.
func tail(path string, n, most int) (lines []string, more bool) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, false
	}
	from := max(0, size-int64(most))
	text := make([]byte, size-from)
	if read, err := f.ReadAt(text, from); err != nil && err != io.EOF {
		return nil, false
	} else if text = text[:read]; from > 0 {
		_, text, _ = bytes.Cut(text, []byte{'\n'})
	}
	all := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(text) == 0 {
		return nil, from > 0
	}
	if len(all) > n {
		all, more = all[len(all)-n:], true
	}
	for _, line := range all {
		lines = append(lines, logLine(line))
	}
	return lines, more || from > 0
}

// follower reads what is added to a log.
type follower struct {
	path string
	at   int64
	rest []byte // of a line that has no end yet
}

// lines are the lines that were added; with last the one without an end too.
func (f *follower) lines(last bool) (out []string) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil
	}
	defer file.Close()
	var buf [32 << 10]byte
	for {
		n, err := file.ReadAt(buf[:], f.at)
		f.at += int64(n)
		f.rest = append(f.rest, buf[:n]...)
		for {
			line, rest, ended := bytes.Cut(f.rest, []byte{'\n'})
			if !ended {
				break
			}
			out, f.rest = append(out, logLine(string(line))), rest
		}
		if err != nil || n == 0 {
			break
		}
	}
	if last && len(f.rest) > 0 {
		out, f.rest = append(out, logLine(string(f.rest))), nil
	}
	return out
}

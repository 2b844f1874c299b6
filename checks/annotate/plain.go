package annotate

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// texts makes texts that may be shown of hostile ones.
type texts struct {
	mask func(string) string
}

// oneLine is s as one line of at most most characters, without anything that
// cannot be seen.
func (t texts) oneLine(s string, most int) string {
	return clip(strings.Join(strings.Fields(t.hidden(s)), " "), most)
}

// testName is what a test is called; never empty.
func (t texts) testName(s string) string {
	return firstOf(t.oneLine(s, maxName), "(a test without a name)")
}

// block is s as lines, at most most characters, without anything else that
// cannot be seen, and without empty lines around it.
func (t texts) block(s string, most int) string {
	lines := strings.Split(t.hidden(s), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return clip(strings.Trim(strings.Join(lines, "\n"), "\n"), most)
}

// hidden is s without what cannot be seen, and then without what may not be.
func (t texts) hidden(s string) string {
	s = visible(s)
	if t.mask != nil {
		s = t.mask(s)
	}
	return s
}

func clip(s string, most int) string {
	if len(s) <= most || utf8.RuneCountInString(s) <= most {
		return s
	}
	n := 0
	for i := range s {
		if n++; n == most {
			return strings.TrimRight(s[:i], " \n") + "…"
		}
	}
	return s
}

// visible is s without the codes of terminals and without characters that
// cannot be seen, but for line feeds; a tab is four blanks.
func visible(s string) string {
	s = string(uncolour([]byte(s)))
	if plainASCII(s) {
		return s
	}
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == utf8.RuneError:
			return r
		case r == '\t' || unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(strings.ReplaceAll(s, "\t", "    "), string(utf8.RuneError)))
}

func plainASCII(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '\n' && (c < ' ' || c > '~') {
			return false
		}
	}
	return true
}

// uncolour is line without what a terminal acts on: escape sequences, and what
// a carriage return has overwritten. It may be line itself.
func uncolour(line []byte) []byte {
	if bytes.IndexByte(line, 0x1b) >= 0 {
		line = unescape(line)
	}
	if i := bytes.LastIndexByte(line, '\r'); i >= 0 && bytes.IndexByte(line, '\n') < 0 {
		line = bytes.TrimRight(line, "\r")
		line = line[bytes.LastIndexByte(line, '\r')+1:]
	}
	return line
}

func unescape(line []byte) []byte {
	out := make([]byte, 0, len(line))
	for i := 0; i < len(line); i++ {
		if line[i] != 0x1b {
			out = append(out, line[i])
			continue
		}
		if i+1 == len(line) {
			break
		}
		i++
		switch line[i] {
		case '[': // ends with a byte from @ to ~
			for i++; i < len(line) && line[i] >= 0x20 && line[i] < 0x40; i++ {
			}
			if i < len(line) && line[i] < 0x20 {
				i-- // no sequence: the control character is on its own
			}
		case ']', 'P', '_', '^': // end with BEL, or with ESC and a backslash
			for i++; i < len(line) && line[i] != 0x07 && line[i] != 0x1b && line[i] != '\n'; i++ {
			}
			if i < len(line) && line[i] == 0x1b && i+1 < len(line) && line[i+1] == '\\' {
				i++
			} else if i < len(line) && line[i] != 0x07 {
				i--
			}
		}
	}
	return out
}

package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// output is the standard output, which remembers what could not be written:
// a script must not take half an answer for all of it.
type output struct {
	file *os.File
	mu   sync.Mutex
	err  error
}

func (o *output) Fd() uintptr { return o.file.Fd() }

func (o *output) Write(p []byte) (int, error) {
	n, err := o.file.Write(p)
	if err != nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.err = err
	}
	return n, err
}

func (o *output) lost() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// screen is where a command's answer goes.
type screen struct {
	io.Writer
	colour bool
	width  int // in characters; 0 when it is no terminal
}

func screenOf(w io.Writer) screen {
	s := screen{Writer: w}
	f, ok := w.(interface{ Fd() uintptr })
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return s
	}
	s.colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	width, _, err := term.GetSize(int(f.Fd()))
	if s.width = width; err != nil || width <= 0 {
		s.width = 80
	}
	return s
}

// paint is text in a colour of a terminal that has some.
func (s screen) paint(code, text string) string {
	if !s.colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

const (
	bold  = "1"
	faint = "2"
	red   = "31"
	green = "32"
)

// printable is hostile text as a terminal may show it: what is no visible
// character, also what turns the direction of the text, is escaped.
func printable(s string) string {
	plain := true
	for _, r := range s {
		if r != ' ' && !unicode.IsPrint(r) || r == utf8.RuneError {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == utf8.RuneError && size == 1, r != ' ' && !unicode.IsPrint(r):
			q := strconv.QuoteToASCII(s[:size])
			b.WriteString(q[1 : len(q)-1])
		default:
			b.WriteRune(r)
		}
		s = s[size:]
	}
	return b.String()
}

// wrap breaks text at blanks so that no line is longer than width, where that
// is possible; 0 is no limit.
func wrap(text string, width int) []string {
	if width <= 0 {
		return []string{text}
	}
	var lines []string
	line, n := "", 0
	for word := range strings.FieldsSeq(text) {
		size := utf8.RuneCountInString(word)
		if n > 0 && n+1+size > width {
			lines, line, n = append(lines, line), "", 0
		}
		if n > 0 {
			line, n = line+" ", n+1
		}
		line, n = line+word, n+size
		for n > width { // a path, longer than a line
			cut := len(string([]rune(line)[:width]))
			lines, line, n = append(lines, line[:cut]), line[cut:], n-width
		}
	}
	return append(lines, line)
}

// row is a line of a table: what it is about, and lines about it.
type row struct {
	name string
	text []string
}

// table prints rows with their texts in one column, wrapped to the terminal.
func (s screen) table(heads [2]string, rows []row) {
	left := utf8.RuneCountInString(heads[0])
	for _, r := range rows {
		left = max(left, utf8.RuneCountInString(r.name))
	}
	if s.width > 0 {
		left = min(left, max(s.width/2, 10))
	}
	room := 0
	if s.width > 0 {
		room = max(s.width-left-2, 20)
	}
	var all strings.Builder
	print := func(code, name string, lines []string) {
		for i, text := range lines {
			if i > 0 {
				name = ""
			}
			pad := strings.Repeat(" ", max(left-utf8.RuneCountInString(name), 0)+2)
			if utf8.RuneCountInString(name) > left {
				pad = "\n" + strings.Repeat(" ", left+2)
			}
			all.WriteString(s.paint(code, name) + pad + text + "\n")
		}
	}
	print(faint, heads[0], []string{s.paint(faint, heads[1])})
	for _, r := range rows {
		var lines []string
		for _, text := range r.text {
			lines = append(lines, wrap(text, room)...)
		}
		print(bold, r.name, lines)
	}
	fmt.Fprint(s, all.String())
}

// count is "1 package", "2 packages".
func count(n int, what string) string {
	return strconv.Itoa(n) + " " + what + map[bool]string{false: "s"}[n == 1]
}

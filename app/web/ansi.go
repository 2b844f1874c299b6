package web

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	terminal "github.com/buildkite/terminal-to-html/v3"
)

// maxCells bounds the characters of one piece of a line.
const maxCells = 8192

// renderer makes HTML of lines as a terminal shows them: colours and weights
// become spans with classes, what a carriage return or backspace overwrites is
// gone. All else a terminal would act on is left out, so that a line cannot
// touch another, link anywhere or load anything; colours alone go on to the
// next line. The zero value is ready.
type renderer struct {
	style  style
	screen *terminal.Screen
	safe   []byte
}

// appendHTML appends the HTML of raw (which has no line feed, and at most
// maxCells bytes) to dst. Its only tags are <span class="..."> and </span>.
func (r *renderer) appendHTML(dst, raw []byte) []byte {
	raw = bytes.TrimRight(raw, "\r")
	if r.style == (style{}) && !bytes.ContainsAny(raw, "\x1b\r\b") {
		return appendText(dst, raw)
	}
	if r.screen == nil {
		screen, err := terminal.NewScreen(terminal.WithMaxSize(maxCells+1, 1), terminal.WithSize(maxCells+1, 1))
		if err != nil {
			return appendText(dst, raw)
		}
		r.screen = screen
	}
	r.safe = append(append(append(r.safe[:0], "\x1b[0m\x1b["...), r.style.String()...), 'm')
	r.filter(raw)
	// Screen's Write never fails.
	_, _ = r.screen.Write(r.safe)
	html := r.screen.AsHTMLWithTimestamps(false)
	_, _ = r.screen.Write([]byte("\x1b[0m\r\x1b[2K"))
	if html == "&nbsp;" {
		return dst
	}
	return append(dst, html...)
}

// filter appends to safe what the screen may see of raw: text, returns,
// backspaces, colours and the erasing of this line.
func (r *renderer) filter(raw []byte) {
	closed := true // a string sequence may still find its end
	for len(raw) > 0 {
		c := raw[0]
		switch {
		case c == 0x1b:
			raw = raw[r.escape(raw, &closed):]
		case c == '\r' || c == '\b' || c == '\t' || c >= 0x20 && c < 0x7f:
			r.safe = append(r.safe, c)
			raw = raw[1:]
		case c < utf8.RuneSelf: // other controls
			raw = raw[1:]
		default:
			n, ok := rune8(raw)
			if ok {
				r.safe = append(r.safe, raw[:n]...)
			} else {
				r.safe = append(r.safe, "\uFFFD"...)
			}
			raw = raw[n:]
		}
	}
}

// escape takes one escape sequence off the start of raw and returns its
// length. (ECMA-48 5.4 and 5.6.)
func (r *renderer) escape(raw []byte, closed *bool) int {
	if len(raw) < 2 {
		return 1
	}
	switch raw[1] {
	case '[':
		i := 2
		for i < len(raw) && raw[i] >= 0x30 && raw[i] <= 0x3f {
			i++
		}
		params := raw[2:i]
		for i < len(raw) && raw[i] >= 0x20 && raw[i] <= 0x2f {
			i++
		}
		if i == len(raw) || raw[i] < 0x40 || raw[i] > 0x7e {
			return i
		}
		r.control(raw[i], params)
		return i + 1
	case ']', 'P', 'X', '^', '_': // strings: links, images, titles
		if *closed {
			for i := 2; i < len(raw); i++ {
				if raw[i] == 0x07 {
					return i + 1
				}
				if raw[i] == 0x1b && i+1 < len(raw) && raw[i+1] == '\\' {
					return i + 2
				}
			}
			*closed = false
		}
		return 2 // not closed in this line: its text shows
	case '(', ')', '*', '+', '#', '%', ' ': // character sets
		return min(3, len(raw))
	}
	if raw[1] >= 0x30 && raw[1] <= 0x7e {
		return 2
	}
	return 1
}

// control passes on the control sequences that change this line alone.
func (r *renderer) control(final byte, params []byte) {
	switch final {
	case 'm':
		if len(params) > 200 || bytes.ContainsAny(params, "<=>?") {
			return
		}
		sgr := strings.ReplaceAll(string(params), ":", ";")
		r.style.apply(sgr)
		// The screen takes an empty parameter for none; it is a zero.
		r.safe = append(append(append(r.safe, "\x1b[0m\x1b["...), r.style.String()...), 'm')
	case 'K':
		if p := string(params); p == "" || p == "0" || p == "1" || p == "2" {
			r.safe = append(append(append(r.safe, "\x1b["...), p...), 'K')
		}
	case 'G':
		if p := string(params); p == "" || p == "0" || p == "1" {
			r.safe = append(r.safe, '\r')
		}
	case 'C': // to the right: one blank, or a few bytes would make thousands
		r.safe = append(r.safe, ' ')
	}
}

// style is the colours and weights that text has from somewhere on.
type style struct {
	fg, bg string // parameters, as "31" or "38;5;200"
	on     uint16 // bit n is set while parameter n (1 to 9) holds
}

// weights are the parameters of style.on that are shown.
var weights = []int{1, 2, 3, 4, 5, 9}

// apply takes the parameters of a "select graphic rendition" sequence.
// (ECMA-48 8.3.117; 38 and 48 as in ITU T.416.)
func (s *style) apply(params string) {
	p := strings.Split(params, ";")
	for i := 0; i < len(p); i++ {
		n, err := strconv.Atoi(p[i])
		if p[i] == "" {
			n, err = 0, nil
		}
		if err != nil {
			continue
		}
		switch {
		case n == 0:
			*s = style{}
		case n == 1, n == 2:
			s.on = s.on&^0b110 | 1<<n
		case n == 3, n == 4, n == 9:
			s.on |= 1 << n
		case n == 5, n == 6:
			s.on |= 1 << 5
		case n == 21, n == 22:
			s.on &^= 0b110
		case n == 23, n == 24, n == 25, n == 29:
			s.on &^= 1 << (n - 20)
		case n == 39:
			s.fg = ""
		case n == 49:
			s.bg = ""
		case n >= 30 && n <= 37, n >= 90 && n <= 97:
			s.fg = strconv.Itoa(n)
		case n >= 40 && n <= 47, n >= 100 && n <= 107:
			s.bg = strconv.Itoa(n)
		case n == 38 || n == 48:
			color, used := extended(p[i+1:])
			i += used
			if color != "" && n == 38 {
				s.fg = "38;5;" + color
			} else if color != "" {
				s.bg = "48;5;" + color
			}
		}
	}
}

// extended reads what follows 38 or 48: 5 and an index, or 2 and three parts
// of a colour, of which the nearest index is taken.
func extended(p []string) (color string, used int) {
	part := func(i int) (int, bool) {
		n, err := strconv.ParseUint(p[i], 10, 8)
		return int(n), err == nil
	}
	switch {
	case len(p) >= 2 && p[0] == "5":
		if n, ok := part(1); ok {
			return strconv.Itoa(n), 2
		}
		return "", 2
	case len(p) >= 4 && p[0] == "2":
		red, ok1 := part(1)
		green, ok2 := part(2)
		blue, ok3 := part(3)
		if ok1 && ok2 && ok3 {
			// The 6 by 6 by 6 cube of xterm's colours begins at 16.
			return strconv.Itoa(16 + 36*((red*5+127)/255) + 6*((green*5+127)/255) + (blue*5+127)/255), 4
		}
		return "", 4
	}
	return "", len(p)
}

// String is the style as parameters, empty for none.
func (s style) String() string {
	if s == (style{}) {
		return ""
	}
	var p []string
	for _, n := range weights {
		if s.on&(1<<n) != 0 {
			p = append(p, strconv.Itoa(n))
		}
	}
	for _, color := range []string{s.fg, s.bg} {
		if color != "" {
			p = append(p, color)
		}
	}
	return strings.Join(p, ";")
}

// rune8 is the length of the rune that raw starts with, and whether it may be
// shown: it is valid, no control, and does not turn the reading direction.
func rune8(raw []byte) (n int, ok bool) {
	c, n := utf8.DecodeRune(raw)
	switch {
	case c == utf8.RuneError && n == 1,
		c >= 0x80 && c < 0xa0,
		c >= 0x202a && c <= 0x202e, c >= 0x2066 && c <= 0x2069,
		c == 0x2028, c == 0x2029:
		return n, false
	}
	return n, true
}

// appendText appends raw, which no terminal would act on, escaped.
func appendText(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		from := i
		for i < len(raw) && plainByte[raw[i]] {
			i++
		}
		dst = append(dst, raw[from:i]...)
		if i == len(raw) {
			break
		}
		n := 1
		switch c := raw[i]; {
		case c == '&':
			dst = append(dst, "&amp;"...)
		case c == '<':
			dst = append(dst, "&lt;"...)
		case c == '>':
			dst = append(dst, "&gt;"...)
		case c == '"':
			dst = append(dst, "&#34;"...)
		case c == '\'':
			dst = append(dst, "&#39;"...)
		case c >= utf8.RuneSelf:
			var ok bool
			if n, ok = rune8(raw[i:]); ok {
				dst = append(dst, raw[i:i+n]...)
			} else {
				dst = append(dst, "\uFFFD"...)
			}
		}
		i += n
	}
	return dst
}

// plainByte tells the bytes that stand for themselves in HTML.
var plainByte = func() (t [256]bool) {
	for c := 0x20; c < 0x7f; c++ {
		t[c] = !strings.ContainsRune(`&<>"'`, rune(c))
	}
	t['\t'] = true
	return t
}()

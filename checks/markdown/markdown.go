// Package markdown makes text of unknown origin safe to put into Markdown
// that GitHub renders: file and branch names, titles, messages. What it
// returns shows as the text that was given, takes part in no markup, pings
// nobody and links nowhere, in a paragraph, a list item and a table cell
// alike. All functions are pure.
package markdown

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxText is how many characters GitHub takes in a check run's summary, and as
// many again in its text.
const MaxText = 65535

// Code is s as code: for names, paths and identifiers. What cannot be seen
// (control and format characters, bytes that are not UTF-8) is written out as
// \n, \x1b or \u202e. The result is one line and never empty.
func Code(s string) string {
	s = visible(s)
	switch {
	case s == "":
		return "` `"
	case strings.Contains(s, "|"):
		// A pipe ends a table's cell even inside back quotes, and an escaped
		// one shows its backslash outside a table.
		return "<code>" + entities(s) + "</code>"
	}
	fence := strings.Repeat("`", longestRun(s, '`')+1)
	pad := ""
	if s[0] == '`' || s[len(s)-1] == '`' || s[0] == ' ' && s[len(s)-1] == ' ' && strings.Trim(s, " ") != "" {
		pad = " "
	}
	return fence + pad + s + pad + fence
}

// Text is s as running text in one line: for sentences. White space of any
// kind becomes one blank; other characters that cannot be seen become U+FFFD.
func Text(s string) string {
	s = oneLine(s)
	var b strings.Builder
	b.Grow(len(s) + len(s)/8)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '&':
			b.WriteString("&amp;")
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '\\', '`', '*', '_', '[', ']', '|', '~', '$':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '@':
			// GitHub looks for mentions and issue numbers after rendering,
			// so that an escape alone would not hide them.
			b.WriteString("@&#8203;")
		case '#':
			b.WriteString(`\#&#8203;`)
		case ':':
			if strings.HasPrefix(s[i+1:], "//") {
				b.WriteString("&#58;")
			} else {
				b.WriteByte(c)
			}
		case '.':
			if startsList(s[:i]) || i >= 3 && strings.EqualFold(s[i-3:i], "www") {
				b.WriteString("&#46;")
			} else {
				b.WriteByte(c)
			}
		case ')':
			if startsList(s[:i]) {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
		case '-', '+', '=':
			if i == 0 {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// Block is s, lines of text, as a block of code of its own. What cannot be seen
// is written out as by Code, but for the lines' ends. The result ends with a
// line feed.
func Block(s string) string {
	lines := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
	for i, line := range lines {
		lines[i] = visible(line)
	}
	s = strings.Join(lines, "\n")
	fence := strings.Repeat("`", max(3, longestRun(s, '`')+1))
	return fence + "text\n" + s + "\n" + fence + "\n"
}

// Plain is s for a place that shows no markup, as a check run's title: Text
// without escapes, at most max (0 or more) characters.
func Plain(s string, max int) string {
	s = oneLine(s)
	if utf8.RuneCountInString(s) <= max {
		return s
	}
	if max == 0 {
		return ""
	}
	return strings.TrimRight(s[:byteOf(s, max-1)], " ") + "…"
}

// Clip cuts the Markdown s to at most max (0 or more) characters. It cuts between lines
// where it can, closes a code block that it cut open, and says how much was
// left out.
func Clip(s string, max int) string {
	total := utf8.RuneCountInString(s)
	if total <= max {
		return s
	}
	// The note is longest when all is left out, and a fence may come before it.
	keep := max - utf8.RuneCountInString(note(total)) - longestRun(s, '`') - longestRun(s, '~') - 1
	if keep <= 0 {
		return s[:byteOf(s, max)]
	}
	head := s[:byteOf(s, keep)]
	if i := strings.LastIndexByte(head, '\n'); i >= 0 {
		head = head[:i]
	}
	left := total - utf8.RuneCountInString(head)
	if fence := openFence(head); fence != "" {
		head += "\n" + fence
	}
	return head + note(left)
}

func note(left int) string {
	return fmt.Sprintf("\n\n(%s left out here.)", Count(left, "character"))
}

// Count is n and a noun: "1 file", "1,200 files". The noun takes an s.
func Count(n int, noun string) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if n == 1 {
		return digits + " " + noun
	}
	return digits + " " + noun + "s"
}

// openFence is the fence that closes the code block in which s ends, empty
// when it ends in none.
func openFence(s string) string {
	open := ""
	for line := range strings.SplitSeq(s, "\n") {
		line = strings.TrimLeft(line, " ")
		run := ""
		for _, c := range []string{"`", "~"} {
			if n := len(line) - len(strings.TrimLeft(line, c)); n >= 3 {
				run = line[:n]
			}
		}
		switch {
		case run == "":
		case open == "":
			open = run
		case strings.HasPrefix(run, open) && strings.TrimSpace(line[len(run):]) == "":
			open = ""
		}
	}
	return open
}

// startsList reports whether a dot or bracket after head would make a
// numbered list of the line.
func startsList(head string) bool {
	return head != "" && strings.Trim(head, "0123456789") == ""
}

func longestRun(s string, c byte) int {
	longest, run := 0, 0
	for i := range len(s) {
		if s[i] != c {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// byteOf is the index of the byte where character n of s begins.
func byteOf(s string, n int) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

// entities writes every ASCII punctuation mark as a character reference, so
// that no markup is left to find.
func entities(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < utf8.RuneSelf && (unicode.IsPunct(r) || unicode.IsSymbol(r)) {
			fmt.Fprintf(&b, "&#%d;", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// visible writes out what cannot be seen.
func visible(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r == utf8.RuneError || hidden(r) }) {
		return s
	}
	var b strings.Builder
	for i, w := 0, 0; i < len(s); i += w {
		var r rune
		r, w = utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && w == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case !hidden(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}

// oneLine joins runs of white space to one blank, trims the ends, and
// replaces what cannot be seen.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return strings.Map(func(r rune) rune {
		if hidden(r) {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
}

// hidden reports whether r is not seen where it stands: control characters,
// the format characters that turn the direction of text or have no width, odd
// blanks and line ends, private and unassigned code points.
func hidden(r rune) bool {
	return r != ' ' && r != utf8.RuneError && !unicode.IsPrint(r)
}

package manifest

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/dudesons/loktar/checks"
)

// finding is a problem before its line, column and path are known.
type finding struct {
	off   int    // of the value or the key that it is about
	key   string // a key that is missing there, appended to the path
	stand int    // the offset whose line and column are shown
	msg   string
}

// at reports what is wrong at an offset. key, when there is one, is a key that
// the object at off should have. Beyond maxProblems it only counts.
func (p *parser) at(off int, key, format string, args ...any) {
	if len(p.found) >= maxProblems {
		p.more++
		return
	}
	p.found = append(p.found, finding{off: off, key: key, stand: off, msg: fmt.Sprintf(format, args...)})
}

// fault reports what is wrong with a value.
func (p *parser) fault(n *node, format string, args ...any) {
	p.at(int(n.off), "", format, args...)
}

// full reports whether a further problem would only be counted: then the work
// of finding a remedy is saved.
func (p *parser) full() bool { return len(p.found) >= maxProblems }

// problems are the findings in the order of the file.
func (p *parser) problems() []checks.Problem {
	ps := p.place(p.found)
	if p.more > 0 {
		ps = append(ps, checks.Problem{Line: 1, Column: 1, Message: fmt.Sprintf(
			"%d more problems are not listed; mend these first", p.more)})
	}
	return ps
}

// place turns findings into problems, in the order of the file.
func (p *parser) place(found []finding) []checks.Problem {
	slices.SortStableFunc(found, func(a, b finding) int { return cmp.Compare(a.stand, b.stand) })
	var ps []checks.Problem
	line, start := 1, 0
	for i, f := range found {
		last := 0
		if i > 0 {
			last = found[i-1].stand
		}
		passed := p.data[last:f.stand]
		if nl := bytes.LastIndexByte(passed, '\n'); nl >= 0 {
			line += bytes.Count(passed, []byte{'\n'})
			start = last + nl + 1
		}
		ps = append(ps, checks.Problem{
			Path:    p.path(f.off, f.key),
			Line:    line,
			Column:  utf8.RuneCount(p.data[start:f.stand]) + 1,
			Message: f.msg,
		})
	}
	return ps
}

// path is the JSON path of the value or key that stands at an offset.
func (p *parser) path(off int, key string) string {
	var b strings.Builder
	for n := p.root; n != nil && int(n.off) != off; {
		i := sort.Search(len(n.kids), func(i int) bool { return int(n.kids[i].keyOff) > off }) - 1
		if i < 0 {
			break
		}
		kid := &n.kids[i]
		if n.kind == '{' {
			step(&b, kid.key)
			if int(kid.keyOff) == off {
				break
			}
		} else {
			b.WriteString("[" + strconv.Itoa(i) + "]")
		}
		n = kid
	}
	if key != "" {
		step(&b, key)
	}
	return b.String()
}

// step appends a key to a path.
func step(b *strings.Builder, key string) {
	if !plain(key) {
		b.WriteString("[" + strconv.Quote(shorten(key)) + "]")
		return
	}
	if b.Len() > 0 {
		b.WriteByte('.')
	}
	b.WriteString(key)
}

func plain(key string) bool {
	for _, c := range []byte(key) {
		if c != '_' && c != '-' && c != '$' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return key != "" && len(key) <= maxShown
}

// show quotes a word of the file for a message: short, on one line, without
// characters that hide or break it.
func show(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '`':
			return '\''
		case !unicode.IsPrint(r):
			return '\uFFFD'
		}
		return r
	}, shorten(s))
	return "`" + s + "`"
}

func shorten(s string) string {
	if len(s) <= maxShown {
		return s
	}
	n := maxShown - len("…")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

package annotate

import (
	"bytes"
	"path"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// lines finds in a text what compilers, linters and tests say of a line of a
// file. What it takes for such a line names a file of the tree.
type lines struct {
	c     *Collector
	found bool
	cwd   []string // folders that make entered
	last  *checks.Annotation
	since int    // lines since last
	file  string // that eslint lists problems of
	head  string // the last line that says something by itself, for rust and ruff
	py    pytest
	gotx  goText
}

func newLines(c *Collector) *lines { return &lines{c: c} }

// maxSince is how many lines after it may add to a remark.
const maxSince = 8

// line takes a line, without its end.
func (l *lines) line(raw []byte) {
	raw = bytes.TrimRight(uncolour(raw[:min(len(raw), maxLogLine)]), " \t\r\n")
	if l.last != nil {
		if l.since++; l.since > maxSince {
			l.flush()
		}
	}
	if len(raw) == 0 {
		return
	}
	s := string(raw)
	indented := s[0] == ' ' || s[0] == '\t'
	switch {
	case l.gotx.line(l, s):
		return
	case indented && l.file != "" && l.eslint(s):
		return
	case indented && l.more(s):
		return
	case indented && l.arrow(s):
		return
	case l.py.line(l, s):
		return
	case strings.HasPrefix(s, "make"):
		if l.enters(s) {
			return
		}
	}
	if indented {
		return
	}
	l.file = ""
	if !l.placed(s) && !l.maven(s) && !l.tsc(s) {
		l.list(s)
		l.head = s
	}
}

// end takes what was held back.
func (l *lines) end() {
	l.gotx.end()
	l.flush()
}

func (l *lines) flush() {
	if l.last != nil {
		l.c.remark(*l.last)
		l.last = nil
	}
}

// dir is the folder that tools run in, as far as make tells.
func (l *lines) dir() string {
	if n := len(l.cwd); n > 0 {
		return l.cwd[n-1]
	}
	return ""
}

// say takes a remark on a file as a tool calls it. One that is in no tree is
// told when it is an error.
func (l *lines) say(name string, line, col int, level, title, message, whole string) bool {
	file := l.c.places.find(name, l.dir())
	if file == "" {
		if level == levelFailure && strings.Contains(name, ".") && strings.Contains(whole, "error") {
			l.flush()
			l.found = true
			l.c.tell(level, whole)
			return true
		}
		return false
	}
	l.flush()
	l.found = true
	l.last = &checks.Annotation{
		Path: file, StartLine: line, EndLine: line, StartColumn: col, EndColumn: col, Level: level, Title: title, Message: message,
	}
	l.since = 0
	return true
}

// more adds to a remark what javac says of it further on.
func (l *lines) more(s string) bool {
	text := strings.TrimLeft(s, " ")
	if l.last == nil || !strings.HasPrefix(text, "symbol:") && !strings.HasPrefix(text, "location:") {
		return false
	}
	l.last.Message += "\n" + text
	return true
}

// words are how tools call levels.
var words = []struct{ word, level string }{
	{"fatal error", levelFailure}, {"internal compiler error", levelFailure}, {"error", levelFailure}, {"***", levelFailure},
	{"warning", levelWarning}, {"note", levelNotice}, {"remark", levelNotice}, {"info", levelNotice},
}

// level parts a message that begins with a level's word: "error: no", "error
// TS2322: no", "*** no". rule is what stands between.
func level(s string) (level, rule, message string) {
	for _, w := range words {
		rest, ok := strings.CutPrefix(s, w.word)
		if !ok {
			continue
		}
		if w.word == "***" {
			return w.level, "", strings.TrimSpace(rest)
		}
		rule, message, ok := strings.Cut(rest, ":")
		if !ok || strings.Count(rule, " ") > 1 || len(rule) > 40 || rule != "" && rule[0] != ' ' && rule[0] != '[' {
			continue
		}
		return w.level, strings.Trim(rule, " []"), strings.TrimSpace(message)
	}
	return "", "", s
}

// placed reads FILE:LINE: and FILE:LINE:COLUMN: with what follows, as gcc,
// clang, go, golangci-lint, mypy, ruff, javac and others write it, and
// FILE:LINE:COLUMN - of tsc.
func (l *lines) placed(s string) bool {
	s = strings.TrimPrefix(s, "vet: ")
	name, line, col, rest := spotOf(s)
	if name == "" {
		return false
	}
	switch {
	case strings.HasPrefix(rest, ":"):
		rest = strings.TrimLeft(rest[1:], " \t")
	case strings.HasPrefix(rest, " - "):
		rest = rest[len(" - "):]
	default:
		return false
	}
	if rest == "" {
		return false
	}
	level, rule, message := level(rest)
	switch {
	case level != "":
	case col == 0:
		return false
	default:
		level, message = levelFailure, rest
	}
	if code, text, ok := strings.Cut(message, " "); ok && rule == "" && isCode(strings.TrimSuffix(code, ":")) { // ruff, flake8, pylint
		rule, message = strings.TrimSuffix(code, ":"), fixable(text)
	}
	if r, m, ok := tail(message); ok {
		rule = firstOf(rule, r)
		if lv, r, found := strings.Cut(rule, "/"); found && (lv == "Error" || lv == "Warning") { // eslint's
			rule, message = r, m
			if level = levelFailure; lv == "Warning" {
				level = levelWarning
			}
		}
	}
	return l.say(name, line, col, level, rule, message, s)
}

// spotOf parts FILE:LINE or FILE:LINE:COLUMN from what follows. A file with
// blanks is none.
func spotOf(s string) (name string, line, col int, rest string) {
	from := 0
	if len(s) > 2 && s[1] == ':' && (s[2] == '\\' || s[2] == '/') {
		from = 2 // a drive
	}
	i := strings.IndexByte(s[from:], ':') + from
	if i <= from || strings.ContainsAny(s[:i], " \t\"'<>|*?") {
		return "", 0, 0, ""
	}
	name, rest = s[:i], s[i+1:]
	if line, rest = digits(rest); line == 0 {
		return "", 0, 0, ""
	}
	if after, ok := strings.CutPrefix(rest, ":"); ok {
		if n, r := digits(after); n > 0 {
			col, rest = n, r
		}
	}
	return name, line, col, rest
}

// digits parts the number that s begins with.
func digits(s string) (int, string) {
	n := number(s)
	if n == 0 {
		return 0, s
	}
	return n, strings.TrimLeft(s, "0123456789")
}

// tail parts the rule that a message ends with, in brackets of either kind.
func tail(s string) (rule, message string, ok bool) {
	for _, pair := range []string{"[]", "()"} {
		i := strings.LastIndexByte(s, pair[0])
		if i < 1 || s[len(s)-1] != pair[1] || strings.Contains(s[i:], " ") || len(s)-i > 60 {
			continue
		}
		return s[i+1 : len(s)-1], strings.TrimSpace(s[:i]), true
	}
	return "", s, false
}

// tsc reads FILE(LINE,COLUMN): error CODE: as tsc and MSBuild write it.
func (l *lines) tsc(s string) bool {
	open := strings.IndexByte(s, '(')
	if open < 1 || strings.ContainsAny(s[:open], " \t\"'") {
		return false
	}
	line, rest := digits(s[open+1:])
	after, ok := strings.CutPrefix(rest, ",")
	if line == 0 || !ok {
		return false
	}
	col, rest := digits(after)
	rest, ok = strings.CutPrefix(rest, "): ")
	if !ok {
		return false
	}
	level, rule, message := level(rest)
	return level != "" && l.say(s[:open], line, col, level, rule, message, s)
}

// maven reads [ERROR] FILE:[LINE,COLUMN] with what follows.
func (l *lines) maven(s string) bool {
	lv := levelFailure
	rest, ok := strings.CutPrefix(s, "[ERROR] ")
	if !ok {
		if rest, ok = strings.CutPrefix(s, "[WARNING] "); !ok {
			return false
		}
		lv = levelWarning
	}
	name, rest, ok := strings.Cut(rest, ":[")
	if !ok || strings.Contains(name, " ") {
		return false
	}
	line, rest := digits(rest)
	col := 0
	if after, ok := strings.CutPrefix(rest, ","); ok {
		col, rest = digits(after)
	}
	rest, ok = strings.CutPrefix(rest, "] ")
	return ok && line > 0 && l.say(name, line, col, lv, "", rest, s)
}

// list takes a line that is the name of a file of the tree, below which eslint
// lists what is wrong there.
func (l *lines) list(s string) {
	if len(s) > 300 || strings.ContainsAny(s, " :\t") || !strings.ContainsAny(s, "./") {
		return
	}
	if f := l.c.places.find(s, l.dir()); f != "" {
		l.file = f
	}
}

// eslint reads "  3:10  error  text  rule" below the name of a file.
func (l *lines) eslint(s string) bool {
	s = strings.TrimSpace(s)
	line, rest := digits(s)
	after, ok := strings.CutPrefix(rest, ":")
	if line == 0 || !ok {
		return false
	}
	col, rest := digits(after)
	rest = strings.TrimLeft(rest, " ")
	lv := levelWarning
	message, ok := strings.CutPrefix(rest, "warning ")
	if !ok {
		lv = levelFailure
		if message, ok = strings.CutPrefix(rest, "error "); !ok {
			return false
		}
	}
	message, rule := strings.TrimSpace(message), ""
	if i := strings.LastIndex(message, "  "); i > 0 {
		message, rule = strings.TrimSpace(message[:i]), message[i+2:]
	}
	l.flush()
	l.found = true
	l.c.remark(checks.Annotation{Path: l.file, StartLine: line, StartColumn: col, Level: lv, Title: rule, Message: message})
	return true
}

// arrow reads "  --> FILE:LINE:COLUMN" below what rustc and ruff say of it.
func (l *lines) arrow(s string) bool {
	rest, ok := strings.CutPrefix(strings.TrimLeft(s, " "), "--> ")
	if !ok || l.head == "" {
		return false
	}
	head := l.head
	l.head = ""
	name, line, col, _ := spotOf(rest)
	lv, rule, message := level(head)
	if lv == "" {
		code, text, _ := strings.Cut(head, " ")
		if !isCode(code) {
			return false
		}
		lv, rule, message = levelFailure, code, fixable(text)
	}
	return name != "" && l.say(name, line, col, lv, rule, message, head)
}

// fixable is what ruff says, without its mark of what it could mend.
func fixable(s string) string { return strings.TrimSpace(strings.TrimPrefix(s, "[*] ")) }

// isCode reports whether s is like E501 or PLR0913.
func isCode(s string) bool {
	n := strings.IndexAny(s, "0123456789")
	return n > 0 && n <= 6 && len(s)-n >= 2 && len(s)-n <= 5 && strings.Trim(s[n:], "0123456789") == "" && strings.ToUpper(s) == s && !strings.ContainsAny(s[:n], ".:/[(")
}

// enters follows make into folders, and out of them.
func (l *lines) enters(s string) bool {
	_, rest, ok := strings.Cut(s, ": ")
	if !ok {
		return false
	}
	if dir, ok := strings.CutPrefix(rest, "Entering directory "); ok {
		dir = strings.Trim(dir, "'`\"")
		if len(l.cwd) < maxDepth {
			dir, _ = l.c.places.clean(dir)
			l.cwd = append(l.cwd, path.Clean(dir))
		}
		return true
	}
	if strings.HasPrefix(rest, "Leaving directory ") {
		l.cwd = l.cwd[:max(0, len(l.cwd)-1)]
		return true
	}
	return false
}

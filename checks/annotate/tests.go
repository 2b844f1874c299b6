package annotate

import (
	"strings"

	"github.com/dudesons/loktar/checks"
)

// pytest is what its output last told, for the line that names the place.
type pytest struct {
	title string
	says  []string // its lines that begin with E
}

// maxSays bounds the lines of a failure that are kept.
const maxSays = 30

// line reads a line of pytest's output.
func (p *pytest) line(l *lines, s string) bool {
	switch {
	case strings.HasPrefix(s, "E  "):
		if len(p.says) < maxSays {
			p.says = append(p.says, strings.TrimPrefix(s[1:], "      "))
		}
		return true
	case strings.HasPrefix(s, "__") && strings.HasSuffix(s, "__"):
		p.title, p.says = strings.Trim(s, "_ "), nil
		return true
	}
	name, line, _, rest := spotOf(s)
	if !strings.HasSuffix(name, ".py") || !strings.HasPrefix(rest, ": ") {
		return false
	}
	kind, after, _ := strings.Cut(rest[2:], ":")
	if !exception(kind) || after == "" && len(p.says) == 0 {
		return false
	}
	message := strings.TrimSpace(kind + ":" + after)
	if len(p.says) > 0 {
		message = strings.Join(dedent(p.says), "\n")
	}
	p.says = nil
	return l.say(name, line, 0, levelFailure, p.title, message, s)
}

// exception reports whether s is the name of a python exception.
func exception(s string) bool {
	if s == "" || len(s) > 100 || s == "error" || s == "warning" || s == "note" {
		return false
	}
	for _, r := range s {
		if r != '_' && r != '.' && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			return false
		}
	}
	last := s[strings.LastIndexByte(s, '.')+1:]
	return last != "" && last[0] >= 'A' && last[0] <= 'Z'
}

// goText holds what go test says of tests that failed until it names their
// package.
type goText struct {
	now   *goFailure
	all   []goFailure
	begun excerpt // what a test printed before it ended, with -v
}

type goFailure struct {
	name string
	out  excerpt
}

// maxGoFailures bounds those of one package.
const maxGoFailures = 100

// line reads a line of go test's output.
func (g *goText) line(l *lines, s string) bool {
	trimmed := strings.TrimLeft(s, " ")
	switch {
	case strings.HasPrefix(trimmed, "--- FAIL: "):
		name, _, _ := strings.Cut(trimmed[len("--- FAIL: "):], " (")
		g.now = nil
		if len(g.all) < maxGoFailures {
			g.all = append(g.all, goFailure{name: name, out: g.begun})
			g.now = &g.all[len(g.all)-1]
		}
		g.begun = excerpt{}
		return true
	case strings.HasPrefix(trimmed, "=== "):
		g.begun, g.now = excerpt{}, nil
		return true
	case strings.HasPrefix(trimmed, "--- PASS: "), strings.HasPrefix(trimmed, "--- SKIP: "):
		g.begun, g.now = excerpt{}, nil
		return true
	case strings.HasPrefix(s, "FAIL\t"):
		pkg, _, _ := strings.Cut(s[len("FAIL\t"):], "\t")
		g.tell(l, pkg)
		return true
	case strings.HasPrefix(s, "ok  \t"):
		g.now, g.all = nil, nil
		return true
	case g.now != nil:
		g.now.out.write([]byte(s + "\n"))
		return s[0] == ' ' || s[0] == '\t'
	case strings.HasPrefix(s, "    "):
		g.begun.write([]byte(s + "\n"))
	}
	return false
}

// tell takes what failed in a package.
func (g *goText) tell(l *lines, pkg string) {
	for i := range g.all {
		f := &g.all[i]
		text := f.out.String()
		at, _ := l.c.places.goPlace(pkg, text)
		if at.path == "" {
			continue
		}
		l.flush()
		l.found = true
		l.c.remark(checks.Annotation{Path: at.path, StartLine: at.line, Level: levelFailure, Title: f.name, Message: goMessage(text)})
	}
	g.end()
}

// end forgets what no package was named for.
func (g *goText) end() { g.now, g.all, g.begun = nil, nil, excerpt{} }

package annotate

import (
	"bytes"
	"encoding/json"
	"io"
	"path"
	"strings"
	"time"
)

// maxOpen bounds the tests that have begun and not ended, whose output is held.
const maxOpen = 5000

// goEvent is a line of go test -json.
type goEvent struct {
	Action      string
	Package     string
	Test        string
	Elapsed     float64
	Output      string
	ImportPath  string
	FailedBuild string
}

// goTest is a test, or a package, that has begun.
type goTest struct {
	out    excerpt
	parent bool // it has subtests
	red    bool // one of them failed
}

// gotest reads the output of go test -json. Other lines among it, as those of
// go vet, are lines of a log.
func (c *Collector) gotest(r io.Reader) error {
	open := map[[2]string]*goTest{}
	l := newLines(c)
	build := newLines(c)
	long, err := eachLine(r, maxEvent, func(line []byte) {
		if len(line) == 0 || line[0] != '{' {
			l.line(line)
			return
		}
		var e goEvent
		if json.Unmarshal(line, &e) != nil {
			return
		}
		if e.Action == "build-output" {
			build.line(bytes.TrimSuffix([]byte(e.Output), []byte("\n")))
			return
		}
		c.goEvent(open, &e)
	})
	l.end()
	build.end()
	if long > 0 {
		c.note("%d lines of a report are too long and were not read.", long)
	}
	return err
}

// maxEvent bounds a line of it, in bytes.
const maxEvent = 1 << 20

func (c *Collector) goEvent(open map[[2]string]*goTest, e *goEvent) {
	key := [2]string{e.Package, e.Test}
	t := open[key]
	if t == nil && (e.Action == "output" || e.Action == "run" || e.Action == "start") {
		if len(open) >= maxOpen {
			return
		}
		t = &goTest{}
		open[key] = t
		for i := strings.LastIndexByte(e.Test, '/'); i > 0; i = strings.LastIndexByte(e.Test[:i], '/') {
			if p := open[[2]string{e.Package, e.Test[:i]}]; p != nil {
				p.parent = true
			}
		}
	}
	if t == nil {
		t = &goTest{}
	}
	out := test{name: e.Package + "." + e.Test, took: time.Duration(min(max(e.Elapsed, 0), 1e6) * float64(time.Second))}
	switch e.Action {
	case "output":
		t.out.write([]byte(e.Output))
		return
	case "pass", "bench":
		out.outcome = passed
	case "skip":
		out.outcome = skipped
	case "fail":
		out.outcome = failed
		for i := strings.LastIndexByte(e.Test, '/'); i > 0; i = strings.LastIndexByte(e.Test[:i], '/') {
			if p := open[[2]string{e.Package, e.Test[:i]}]; p != nil {
				p.red = true
			}
		}
		if p := open[[2]string{e.Package, ""}]; p != nil {
			p.red = true
		}
	default:
		return
	}
	delete(open, key)
	switch {
	case e.Test == "" && (out.outcome != failed || t.red || e.FailedBuild != ""):
		return // its tests say it, or its build does
	case e.Test == "":
		out.name, out.outcome = e.Package, errored
	case t.parent && (out.outcome != failed || t.red):
		return // its subtests say it
	}
	if out.outcome == failed || out.outcome == errored {
		text := t.out.String()
		from := 0
		out.at, from = c.places.goPlace(e.Package, text)
		out.message, out.detail = goMessage(text[from:]), goMessage(text)
	}
	c.add(out)
}

// goPlace is where a test of an import path failed, by what it printed: of a
// panic the innermost place of the tree, else the last that the test names,
// for what it logs comes before it gives up. from is where in text that is
// told.
func (p *places) goPlace(pkg, text string) (at place, from int) {
	panicked := strings.Contains(text, "panic: ")
	next := 0
	for line := range strings.Lines(text) {
		begin := next
		next += len(line)
		if line[0] != ' ' && line[0] != '\t' {
			continue // go test indents what is a test's
		}
		if panicked != (line[0] == '\t') {
			continue
		}
		named := frames(line)
		if len(named) == 0 {
			continue
		}
		switch found := p.goFile(pkg, named[0]); {
		case found.path == "":
		case panicked:
			return found, strings.Index(text, "panic: ")
		default:
			at, from = found, begin
		}
	}
	return at, from
}

// goFile is the file that a test of an import path names: by its last element
// alone, by its whole path, or from the package's folder.
func (p *places) goFile(pkg string, f frame) place {
	if !strings.Contains(f.name, "/") && len(pkg) <= maxPath {
		pkg, _, _ = strings.Cut(pkg, " ")
		parts := strings.Split(strings.TrimSuffix(pkg, "_test"), "/")
		for i := range parts {
			if i > 20 {
				break
			}
			if file := p.find(path.Join(path.Join(parts[i:]...), f.name), ""); file != "" {
				return place{path: file, line: f.line, col: f.col}
			}
		}
	}
	return p.at(f, "")
}

// goMessage is what a failed test printed, without what go test says of it.
func goMessage(text string) string {
	var kept []string
	for line := range strings.SplitSeq(text, "\n") {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "=== ") || strings.HasPrefix(trimmed, "--- ") || trimmed == "FAIL" || strings.HasPrefix(trimmed, "FAIL\t") {
			continue
		}
		kept = append(kept, strings.TrimRight(line, " \t\r"))
	}
	return strings.Trim(strings.Join(dedent(kept), "\n"), "\n")
}

// dedent takes off the blanks that all lines begin with.
func dedent(lines []string) []string {
	least := -1
	for _, l := range lines {
		if n := len(l) - len(strings.TrimLeft(l, " ")); l != "" && (least < 0 || n < least) {
			least = n
		}
	}
	for i, l := range lines {
		if l != "" {
			lines[i] = l[least:]
		}
	}
	return lines
}

package annotate

import (
	"strconv"
	"strings"
)

// maxFrames bounds the places of one text that are looked at.
const maxFrames = 300

// frame is a place as a text names it.
type frame struct {
	name      string // of the file
	class     string // of Java, dotted, with the method; empty otherwise
	line, col int
}

// frames are the places that a trace or a failure's text names, in its order.
func frames(text string) []frame {
	var out []frame
	for line := range strings.SplitSeq(text, "\n") {
		if rest, ok := strings.CutPrefix(strings.TrimLeft(line, " \t"), `File "`); ok { // python
			name, rest, ok := strings.Cut(rest, `", line `)
			if n := number(rest); ok && n > 0 {
				out = append(out, frame{name: name, line: n})
			}
			continue
		}
		for i := 0; i < len(line) && len(out) < maxFrames; {
			colon := strings.IndexByte(line[i:], ':')
			if colon < 0 {
				break
			}
			colon += i
			i = colon + 1
			n := number(line[i:])
			if n == 0 {
				continue
			}
			start := strings.LastIndexAny(line[:colon], " \t(\"'`<>[],=") + 1
			f := frame{name: line[start:colon], line: n}
			if !strings.Contains(f.name, ".") {
				continue
			}
			for i < len(line) && line[i] >= '0' && line[i] <= '9' {
				i++
			}
			if i+1 < len(line) && line[i] == ':' {
				if f.col = number(line[i+1:]); f.col > 0 {
					for i++; i < len(line) && line[i] >= '0' && line[i] <= '9'; i++ {
					}
				}
			}
			if start > 0 && line[start-1] == '(' && !strings.Contains(f.name, "/") {
				f.class = line[strings.LastIndexAny(line[:start-1], " \t/")+1 : start-1]
			}
			out = append(out, f)
		}
	}
	return out
}

// number is the decimal number that s begins with, 0 for none.
func number(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	if n == 0 || n > 9 {
		return 0
	}
	v, _ := strconv.Atoi(s[:n])
	return v
}

// at is the place of a frame in the tree.
func (p *places) at(f frame, cwd string) place {
	name := ""
	if f.class != "" { // com.acme.PetTest.legs(PetTest.java:7)
		parts := strings.Split(f.class, ".")
		if n := len(parts) - 2; n > 0 {
			name = p.suffix(strings.Join(parts[:n], "/") + "/" + f.name)
		}
	}
	if name == "" {
		name = p.find(f.name, cwd)
	}
	if name == "" {
		return place{}
	}
	return place{path: name, line: f.line, col: f.col}
}

// failing is where a test failed: of the places that its text names the first
// in its own file, else the first in any; python's traces have the innermost
// last. own is its file as far as it is known, line where it begins there.
func (p *places) failing(own string, line int, text string) place {
	var first, last place
	for _, f := range frames(text) {
		at := p.at(f, "")
		switch {
		case at.path == "":
			continue
		case own != "" && at.path == own:
			return at
		case first.path == "":
			first = at
		}
		last = at
	}
	switch {
	case strings.HasSuffix(last.path, ".py"):
		return last
	case first.path != "":
		return first
	case own != "":
		return place{path: own, line: bounded(line)}
	}
	return place{}
}

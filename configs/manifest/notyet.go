package manifest

import (
	"fmt"

	"github.com/dudesons/loktar/checks"
)

// notYet are the keys that are read and have no effect in this version, where
// saying nothing would mislead. A key that gets its effect loses its row.
var notYet = []struct {
	key   string
	quiet string // a word that asks for nothing
	what  string // what happens instead
}{
	{"reports", "", "the files are kept for download, and no annotations are made from them"},
}

// partly are the keys of notYet that have some effect.
var partly = map[string]bool{"reports": true}

var notYetRow = func() map[string]int {
	m := map[string]int{}
	for i, row := range notYet {
		m[row.key] = i
	}
	return m
}()

// notices are where the keys of notYet are first used and how often, and
// other things to warn of.
type notices struct {
	uses  map[int]use // by row
	other []finding
	more  int
}

type use struct{ off, count int }

// notice remembers that a key is used, when it has a row and asks for
// something.
func (p *parser) notice(n *node) {
	i, ok := notYetRow[n.key]
	if !ok || silent(n, notYet[i].quiet) {
		return
	}
	if p.notices.uses == nil {
		p.notices.uses = map[int]use{}
	}
	u, seen := p.notices.uses[i]
	if !seen || int(n.off) < u.off {
		u.off = int(n.off)
	}
	u.count++
	p.notices.uses[i] = u
}

// silent reports whether a value is what a package without the key has.
func silent(n *node, quiet string) bool {
	switch n.kind {
	case '"', '0':
		return n.text == quiet
	case '[', '{':
		return len(n.kids) == 0
	}
	return n.kind == 'f'
}

// warn remembers a warning about a value.
func (p *parser) warn(n *node, format string, args ...any) {
	if len(p.notices.other) >= maxProblems {
		p.notices.more++
		return
	}
	p.notices.other = append(p.notices.other, finding{off: int(n.off), stand: int(n.off), msg: fmt.Sprintf(format, args...)})
}

// warnings are the notices in the order of the file: one for each key without
// effect, at its first use.
func (p *parser) warnings() []checks.Problem {
	found := p.notices.other
	for i, row := range notYet {
		u, used := p.notices.uses[i]
		if !used {
			continue
		}
		msg := "has no effect in this version of Loktar: " + row.what
		if partly[row.key] {
			msg = "has only a part of its effect in this version of Loktar: " + row.what
		}
		if u.count > 1 {
			msg += fmt.Sprintf(" (%d packages use it)", u.count)
		}
		found = append(found, finding{off: u.off, stand: u.off, msg: msg})
	}
	ws := p.place(found)
	if p.notices.more > 0 {
		ws = append(ws, checks.Problem{Line: 1, Column: 1, Message: fmt.Sprintf("%d more warnings are not listed", p.notices.more)})
	}
	return ws
}

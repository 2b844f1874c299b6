package manifest

import (
	"fmt"

	"github.com/dudesons/loktar/checks"
)

// notices are the things to warn of, and how many more there are.
type notices struct {
	found []finding
	more  int
}

// warn remembers a warning about a value.
func (p *parser) warn(n *node, format string, args ...any) {
	if len(p.notices.found) >= maxProblems {
		p.notices.more++
		return
	}
	p.notices.found = append(p.notices.found, finding{off: int(n.off), stand: int(n.off), msg: fmt.Sprintf(format, args...)})
}

// warnings are the notices in the order of the file.
func (p *parser) warnings() []checks.Problem {
	ws := p.place(p.notices.found)
	if p.notices.more > 0 {
		ws = append(ws, checks.Problem{Line: 1, Column: 1, Message: fmt.Sprintf("%d more warnings are not listed", p.notices.more)})
	}
	return ws
}

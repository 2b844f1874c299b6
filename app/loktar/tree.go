package main

import (
	"fmt"

	"github.com/dudesons/loktar/checks/graph"
)

// tree prints each package that no other needs, and below it what it needs.
// What stands above already is not opened again.
func (d drawing) tree(out screen) {
	t := treePrinter{drawing: d, out: out, seen: map[string]bool{}}
	for _, p := range d.packages {
		if !d.needed[p.Name] {
			t.top(p.Name)
		}
	}
	for _, p := range d.packages { // those that need each other alone
		if !t.seen[p.Name] {
			t.top(p.Name)
		}
	}
	if len(d.packages) == 0 {
		remark("There is no package to show.")
	}
}

type treePrinter struct {
	drawing
	out  screen
	seen map[string]bool
}

func (t *treePrinter) top(name string) {
	fmt.Fprintln(t.out, t.out.paint(bold, name))
	t.seen[name] = true
	t.below(name, "", 1)
}

// maxTree bounds how deep a tree is drawn.
const maxTree = 100

func (t *treePrinter) below(name, indent string, depth int) {
	needs := t.needs[name]
	for i, e := range needs {
		branch, further := "├── ", "│   "
		if i == len(needs)-1 {
			branch, further = "└── ", "    "
		}
		t.line(e, indent+branch)
		if t.seen[e.To] || depth >= maxTree {
			continue
		}
		t.seen[e.To] = true
		t.below(e.To, indent+further, depth+1)
	}
}

func (t *treePrinter) line(e graph.Dependency, before string) {
	text := "(" + source(e)
	if t.seen[e.To] && len(t.needs[e.To]) > 0 && !e.Cycle {
		text += "; shown above"
	}
	fmt.Fprintln(t.out, t.out.paint(faint, before)+e.To+"  "+t.out.paint(faint, text+")"))
}

package infer

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// The bounds of what is told about cycles.
const (
	maxCycles    = 100 // that are told of
	maxCycleSize = 20  // packages of one cycle that are named
)

// link is an edge of the graph that is searched for cycles.
type link struct {
	to       int32
	inferred int32 // in the arcs; -1 when depends_on says it
	dead     bool  // it closed a cycle
}

// sorter puts packages in an order, what they need first.
type sorter struct {
	packages   []*checks.Package
	arcs       []arc
	needs      [][]link
	dependents [][][2]int32 // the package and the place in its needs
	left       []int        // needs that are not placed
	placed     []bool
	ready      []int32
	skip       []int // needs at the start that are dead or placed
	seen       []int // by package, the place in a walk, from 1
}

// closeCycles marks arcs as cyclic so that the others, with depends_on, have
// no cycle with an arc in it, and tells of each cycle that it found. arcs are
// by from, then to; packages by name. An arc that depends_on says too is never
// marked.
func closeCycles(ctx context.Context, packages []*checks.Package, arcs []arc) ([]checks.FileProblem, error) {
	s := newSorter(packages, arcs)
	var problems []checks.FileProblem
	more := 0
	for from := 0; ; {
		s.place()
		for from < len(packages) && s.placed[from] {
			from++
		}
		if from == len(packages) {
			break
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		walk := s.cycle(int32(from))
		at := s.weakest(walk)
		l := &s.needs[walk[at].from][walk[at].need]
		l.dead = true
		if s.left[walk[at].from]--; s.left[walk[at].from] == 0 {
			s.ready = append(s.ready, walk[at].from)
		}
		if l.inferred < 0 {
			continue // depends_on alone: reading loktar.json reports it
		}
		closing := &arcs[l.inferred]
		closing.cyclic = true
		if s.usual(walk) {
			continue
		}
		if len(problems) == maxCycles {
			more++
			continue
		}
		problems = append(problems, checks.FileProblem{
			Package: packages[closing.from].Name, File: closing.file, Line: closing.line, Message: s.tell(walk, at), Warning: true})
	}
	if more > 0 {
		problems[len(problems)-1].Message += fmt.Sprintf(" (there are %d more circles)", more)
	}
	return problems, nil
}

func newSorter(packages []*checks.Package, arcs []arc) *sorter {
	s := &sorter{
		packages: packages, arcs: arcs,
		needs:      make([][]link, len(packages)),
		dependents: make([][][2]int32, len(packages)),
		left:       make([]int, len(packages)),
		placed:     make([]bool, len(packages)),
		skip:       make([]int, len(packages)),
		seen:       make([]int, len(packages)),
	}
	for n, p := range packages {
		var needs []link
		for _, name := range p.DependsOn {
			to, ok := slices.BinarySearchFunc(packages, name, func(p *checks.Package, name string) int { return strings.Compare(p.Name, name) })
			if ok && to != n {
				needs = append(needs, link{to: int32(to), inferred: -1})
			}
		}
		for ; len(arcs) > 0 && int(arcs[0].from) == n; arcs = arcs[1:] {
			needs = append(needs, link{to: arcs[0].to, inferred: int32(len(s.arcs) - len(arcs))})
		}
		slices.SortFunc(needs, func(a, b link) int { return cmp.Or(cmp.Compare(a.to, b.to), cmp.Compare(a.inferred, b.inferred)) })
		needs = slices.CompactFunc(needs, func(a, b link) bool { return a.to == b.to })
		s.needs[n], s.left[n] = needs, len(needs)
		for k, l := range needs {
			s.dependents[l.to] = append(s.dependents[l.to], [2]int32{int32(n), int32(k)})
		}
		if len(needs) == 0 {
			s.ready = append(s.ready, int32(n))
		}
	}
	return s
}

// place places all packages whose needs are placed.
func (s *sorter) place() {
	for len(s.ready) > 0 {
		n := s.ready[len(s.ready)-1]
		s.ready = s.ready[:len(s.ready)-1]
		s.placed[n] = true
		for _, d := range s.dependents[n] {
			if s.needs[d[0]][d[1]].dead {
				continue
			}
			if s.left[d[0]]--; s.left[d[0]] == 0 {
				s.ready = append(s.ready, d[0])
			}
		}
	}
}

// step is a package of a cycle and which of its needs leads to the next.
type step struct{ from, need int32 }

// cycle is one that a package which is not placed leads to. It starts at the
// first of its packages by name.
func (s *sorter) cycle(at int32) []step {
	var walk []step
	for s.seen[at] == 0 {
		k := s.skip[at]
		for l := s.needs[at][k]; l.dead || s.placed[l.to]; l = s.needs[at][k] {
			k++
		}
		s.skip[at] = k
		walk = append(walk, step{at, int32(k)})
		s.seen[at] = len(walk)
		at = s.needs[at][k].to
	}
	start := s.seen[at] - 1
	for _, st := range walk {
		s.seen[st.from] = 0
	}
	walk = walk[start:]
	first := 0
	for i := range walk {
		if walk[i].from < walk[first].from {
			first = i
		}
	}
	return append(slices.Clone(walk[first:]), walk[:first]...)
}

// weakest is the place in a cycle of the edge to do without: the last inferred
// one, so that the order of the names decides.
func (s *sorter) weakest(walk []step) int {
	for i := len(walk) - 1; i >= 0; i-- {
		if s.needs[walk[i].from][walk[i].need].inferred >= 0 {
			return i
		}
	}
	return 0
}

// usual reports whether a cycle is of poms alone: a Maven root lists its
// modules, and they name it as their parent. Nobody needs to hear of that.
func (s *sorter) usual(walk []step) bool {
	for _, st := range walk {
		l := s.needs[st.from][st.need]
		if l.inferred < 0 || path.Base(s.arcs[l.inferred].file) != "pom.xml" {
			return false
		}
	}
	return true
}

// tell is what is said about a cycle.
func (s *sorter) tell(walk []step, closing int) string {
	var b strings.Builder
	b.WriteString("these packages need each other in a circle: ")
	for i, st := range walk {
		if i == maxCycleSize-1 && len(walk) > maxCycleSize {
			fmt.Fprintf(&b, "(%d more) -> ", len(walk)-i)
			break
		}
		l := s.needs[st.from][st.need]
		fmt.Fprintf(&b, "%s (%s) -> ", s.packages[st.from].Name, s.where(l))
	}
	b.WriteString(s.packages[walk[0].from].Name)
	from := walk[closing]
	l := s.needs[from.from][from.need]
	fmt.Fprintf(&b, "; a change to one tests them all, but %s does not wait for %s; remove the line %s, or leave its kind out of the `dependencies_type` of %s",
		s.packages[from.from].Name, s.packages[l.to].Name, s.where(l), s.packages[from.from].Name)
	return b.String()
}

// where is the place in the repository that tells of an edge.
func (s *sorter) where(l link) string {
	if l.inferred < 0 {
		return "`depends_on`"
	}
	a := &s.arcs[l.inferred]
	if a.line == 0 {
		return quoted(a.file)
	}
	return fmt.Sprintf("%s:%d", quoted(a.file), a.line)
}

// quoted is a path of the repository as a sentence shows it: short and
// printable.
func quoted(p string) string {
	const most = 200
	if len(p) > most {
		p = p[:most] + "..."
	}
	if q := strconv.Quote(p); q[1:len(q)-1] != p || strings.ContainsAny(p, " `") {
		return q
	}
	return p
}

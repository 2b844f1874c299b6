package graph

import (
	"strings"

	"github.com/dudesons/loktar/checks"
)

// closure is how far a change reaches over dependencies.
type closure struct {
	g *Graph
	// dist are how many dependencies lie between each package and a cause
	// that spreads to its dependents; -1 for those that affect no other.
	dist     []int32
	affected []bool
}

// close follows the dependencies of the affected packages.
func (g *Graph) close(s *findings) *closure {
	c := &closure{g: g, dist: make([]int32, len(g.packages)), affected: make([]bool, len(g.packages))}
	var queue []int32
	for i := range s.of {
		c.dist[i] = -1
		if s.all() || s.of[i].any() {
			c.affected[i] = true
			if !s.of[i].held {
				c.dist[i] = 0
				queue = append(queue, int32(i))
			}
		}
	}
	for k := 0; k < len(queue); k++ {
		at := queue[k]
		for _, d := range g.dependents[at] {
			if c.dist[d] < 0 {
				c.dist[d], c.affected[d] = c.dist[at]+1, true
				queue = append(queue, d)
			}
		}
	}
	return c
}

// nearest is the dependency that affects package i and is closest to a cause,
// the first of the manifest where several are, and how many there are.
func (c *closure) nearest(i int32) (near arc, n int) {
	for _, a := range c.g.needs[i] {
		if c.dist[a.to] < 0 || c.circular(i, a.to) {
			continue
		}
		n++
		if n == 1 || c.dist[a.to] < c.dist[near.to] || c.dist[a.to] == c.dist[near.to] && a.to < near.to {
			near = a
		}
	}
	return near, n
}

// circular reports whether i and d need each other and d may be affected by i
// alone.
func (c *closure) circular(i, d int32) bool {
	of := c.g.cycles
	return of != nil && of[i] != 0 && of[i] == of[d] && c.dist[d] > 0 && c.dist[d] >= c.dist[i]
}

func (c *closure) result(s *findings) Result {
	g, out := c.g, s.out
	n, wants := 0, 0
	for i, in := range c.affected {
		if in {
			n, wants = n+1, wants+len(g.needs[i])
		}
	}
	if n == 0 {
		return out
	}
	// Of all packages together, to allocate once.
	reasons, needs := make([]checks.Reason, 0, 2*n), make([]string, 0, wants)
	type end struct{ reasons, needs int }
	ends := make([]end, 0, n)
	out.Affected = make([]Affected, 0, n)
	for _, i := range g.order {
		if !c.affected[i] {
			continue
		}
		reasons = c.reasons(reasons, s, i)
		for _, a := range g.needs[i] {
			if a.order && c.affected[a.to] {
				needs = append(needs, g.packages[a.to].Name)
			}
		}
		out.Affected = append(out.Affected, Affected{Index: int(i), Name: g.packages[i].Name})
		ends = append(ends, end{len(reasons), len(needs)})
	}
	var from end
	for k, to := range ends {
		out.Affected[k].Reasons = reasons[from.reasons:to.reasons:to.reasons]
		if to.needs > from.needs {
			out.Affected[k].Needs = needs[from.needs:to.needs:to.needs]
		}
		from = to
	}
	out.Held = c.held(s)
	return out
}

// reasons appends those of package i.
func (c *closure) reasons(to []checks.Reason, s *findings, i int32) []checks.Reason {
	p, why := &c.g.packages[i], &s.of[i]
	if t := why.file; t.n > 0 {
		to = append(to, checks.Reason{Kind: checks.ReasonFile, Subject: within(p.Dir, t.first), Dir: p.Dir, More: t.n - 1})
	}
	if t := why.input; t.n > 0 {
		to = append(to, checks.Reason{Kind: checks.ReasonInput, Subject: t.first, More: t.n - 1})
	}
	if t := why.link; t.n > 0 {
		l := s.q.Links[why.linkAt]
		to = append(to, checks.Reason{Kind: checks.ReasonLink, Subject: t.first, Dir: l.Target, File: l.Path, More: t.n - 1})
	}
	if why.entry {
		to = append(to, checks.Reason{Kind: checks.ReasonEntry})
	}
	if t := why.removed; t.n > 0 {
		to = append(to, checks.Reason{Kind: checks.ReasonRemoved, Subject: t.first, More: t.n - 1})
	}
	if why.unread > 0 {
		u := s.q.Unread[why.unreadAt]
		to = append(to, checks.Reason{Kind: checks.ReasonUnread, Subject: u.Message, File: u.File, Line: u.Line, More: int(why.unread) - 1})
	}
	if why.turned > 0 {
		r := s.q.Changes.Rewired[why.turnedAt]
		kind := checks.ReasonGained
		if r.Lost {
			kind = checks.ReasonLost
		}
		to = append(to, checks.Reason{Kind: kind, Subject: r.To, File: r.File, Line: r.Line, More: int(why.turned) - 1})
	}
	if t := s.global; t.n > 0 {
		to = append(to, checks.Reason{Kind: checks.ReasonGlobal, Subject: t.first, More: t.n - 1})
	}
	if s.everything != "" {
		to = append(to, checks.Reason{Kind: checks.ReasonEverything, Subject: s.everything})
	}
	if !s.all() {
		if a, n := c.nearest(i); n > 0 {
			r := checks.Reason{Kind: checks.ReasonDependency, Subject: c.g.packages[a.to].Name, More: n - 1}
			if a.edge != declared {
				r.File, r.Line = c.g.edges[a.edge].File, c.g.edges[a.edge].Line
			}
			to = append(to, r)
		}
	}
	return to
}

// held tells what the commit rule kept out.
func (c *closure) held(s *findings) []Held {
	var out []Held
	var queue []int32
	by := map[int32]int32{} // which of queue's first a package is held back by
	for _, i := range c.g.order {
		if s.of[i].held && c.dist[i] < 0 {
			queue = append(queue, i)
			by[i] = int32(len(out))
			out = append(out, Held{Index: int(i), Name: c.g.packages[i].Name})
		}
	}
	for k := 0; k < len(queue); k++ {
		at := queue[k]
		for _, d := range c.g.dependents[at] {
			if _, seen := by[d]; !seen && !c.affected[d] {
				by[d] = by[at]
				queue = append(queue, d)
				out[by[d]].Dependents = append(out[by[d]].Dependents, c.g.packages[d].Name)
			}
		}
	}
	kept := out[:0]
	for _, h := range out {
		if len(h.Dependents) > 0 {
			kept = append(kept, h)
		}
	}
	return kept
}

// within is file as seen from dir, which holds it; a dir that is itself the
// file (a submodule, a link) keeps its path.
func within(dir, file string) string {
	if dir == "." || dir == file {
		return file
	}
	return strings.TrimPrefix(file, dir+"/")
}

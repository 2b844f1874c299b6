package graph

import (
	"slices"

	"github.com/dudesons/loktar/checks"
)

// linkScan finds the links to what changed. Files are counted at what is
// linked to, not at each link: a folder with many links costs a file no more
// than one does.
type linkScan struct {
	links   []checks.Link
	paths   walker[mark]
	targets []target
	changed []bool // by link: whether it is a changed file itself
	queue   []int32
}

// mark is what a path means to the links: their target or one of them. The
// other is -1.
type mark struct {
	target, link int32
}

// target is what links lead to.
type target struct {
	links []int32
	files tally // what changed at, below or above it
	// via are the targets of which a link leads here, when it is followed.
	via []int32
	// leads: some link to it, or a link to one of those, affects a package.
	leads bool
}

func newLinkScan(links []checks.Link) *linkScan {
	if len(links) == 0 {
		return nil
	}
	root := &trie[mark]{}
	s := &linkScan{links: links, paths: walker[mark]{root: root}, changed: make([]bool, len(links))}
	known := make(map[string]int32, len(links))
	for i, l := range links {
		at, ok := known[l.Target]
		if !ok {
			at = int32(len(s.targets))
			known[l.Target] = at
			s.targets = append(s.targets, target{})
			n := root.node(l.Target)
			n.values = append(n.values, mark{target: at, link: -1})
		}
		s.targets[at].links = append(s.targets[at].links, int32(i))
		n := root.node(l.Path)
		n.values = append(n.values, mark{target: -1, link: int32(i)})
	}
	return s
}

// each calls do with the targets that a change of path changes: path itself,
// the folders around it, and what is below it, for then path is, or was, a
// link or a submodule.
func (s *linkScan) each(path string, do func(mark)) {
	along, here := s.paths.lookup(path)
	for _, m := range along {
		if m.target >= 0 {
			do(m)
		}
	}
	if here == nil {
		return
	}
	for _, m := range here.values {
		do(m)
	}
	here.below(func(m mark) {
		if m.target >= 0 {
			do(m)
		}
	})
}

// see counts a changed file.
func (s *linkScan) see(file string, ignored bool) {
	if s == nil {
		return
	}
	s.each(file, func(m mark) {
		switch {
		case m.link >= 0:
			s.changed[m.link] = true
		case !ignored:
			s.hit(m.target, tally{file, 1})
		}
	})
}

func (s *linkScan) hit(at int32, files tally) {
	t := &s.targets[at]
	if t.files.n == 0 {
		s.queue = append(s.queue, at)
	}
	t.files.addAll(files)
}

// follow has each link whose target changed count as a changed file, and so
// on for the links that lead to it. It is called once, after all files.
func (s *linkScan) follow(f *findings, at *scanner) {
	if s == nil {
		return
	}
	slices.Sort(s.queue)
	for k := 0; k < len(s.queue); k++ {
		from := s.queue[k]
		for _, l := range s.targets[from].links {
			if s.take(l, s.targets[from].files, f, at) {
				s.targets[from].leads = true
			}
			path := s.links[l].Path
			if at.ignore.has(path) {
				continue
			}
			before := len(s.queue)
			s.each(path, func(m mark) {
				if m.target < 0 {
					return
				}
				to := &s.targets[m.target]
				to.via = append(to.via, from)
				if to.files.n == 0 {
					s.hit(m.target, s.targets[from].files)
				}
			})
			slices.Sort(s.queue[before:])
		}
	}
	var back []int32
	for at := range s.targets {
		if s.targets[at].leads {
			back = append(back, int32(at))
		}
	}
	for k := 0; k < len(back); k++ {
		for _, from := range s.targets[back[k]].via {
			if !s.targets[from].leads {
				s.targets[from].leads = true
				back = append(back, from)
			}
		}
	}
}

// take counts link l as changed because files did, and reports whether that
// affects a package.
func (s *linkScan) take(l int32, files tally, f *findings, at *scanner) (used bool) {
	path := s.links[l].Path
	if at.global.has(path) {
		used = true
		if !s.changed[l] {
			f.global.add(path)
		}
	}
	if hit := at.inputs.find(path); hit != nil && len(hit.packages) > 0 {
		used = true
		if !s.changed[l] {
			hit.files.add(path)
		}
		hit.linked = true
	}
	if path == checks.ManifestFile || at.ignore.has(path) {
		return used
	}
	if i := at.owners.of(path); i >= 0 {
		used = true
		if c := &f.of[i]; c.link.n == 0 && !at.owners.alone(i, s.links[l].Target) {
			c.link, c.linkAt = files, l
		}
	}
	return used
}

// leads reports whether some link to file affects a package. It is for after
// follow.
func (s *linkScan) leads(file string) bool {
	if s == nil {
		return false
	}
	found := false
	s.each(file, func(m mark) { found = found || m.target >= 0 && s.targets[m.target].leads })
	return found
}

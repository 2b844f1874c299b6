package keys

import "github.com/dudesons/loktar/checks"

// links are where symbolic links lead. What a link leads to is what stands at
// its target, above it (a file or a submodule in place of a folder) and below
// it, and where the links among these lead in turn.
type links struct {
	paths   []string // the targets, each once
	targets map[string]int32
	found   []place
	uses    [][]int32 // by package: the targets that it has links to

	// arrows lead between nodes: first the targets, then the folders and
	// links of a tree in which all links stand that are not ignored.
	arrows  [][]int32
	digests []digest // of the targets
}

// place is what stands at a target.
type place struct {
	path string // of the entry: the target, or what stands above it
	Entry
	there bool
	// sift: it is a folder of which files may be ignored. Then kept is the
	// digest of the others, once all files were listed, and there whether
	// there are some.
	sift bool
	kept digest
}

// follow sorts the links to those that have them.
func (w *work) follow(list []checks.Link) error {
	l := &links{targets: map[string]int32{}, uses: make([][]int32, len(w.packages))}
	w.links = l
	for _, link := range list {
		to, ok := l.targets[link.Target]
		if !ok {
			to = int32(len(l.paths))
			l.targets[link.Target] = to
			l.paths = append(l.paths, link.Target)
		}
		for _, one := range w.units.of(link.Path) {
			one.links = append(one.links, to)
		}
		if link.Path == checks.ManifestFile || w.ignore.has(link.Path) {
			continue
		}
		if i := w.owners.owner(link.Path); i >= 0 && !w.owners.alone(i, link.Target) {
			l.uses[i] = append(l.uses[i], to)
		}
	}
	for _, target := range l.paths {
		p, err := w.find(target)
		if err != nil {
			return err
		}
		l.found = append(l.found, p)
	}
	l.connect(list, w.ignore)
	return nil
}

// find looks for what stands at a target or above it.
func (w *work) find(target string) (place, error) {
	if target == "." {
		return place{path: ".", Entry: Entry{Mode: ModeFolder}, there: true, sift: w.ignore.within(".")}, nil
	}
	e, ok, err := w.entry(target)
	p := place{path: target, Entry: e, there: ok}
	if !ok && isPath(target) {
		missing := false
		parents(target, func(dir string) {
			if dir == "." || missing || p.there || err != nil {
				return
			}
			e, ok, err = w.entry(dir)
			missing = !ok
			if ok && e.Mode != ModeFolder {
				p = place{path: dir, Entry: e, there: true}
			}
		})
	}
	if p.there {
		if p.Mode == ModeFolder {
			p.sift = w.ignore.within(target)
		} else {
			p.there = !w.ignore.has(p.path)
		}
	}
	return p, err
}

// connect finds which targets lead to which.
func (l *links) connect(list []checks.Link, ignore *ignored) {
	nodes := map[string]int32{}
	l.arrows = make([][]int32, len(l.paths))
	node := func(path string) int32 {
		if n, ok := nodes[path]; ok {
			return n
		}
		n := int32(len(l.arrows))
		nodes[path] = n
		l.arrows = append(l.arrows, nil)
		return n
	}
	leads := map[string]int32{}
	for _, link := range list {
		if ignore.has(link.Path) {
			continue
		}
		to := l.targets[link.Target]
		leads[link.Path] = to
		_, known := nodes[link.Path]
		n := node(link.Path)
		l.arrows[n] = append(l.arrows[n], to)
		for path := link.Path; !known && path != "."; {
			kid := nodes[path]
			path = dirOf(path)
			_, known = nodes[path]
			up := node(path)
			l.arrows[up] = append(l.arrows[up], kid)
		}
	}
	if len(leads) == 0 {
		return
	}
	for t, path := range l.paths {
		if n, ok := nodes[path]; ok {
			l.arrows[t] = append(l.arrows[t], n)
		}
		parents(path, func(dir string) {
			if to, ok := leads[dir]; ok {
				l.arrows[t] = append(l.arrows[t], to)
			}
		})
	}
}

// closeLinks makes the digests. It is for after all files were listed.
func (w *work) closeLinks() error {
	l := w.links
	own := make([]digest, len(l.arrows))
	for t, p := range l.found {
		e := newEncoder("target")
		e.str(l.paths[t])
		switch {
		case !p.there:
		case p.sift:
			e.str("kept")
			e.digest(p.kept)
		case p.path == ".":
			if err := w.all(&e, "."); err != nil {
				return err
			}
		default:
			e.entry(p.path, p.Entry)
		}
		own[t] = e.sum()
	}
	l.digests = reach(own, func(i int32) []int32 { return l.arrows[i] })
	return nil
}

// of are the digests of targets.
func (l *links) of(targets []int32) []digest {
	out := make([]digest, len(targets))
	for i, t := range targets {
		out[i] = l.digests[t]
	}
	return out
}

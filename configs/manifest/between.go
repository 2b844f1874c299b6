package manifest

import (
	"path"
	"slices"

	"github.com/dudesons/loktar/configs/internal/value"
)

// What is wrong between packages: names, folders, dependencies.

// names reports packages of one name.
func (p *parser) names(entries []entry) {
	p.byName = make(map[string]int, len(entries))
	for i := range entries {
		e := &entries[i]
		if e.pkg.Name == "" {
			continue
		}
		if first, taken := p.byName[e.pkg.Name]; taken {
			p.fault(e.name, "%s is the name of %s too; give one of the two another name", show(e.pkg.Name), p.path(int(entries[first].n.off), ""))
			continue
		}
		p.byName[e.pkg.Name] = i
	}
}

// folders reports packages that share a folder, and folders that do not exist.
func (p *parser) folders(entries []entry) {
	p.byDir = make(map[string]int, len(entries))
	for i := range entries {
		e := &entries[i]
		if e.pkg.Dir == "" {
			continue
		}
		if first, taken := p.byDir[e.pkg.Dir]; taken {
			p.aboutDir(e, "folder %s is that of package %s too; give each package a folder of its own", show(e.pkg.Dir), show(entries[first].pkg.Name))
			continue
		}
		p.byDir[e.pkg.Dir] = i
		if p.opts.DirExists != nil && e.pkg.Dir != "." && !p.opts.DirExists(e.pkg.Dir) {
			p.aboutDir(e, "folder %s does not exist%s", show(e.pkg.Dir), value.Say(p.meant(e.pkg.Dir), "create it or write the folder that is meant"))
		}
	}
}

// aboutDir reports something about an entry's folder, whether pkg_dir or
// pkg_name names it.
func (p *parser) aboutDir(e *entry, format string, args ...any) {
	if e.dir != nil {
		p.fault(e.dir, format, args...)
		return
	}
	full := p.full()
	p.at(int(e.n.off), "pkg_dir", format, args...)
	if !full {
		p.found[len(p.found)-1].stand = int(e.name.off)
	}
}

// meant is the folder of the tree that a path was meant to name, or "".
func (p *parser) meant(dir string) string {
	if p.full() || p.opts.Dirs == nil {
		return ""
	}
	if !p.asked {
		p.dirs, p.asked = p.opts.Dirs(), true
	}
	base := "/" + path.Base(dir)
	for _, d := range p.dirs {
		if p.effort--; p.effort < 0 {
			return ""
		}
		if len(d) > len(base) && d[len(d)-len(base):] == base {
			return d
		}
	}
	return p.nearest(dir, p.dirs)
}

// dependencies resolves depends_on.
func (p *parser) dependencies(entries []entry) {
	names := make([]string, len(entries))
	for i := range entries {
		names[i] = entries[i].pkg.Name
	}
	var shared *node
	if p.defaults != nil {
		if shared = p.defaults.member("depends_on"); shared != nil {
			p.edges(shared, "", entries, names)
		}
	}
	for i := range entries {
		e := &entries[i]
		if own := e.n.member("depends_on"); own != nil {
			e.needs = p.edges(own, e.pkg.Name, entries, names)
		} else if shared != nil {
			e.pkg.DependsOn = slices.DeleteFunc(slices.Clone(e.pkg.DependsOn), func(s string) bool { return s == e.pkg.Name })
			for k := range shared.kids {
				if to, listed := p.byName[shared.kids[k].text]; listed && to != i {
					e.needs = append(e.needs, edge{to, &shared.kids[k]})
				}
			}
		}
	}
}

// edges are the dependencies of the package name that a depends_on declares.
func (p *parser) edges(n *node, name string, entries []entry, names []string) []edge {
	var out []edge
	for i := range n.kids {
		kid := &n.kids[i]
		to, listed := p.byName[kid.text]
		switch {
		case kid.kind != '"' || kid.text == "":
		case kid.text == name:
			p.fault(kid, "package %s depends on itself; remove it here", show(name))
		case listed:
			out = append(out, edge{to, kid})
		default:
			meant := p.nearest(kid.text, names)
			if owner, isDir := p.byDir[kid.text]; isDir {
				meant = entries[owner].pkg.Name
			}
			p.fault(kid, "package %s is not listed%s", show(kid.text), value.Say(meant, "add it to `packages` or remove it here"))
		}
	}
	return out
}

// cycles reports each dependency that closes a circle.
func (p *parser) cycles(entries []entry) {
	const (
		unseen = iota
		open
		done
	)
	state := make([]uint8, len(entries))
	var trail []int
	var visit func(i int)
	visit = func(i int) {
		state[i] = open
		trail = append(trail, i)
		for _, e := range entries[i].needs {
			switch state[e.to] {
			case unseen:
				visit(e.to)
			case open:
				if p.full() {
					p.more++
					continue
				}
				p.fault(e.n, "dependency cycle %s; remove one of these dependencies",
					circle(entries, trail[slices.Index(trail, e.to):]))
			}
		}
		trail = trail[:len(trail)-1]
		state[i] = done
	}
	for i := range entries {
		if state[i] == unseen {
			visit(i)
		}
	}
}

// circle writes a cycle as "a -> b -> a", a long one without its middle.
func circle(entries []entry, trail []int) string {
	const most = 20
	s := ""
	for k, i := range trail {
		switch {
		case len(trail) <= most || k < most/2 || k >= len(trail)-most/2:
			s += entries[i].pkg.Name + " -> "
		case k == most/2:
			s += "... -> "
		}
	}
	return s + entries[trail[0]].pkg.Name
}

package manifest

import (
	"maps"
	"slices"

	"github.com/dudesons/loktar/checks"
)

// entry is a package and where its keys stand.
type entry struct {
	pkg *checks.Package
	n   *node
	// at is where to say something about its name and folder.
	name, dir *node
	needs     []edge
}

// edge is a dependency on another entry.
type edge struct {
	to int
	n  *node // where it is declared
}

// file reads the whole file into m.
func (p *parser) file(m *checks.Manifest) {
	if p.root.kind != '{' {
		p.mistyped(p.root, "an object", `{"packages": []}`)
		return
	}
	var list, notify *node
	for i := range p.root.kids {
		n := &p.root.kids[i]
		switch n.key {
		case "packages":
			list = n
		case "defaults":
			p.defaults = n
		case "global_inputs":
			m.GlobalInputs = p.globs(n)
		case "ignore":
			m.Ignore = p.globs(n)
		case "notify":
			notify = n
			m.Notify = p.notify(n)
		case "$schema":
			p.text(n, `"https://example.com/loktar.schema.json"`)
		default:
			if packageKeys[n.key] != nil {
				p.at(int(n.keyOff), "", "%s is a key of a package; move it into a package or into `defaults`", show(n.key))
			} else {
				p.unknown(n, fileKeys, "remove it or write "+either(fileKeys))
			}
		}
	}
	base := p.base()
	if list == nil {
		p.at(int(p.root.off), "packages", "is missing; list the packages of the repository in it")
		return
	}
	entries := p.entries(list, &base, m)
	p.names(entries)
	p.told(notify, m.Packages)
	p.folders(entries)
	p.tags(entries)
	p.dependencies(entries)
	p.cycles(entries)
}

// base is a package of which its entry says nothing.
func (p *parser) base() checks.Package {
	base := builtin
	if p.defaults == nil {
		return base
	}
	if p.defaults.kind != '{' {
		p.mistyped(p.defaults, "an object", `{"timeout": "10m"}`)
		p.defaults = nil
		return base
	}
	for i := range p.defaults.kids {
		switch n := &p.defaults.kids[i]; n.key {
		case "pkg_name", "pkg_dir":
			p.at(int(n.keyOff), "", "%s has no default; write it in each package", show(n.key))
		case "build_info":
			if p.checkBuildInfo(n) {
				p.defaultBuild = n
			}
		default:
			p.packageKey(n, &base)
		}
	}
	p.secrets(p.defaults, &base)
	p.sight(p.defaults, &base)
	p.places(p.defaults, &base)
	return base
}

// packageKey reads one key of a package or of the defaults.
func (p *parser) packageKey(n *node, pkg *checks.Package) {
	read := packageKeys[n.key]
	switch {
	case read != nil:
		read(p, n, pkg)
	case slices.Contains(fileKeys, n.key):
		p.at(int(n.keyOff), "", "%s is a key of the file; move it to the top, beside `packages`", show(n.key))
	default:
		p.unknown(n, packageKeyNames, "remove it")
	}
}

// entries reads the packages into m.
func (p *parser) entries(list *node, base *checks.Package, m *checks.Manifest) []entry {
	var out []entry
	if list.kind == '[' {
		out = make([]entry, 0, len(list.kids))
		m.Packages = make([]checks.Package, 0, len(list.kids))
		if len(list.kids) == 0 {
			p.warn(list, "no package is listed, and so nothing is tested; list at least one")
		}
	}
	p.list(list, `[{"pkg_name": "awesome_lib"}]`, func(n *node) {
		if n.kind != '{' {
			p.mistyped(n, "an object", `{"pkg_name": "awesome_lib"}`)
			return
		}
		m.Packages = append(m.Packages, *base) // within its capacity: no package ever moves
		out = append(out, p.entry(n, &m.Packages[len(m.Packages)-1]))
	})
	return out
}

// entry reads a package over what its defaults left in pkg.
func (p *parser) entry(n *node, pkg *checks.Package) entry {
	e := entry{pkg: pkg, n: n, name: n.member("pkg_name"), dir: n.member("pkg_dir")}
	pkg.Env = maps.Clone(pkg.Env)
	pkg.Services = maps.Clone(pkg.Services)
	for i := range n.kids {
		p.packageKey(&n.kids[i], pkg)
	}
	p.need(n, "pkg_name", "give the package a name")
	if e.dir == nil {
		pkg.Dir = pkg.Name
	}
	p.secrets(n, pkg)
	p.sight(n, pkg)
	p.places(n, pkg)
	if p.defaultBuild != nil {
		p.defaultBuildInfo(p.defaultBuild, pkg.PkgType, &pkg.BuildInfo)
	}
	if own := n.member("build_info"); own != nil {
		p.buildInfo(own, pkg.PkgType, &pkg.BuildInfo)
	}
	p.commands(n, pkg)
	return e
}

// commands reports commands that are missing, or that would never run.
func (p *parser) commands(n *node, pkg *checks.Package) {
	switch {
	case pkg.TestType == checks.TestCommand && len(pkg.Commands) == 0:
		if own := n.member("commands"); own == nil {
			p.at(int(n.off), "commands", "is missing; test_type `command` needs at least one line")
		} else if own.kind == '[' && len(own.kids) == 0 {
			p.fault(own, "is empty; test_type `command` needs at least one line")
		}
	case pkg.TestType == checks.TestMake:
		for _, key := range []string{"commands", "clean"} {
			if own := n.member(key); own != nil {
				p.at(int(own.keyOff), "", "test_type `make` runs `make ci` and `make clean`, not this; add \"test_type\": \"command\" or remove %s", key)
			}
		}
	}
}

// sight reports a .git folder, by which all files can be had, beside a sandbox
// that is to hide most. n is where pkg was read from.
func (p *parser) sight(n *node, pkg *checks.Package) {
	if !pkg.Git || pkg.Sandbox != "declared" {
		return
	}
	own := n.member("git")
	if own == nil {
		own = n.member("sandbox")
	}
	if own != nil {
		p.fault(own, "with sandbox `declared` the steps see declared files alone, and with git all files of all commits; write \"git\": false or \"sandbox\": \"repository\"")
	}
}

// places reports folders of caches that are right one by one and cannot be kept
// together, or not with the env. n is where pkg was read from.
func (p *parser) places(n *node, pkg *checks.Package) {
	at := n.member("cache")
	if at == nil {
		at = n.member("env")
	}
	if at == nil {
		return
	}
	for _, c := range pkg.Cache {
		for _, s := range c.Paths {
			if checks.CachePathFault(s) != "" {
				return // it was reported
			}
		}
	}
	if _, wrong := checks.CachePlaces(pkg); wrong != "" {
		p.fault(at, "%s", wrong)
	}
}

// secrets reports names that are in env too. n is where pkg was read from.
func (p *parser) secrets(n *node, pkg *checks.Package) {
	for _, name := range pkg.Secrets {
		if _, both := pkg.Env[name]; !both {
			continue
		}
		const wrong = "%s is in both env and secrets; remove it from one of the two"
		if own := n.member("secrets"); own != nil {
			if i := slices.IndexFunc(own.kids, func(k node) bool { return k.text == name }); i >= 0 {
				p.fault(&own.kids[i], wrong, show(name))
			}
		} else if own := n.member("env"); own != nil && own.member(name) != nil {
			p.at(int(own.member(name).keyOff), "", wrong, show(name))
		}
	}
}

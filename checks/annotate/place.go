package annotate

import (
	"net/url"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Files are the files of the tree that was tested. Paths are slash-separated,
// clean and from the root.
type Files interface {
	// Has reports whether path is a regular file.
	Has(path string) bool
	// Named lists the files whose last element is base, in any order; it may
	// leave some out where there are very many.
	Named(base string) []string
}

// maxPath bounds the paths that are looked for, in bytes.
const maxPath = 1000

// places finds files of the tree by what tools call them.
type places struct {
	dir, root string
	files     Files
	has       map[string]bool
	named     map[string][]string
}

func newPlaces(o Options) places {
	root := strings.TrimSuffix(o.Root, "/")
	dir := path.Clean(o.Dir)
	if !inside(dir) {
		dir = "."
	}
	return places{dir: dir, root: root, files: o.Files, has: map[string]bool{}, named: map[string][]string{}}
}

// find is the file that a tool calls name, "" where there is none: an absolute
// path of the tree as the steps saw it, or one from the folder cwd (from the
// root; "" is none), the package's folder or the root, in this order, or what
// ends the path of one file alone.
func (p *places) find(name, cwd string) string {
	name, absolute := p.clean(name)
	if name == "" {
		return ""
	}
	if absolute {
		return p.file(name)
	}
	for i, from := range []string{cwd, p.dir, "."} {
		if i == 0 && cwd == "" {
			continue
		}
		if f := p.file(path.Join(from, name)); f != "" {
			return f
		}
	}
	for strings.HasPrefix(name, "../") {
		name = name[len("../"):]
	}
	if !strings.Contains(name, "/") {
		return "" // any name may be there once by chance
	}
	return p.suffix(name)
}

// clean brings name to the form of a path of the tree; "" is none. An absolute
// one is from the root.
func (p *places) clean(name string) (_ string, absolute bool) {
	if name == "" || len(name) > maxPath || !utf8.ValidString(name) {
		return "", false
	}
	if rest, ok := strings.CutPrefix(name, "file://"); ok {
		if i := strings.IndexByte(rest, '/'); i > 0 {
			rest = rest[i:] // a host
		}
		name = rest
		if plain, err := url.PathUnescape(name); err == nil {
			name = plain
		}
	}
	if strings.Contains(name, `\`) && !strings.Contains(name, "/") {
		name = strings.ReplaceAll(name, `\`, "/")
	}
	if len(name) > 1 && name[1] == ':' || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", false
	}
	if strings.HasPrefix(name, "/") {
		rest, ok := strings.CutPrefix(path.Clean(name), p.root+"/")
		if !ok || p.root == "" {
			return "", false
		}
		return rest, true
	}
	name = path.Clean(name)
	if name == "." || name == ".." {
		return "", false
	}
	return name, false
}

// file is name if that is a file of the tree, else "".
func (p *places) file(name string) string {
	if p.files == nil || !inside(name) {
		return ""
	}
	has, known := p.has[name]
	if !known {
		if len(p.has) >= 10_000 {
			clear(p.has)
		}
		has = p.files.Has(name)
		p.has[name] = has
	}
	if !has {
		return ""
	}
	return name
}

// suffix is the one file of the package's folder whose path ends with name, or
// the one of the tree; "" where there is none, or more than one.
func (p *places) suffix(name string) string {
	if p.files == nil || name == "" || len(name) > maxPath {
		return ""
	}
	base := path.Base(name)
	all, known := p.named[base]
	if !known {
		if len(p.named) >= 1000 {
			clear(p.named)
		}
		all = p.files.Named(base)
		p.named[base] = all
	}
	var here, there []string
	for _, f := range all {
		switch {
		case f != name && !strings.HasSuffix(f, "/"+name) || !inside(f):
		case p.dir == "." || strings.HasPrefix(f, p.dir+"/"):
			here = append(here, f)
		default:
			there = append(there, f)
		}
	}
	switch {
	case len(here) == 1:
		return here[0]
	case len(here) == 0 && len(there) == 1:
		return there[0]
	}
	return ""
}

// module is the file of a dotted name, as python's tests.test_pets.TestBirds or
// Java's com.acme.PetTest$Inner.
func (p *places) module(name string) string {
	if len(name) > maxPath || strings.ContainsAny(name, "/\\ ") {
		return ""
	}
	name, _, _ = strings.Cut(name, "$")
	parts := strings.Split(name, ".")
	for n := min(len(parts), 40); n > 0; n-- {
		stem := strings.Join(parts[:n], "/")
		for _, ext := range []string{".py", ".java", ".kt", ".scala", ".groovy"} {
			if f := p.find(stem+ext, ""); f != "" {
				return f
			}
			if n > 1 || len(parts) == 1 {
				if f := p.suffix(stem + ext); f != "" {
					return f
				}
			}
		}
	}
	return ""
}

// inside reports whether a path is clean and leads out of nothing.
func inside(name string) bool {
	return name != "" && name[0] != '/' && name != ".." && !strings.HasPrefix(name, "../") && path.Clean(name) == name
}

package infer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// reader reads the files of the packages of one tree.
type reader struct {
	walker
	cache    *Inferrer
	packages []*checks.Package // by name
	owners   map[string]int32  // of a folder
	asks     [][]ask           // by package
	provides []map[string][]int32
	problems []checks.FileProblem
	loose    []checks.Edge // to no package: files that nobody owns
}

// ask is what a file of a package asks for.
type ask struct {
	parser int
	needs  []Need
	file   string
}

func newReader(i *Inferrer, tree Tree, packages []checks.Package) *reader {
	r := &reader{
		walker:   walker{tree: tree, listings: i.listings, seen: map[string]listing{}},
		cache:    i,
		packages: make([]*checks.Package, len(packages)),
		owners:   make(map[string]int32, len(packages)),
		asks:     make([][]ask, len(packages)),
		provides: make([]map[string][]int32, len(parsers)),
	}
	for n := range packages {
		r.packages[n] = &packages[n]
	}
	slices.SortFunc(r.packages, func(a, b *checks.Package) int { return strings.Compare(a.Name, b.Name) })
	for n, p := range r.packages {
		if _, taken := r.owners[p.Dir]; !taken {
			r.owners[p.Dir] = int32(n)
		}
	}
	alone := make([]int32, len(packages)) // lists of one package, made at once
	for k := range parsers {
		p := &parsers[k]
		if !p.byPackage {
			r.provides[k] = map[string][]int32{}
			continue
		}
		r.provides[k] = make(map[string][]int32, len(packages))
		for n := range r.packages {
			alone[n] = int32(n)
			name := p.comparable(r.packages[n].Name)
			if list := r.provides[k][name]; list == nil {
				r.provides[k][name] = alone[n : n+1 : n+1]
			} else {
				r.provides[k][name] = append(list, int32(n))
			}
		}
	}
	return r
}

// comparable is a name as it is compared.
func (p *parser) comparable(name string) string {
	if p.name == nil {
		return name
	}
	return p.name(name)
}

func (r *reader) provide(parser int, n int32, name string) {
	name = parsers[parser].comparable(name)
	list := r.provides[parser][name]
	if name != "" && !slices.Contains(list, n) {
		r.provides[parser][name] = append(list, n)
	}
}

// owner is the package with the deepest folder around a path, -1 when there
// is none.
func (r *reader) owner(p string) int32 {
	if len(p) > maxPath {
		return -1
	}
	for {
		if n, ok := r.owners[p]; ok {
			return n
		}
		if p == "." {
			return -1
		}
		slash := strings.LastIndexByte(p, '/')
		if p = p[:max(slash, 0)]; slash < 0 {
			p = "."
		}
	}
}

// wants reports whether the files of a kind are asked for what a package needs.
func wants(p *checks.Package, kind Kind) bool {
	return len(p.DependenciesType) == 0 || slices.Contains(p.DependenciesType, string(kind))
}

// read reads the files of the package n.
func (r *reader) read(n int) error {
	p := r.packages[n]
	f, err := r.folder(p.Dir)
	if err != nil {
		return err
	}
	r.asks[n] = make([]ask, 0, len(f.files))
	if f.more {
		r.problem(n, p.Dir, 0, fmt.Sprintf("this folder has more than %d files that tell of dependencies, and the rest is not read; move some away, or name fewer kinds in `dependencies_type`", maxFiles))
	}
	var in includes
	for _, file := range f.files {
		if r.owner(file.path) != int32(n) {
			continue // a nested package's
		}
		says := file.says
		if says == nil {
			e, ok, err := r.file(file.path)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			if says, err = r.parsed(file.parser, p.Dir, file.path, e.OID); err != nil {
				return err
			}
		}
		for _, name := range says.facts.Provides {
			r.provide(file.parser, int32(n), name)
		}
		if err := r.take(n, file.parser, file.path, says, &in); err != nil {
			return err
		}
	}
	return r.follow(n, &in)
}

// includes are files that files of one package include.
type includes struct {
	seen map[fileKey]bool
	todo []include
}

type include struct {
	parser int
	Include
	by string
}

// take notes what a file says of the package n.
func (r *reader) take(n, parser int, file string, says *parsed, in *includes) error {
	if !wants(r.packages[n], parsers[parser].kind) {
		return nil
	}
	if says.problem != "" {
		r.problem(n, file, says.line, says.problem)
	}
	if needs := says.facts.Needs; len(needs) > 0 {
		r.asks[n] = append(r.asks[n], ask{parser, needs, file})
		for _, need := range needs {
			if need.Path == "" {
				continue
			}
			if _, err := r.behind(n, ask{parser, nil, file}, need); err != nil {
				return err
			}
		}
	}
	for _, i := range says.facts.Includes {
		in.todo = append(in.todo, include{parser, i, file})
		// A change to a file of another package changes this one too.
		need := Need{Path: i.Path, Line: i.Line}
		r.asks[n] = append(r.asks[n], ask{parser, []Need{need}, file})
		real, err := r.behind(n, ask{parser, nil, file}, need)
		if err != nil {
			return err
		}
		r.reads(n, i.Path)
		r.reads(n, real)
	}
	return nil
}

// behind notes that a need for a path over a link is one for what the link
// leads to as well. It returns that place, empty when it is not in the tree.
func (r *reader) behind(n int, by ask, need Need) (string, error) {
	real, _, err := r.real(need.Path)
	if err == nil && real != "" && real != need.Path {
		by.needs = []Need{{Path: real, Line: need.Line}}
		r.asks[n] = append(r.asks[n], by)
	}
	return real, err
}

// reads notes a file that the package n includes and nobody owns.
func (r *reader) reads(n int, file string) {
	if file != "" && file != "." && r.owner(file) < 0 {
		r.loose = append(r.loose, checks.Edge{From: r.packages[n].Name, File: file})
	}
}

// follow reads included files, each once.
func (r *reader) follow(n int, in *includes) error {
	if len(in.todo) == 0 {
		return nil
	}
	dir := r.packages[n].Dir
	in.seen = map[fileKey]bool{}
	for len(in.todo) > 0 {
		i := in.todo[0]
		in.todo = in.todo[1:]
		key := fileKey{parser: i.parser, path: i.Path}
		if in.seen[key] {
			continue
		}
		if in.seen[key] = true; len(in.seen) > maxIncluded {
			r.problem(n, i.by, i.Line, fmt.Sprintf("the files of this package include more than %d others, and the rest is not read; join some of them", maxIncluded))
			return nil
		}
		e, ok, err := r.file(i.Path)
		if err != nil {
			return err
		}
		if !ok {
			r.problem(n, i.by, i.Line, fmt.Sprintf("this asks for the file %s, which is not in the repository; add it or remove the line", quoted(i.Path)))
			continue
		}
		says, err := r.parsed(i.parser, dir, i.Path, e.OID)
		if err != nil {
			return err
		}
		if err := r.take(n, i.parser, i.Path, says, in); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) problem(n int, file string, line int, message string) {
	r.problems = append(r.problems, checks.FileProblem{Package: r.packages[n].Name, File: file, Line: line, Message: message})
}

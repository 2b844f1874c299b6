package infer

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// parsed is what a file says, or why it cannot be read.
type parsed struct {
	facts   Facts
	problem string // for its author; then facts are empty
	line    int
}

type fileKey struct {
	parser         int // in parsers
	dir, path, oid string
}

// folder is what a package's own files say.
type folder struct {
	files []folderFile
	more  bool // there are more files than are read
}

type folderFile struct {
	parser int
	path   string
	says   *parsed // nil of a link: what it leads to is not of this folder alone
}

type folderKey struct{ dir, oid string }

// reader reads the files of the packages of one tree.
type reader struct {
	walker
	cache    *Inferrer
	packages []*checks.Package // by name
	owners   map[string]int32  // of a folder
	asks     [][]ask           // by package
	provides []map[string][]int32
	problems []checks.FileProblem
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
		r.take(n, file.parser, file.path, says, &in)
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
func (r *reader) take(n, parser int, file string, says *parsed, in *includes) {
	if !wants(r.packages[n], parsers[parser].kind) {
		return
	}
	if says.problem != "" {
		r.problem(n, file, says.line, says.problem)
	}
	if needs := says.facts.Needs; len(needs) > 0 {
		r.asks[n] = append(r.asks[n], ask{parser, needs, file})
	}
	for _, i := range says.facts.Includes {
		in.todo = append(in.todo, include{parser, i, file})
		// A change to a file of another package changes this one too.
		r.asks[n] = append(r.asks[n], ask{parser, []Need{{Path: i.Path, Line: i.Line}}, file})
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
		r.take(n, i.parser, i.Path, says, in)
	}
	return nil
}

func (r *reader) problem(n int, file string, line int, message string) {
	r.problems = append(r.problems, checks.FileProblem{Package: r.packages[n].Name, File: file, Line: line, Message: message})
}

// folder is what the files in the folder dir say.
func (r *reader) folder(dir string) (*folder, error) {
	key := folderKey{dir: dir}
	if dir != "." {
		e, ok, err := r.entry(dir)
		if err != nil || !ok || !e.IsDir {
			return &folder{}, err
		}
		key.oid = e.OID
		if f, ok := r.cache.folders.get(key); ok {
			return f, nil
		}
	}
	f := &folder{}
	weight := 200
	for _, below := range parserFolders {
		sub, oid := path.Join(dir, below), ""
		if sub == dir {
			oid = key.oid
		}
		l, err := r.list(sub, oid)
		if err != nil {
			return nil, err
		}
		for _, e := range l {
			if !e.IsFile && !e.IsLink {
				continue
			}
			file := path.Join(sub, e.Name)
			for k, p := range parsers {
				if !slices.Contains(p.folders, below) || !p.match(dir, file) {
					continue
				}
				if len(f.files) == maxFiles {
					f.more = true
					continue
				}
				var says *parsed
				if e.IsFile {
					if says, err = r.parsed(k, dir, file, e.OID); err != nil {
						return nil, err
					}
					weight += says.weight()
				}
				f.files = append(f.files, folderFile{parser: k, path: file, says: says})
				weight += len(file) + 40
			}
		}
	}
	if key.oid != "" {
		r.cache.folders.put(key, f, weight)
	}
	return f, nil
}

// parserFolders are the folders below a package's own that any kind wants.
var parserFolders = func() []string {
	var all []string
	for _, p := range parsers {
		all = append(all, p.folders...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}()

// parsed is what the blob oid says as the file p of a package in dir.
func (r *reader) parsed(parser int, dir, p, oid string) (*parsed, error) {
	key := fileKey{parser, dir, p, oid}
	if says, ok := r.cache.files.get(key); ok {
		return says, nil
	}
	says := &parsed{}
	data, err := r.tree.Read(oid, maxFile)
	switch {
	case errors.Is(err, ErrTooLarge):
		says.problem = fmt.Sprintf("this file is larger than %d MiB, so it is not read for dependencies; make it smaller, or leave its kind out of `dependencies_type`", maxFile>>20)
	case err != nil:
		return nil, fmt.Errorf("read %q: %w", p, err)
	default:
		says = parse(&parsers[parser], dir, p, data)
	}
	r.cache.files.put(key, says, says.weight()+len(dir)+len(p)+len(oid))
	return says, nil
}

// parse reads a file that anyone may have written. Should a parser panic, the
// file is one that cannot be read, and the server goes on.
func parse(by *parser, dir, p string, data []byte) (says *parsed) {
	defer func() {
		if recover() != nil {
			says = &parsed{problem: "this file cannot be read for dependencies; leave its kind out of `dependencies_type` and write `depends_on`"}
		}
	}()
	facts, err := by.parse(dir, p, data)
	if err == nil {
		return &parsed{facts: facts}
	}
	says = &parsed{problem: err.Error()}
	if rest, ok := strings.CutPrefix(says.problem, "line "); ok {
		if number, text, ok := strings.Cut(rest, ": "); ok {
			if line, err := strconv.Atoi(number); err == nil {
				says.line, says.problem = line, text
			}
		}
	}
	return says
}

// weight is about how many bytes it takes to keep.
func (p *parsed) weight() int {
	w := 200 + len(p.problem)
	for _, s := range p.facts.Provides {
		w += 16 + len(s)
	}
	for _, n := range p.facts.Needs {
		w += 40 + len(n.Name) + len(n.Path)
	}
	for _, i := range p.facts.Includes {
		w += 24 + len(i.Path)
	}
	return w
}

package infer

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
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

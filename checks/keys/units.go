package keys

import (
	"encoding/binary"
	"fmt"
	"hash"
	"slices"
	"strings"

	"github.com/dudesons/loktar/checks/graph"
)

// units are the sets of files that globs stand for. A unit is one pattern
// with what is excluded beside it: packages that name the same share it, so
// that a file is hashed once however many read it.
type units struct {
	index *index
	known map[string]*unit
	all   []*unit
	by    map[int32][]*unit // by the id of the unit's pattern
	// excluding are the lists of what is excluded, by the ids of their patterns.
	excluding map[int32][]*exclusion
	exclusion map[string]*exclusion
	hits      map[string][]*unit // by the ids that matched, for those that list files
}

// exclusion is a list of patterns that packages exclude, kept once: lists may
// be long, and so may be those of what they exclude from.
type exclusion struct{ id int }

type unit struct {
	pattern pattern
	folder  string     // what it is all of; "" when files have to be looked at
	exclude *exclusion // nil for none
	files   hash.Hash  // nil when there is a folder
	some    bool       // a file was written
	links   []int32    // the targets of the links among its files

	known  bool    // what digest is
	digest *digest // nil when there are no files
}

func newUnits() *units {
	return &units{
		index: newIndex(), known: map[string]*unit{}, by: map[int32][]*unit{},
		excluding: map[int32][]*exclusion{}, exclusion: map[string]*exclusion{}, hits: map[string][]*unit{},
	}
}

// add makes the units of a list of globs. The error is about a glob.
func (u *units) add(globs []string) ([]*unit, error) {
	var include, exclude []string
	for _, text := range globs {
		if err := graph.CheckGlob(text); err != nil {
			return nil, err
		}
		if bare, not := strings.CutPrefix(text, "!"); not {
			exclude = append(exclude, expand(bare)...)
		} else {
			include = append(include, expand(text)...)
		}
	}
	if len(include) == 0 {
		return nil, nil
	}
	out := make([]*unit, 0, len(include))
	apart := u.apart(sorted(exclude))
	for _, text := range sorted(include) {
		key := "0 " + text
		if apart != nil {
			key = fmt.Sprint(apart.id, " ", text)
		}
		one := u.known[key]
		if one == nil {
			p := compile(text)
			one = &unit{pattern: p, exclude: apart}
			switch {
			case p.form != formAll || apart != nil:
				one.files = newStream("files")
			case p.folder == "":
				one.folder = "."
			default:
				one.folder = p.folder
			}
			id := u.index.add(p, text)
			u.known[key] = one
			u.all = append(u.all, one)
			u.by[id] = append(u.by[id], one)
		}
		out = append(out, one)
	}
	return out, nil
}

// apart is the list of what is excluded; nil when that is nothing.
func (u *units) apart(patterns []string) *exclusion {
	if len(patterns) == 0 {
		return nil
	}
	var key encoder
	key.list(patterns)
	x := u.exclusion[string(key)]
	if x == nil {
		x = &exclusion{id: len(u.exclusion) + 1}
		u.exclusion[string(key)] = x
		for _, text := range patterns {
			id := u.index.add(compile(text), text)
			u.excluding[id] = append(u.excluding[id], x)
		}
	}
	return x
}

// listed reports whether some unit needs all files.
func (u *units) listed() bool {
	return slices.ContainsFunc(u.all, func(one *unit) bool { return one.files != nil })
}

// of are the units that a path is in, valid until the next call.
func (u *units) of(path string) []*unit {
	ids := u.index.match(path)
	if len(ids) == 0 {
		return nil
	}
	var buf [64]byte
	key := buf[:0]
	for _, id := range ids {
		key = binary.LittleEndian.AppendUint32(key, uint32(id))
	}
	out, ok := u.hits[string(key)]
	if !ok {
		excluded := map[*exclusion]bool{}
		for _, id := range ids {
			for _, x := range u.excluding[id] {
				excluded[x] = true
			}
		}
		for _, id := range ids {
			for _, one := range u.by[id] {
				if !excluded[one.exclude] {
					out = append(out, one)
				}
			}
		}
		u.hits[string(key)] = out
	}
	return out
}

// digests gives those of units that have files. It is for after all files were
// listed and the links closed.
func (w *work) digests(of []*unit) ([]digest, error) {
	var out []digest
	for _, one := range of {
		if one.known {
			if one.digest != nil {
				out = append(out, *one.digest)
			}
			continue
		}
		one.known = true
		var holds encoder
		switch {
		case one.folder != "":
			if err := w.all(&holds, one.folder); err != nil {
				return nil, err
			}
		case one.some:
			holds = one.files.Sum(nil)
		}
		if len(holds)+len(one.links) > 0 {
			e := newEncoder("unit")
			e.part("holds", holds)
			e.digests(w.links.of(one.links))
			sum := e.sum()
			one.digest = &sum
			out = append(out, sum)
		}
	}
	return out, nil
}

// inputs makes the units of the packages' inputs and of global_inputs.
func (w *work) inputs() error {
	w.units = newUnits()
	w.reads = make([][]*unit, len(w.packages))
	around := map[string][]*unit{} // what packages without inputs read, by the folder around them
	for i := range w.packages {
		p := &w.packages[i]
		plain, dir := len(p.Inputs) == 0 && p.Dir != ".", dirOf(p.Dir)
		if known, ok := around[dir]; ok && plain {
			w.reads[i] = known
			continue
		}
		var err error
		if w.reads[i], err = w.units.add(graph.ReadBy(p.Dir, p.Inputs)); err != nil {
			return fmt.Errorf("package %s: inputs: %w", p.Name, err)
		}
		if plain {
			around[dir] = w.reads[i]
		}
	}
	var err error
	if w.global, err = w.units.add(w.manifest.GlobalInputs); err != nil {
		w.everything = true // as for what is affected
	}
	return nil
}

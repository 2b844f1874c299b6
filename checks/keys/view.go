package keys

import (
	"fmt"
	"math"
	"strings"
	"sync"

	"github.com/dudesons/loktar/checks"
)

// Views tell which files a package sees that is to see no more than it
// declares: exactly those that its key covers, which are its own and, over
// all dependencies, those of the packages that it depends on. So two trees in
// which a package sees the same have the same key for it, and two in which it
// sees something else have different ones: what its steps cannot read cannot
// make them another result.
//
// Its methods may be called concurrently; they take turns.
type Views struct {
	mu     sync.Mutex
	w      *work
	byName map[string]int32
}

// NewViews makes the views of a tree. Of o the links count, and Everything.
// The errors are as those of Of.
func NewViews(m *checks.Manifest, t Tree, o Options) (*Views, error) {
	w, err := begin(m, t, o)
	if err != nil {
		return nil, fmt.Errorf("find out what packages see: %w", err)
	}
	v := &Views{w: w, byName: make(map[string]int32, len(m.Packages))}
	w.tree = nil
	for i := range m.Packages {
		v.byName[m.Packages[i].Name] = int32(i)
	}
	return v, nil
}

// Hidden are the paths of the tree that a package does not see, in git's
// order. A folder of which it sees nothing stands for all that is in it; no
// path is inside another. The package's own folder and those around it are
// never among them. A package that is not listed sees nothing else.
//
// t is the tree that the views were made of. The folders that are listed are
// those of which the package may see a part: where inputs are globs whose
// first elements have wildcards, all of them.
func (v *Views) Hidden(t Tree, pkg string) ([]string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := &sight{work: v.w, tree: t, whole: map[string]bool{}, sifted: map[string]bool{}, globs: map[*unit]bool{}, reach: map[string]int{}, above: map[string]bool{}}
	i, listed := v.byName[pkg]
	if !listed {
		return nil, fmt.Errorf("find out what package %q sees: it is not listed", pkg)
	}
	if err := s.open(i); err != nil {
		return nil, fmt.Errorf("find out what package %q sees: %w", pkg, err)
	}
	if s.all {
		return nil, nil
	}
	hidden, _, err := s.hidden(".", nil)
	if err != nil {
		return nil, fmt.Errorf("find out what package %q does not see: %w", pkg, err)
	}
	return hidden, nil
}

// sight is what one package sees.
type sight struct {
	*work
	tree Tree
	dir  string // the package's folder
	all  bool
	// members are the package and those that it depends on.
	members []bool
	// whole are paths that are seen with all that is below them; sifted those
	// of which what is ignored is not.
	whole, sifted map[string]bool
	// globs are the units that files have to be matched with, reach how many
	// elements the longest path may have that one matches, by the literal
	// folder of its pattern.
	globs map[*unit]bool
	reach map[string]int
	// above are the folders around something that may be seen.
	above map[string]bool
}

// open fills in what the package i sees.
func (s *sight) open(i int32) error {
	s.dir, s.all = s.packages[i].Dir, s.everything
	s.members = make([]bool, len(s.packages))
	s.members[i] = true
	var follow []int32
	todo := []int32{i}
	for len(todo) > 0 && !s.all {
		q := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		s.all = s.unread[q]
		s.around(s.packages[q].Dir)
		follow = append(append(follow, s.links.uses[q]...), s.match(s.reads[q])...)
		for _, path := range s.apart[q] {
			e, ok, err := s.entryOf(path)
			if err != nil {
				return err
			}
			if ok && e.Mode != ModeFolder {
				s.show(s.whole, path)
			}
		}
		for _, to := range s.needs[q] {
			if !s.members[to] {
				s.members[to] = true
				todo = append(todo, to)
			}
		}
	}
	s.follow(append(follow, s.match(s.global)...))
	s.all = s.all || s.whole["."]
	return nil
}

func (s *sight) entryOf(path string) (Entry, bool, error) {
	if !isPath(path) {
		return Entry{}, false, nil
	}
	e, ok, err := s.tree.Entry(path)
	if err != nil {
		return e, ok, fmt.Errorf("look for %s: %w", path, err)
	}
	return e, ok, nil
}

func (s *sight) show(how map[string]bool, path string) {
	how[path] = true
	s.around(path)
}

func (s *sight) around(path string) { parents(path, func(dir string) { s.above[dir] = true }) }

// match adds what globs match, and returns where links among that lead.
func (s *sight) match(units []*unit) (links []int32) {
	for _, one := range units {
		links = append(links, one.links...)
		if one.folder != "" {
			s.show(s.whole, one.folder)
			continue
		}
		s.globs[one] = true
		folder := one.pattern.folder
		if folder == "" {
			folder = "."
		}
		s.reach[folder] = max(s.reach[folder], one.pattern.longest())
		s.around(folder)
	}
	return links
}

// longest is how many elements the longest path has that p may match.
func (p *pattern) longest() int {
	switch {
	case p.form == formSuffix:
		return depth(p.folder) + 1
	case p.form == formOther && !strings.Contains(p.text, "**"):
		return depth(p.text)
	}
	return math.MaxInt
}

// depth is how many elements a path has; "." and "" are the root.
func depth(path string) int {
	if path == "." || path == "" {
		return 0
	}
	return strings.Count(path, "/") + 1
}

// follow adds what links lead to, as closeLinks has it in keys.
func (s *sight) follow(nodes []int32) {
	l := s.links
	seen := make([]bool, len(l.arrows))
	for len(nodes) > 0 {
		n := nodes[len(nodes)-1]
		nodes = nodes[:len(nodes)-1]
		if seen[n] {
			continue
		}
		seen[n] = true
		nodes = append(nodes, l.arrows[n]...)
		if int(n) >= len(l.found) {
			continue
		}
		switch p := &l.found[n]; {
		case !p.there:
		case p.sift:
			s.show(s.sifted, p.path)
		default:
			s.show(s.whole, p.path)
		}
	}
}

// file reports whether a path is seen that is no folder.
func (s *sight) file(path string) bool {
	if beneath(s.whole, path) {
		return true
	}
	for _, one := range s.units.of(path) {
		if s.globs[one] {
			return true
		}
	}
	if s.ignore.has(path) {
		return false
	}
	i := s.owners.owner(path)
	return beneath(s.sifted, path) || i >= 0 && s.members[i] && path != checks.ManifestFile
}

// seen is how much of a folder is seen, as far as it is known without a look
// into it.
type seen uint8

const (
	seenNone seen = iota
	seenSome      // or all, or none
	seenAll
)

// folder tells how much of a folder is seen that is not the root.
func (s *sight) folder(path string) seen {
	i := s.owners.owner(path)
	own, sifted := i >= 0 && s.members[i], beneath(s.sifted, path)
	switch {
	case beneath(s.whole, path):
		return seenAll
	case (sifted || own && !s.owners.above[path]) && !s.ignore.within(path):
		return seenAll
	case sifted || own || s.above[path] || s.reached(path):
		return seenSome
	}
	return seenNone
}

// reached reports whether a pattern may match something below a folder.
func (s *sight) reached(path string) bool {
	if len(s.reach) == 0 {
		return false
	}
	far := s.reach[path]
	parents(path, func(dir string) { far = max(far, s.reach[dir]) })
	return far > depth(path)
}

// beneath reports whether path is one of some paths, or below one.
func beneath(paths map[string]bool, path string) bool {
	if len(paths) == 0 {
		return false
	}
	found := paths[path]
	parents(path, func(dir string) { found = found || paths[dir] })
	return found
}

// hidden adds to list what is not seen of a folder, and reports whether
// something of it is.
func (s *sight) hidden(dir string, list []string) (_ []string, something bool, err error) {
	entries, err := s.tree.List(dir)
	if err != nil {
		return nil, false, fmt.Errorf("list folder %s: %w", dir, err)
	}
	for _, e := range entries {
		path := join(dir, e.Name)
		before, shown := len(list), false
		if e.Mode != ModeFolder {
			shown = s.file(path)
		} else {
			how := s.folder(path)
			shown = how == seenAll
			if how == seenSome {
				if list, shown, err = s.hidden(path, list); err != nil {
					return nil, false, err
				}
				shown = shown || s.dir == path || strings.HasPrefix(s.dir, path+"/")
			}
		}
		something = something || shown
		if !shown {
			list = append(list[:before], path)
		}
	}
	return list, something, nil
}

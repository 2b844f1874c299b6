package graph

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/dudesons/loktar/checks"
)

// tally keeps the first of several and counts them.
type tally struct {
	first string
	n     int
}

func (t *tally) add(s string) { t.addAll(tally{s, 1}) }

func (t *tally) addAll(o tally) {
	if t.n == 0 {
		t.first = o.first
	}
	t.n += o.n
}

// causes are why a package is affected by itself, not by another.
type causes struct {
	file, input, removed tally
	link                 tally
	linkAt               int32 // of link: the first, in the query's Links
	unread               int32 // how many, unreadAt the first of the query's
	unreadAt             int32
	entry, rewired       bool
	turned               int32 // how many dependencies came or went, turnedAt the first of the query's
	turnedAt             int32
	held                 bool // the commit rule keeps it from affecting others
}

func (c *causes) any() bool {
	return c.entry || c.file.n+c.input.n+c.removed.n+c.link.n+int(c.unread)+int(c.turned) > 0
}

// onlyFiles reports whether nothing but files of its own or of its inputs
// makes it affected.
func (c *causes) onlyFiles() bool {
	return c.file.n+c.input.n > 0 && !c.entry && !c.rewired && c.removed.n+c.link.n+int(c.unread) == 0
}

// findings are what the change says, before dependencies.
type findings struct {
	q          Query
	of         []causes // by package
	global     tally
	everything string
	out        Result
}

func (f *findings) all() bool { return f.everything != "" || f.global.n > 0 }

// scanner asks about one path after the other. One goroutine uses it.
type scanner struct {
	global, ignore *globSet
	owners         owners
	inputs         inputScan
	links          *linkScan // nil without links
}

// scan looks at every file once.
func (g *Graph) scan(q Query) *findings {
	s := &findings{q: q, of: make([]causes, len(g.packages)), everything: q.Everything}
	if s.everything == "" {
		s.everything = q.Changes.Everything
	}
	at := &scanner{owners: g.owners(), links: newLinkScan(q.Links)}
	at.inputs = inputScan{g: g, matcher: g.inputs.matcher(), known: map[string]*inputHit{}}
	var err error
	if at.global, err = newGlobSet(q.GlobalInputs); err != nil && s.everything == "" {
		s.everything = fmt.Sprintf("global_inputs: %v", err)
	}
	at.ignore, _ = newGlobSet(q.Ignore) // what cannot be read ignores nothing

	var loose []int32 // the files that affect no package, but for links
	for n, file := range q.Files {
		used := at.global.has(file)
		if used {
			s.global.add(file)
		}
		if hit := at.inputs.find(file); hit != nil {
			hit.files.add(file)
			used = used || len(hit.packages) > 0
		}
		ignored := at.ignore.has(file)
		at.links.see(file, ignored)
		if file == checks.ManifestFile {
			continue // its entries are compared instead
		}
		if !ignored {
			if i := at.owners.of(file); i >= 0 {
				s.of[i].file.add(file)
				used = true
			}
		}
		switch {
		case used:
		case ignored:
			s.out.Ignored++
		default:
			loose = append(loose, int32(n))
		}
	}
	at.links.follow(s, at)
	for _, hit := range at.inputs.inOrder {
		for _, i := range hit.packages {
			s.of[i].input.addAll(hit.files)
		}
	}
	for _, n := range loose {
		file := q.Files[n]
		if at.links.leads(file) {
			continue
		}
		if s.out.UnownedCount++; len(s.out.Unowned) < MaxUnowned {
			s.out.Unowned = append(s.out.Unowned, file)
		}
	}
	g.tell(s, at)
	g.hold(s, at)
	return s
}

// tell adds what others than the changed files say.
func (g *Graph) tell(s *findings, at *scanner) {
	for _, name := range s.q.Changes.Entries {
		if i, ok := g.byName[name]; ok {
			s.of[i].entry = true
		}
	}
	for _, r := range s.q.Changes.Removed {
		for _, name := range r.Dependents {
			if i, ok := g.byName[name]; ok {
				s.of[i].removed.add(r.Name)
			}
		}
	}
	for n := range s.q.Unread {
		if i, ok := g.byName[s.q.Unread[n].Package]; ok && !s.q.Unread[n].Warning {
			if s.of[i].unread++; s.of[i].unread == 1 {
				s.of[i].unreadAt = int32(n)
			}
		}
	}
	for n, r := range s.q.Changes.Rewired {
		i, ok := g.byName[r.Package]
		if !ok || r.To == "" && at.ignore.has(r.File) {
			continue
		}
		c := &s.of[i]
		switch {
		case r.To != "":
			if c.turned++; c.turned == 1 {
				c.turnedAt = int32(n)
			}
		case !c.rewired && c.input.n == 0:
			c.input.add(r.File)
		}
		c.rewired = true
	}
}

// owners finds the packages that paths belong to. One goroutine uses it.
type owners struct{ walker[int32] }

func (g *Graph) owners() owners { return owners{walker[int32]{root: g.folders}} }

// of is the package with the deepest folder around path, -1 when there is
// none. A folder that is itself the path (a submodule, or a link in its place)
// is around it too.
func (o *owners) of(path string) int32 {
	along, here := o.lookup(path)
	switch {
	case here != nil && len(here.values) > 0:
		return here.values[len(here.values)-1]
	case len(along) > 0:
		return along[len(along)-1]
	}
	return -1
}

// alone reports whether all that is at path and below belongs to i.
func (o *owners) alone(i int32, path string) bool {
	if path == "." {
		return len(o.root.values) > 0 && len(o.root.children) == 0
	}
	_, here := o.lookup(path)
	return o.of(path) == i && (here == nil || len(here.children) == 0)
}

// inputScan gathers which files match which inputs. Files that match the same
// globs are counted together: packages are looked at once a set of globs, not
// once a file.
type inputScan struct {
	g       *Graph
	matcher *globMatcher
	key     []byte
	known   map[string]*inputHit
	inOrder []*inputHit
}

type inputHit struct {
	packages []int32
	files    tally
	kinds    kinds // of the commits that touch it
	linked   bool  // a link of it counts as changed
}

// find returns the packages that read file, with those files that were
// counted for all of them alike; nil when it matches no glob.
func (s *inputScan) find(file string) *inputHit {
	ids := s.matcher.match(file)
	if len(ids) == 0 {
		return nil
	}
	s.key = s.key[:0]
	for _, id := range ids {
		s.key = binary.LittleEndian.AppendUint32(s.key, uint32(id))
	}
	hit := s.known[string(s.key)]
	if hit == nil {
		hit = &inputHit{packages: s.g.readers(ids)}
		s.known[string(s.key)] = hit
		s.inOrder = append(s.inOrder, hit)
	}
	return hit
}

// readers are the packages that have a file among their inputs that matches
// exactly these globs.
func (g *Graph) readers(ids []int32) []int32 {
	var out []int32
	excluded := map[int32]bool{}
	for _, id := range ids {
		out = append(out, g.including[id]...)
		for _, i := range g.excluding[id] {
			excluded[i] = true
		}
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(i int32) bool { return excluded[i] })
}

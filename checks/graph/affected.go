package graph

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// MaxUnowned is how many files Result.Unowned lists at most.
const MaxUnowned = 100

// Query is a change to ask about.
type Query struct {
	// Files are the changed paths, slash-separated from the repository's
	// root, each once; both sides of a rename.
	Files []string
	// GlobalInputs are globs: a match affects every package. One that cannot
	// be read counts as matched. Ignore are globs: a match affects none,
	// unless inputs or GlobalInputs match too. In both, "!" excludes.
	GlobalInputs []string
	Ignore       []string
	// Changes are those of loktar.json, see Compare.
	Changes Changes
	// Everything, when not empty, says why every package counts as affected.
	Everything string
}

// Result is what a change affects.
type Result struct {
	// Affected are in dependency order, ties in the order of the manifest.
	Affected []Affected
	// Unowned are the first changed files that affect no package and that
	// Ignore does not match, UnownedCount counts all of them. loktar.json is
	// never among them.
	Unowned      []string
	UnownedCount int
	// Ignored counts the files that affect no package because of Ignore.
	Ignored int
}

// Affected is a package and why it is affected: one reason of a kind at most.
type Affected struct {
	Index   int // in the slice given to New
	Name    string
	Reasons []checks.Reason
}

// Affected finds what a change affects: a file affects the package with the
// deepest folder around it, every package whose inputs match it, and all
// packages when it is a global input; an affected package affects those that
// depend on it. Safe to call concurrently.
func (g *Graph) Affected(q Query) Result {
	s := g.scan(q)
	for _, name := range q.Changes.Entries {
		if i, ok := g.byName[name]; ok {
			s.of[i].entry = true
		}
	}
	for _, r := range q.Changes.Removed {
		for _, name := range r.Dependents {
			if i, ok := g.byName[name]; ok {
				s.of[i].removed.add(r.Name)
			}
		}
	}
	return s.result(g, g.distances(s))
}

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
	entry                bool
}

func (c *causes) any() bool { return c.entry || c.file.n+c.input.n+c.removed.n > 0 }

// findings are what the files and entries say, before dependencies.
type findings struct {
	of         []causes // by package
	global     tally
	everything string
	out        Result
}

func (f *findings) all() bool { return f.everything != "" || f.global.n > 0 }

// scan looks at every file once.
func (g *Graph) scan(q Query) *findings {
	s := &findings{of: make([]causes, len(g.packages)), everything: q.Everything}
	if s.everything == "" {
		s.everything = q.Changes.Everything
	}
	global, err := newGlobSet(q.GlobalInputs)
	if err != nil && s.everything == "" {
		s.everything = fmt.Sprintf("global_inputs: %v", err)
	}
	ignore, _ := newGlobSet(q.Ignore) // what cannot be read ignores nothing
	folders := walker[int32]{root: g.folders}
	inputs := inputScan{g: g, matcher: g.inputs.matcher(), known: map[string]*inputHit{}}
	for _, file := range q.Files {
		used := global.has(file)
		if used {
			s.global.add(file)
		}
		if inputs.see(file) {
			used = true
		}
		if file == checks.ManifestFile {
			continue // its entries are compared instead
		}
		ignored := ignore.has(file)
		if !ignored {
			owners, here := folders.lookup(file)
			if len(here) > 0 {
				owners = here // the folder itself: a submodule, or a link in its place
			}
			if len(owners) > 0 {
				s.of[owners[len(owners)-1]].file.add(file)
				used = true
			}
		}
		switch {
		case used:
		case ignored:
			s.out.Ignored++
		default:
			if s.out.UnownedCount++; len(s.out.Unowned) < MaxUnowned {
				s.out.Unowned = append(s.out.Unowned, file)
			}
		}
	}
	for _, hit := range inputs.inOrder {
		for _, i := range hit.packages {
			s.of[i].input.addAll(hit.files)
		}
	}
	return s
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
}

// see reports whether file is an input of any package.
func (s *inputScan) see(file string) bool {
	ids := s.matcher.match(file)
	if len(ids) == 0 {
		return false
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
	hit.files.add(file)
	return len(hit.packages) > 0
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

// distances are how many dependencies lie between each package and a cause;
// -1 for those that are not affected.
func (g *Graph) distances(s *findings) []int32 {
	dist := make([]int32, len(g.packages))
	var queue []int32
	for i := range s.of {
		dist[i] = -1
		if s.all() || s.of[i].any() {
			dist[i] = 0
			queue = append(queue, int32(i))
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, d := range g.dependents[at] {
			if dist[d] < 0 {
				dist[d] = dist[at] + 1
				queue = append(queue, d)
			}
		}
	}
	return dist
}

// nearest is the affected dependency of package i that is closest to a cause,
// the first of the manifest where several are, and how many there are.
func (g *Graph) nearest(i int32, dist []int32) (at int32, n int) {
	at = -1
	for _, d := range g.needs[i] {
		if dist[d] < 0 {
			continue
		}
		n++
		if at < 0 || dist[d] < dist[at] || dist[d] == dist[at] && d < at {
			at = d
		}
	}
	return at, n
}

func (s *findings) result(g *Graph, dist []int32) Result {
	out := s.out
	var reasons []checks.Reason // of all packages, to allocate once
	var ends []int
	for _, i := range g.order {
		if dist[i] < 0 {
			continue
		}
		p, c := &g.packages[i], &s.of[i]
		if c.file.n > 0 {
			reasons = append(reasons, checks.Reason{Kind: checks.ReasonFile, Subject: within(p.Dir, c.file.first), Dir: p.Dir, More: c.file.n - 1})
		}
		if c.input.n > 0 {
			reasons = append(reasons, checks.Reason{Kind: checks.ReasonInput, Subject: c.input.first, More: c.input.n - 1})
		}
		if c.entry {
			reasons = append(reasons, checks.Reason{Kind: checks.ReasonEntry})
		}
		if c.removed.n > 0 {
			reasons = append(reasons, checks.Reason{Kind: checks.ReasonRemoved, Subject: c.removed.first, More: c.removed.n - 1})
		}
		if s.global.n > 0 {
			reasons = append(reasons, checks.Reason{Kind: checks.ReasonGlobal, Subject: s.global.first, More: s.global.n - 1})
		}
		if s.everything != "" {
			reasons = append(reasons, checks.Reason{Kind: checks.ReasonEverything, Subject: s.everything})
		}
		if !s.all() {
			if d, n := g.nearest(i, dist); n > 0 {
				reasons = append(reasons, checks.Reason{Kind: checks.ReasonDependency, Subject: g.packages[d].Name, More: n - 1})
			}
		}
		out.Affected = append(out.Affected, Affected{Index: int(i), Name: p.Name})
		ends = append(ends, len(reasons))
	}
	from := 0
	for k, to := range ends {
		out.Affected[k].Reasons = reasons[from:to:to]
		from = to
	}
	return out
}

// within is file as seen from dir, which holds it; a dir that is itself the
// file (a submodule, a link) keeps its path.
func within(dir, file string) string {
	if dir == "." || dir == file {
		return file
	}
	return strings.TrimPrefix(file, dir+"/")
}

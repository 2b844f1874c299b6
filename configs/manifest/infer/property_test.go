package infer_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs/manifest/infer"
)

// repository is one whose dependencies are known without any parser.
type repository struct {
	files    map[string]string
	packages []checks.Package
	edges    map[string]bool // "FROM TO"
	places   map[string]bool // "FROM TO FILE:LINE", all that tell of an edge
}

// drawRepository makes packages in folders, some of them nested, whose files
// ask for others by name, image, service, path and included file.
func drawRepository(t *rapid.T) repository {
	r := repository{files: map[string]string{}, edges: map[string]bool{}, places: map[string]bool{}}
	dirs := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "a/app", "a/src", "a/x", "s/c", "s/d", "s/d/app", "s", "e"}), 1, 8, rapid.ID).Draw(t, "dirs")
	for n, dir := range dirs {
		p := checks.Package{Name: fmt.Sprintf("p%d", n), Dir: dir}
		if rapid.IntRange(0, 5).Draw(t, "narrow") == 0 {
			p.DependenciesType = []string{rapid.SampledFrom([]string{"none", "python_requirements", "dockerfile", "docker_compose"}).Draw(t, "kind")}
		}
		for m := range n { // never a circle of these alone
			if rapid.IntRange(0, 6).Draw(t, "declared") == 0 {
				p.DependsOn = append(p.DependsOn, fmt.Sprintf("p%d", m))
			}
		}
		r.packages = append(r.packages, p)
	}
	owner := func(file string) (best int) {
		best = -1
		for n, p := range r.packages {
			if (file == p.Dir || strings.HasPrefix(file, p.Dir+"/")) && (best < 0 || len(p.Dir) > len(r.packages[best].Dir)) {
				best = n
			}
		}
		return best
	}
	tell := func(from int, kind string, to int, file string, line int) {
		if want := r.packages[from].DependenciesType; len(want) > 0 && want[0] != kind || to < 0 || from == to {
			return
		}
		pair := r.packages[from].Name + " " + r.packages[to].Name
		r.edges[pair] = true
		r.places[fmt.Sprintf("%s %s:%d", pair, file, line)] = true
	}
	target := rapid.IntRange(0, len(dirs)-1)
	relative := func(from, to string) string {
		return strings.Repeat("../", strings.Count(from, "/")+1) + to
	}
	r.files["common/r.txt"] = "p0\n"
	for n, p := range r.packages {
		for _, below := range []string{".", "app", "src"} {
			file := path.Join(p.Dir, below, "requirements.txt")
			if owner(file) != n {
				continue
			}
			var lines []string
			for line := range rapid.IntRange(0, 4).Draw(t, "lines") {
				to := target.Draw(t, "to")
				switch rapid.IntRange(0, 3).Draw(t, "form") {
				case 0:
					lines = append(lines, strings.ToUpper(r.packages[to].Name)+">=1")
					tell(n, "python_requirements", to, file, line+1)
				case 1:
					lines = append(lines, "not-listed # "+r.packages[to].Name)
				case 2:
					sub := path.Join(r.packages[to].Dir, rapid.SampledFrom([]string{".", "x", "app/y"}).Draw(t, "sub"))
					lines = append(lines, "-e "+relative(p.Dir, sub))
					tell(n, "python_requirements", owner(sub), file, line+1)
					// The same path may mean another place from the file's folder.
					other := path.Join(path.Dir(file), relative(p.Dir, sub))
					tell(n, "python_requirements", owner(other), file, line+1)
				case 3:
					lines = append(lines, "-r "+relative(path.Dir(file), "common/r.txt"))
					tell(n, "python_requirements", 0, "common/r.txt", 1)
				}
			}
			r.files[file] = strings.Join(lines, "\n")
		}
		if rapid.Bool().Draw(t, "image") {
			to := target.Draw(t, "to")
			file := path.Join(p.Dir, "Dockerfile")
			r.files[file] = "FROM scratch\nFROM quay.io/acme/" + r.packages[to].Name + ":1\n"
			tell(n, "dockerfile", to, file, 2)
		}
		if rapid.Bool().Draw(t, "compose") {
			to, context := target.Draw(t, "to"), target.Draw(t, "context")
			file := path.Join(p.Dir, "docker-compose.yml")
			r.files[file] = "services:\n  " + r.packages[to].Name + ":\n    build: " + relative(p.Dir, r.packages[context].Dir) + "\n"
			tell(n, "docker_compose", to, file, 2)
			tell(n, "docker_compose", context, file, 3)
		}
	}
	return r
}

func (r repository) infer(t *rapid.T, i *infer.Inferrer) ([]checks.Edge, []checks.FileProblem) {
	edges, problems, err := i.Edges(t.Context(), newTree(r.files), r.packages)
	if err != nil {
		t.Fatal(err)
	}
	return edges, problems
}

// The edges are exactly those that were written, each at a place where it was.
func TestEdgesAreWhatIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRepository(t)
		edges, problems := r.infer(t, infer.New())
		got := map[string]bool{}
		for _, e := range edges {
			if e.To == "" {
				if e.File != "common/r.txt" {
					t.Fatalf("%s does not include %s", e.From, e.File)
				}
				continue
			}
			pair := e.From + " " + e.To
			if got[pair] {
				t.Fatalf("%s is there twice", pair)
			}
			got[pair] = true
			if !r.places[fmt.Sprintf("%s %s:%d", pair, e.File, e.Line)] {
				t.Fatalf("%s:%d does not tell of %s", e.File, e.Line, pair)
			}
		}
		if d := cmp.Diff(r.edges, got); d != "" {
			t.Fatalf("(-want +got)\n%s", d)
		}
		for _, p := range problems {
			if !p.Warning {
				t.Fatalf("%+v", p)
			}
		}
	})
}

// Neither the order of packages nor what was read before makes a difference.
func TestOrderDoesNotMatter(t *testing.T) {
	i := infer.New()
	rapid.Check(t, func(t *rapid.T) {
		r := drawRepository(t)
		edges, problems := r.infer(t, infer.New())
		r.packages = rapid.Permutation(r.packages).Draw(t, "packages")
		for range 2 {
			again, problemsAgain := r.infer(t, i)
			if d := cmp.Diff(edges, again); d != "" {
				t.Fatal(d)
			}
			if d := cmp.Diff(problems, problemsAgain); d != "" {
				t.Fatal(d)
			}
		}
	})
}

// Without the cyclic edges there is no cycle; each cyclic one closes one of
// what is left, is told of once, and none is without need.
func TestCyclicEdges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRepository(t)
		edges, problems := r.infer(t, infer.New())
		needs := map[string][]string{}
		for _, p := range r.packages {
			needs[p.Name] = append(needs[p.Name], p.DependsOn...)
		}
		closing := 0
		for _, e := range edges {
			if e.Cyclic {
				closing++
			} else {
				needs[e.From] = append(needs[e.From], e.To)
			}
		}
		reaches := func(from, to string) bool {
			seen := map[string]bool{}
			var walk func(string) bool
			walk = func(at string) bool {
				if seen[at] {
					return false
				}
				seen[at] = true
				return slices.ContainsFunc(needs[at], func(next string) bool { return next == to || walk(next) })
			}
			return walk(from)
		}
		for _, p := range r.packages {
			if reaches(p.Name, p.Name) {
				t.Fatalf("%s is in a cycle", p.Name)
			}
		}
		if closing != len(problems) {
			t.Fatalf("%d edges close cycles, %d problems tell of them", closing, len(problems))
		}
		for _, p := range problems {
			if !slices.ContainsFunc(edges, func(e checks.Edge) bool {
				return e.Cyclic && e.From == p.Package && e.File == p.File && e.Line == p.Line
			}) {
				t.Fatalf("no edge is meant by %+v", p)
			}
		}
		for _, e := range edges {
			for _, p := range r.packages {
				if e.Cyclic && p.Name == e.From && slices.Contains(p.DependsOn, e.To) {
					t.Fatalf("%s declares %s", e.From, e.To)
				}
			}
			if e.Cyclic && closing == 1 && !reaches(e.To, e.From) {
				t.Fatalf("%s -> %s closes no cycle", e.From, e.To)
			}
		}
	})
}

package infer_test

import (
	"fmt"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs/manifest/infer"
)

// The bench's repository: packages in groups of 40, with three files each
// that tell of dependencies, some among 20 that do not.
func benchRepository(n int) (*tree, []checks.Package) {
	files := map[string]string{}
	packages := make([]checks.Package, n)
	for k := range n {
		p := &packages[k]
		p.Name = fmt.Sprintf("package_%d", k)
		p.Dir = fmt.Sprintf("services/group_%d/%s", k/40, p.Name)
		for f := range 17 {
			files[fmt.Sprintf("%s/file_%d.py", p.Dir, f)] = "code"
		}
		before := max(0, k-1)
		files[p.Dir+"/requirements.txt"] = fmt.Sprintf("flask==2\nrequests>=2\npackage_%d>=1\npackage_%d\n", before, before/2)
		files[p.Dir+"/Dockerfile"] = fmt.Sprintf("FROM quay.io/acme/package_%d:3\nCOPY . /app\nRUN make\n", before/3)
		files[p.Dir+"/package.json"] = fmt.Sprintf(`{"name": "@acme/package_%d", "dependencies": {"@acme/package_%d": "^1"}}`, k, before)
	}
	return newTree(files), packages
}

const benchPackages = 5000

// The folder of each package and the files in it, once, without any parsing.
// It is the floor of a cold run: entries come from memory, not from git.
func BenchmarkFloorListing(b *testing.B) {
	tr, packages := benchRepository(benchPackages)
	b.ReportAllocs()
	for b.Loop() {
		for _, p := range packages {
			entries, err := tr.List(p.Dir)
			if err != nil || len(entries) != 20 {
				b.Fatal(len(entries), err)
			}
		}
	}
}

// The folders above the packages, once: what a warm run has to ask a cache
// for.
func BenchmarkFloorParents(b *testing.B) {
	tr, packages := benchRepository(benchPackages)
	b.ReportAllocs()
	for b.Loop() {
		for k := 0; k < len(packages); k += 40 {
			if entries, err := tr.List(fmt.Sprintf("services/group_%d", k/40)); err != nil || len(entries) != 40 {
				b.Fatal(len(entries), err)
			}
		}
	}
}

func BenchmarkEdgesCold(b *testing.B) {
	tr, packages := benchRepository(benchPackages)
	b.ReportAllocs()
	for b.Loop() {
		edges(b, infer.New(), tr, packages)
	}
}

func BenchmarkEdgesWarm(b *testing.B) {
	tr, packages := benchRepository(benchPackages)
	i := infer.New()
	edges(b, i, tr, packages)
	tr.reads, tr.lists = 0, nil
	b.ReportAllocs()
	for b.Loop() {
		edges(b, i, tr, packages)
	}
	b.ReportMetric(float64(tr.reads)/float64(b.N), "reads/op")
	b.ReportMetric(float64(len(tr.lists))/float64(b.N), "lists/op")
}

func edges(b *testing.B, i *infer.Inferrer, tr *tree, packages []checks.Package) {
	b.Helper()
	found, problems, err := i.Edges(b.Context(), tr, packages)
	if err != nil || len(problems) > 0 || len(found) < 2*len(packages) {
		b.Fatal(len(found), problems, err)
	}
}

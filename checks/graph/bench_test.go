package graph_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/graph"
)

// monorepo is n packages in folders of 40, three dependencies each, every
// tenth with inputs of its own; and files changed files in git's order.
func monorepo(n, files int) ([]checks.Package, []string) {
	packages := make([]checks.Package, n)
	for i := range packages {
		p := checks.Package{Name: fmt.Sprintf("pkg%05d", i), Dir: fmt.Sprintf("services/team%03d/pkg%05d", i/40, i)}
		for _, back := range []int{1, 17, 400} {
			if i%50 != 0 && i-back >= 0 {
				p.DependsOn = append(p.DependsOn, packages[i-back].Name)
			}
		}
		if i%10 == 0 {
			p.Inputs = []string{fmt.Sprintf("proto/team%03d/**", i/40), "shared/*.yaml", "!**/*_test.yaml"}
		}
		packages[i] = p
	}
	list := make([]string, 0, files)
	per := max(1, files/n)
	for i := range n {
		for f := range per {
			if len(list) == files {
				return packages, list
			}
			list = append(list, fmt.Sprintf("%s/src/d%d/file%03d.go", packages[i].Dir, f/4, f))
		}
	}
	return packages, list
}

// BenchmarkAffected asks about 10 changed files a package, all packages, with
// ignore and global_inputs in play, to the whole affected closure. Its floor
// is one hash lookup for each element of each path, in the same run; x-floor
// is the ratio.
func BenchmarkAffected(b *testing.B) {
	for _, n := range []int{100, 1000, 5000, 10000} {
		packages, files := monorepo(n, 10*n)
		edges := make([]checks.Edge, 0, n)
		for i := 1; i < n; i++ {
			edges = append(edges, checks.Edge{From: packages[i].Name, To: packages[i/2].Name, File: packages[i].Dir + "/go.mod", Line: 3})
		}
		g, err := graph.New(packages, edges...)
		if err != nil {
			b.Fatal(err)
		}
		elements := map[string]struct{}{}
		for _, f := range files {
			for elem := range strings.SplitSeq(f, "/") {
				elements[elem] = struct{}{}
			}
		}
		q := graph.Query{Files: files, GlobalInputs: []string{"go.work", "build/**"}, Ignore: []string{"**/*.md", "docs/**"}}
		b.Run(fmt.Sprintf("packages=%d/files=%d", n, len(files)), func(b *testing.B) {
			var floor, work time.Duration
			b.ReportAllocs()
			for b.Loop() {
				t0 := time.Now()
				found := 0
				for _, f := range files {
					for f != "" {
						var elem string
						elem, f, _ = strings.Cut(f, "/")
						if _, ok := elements[elem]; ok {
							found++
						}
					}
				}
				t1 := time.Now()
				r := g.Affected(q)
				work += time.Since(t1)
				floor += t1.Sub(t0)
				if len(r.Affected) != n || found < len(files) {
					b.Fatal(len(r.Affected), found)
				}
			}
			b.ReportMetric(float64(work.Nanoseconds())/float64(b.N)/1e6, "affected-ms")
			b.ReportMetric(float64(floor.Nanoseconds())/float64(b.N)/1e6, "floor-ms")
			b.ReportMetric(float64(work)/float64(floor), "x-floor")
			b.ReportMetric(float64(work.Nanoseconds())/float64(b.N)/float64(len(files)), "ns/file")
		})
	}
}

// BenchmarkInputs has every package read one folder in which all files change.
func BenchmarkInputs(b *testing.B) {
	packages, _ := monorepo(10000, 10000)
	for i := range packages {
		packages[i].Inputs = []string{"proto", fmt.Sprintf("own/%d/**", i), "!proto/doc"}
	}
	files := make([]string, 100000)
	for i := range files {
		files[i] = fmt.Sprintf("proto/d%d/f%d.proto", i/50, i)
	}
	g := build(b, packages...)
	for b.Loop() {
		if r := g.Affected(graph.Query{Files: files}); len(r.Affected) != len(packages) {
			b.Fatal(len(r.Affected))
		}
	}
}

// BenchmarkNew builds the graph, which a server does once a loktar.json.
func BenchmarkNew(b *testing.B) {
	for _, n := range []int{100, 1000, 5000, 10000} {
		packages, _ := monorepo(n, n)
		b.Run(fmt.Sprintf("packages=%d", n), func(b *testing.B) {
			for b.Loop() {
				build(b, packages...)
			}
		})
	}
}

// BenchmarkCompare compares two loktar.json of which one package in a hundred
// differs.
func BenchmarkCompare(b *testing.B) {
	base, _ := monorepo(10000, 10000)
	head, _ := monorepo(10000, 10000)
	for i := 0; i < len(head); i += 100 {
		head[i].Image = "other"
	}
	for b.Loop() {
		c := graph.Compare(&checks.Manifest{Packages: base}, &checks.Manifest{Packages: head})
		if len(c.Entries) != 100 {
			b.Fatal(len(c.Entries))
		}
	}
}

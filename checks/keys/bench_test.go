package keys_test

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/keys"
)

// monorepo is n packages in folders of 40, three dependencies each, and
// count files in all.
func monorepo(n, count int) (*checks.Manifest, files) {
	m, f := &checks.Manifest{}, files{"go.work": "1", "loktar.json": "{}"}
	for i := range n {
		p := pkg(fmt.Sprintf("pkg%05d", i))
		p.Dir = fmt.Sprintf("services/team%03d/pkg%05d", i/40, i)
		p.Env = map[string]string{"GOFLAGS": "-mod=readonly"}
		for _, back := range []int{1, 17, 400} {
			if i%50 != 0 && i-back >= 0 {
				p.DependsOn = append(p.DependsOn, m.Packages[i-back].Name)
			}
		}
		m.Packages = append(m.Packages, p)
		for k := range max(count/n-1, 1) {
			f[fmt.Sprintf("%s/src/d%d/file%03d.go", p.Dir, k/4, k)] = fmt.Sprint(i, k)
		}
		f[p.Dir+"/README.md"] = fmt.Sprint(i)
	}
	return m, f
}

// BenchmarkOf makes the keys of 5,000 packages in 100,000 files: of folders
// alone, and with inputs, global_inputs, links and ignored files in play. Its
// floor, in the same run, is what any such key costs: to list the tree once,
// as far as it is listed, and to hash as many bytes as stand in what counts,
// each once. x-floor is the ratio.
func BenchmarkOf(b *testing.B) {
	for _, full := range []bool{false, true} {
		m, f := monorepo(5000, 100_000)
		name := "folders"
		if full {
			name = "files"
			m.Ignore, m.GlobalInputs = []string{"**/*.md", "docs/**"}, []string{"go.work", "build/**"}
			for i := range m.Packages {
				if i%10 == 0 {
					m.Packages[i].Inputs = []string{fmt.Sprintf("proto/team%03d/**", i/40), "shared/*.yaml", "!**/*_test.yaml"}
				}
				if i%100 == 0 {
					f[m.Packages[i].Dir+"/proto"] = "->../../../proto"
					f[fmt.Sprintf("proto/team%03d/x.proto", i/40)] = "1"
					f[fmt.Sprintf("shared/%d.yaml", i)] = "1"
				}
			}
		}
		tree, links := f.tree(), f.links()
		b.Run(name, func(b *testing.B) {
			var floor, work time.Duration
			b.ReportAllocs()
			bytes := 0
			buf := make([]byte, 0, 32<<20)
			for b.Loop() {
				t0 := time.Now()
				buf = buf[:0]
				add := func(path string, e keys.Entry) error {
					buf = append(append(append(buf, path...), e.Mode...), e.OID...)
					return nil
				}
				if full {
					if err := tree.Files(add); err != nil {
						b.Fatal(err)
					}
				}
				for i := range m.Packages {
					p := &m.Packages[i]
					e, _, _ := tree.Entry(p.Dir)
					if err := add(p.Dir, e); err != nil {
						b.Fatal(err)
					}
					buf = append(append(buf, p.Name...), p.TestType...)
					for range p.DependsOn {
						buf = append(buf, make([]byte, sha256.Size)...)
					}
				}
				sum := sha256.Sum256(buf)
				bytes = len(buf)
				t1 := time.Now()
				out, err := keys.Of(m, tree, keys.Options{Links: links})
				work += time.Since(t1)
				floor += t1.Sub(t0)
				if err != nil || len(out) != 5000 || sum == [32]byte{} {
					b.Fatal(len(out), err)
				}
			}
			b.ReportMetric(float64(work.Nanoseconds())/float64(b.N)/1e6, "keys-ms")
			b.ReportMetric(float64(floor.Nanoseconds())/float64(b.N)/1e6, "floor-ms")
			b.ReportMetric(float64(work)/float64(floor), "x-floor")
			b.ReportMetric(float64(bytes)/1e6, "floor-MB")
		})
	}
}

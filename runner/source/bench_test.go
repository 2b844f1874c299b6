package source

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"testing"
	"time"
)

// monorepo makes an origin of that many packages with 20 files each. Branch
// topic changes two files in every hundredth package, main moved on likewise.
func monorepo(b *testing.B, packages int) *origin {
	b.Helper()
	o := newOrigin(b)
	var in bytes.Buffer
	put := func(i, j int, text string) {
		fmt.Fprintf(&in, "M 100644 inline g%d/p%d/d%d/f%d\ndata %d\n%s\n", i%125, i, j%3, j, len(text), text)
	}
	in.WriteString("commit refs/heads/main\ncommitter a <a@b> 0 +0000\ndata 4\nbase\n")
	for i := range packages {
		for j := range 20 {
			put(i, j, fmt.Sprintf("package %d file %d\n", i, j))
		}
	}
	in.WriteString("M 100644 inline loktar.json\ndata 16\n{\"packages\": []}\n")
	for n, branch := range []string{"topic", "moved"} {
		fmt.Fprintf(&in, "\ncommit refs/heads/%s\ncommitter a <a@b> 0 +0000\ndata 4\nnext\nfrom refs/heads/main\n", branch)
		for i := n * 50; i < packages; i += 100 {
			put(i, 0, "new")
			put(i, 1, "new")
		}
	}
	in.WriteString("\nreset refs/heads/main\nfrom refs/heads/moved\n\n")
	o.gitIn(in.Bytes(), "fast-import", "--quiet")
	o.git("repack", "-adq")
	return o
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// BenchmarkLoad loads one pull request again and again. Its floor is a bare
// git diff-tree process in between: "ratio" is the whole Load with its look at
// the origin for the base's tip, "local-ratio" is without that.
func BenchmarkLoad(b *testing.B) {
	for _, packages := range []int{1000, 5000} {
		b.Run(fmt.Sprint(packages), func(b *testing.B) {
			o := monorepo(b, packages)
			s := o.source(b)
			ev := o.event("topic", "main")
			l := load(b, s, ev)
			if len(l.Change.Files) != packages/50 {
				b.Fatalf("%d files", len(l.Change.Files))
			}
			m := s.mirror(testRepo)
			open := func() (*Objects, error) { return s.Objects(b.Context(), testRepo) }
			var floor, local, whole []time.Duration
			for b.Loop() {
				floor = append(floor, timed(func() {
					diff := exec.Command("git", "--git-dir="+m.dir, "diff-tree", "-r", "--no-renames", "--name-status", "-z", l.Change.MergeBase, l.Change.HeadSHA)
					if out, err := diff.Output(); err != nil || len(out) == 0 {
						b.Error(err)
					}
				}))
				local = append(local, timed(func() {
					l, err := m.examine(b.Context(), comparison{head: l.Change.HeadSHA, base: l.Change.BaseSHA, merge: true, line: "main"}, open)
					if err = errors.Join(err, l.Close()); err != nil {
						b.Error(err)
					}
				}))
				whole = append(whole, timed(func() {
					l, err := s.Load(b.Context(), ev)
					if err = errors.Join(err, l.Close()); err != nil {
						b.Error(err)
					}
				}))
			}
			f := median(floor)
			b.ReportMetric(float64(f)/1e6, "floor-ms")
			b.ReportMetric(float64(median(local))/1e6, "local-ms")
			b.ReportMetric(float64(median(local))/float64(f), "local-ratio")
			b.ReportMetric(float64(median(whole))/float64(f), "ratio")
		})
	}
}

// BenchmarkLease leases a tree in which 1 % of the packages differ from the
// idle folder's, beside a full checkout of it. No folder is removed in between:
// ext4 makes files slowly for a minute after many were deleted.
func BenchmarkLease(b *testing.B) {
	for _, packages := range []int{1000, 5000} {
		b.Run(fmt.Sprint(packages), func(b *testing.B) {
			o := monorepo(b, packages)
			s := o.source(b)
			l := load(b, s, o.event("topic", "main"))
			m := s.mirror(testRepo)
			trees := []string{l.Change.Tree, o.tree("main")}
			lease(b, s, trees[0]).Release()
			var full, move []time.Duration
			for b.Loop() {
				s.trees.mu.Lock()
				f := &folder{dir: s.trees.newDir(testRepo.ID)}
				s.trees.mu.Unlock()
				full = append(full, timed(func() {
					if err := m.checkout(b.Context(), f, trees[0]); err != nil {
						b.Error(err)
					}
				}))
				for i := range 4 {
					move = append(move, timed(func() { lease(b, s, trees[(i+1)%2]).Release() }))
				}
			}
			b.ReportMetric(float64(median(full))/1e6, "full-ms")
			b.ReportMetric(float64(median(move))/1e6, "move-ms")
			b.ReportMetric(float64(median(move))/float64(median(full)), "move/full")
		})
	}
}

// BenchmarkDirs asks for every package's folder in one tree.
func BenchmarkDirs(b *testing.B) {
	const packages = 5000
	o := monorepo(b, packages)
	l := load(b, o.source(b), o.event("topic", "main"))
	for b.Loop() {
		dirs := l.Dirs()
		for i := range packages {
			if !dirs.Exists(fmt.Sprintf("g%d/p%d", i%125, i)) {
				b.Fatal("a folder is missing")
			}
		}
		if err := dirs.Err(); err != nil {
			b.Fatal(err)
		}
	}
}

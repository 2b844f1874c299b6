package source

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkMove leases the trees of two commits of 100,000 files in turn,
// between which 100 differ: a folder is moved from one to the other. Its floor
// is git checkout between the same commits in a clone, in between.
func BenchmarkMove(b *testing.B) {
	o := monorepo(b, 5000)
	s := o.source(b)
	// topic and main differ from their base in 100 files each, so that both
	// are compared with that.
	base := o.git("rev-parse", "topic^")
	trees, commits := []string{o.tree("topic"), o.tree(base)}, []string{o.git("rev-parse", "topic"), base}
	if err := s.Fetch(b.Context(), 7, testRepo, commits...); err != nil {
		b.Fatal(err)
	}
	clone := filepath.Join(b.TempDir(), "clone")
	o.git("clone", "--quiet", "--no-checkout", "--", o.dir, clone)
	checkout := func(commit string) {
		if out, err := exec.Command("git", "-C", clone, "checkout", "--quiet", "--detach", commit).CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
	}
	for i := range 2 {
		checkout(commits[i])
		lease(b, s, trees[i]).Release()
	}
	var floor, move []time.Duration
	for b.Loop() {
		for i := range 6 {
			floor = append(floor, timed(func() { checkout(commits[i%2]) }))
			move = append(move, timed(func() { lease(b, s, trees[i%2]).Release() }))
		}
	}
	b.ReportMetric(float64(median(floor))/1e6, "checkout-ms")
	b.ReportMetric(float64(median(move))/1e6, "move-ms")
	b.ReportMetric(float64(median(move))/float64(median(floor)), "ratio")
}

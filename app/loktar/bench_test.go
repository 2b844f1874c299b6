package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkAffected is `loktar affected` as a whole process in a checkout,
// beside `git diff --name-only` of the same commits, run in turns; medians.
// x-diff is the ratio. warm: both trees were seen before. next: the head was
// never seen, as after each commit. cold: nothing is kept. growth is warm at
// 5,000 packages by warm at 1,000.
func BenchmarkAffected(b *testing.B) {
	program := filepath.Join(b.TempDir(), "loktar")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as in the Makefile
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	warm := map[int]time.Duration{}
	for _, n := range []int{100, 1000, 5000} {
		b.Run(strconv.Itoa(n)+"packages", func(b *testing.B) {
			warm[n] = benchmarkAffected(b, program, n)
			if n == 5000 && warm[1000] > 0 {
				b.ReportMetric(float64(warm[n])/float64(warm[1000]), "growth")
			}
		})
	}
}

func benchmarkAffected(b *testing.B, program string, n int) time.Duration {
	dir, cache := b.TempDir(), b.TempDir()
	run := func(env []string, name string, args ...string) ([]byte, time.Duration) {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + cache, "GIT_CONFIG_NOSYSTEM=1"}, env...)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		began := time.Now()
		out, err := cmd.Output()
		took := time.Since(began)
		if err != nil {
			b.Fatalf("%s %q: %v: %s", name, args, err, errs.String())
		}
		return out, took
	}
	const rounds = 21
	run(nil, "git", "init", "--quiet", "--initial-branch=main")
	in := exec.Command("git", "fast-import", "--quiet")
	in.Dir, in.Stdin = dir, bytes.NewReader(generate(n, rounds))
	if out, err := in.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	run(nil, "git", "checkout", "--quiet", "topic0")

	kept := []string{"XDG_CACHE_HOME=" + cache}
	ask := func(env []string, head string) time.Duration {
		out, took := run(env, program, "affected", "--base", "main", "--head", head, "--format", "names")
		if bytes.Count(out, []byte{'\n'}) < max(n/100, 1) {
			b.Fatalf("%s affected: %s", head, out)
		}
		return took
	}
	ask(kept, "topic0")
	var times [4][]time.Duration
	for b.Loop() {
		for i := range rounds {
			_, diff := run(nil, "git", "diff", "--name-only", "main", "topic0")
			times[0] = append(times[0], diff)
			times[1] = append(times[1], ask(kept, "topic0"))
			if i%3 == 0 { // these cost more
				times[2] = append(times[2], ask(kept, fmt.Sprint("topic", len(times[2])%(rounds-1)+1)))
				times[3] = append(times[3], ask([]string{"XDG_CACHE_HOME=/dev/null"}, "topic0"))
			}
		}
	}
	var median [4]float64
	for i, t := range times {
		slices.Sort(t)
		median[i] = float64(t[len(t)/2].Microseconds()) / 1000
	}
	b.ReportMetric(median[0], "diff-ms")
	b.ReportMetric(median[1], "warm-ms")
	b.ReportMetric(median[2], "next-ms")
	b.ReportMetric(median[3], "cold-ms")
	b.ReportMetric(median[1]/median[0], "x-diff")
	return time.Duration(median[1] * float64(time.Millisecond))
}

// generate is the input of git fast-import for a repository of n packages in
// folders of 40: each has 20 files and depends on three others before it in
// the mean, of those near it. main is the base; of each of the topics another
// 1 % of the packages differ from it. The same numbers make the same commits.
func generate(n, topics int) []byte {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	var out bytes.Buffer
	dir := func(i int) string { return fmt.Sprintf("services/group_%03d/package_%04d", i/40, i) }
	commit := func(branch string, mark int, from string) {
		fmt.Fprintf(&out, "commit refs/heads/%s\nmark :%d\ncommitter Ann <ann@example.org> 1700000000 +0000\ndata 6\nchange\n%s", branch, mark, from)
	}
	file := func(path, text string) {
		fmt.Fprintf(&out, "M 100644 inline %s\ndata %d\n%s\n", path, len(text), text)
	}
	commit("main", 1, "")
	var entries []string
	for i := range n {
		near := i - i%15
		var needs []string
		for _, k := range rng.Perm(i - near)[:min(rng.IntN(9), i-near)] {
			needs = append(needs, strconv.Quote(fmt.Sprintf("package_%04d", near+k)))
		}
		entries = append(entries, fmt.Sprintf(`    { "pkg_name": "package_%04d", "pkg_dir": %q, "type": "service", "depends_on": [%s] }`, i, dir(i), strings.Join(needs, ", ")))
		for f := range 20 {
			file(fmt.Sprintf("%s/file_%02d.py", dir(i), f), fmt.Sprintf("%d %d\n", i, f))
		}
	}
	file("loktar.json", "{\n  \"packages\": [\n"+strings.Join(entries, ",\n")+"\n  ]\n}\n")
	for t := range topics {
		commit(fmt.Sprint("topic", t), t+2, "from :1\n")
		for range max(n/100, 1) {
			file(fmt.Sprintf("%s/file_%02d.py", dir(rng.IntN(n)), rng.IntN(20)), fmt.Sprint("changed ", t, "\n"))
		}
	}
	return out.Bytes()
}

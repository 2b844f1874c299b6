package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dudesons/loktar/runner/docker/dockertest"
)

const (
	runPackages = 20
	runSlots    = 2
)

// BenchmarkRun is `loktar run` of 20 trivial packages without network as a
// whole process, two at once, beside as many bare containers (create, attach,
// start, wait, remove) on the network none and beside act on the same
// packages, in turns; medians of the times, and of the ratios of each turn.
// fresh is the first run ever, with nothing in the cache folder.
func BenchmarkRun(b *testing.B) {
	engine, image := dockertest.Engine(b), dockertest.Image(b)
	program := filepath.Join(b.TempDir(), "loktar")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as in the Makefile
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	act, err := exec.LookPath("../../bin/tools/act")
	if err == nil {
		act, err = filepath.Abs(act)
	}
	if err != nil {
		act = ""
		b.Log("act is not in bin/tools; loktar run is not compared with it. `make bench` builds it where the module proxy answers.")
	}
	dir, home := b.TempDir(), b.TempDir()
	trivial(b, dir)
	run := func(want, name string, args ...string) time.Duration {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CACHE_HOME="+filepath.Join(home, "cache"), "XDG_CONFIG_HOME="+home,
			"LOKTAR_RUNNER_IMAGE="+image, fmt.Sprint("LOKTAR_RUNNER_SLOTS=", runSlots))
		began := time.Now()
		out, err := cmd.CombinedOutput()
		took := time.Since(began)
		if n := bytes.Count(out, []byte(want)); err != nil || n != runPackages {
			b.Fatalf("%s %q: %v: %d times %q in %s", name, args, err, n, want, out)
		}
		return took
	}
	ours := func() time.Duration { return run(": passed in ", program, "run", "--all") }
	floor := func() time.Duration {
		began := time.Now()
		var group errgroup.Group
		group.SetLimit(runSlots)
		for range runPackages {
			group.Go(func() error { return dockertest.BareJob(b.Context(), engine, image, false) })
		}
		if err := group.Wait(); err != nil {
			b.Fatal(err)
		}
		return time.Since(began)
	}
	floor() // warm
	fresh := ours().Seconds() / floor().Seconds()
	rounds, all := 7, map[string][]float64{}
	if testing.Short() {
		rounds = 1
	}
	for b.Loop() {
		for i := range rounds {
			o, f := ours().Seconds(), floor().Seconds()
			all["run-s"], all["floor-s"], all["ratio"] = append(all["run-s"], o), append(all["floor-s"], f), append(all["ratio"], o/f)
			if act != "" && i == 0 {
				a := run("Job succeeded", act, "push", "-P", "tiny="+image, "--pull=false", "--concurrent-jobs", fmt.Sprint(runSlots)).Seconds()
				all["act-s"], all["act-ratio"] = append(all["act-s"], a), append(all["act-ratio"], ours().Seconds()/a)
			}
		}
	}
	for name, values := range all {
		slices.Sort(values)
		b.ReportMetric(values[len(values)/2], name)
	}
	b.ReportMetric(fresh, "fresh-ratio")
}

// trivial makes a repository of trivial packages in dir, with a workflow for
// act that tests the same.
func trivial(b *testing.B, dir string) {
	var packages, jobs bytes.Buffer
	write := func(name string, text []byte) {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(name, text, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	for i := range runPackages {
		name := fmt.Sprintf("package_%02d", i)
		write(name+"/Makefile", []byte("ci:\n\t@echo tested\nclean:\n\t@echo cleaned\n"))
		if i > 0 {
			packages.WriteString(", ")
		}
		fmt.Fprintf(&packages, `{ "pkg_name": %q }`, name)
		fmt.Fprintf(&jobs, "  %s:\n    runs-on: tiny\n    steps:\n      - uses: actions/checkout@v4\n      - run: make -C %s ci && make -C %s clean\n        shell: sh\n", name, name, name)
	}
	write("loktar.json", []byte(`{ "defaults": { "network": false }, "packages": [ `+packages.String()+" ] }\n"))
	write(".github/workflows/ci.yml", []byte("on: push\njobs:\n"+jobs.String()))
	for _, args := range [][]string{{"init", "--quiet", "--initial-branch=main"}, {"add", "--all"},
		{"-c", "user.name=Ann", "-c", "user.email=ann@example.org", "commit", "--quiet", "--message", "first"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("git %q: %v: %s", args, err, out)
		}
	}
}

package docker_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/docker/dockertest"
)

const (
	benchJobs  = 20
	benchSlots = 2
)

// leaseOne lends out one folder again and again.
type leaseOne string

func (l leaseOne) Lease(context.Context, checks.Run, checks.Job) (runner.Workspace, error) {
	return runner.Workspace{Dir: string(l), Release: func() {}}, nil
}

// BenchmarkJobs runs trivial `make ci` jobs through a Runner, and as many bare
// containers through the engine's API, with the same image, limits, network
// and number at once, in turn. ratio is the Runner's time by the bare time.
func BenchmarkJobs(b *testing.B) {
	for _, network := range []bool{false, true} {
		b.Run("network="+strconv.FormatBool(network), func(b *testing.B) { benchmarkJobs(b, network) })
	}
}

func benchmarkJobs(b *testing.B, network bool) {
	bed := benchUp(b)
	r := runner.New(runner.Options{Sandbox: bed.Sandbox, Workspaces: leaseOne(bed.tree), LogDir: b.TempDir(), Slots: benchSlots})
	engine := dockertest.Engine(b)
	image := dockertest.Image(b)
	var ours, bare time.Duration
	ctx := b.Context()
	warm := func(int) error { return dockertest.BareJob(ctx, engine, image, network) }
	if err := together(2, warm); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		started := time.Now()
		if err := together(benchJobs, warm); err != nil {
			b.Fatal(err)
		}
		bare += time.Since(started)
		started = time.Now()
		err := together(benchJobs, func(i int) error {
			job := checks.Job{Run: "bench", Package: checks.Package{
				Name: "p" + strconv.Itoa(i), Dir: ".", TestType: checks.TestMake, Timeout: time.Minute, Network: network,
			}}
			result, err := r.Run(ctx, checks.Run{ID: "bench"}, job)
			if err == nil && result.Outcome != checks.OutcomePassed {
				b.Errorf("job %d: %+v", i, result)
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		ours += time.Since(started)
	}
	n := float64(b.N * benchJobs)
	b.ReportMetric(n/ours.Seconds(), "jobs/s")
	b.ReportMetric(n/bare.Seconds(), "bare/s")
	b.ReportMetric(ours.Seconds()/bare.Seconds(), "ratio")
}

func together(n int, f func(int) error) error {
	var group errgroup.Group
	group.SetLimit(benchSlots)
	for i := range n {
		group.Go(func() error { return f(i) })
	}
	return group.Wait()
}

package docker_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/docker"
	"github.com/dudesons/loktar/runner/docker/dockertest"
)

const (
	benchJobs = 200
	// benchRound is how many jobs run before the next way has its turn, so
	// that what else the machine does meets all ways alike.
	benchRound = 20
)

// leaseOne lends out one folder again and again.
type leaseOne string

func (l leaseOne) Lease(context.Context, checks.Run, checks.Job) (runner.Workspace, error) {
	return runner.Workspace{Dir: string(l), Release: func() {}}, nil
}

// parts are the parts of a job in their order, as Timed tells of them.
var parts = []string{"holder", "create", "attach", "start", "run", "inspect", "remove", "folder"}

// BenchmarkPackages runs 200 (with -short, 40) trivial `make ci` jobs through a Runner with full
// isolation, and as many bare containers through the engine's API, with the
// same image, limits and number at once, in turn. ratio is the Runner's time
// by that of bare containers without network, joined-ratio by that of bare
// ones that join a network namespace that is kept; ms/PART is where the time
// of one job goes.
func BenchmarkPackages(b *testing.B) {
	for _, slots := range []int{1, 2, 4} {
		b.Run("slots="+strconv.Itoa(slots), func(b *testing.B) { benchmarkJobs(b, slots, benchJobs, false) })
	}
	b.Run("network", func(b *testing.B) { benchmarkJobs(b, 2, benchRound, true) })
}

func benchmarkJobs(b *testing.B, slots, jobs int, network bool) {
	var mu sync.Mutex
	spent := map[string]time.Duration{}
	bed := benchUp(b, docker.Timed(func(part string, took time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		spent[part] += took
	}))
	r := runner.New(runner.Options{Sandbox: bed.Sandbox, Workspaces: leaseOne(bed.tree), LogDir: b.TempDir(), Slots: slots})
	engine, image, ctx := dockertest.Engine(b), dockertest.Image(b), b.Context()
	holders := make(chan string, slots)
	for range slots {
		id, remove, err := dockertest.Hold(ctx, engine, image)
		if err != nil {
			b.Fatal(err)
		}
		defer remove()
		holders <- id
	}
	ways := []struct {
		run  func(i int) error
		took time.Duration
	}{
		{run: func(int) error { return dockertest.BareJob(ctx, engine, image, network) }},
		{run: func(int) error {
			holder := <-holders
			defer func() { holders <- holder }()
			return dockertest.BareJoined(ctx, engine, image, holder)
		}},
		{run: func(i int) error {
			result, err := r.Run(ctx, checks.Run{ID: "bench"}, checks.Job{Run: "bench", Package: checks.Package{
				Name: "p" + strconv.Itoa(i), Dir: ".", TestType: checks.TestMake, Timeout: time.Minute, Network: network,
			}})
			if err == nil && result.Outcome != checks.OutcomePassed {
				err = fmt.Errorf("job %d: %+v", i, result)
			}
			return err
		}},
	}
	round := func(n int) {
		for w := range ways {
			started := time.Now()
			var group errgroup.Group
			group.SetLimit(slots)
			for i := range n {
				group.Go(func() error { return ways[w].run(i) })
			}
			if err := group.Wait(); err != nil {
				b.Fatal(err)
			}
			ways[w].took += time.Since(started)
		}
	}
	round(slots) // warm
	for w := range ways {
		ways[w].took = 0
	}
	clear(spent)
	if testing.Short() {
		jobs = min(jobs, 2*benchRound)
	}
	var n int
	for b.Loop() {
		for range jobs / benchRound {
			round(benchRound)
			n += benchRound
		}
	}
	bare, joined, ours := ways[0].took.Seconds(), ways[1].took.Seconds(), ways[2].took.Seconds()
	b.ReportMetric(float64(n)/ours, "jobs/s")
	b.ReportMetric(float64(n)/bare, "bare/s")
	b.ReportMetric(ours/bare, "ratio")
	if !network {
		b.ReportMetric(ours/joined, "joined-ratio")
	}
	for _, part := range parts {
		b.ReportMetric(spent[part].Seconds()*1000/float64(n), "ms/"+part)
	}
}

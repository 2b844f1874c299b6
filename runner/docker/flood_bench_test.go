package docker_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/docker"
	"github.com/dudesons/loktar/runner/docker/dockertest"
)

// flood is how much a job prints.
const flood = 200 << 20

// printed writes flood bytes of lines to a file.
func printed(t testing.TB, name string) {
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	for i, n := 0, 0; n < flood; i++ {
		k, err := fmt.Fprintf(w, "[%8d] gcc -O2 -Wall -c -o build/obj/part%05d.o src/module/part%05d.c\n", i, i%99999, i%99999)
		if n += k; err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// bareLogs prints the file in a bare container, which keeps its output as the
// engine does by default, but in one file whatever its settings, and has it through `docker logs -f` in a file until
// its end; then once more by `docker logs`. It returns the bytes a second of
// both.
func bareLogs(ctx context.Context, engine *client.Client, image, file, to string) (following, after float64, err error) {
	made, err := engine.ContainerCreate(ctx, &container.Config{Image: image, Cmd: []string{"cat", "/big"}}, &container.HostConfig{
		LogConfig: container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "1g"}}, NetworkMode: "none",
		Mounts: []mount.Mount{{Type: mount.TypeBind, Source: file, Target: "/big", ReadOnly: true}},
	}, nil, nil, "")
	if err != nil {
		return 0, 0, err
	}
	defer func() {
		_ = engine.ContainerRemove(context.WithoutCancel(ctx), made.ID, container.RemoveOptions{Force: true})
	}()
	logs := func(began time.Time, follow bool) (float64, error) {
		out, err := os.Create(to)
		if err != nil {
			return 0, err
		}
		defer out.Close()
		stream, err := engine.ContainerLogs(ctx, made.ID, container.LogsOptions{ShowStdout: true, ShowStderr: true, Follow: follow})
		if err != nil {
			return 0, err
		}
		defer stream.Close()
		n, err := stdcopy.StdCopy(out, out, stream)
		if err == nil && n < flood {
			err = fmt.Errorf("docker logs gave %d bytes", n)
		}
		return float64(n) / time.Since(began).Seconds(), err
	}
	began := time.Now()
	ended, failed := engine.ContainerWait(ctx, made.ID, container.WaitConditionNextExit)
	if err := engine.ContainerStart(ctx, made.ID, container.StartOptions{}); err != nil {
		return 0, 0, err
	}
	if following, err = logs(began, true); err != nil {
		return 0, 0, err
	}
	select {
	case <-ended:
	case err := <-failed:
		return 0, 0, err
	}
	after, err = logs(time.Now(), false)
	return following, after, err
}

// BenchmarkFlood has a job print 200 MB through the runner, with a log and
// secrets that are looked for; and a bare container print the same, with
// `docker logs -f` to a file until its end. speed is ours by that (larger is
// better); after-speed is ours by `docker logs` once it has ended, which has
// nothing to wait for. In none, the engine keeps no copy of ours. heap-MB is by how much the memory of
// this process grew meanwhile.
func BenchmarkFlood(b *testing.B) {
	for _, way := range []struct {
		name string
		keep int64
	}{{"local", 0}, {"none", -1}} {
		b.Run(way.name, func(b *testing.B) {
			bed := benchUp(b, func(o *docker.Options) { o.Log = way.keep })
			printed(b, filepath.Join(bed.tree, "big"))
			dir := b.TempDir()
			r := runner.New(runner.Options{Sandbox: bed.Sandbox, Workspaces: leaseOne(bed.tree), LogDir: dir, LogLimit: 1 << 30,
				Secrets: func(context.Context, checks.Run, checks.Job) (map[string]string, error) {
					return map[string]string{"A": "ghp_abcdefghijKLMNOP7919", "B": "another/secret+of the server", "C": "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\n-----END KEY-----"}, nil
				}})
			engine, image := dockertest.Engine(b), dockertest.Image(b)
			var bare, after float64
			var ours time.Duration
			var grown uint64
			for i := 0; b.Loop(); i++ {
				follow, late, err := bareLogs(b.Context(), engine, image, filepath.Join(bed.tree, "big"), filepath.Join(dir, "bare"))
				if err != nil {
					b.Fatal(err)
				}
				bare, after = bare+follow, after+late
				stop, peak := make(chan struct{}), make(chan uint64)
				go watchHeap(stop, peak)
				name := fmt.Sprintf("p%d", i)
				began := time.Now()
				result, err := r.Run(b.Context(), checks.Run{ID: "bench"}, checks.Job{Run: "bench", Attempt: 1, Package: checks.Package{
					Name: name, Dir: ".", TestType: checks.TestCommand, Commands: []string{"cat big"}, Timeout: 10 * time.Minute, Secrets: []string{"A", "B", "C"}}})
				ours += time.Since(began)
				close(stop)
				grown = max(grown, <-peak)
				if err != nil || result.Outcome != checks.OutcomePassed {
					b.Fatalf("%+v, %v", result, err)
				}
				log := filepath.Join(dir, "bench", name+".log")
				if info, err := os.Stat(log); err != nil || info.Size() < flood {
					b.Fatalf("the log has %d bytes, %v", info.Size(), err)
				}
				_ = os.Remove(log)
			}
			speed := flood * float64(b.N) / ours.Seconds()
			bare, after = bare/float64(b.N), after/float64(b.N)
			b.ReportMetric(speed/1e6, "MB/s")
			b.ReportMetric(bare/1e6, "bare-MB/s")
			b.ReportMetric(after/1e6, "after-MB/s")
			b.ReportMetric(speed/bare, "speed")
			b.ReportMetric(speed/after, "after-speed")
			b.ReportMetric(float64(grown)/1e6, "heap-MB")
		})
	}
}

// watchHeap sends, once stop is closed, by how much the heap was larger than at
// the beginning.
func watchHeap(stop <-chan struct{}, peak chan<- uint64) {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	first, most := m.HeapAlloc, m.HeapAlloc
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		case <-stop:
			peak <- most - first
			return
		}
	}
}

// The order of what a job prints to its two streams is kept, and all of it, in
// a log that nobody reads fast.
func TestOrderOfBothStreams(t *testing.T) {
	b := setUp(t)
	task := b.task("i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); echo $i >&2; i=$((i+1)); done")
	task.Clean = nil
	exit, out := b.run(task)
	if exit.Code != 0 {
		t.Fatalf("exit %+v", exit)
	}
	var want strings.Builder
	for i := range 3000 {
		fmt.Fprintln(&want, i)
	}
	if !strings.Contains(out, want.String()) {
		t.Errorf("lines are lost or in another order:\n%.2000s", out)
	}
}

package docker_test

import (
	"context"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/docker"
)

// BenchmarkCollect copies one artifact of 100 MB out of the workspace of a
// job, and beside it has cp copy a file of that size on the same disk. ratio
// is the one time by the other.
func BenchmarkCollect(b *testing.B) {
	for way, through := range ways {
		b.Run(way, func(b *testing.B) { benchmarkCollect(b, through) })
	}
}

func benchmarkCollect(b *testing.B, through func(*docker.Options)) {
	const size = 100 << 20
	bed := benchUp(b, through)
	dir := b.TempDir()
	var ours, cp time.Duration
	task := bed.task("head -c 104857600 /dev/urandom > big")
	task.Clean = nil
	task.Artifacts = &runner.Artifacts{Globs: []string{"big"}, Collect: func(_ context.Context, name string, n int64, _ fs.FileMode, open func() (io.ReadCloser, error)) error {
		plain := filepath.Join(dir, "plain")
		if err := copyOf(plain, open); err != nil { // also brings it into the page cache
			return err
		}
		started := time.Now()
		if err := exec.Command("cp", plain, filepath.Join(dir, "cp")).Run(); err != nil {
			return err
		}
		cp += time.Since(started)
		started = time.Now()
		if err := copyOf(filepath.Join(dir, "ours"), open); err != nil {
			return err
		}
		ours += time.Since(started)
		for _, name := range []string{"plain", "cp", "ours"} {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil || info.Size() != size {
				b.Fatalf("%s: %v, %v", name, info, err)
			}
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
		return nil
	}}
	for b.Loop() {
		if exit, out := bed.run(task); exit.Code != 0 || exit.Artifacts != 1 {
			b.Fatalf("exit %+v\n%s", exit, out)
		}
	}
	b.ReportMetric(ours.Seconds()/float64(b.N)*1000, "collect-ms")
	b.ReportMetric(cp.Seconds()/float64(b.N)*1000, "cp-ms")
	b.ReportMetric(ours.Seconds()/cp.Seconds(), "ratio")
}

func copyOf(path string, open func() (io.ReadCloser, error)) error {
	r, err := open()
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(f, r); err != nil {
		return err
	}
	return f.Close()
}

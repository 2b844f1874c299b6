package docker_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/caches"
)

// BenchmarkCache has jobs with a cache of many files and ones without, in turn.
// What it gives is how much longer a job takes for the cache, how long it takes
// to keep 100 files more in it, and the floors: cp -a and cp -al of the files.
func BenchmarkCache(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("caches take root")
	}
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("%d files", n), func(b *testing.B) { benchmarkCache(b, n) })
	}
}

func benchmarkCache(b *testing.B, n int) {
	bed := benchUp(b)
	dir := b.TempDir()
	store, err := caches.Open(b.Context(), filepath.Join(dir, "caches"), caches.Options{})
	if err == nil {
		_, err = store.Settle(b.Context())
	}
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	want := runner.CacheWant{Repo: 1, Place: checks.CachePlace{Key: "k", Path: "/opt/cache"}, Reads: []checks.CacheLevel{"own"}, Write: "own"}
	lease := func() runner.CacheView {
		v, err := store.Lease(b.Context(), want)
		if err != nil {
			b.Fatal(err)
		}
		v.At = v.Place.Path
		return v
	}
	fill := func(dir string, from, to int) {
		for i := from; i < to; i++ {
			sub := filepath.Join(dir, "d"+strconv.Itoa(i/1000), "e"+strconv.Itoa(i/50%20))
			if i%50 == 0 {
				if err := os.MkdirAll(sub, 0o755); err != nil {
					b.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(sub, strconv.Itoa(i)), []byte("content\n"), 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
	save := func(v runner.CacheView) time.Duration {
		began := time.Now()
		if note, err := store.Save(b.Context(), v); err != nil || note != "saved" {
			b.Fatal(note, err)
		}
		return time.Since(began)
	}
	first := lease()
	fill(first.Upper, 0, n)
	save(first)
	var with, without, saves, copies, links []time.Duration
	job := func(views ...runner.CacheView) time.Duration {
		task := bed.task("true")
		task.Caches = views
		began := time.Now()
		if exit, out := bed.run(task); exit.Code != 0 {
			b.Fatal(out)
		}
		return time.Since(began)
	}
	copied := func(how string) time.Duration {
		to := filepath.Join(dir, "copy")
		v := lease()
		defer store.Release(v)
		began := time.Now()
		if words, err := exec.CommandContext(b.Context(), "cp", how, v.Lower[len(v.Lower)-1], to).CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, words)
		}
		took := time.Since(began)
		if err := os.RemoveAll(to); err != nil {
			b.Fatal(err)
		}
		return took
	}
	job()
	for b.Loop() {
		for i := range 10 {
			without = append(without, job())
			began := time.Now()
			v := lease()
			job(v)
			store.Release(v)
			with = append(with, time.Since(began))
			v = lease()
			fill(v.Upper, n+i*100, n+i*100+100)
			saves = append(saves, save(v))
			if i < 1 || i < 3 && n <= 10_000 {
				copies, links = append(copies, copied("-a")), append(links, copied("-al"))
			}
		}
	}
	middle := func(all []time.Duration) float64 {
		slices.Sort(all)
		return float64(all[len(all)/2]) / 1e6
	}
	b.ReportMetric(middle(without), "bare-ms")
	b.ReportMetric(middle(with)-middle(without), "restore-ms")
	b.ReportMetric(middle(saves), "save-100-ms")
	b.ReportMetric(float64(saves[len(saves)-1])/1e6, "save-100-worst-ms")
	b.ReportMetric(middle(copies), "cp-a-ms")
	b.ReportMetric(middle(links), "cp-al-ms")
}

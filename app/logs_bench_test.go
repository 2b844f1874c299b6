package app_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store/logs"
)

const benchLog = 200 << 20

// BenchmarkTail waits for the first line of the end of a log of 200 MB: on its
// page, and raw from the last MiB on. It does so with the compressed log and,
// in turn, with the same one as it was written, which is the floor. x-floor is
// the one by the other, of medians.
func BenchmarkTail(b *testing.B) {
	cfg := config(b)
	s := start(b, cfg)
	now := time.Now()
	c := checks.Commit{}
	for i, id := range []string{"plain", "packed"} {
		c.Runs = append(c.Runs, checks.Run{ID: id, Seq: uint64(i + 1), Repo: checks.Repo{ID: 7, Owner: "acme", Name: "pets"}, Created: now, Finished: now})
		c.Jobs = append(c.Jobs, checks.Job{Run: id, Package: checks.Package{Name: "lib"}, State: checks.StateDone, Started: now, Finished: now})
	}
	if err := app.StoreOf(s).Commit(b.Context(), c); err != nil {
		b.Fatal(err)
	}
	dir := filepath.Join(cfg.DataDir, "logs")
	for _, id := range []string{"plain", "packed"} {
		writeBenchLog(b, filepath.Join(dir, id))
	}
	keeper := logs.Keeper{Dir: logs.Dir(dir)}
	began := time.Now()
	if err := keeper.Pack(b.Context(), "packed"); err != nil {
		b.Fatal(err)
	}
	packing := time.Since(began)

	for _, way := range []struct{ name, path, wanted, first string }{
		{"page", "/lib", "", `<div class="l`},
		{"raw", "/lib/log", "bytes=-1048576", ""},
	} {
		b.Run(way.name, func(b *testing.B) {
			wait := func(run string) time.Duration {
				req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://"+s.Addr()+"/runs/"+run+way.path, nil)
				if err != nil {
					b.Fatal(err)
				}
				if way.wanted != "" {
					req.Header.Set("Range", way.wanted)
				}
				began := time.Now()
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					b.Fatal(err)
				}
				defer res.Body.Close()
				in := bufio.NewReader(res.Body)
				for line := []byte(nil); ; {
					if line, err = in.ReadBytes('\n'); err != nil {
						b.Fatalf("%s: no line of the log: %v", res.Status, err)
					}
					if bytes.HasPrefix(line, []byte(way.first)) {
						break
					}
				}
				took := time.Since(began)
				// The connection serves the next one.
				if _, err := io.Copy(io.Discard, in); err != nil {
					b.Fatal(err)
				}
				return took
			}
			wait("packed")
			wait("plain")
			var ours, floor []time.Duration
			for b.Loop() {
				for range 15 {
					floor = append(floor, wait("plain"))
					ours = append(ours, wait("packed"))
				}
			}
			slices.Sort(ours)
			slices.Sort(floor)
			mid := len(ours) / 2
			b.ReportMetric(float64(ours[mid].Microseconds())/1e3, "ms")
			b.ReportMetric(float64(floor[mid].Microseconds())/1e3, "floor-ms")
			b.ReportMetric(ours[mid].Seconds()/floor[mid].Seconds(), "x-floor")
			b.ReportMetric(benchLog/packing.Seconds()/1e6, "packing-MB/s")
		})
	}
}

func writeBenchLog(b *testing.B, dir string) {
	b.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		b.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "lib.log"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	for i, size := 0, 0; size < benchLog; i++ {
		n, err := fmt.Fprintf(w, "2026-11-22T16:00:%02d.%09dZ compiling src/part_%d/file_%x.c with -O2\n", i/1000%60, i*7919%1e9, i%97, i*2654435761)
		if err != nil {
			b.Fatal(err)
		}
		size += n
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
}

package app_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"
	"testing"
	"time"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/store/blob"
	"github.com/dudesons/loktar/store/blob/blobtest"
)

const benchFile = 100_000_000

// BenchmarkFiles reads a file of 100 MB from the whole server, and the same
// bytes from a bare http.FileServer, in turn. ratio is the server's time by
// the bare time, of medians; peak-MB is how much the heap grew meanwhile, the
// reader's part with it.
func BenchmarkFiles(b *testing.B) {
	cfg := config(b)
	s := start(b, cfg)
	folder := b.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "file"), blobtest.Bytes(1, benchFile), 0o600); err != nil {
		b.Fatal(err)
	}
	sum, err := app.KeepOf(s)(b.Context(), runner.KeptFile{
		Repo: checks.Repo{ID: 7}, Open: func() (io.ReadCloser, error) { return os.Open(filepath.Join(folder, "file")) },
	})
	if err != nil {
		b.Fatal(err)
	}
	plain := httptest.NewServer(http.FileServer(http.Dir(folder)))
	defer plain.Close()
	key := "repos/7/" + blob.Digest(sum).Key()
	link := signerOf(b, cfg).Link("http://"+s.Addr()+"/files", blob.Grant{Key: key, Repo: 7, Name: "file.zip", Expires: time.Now().Add(time.Hour)})

	buf := make([]byte, 64<<10)
	read := func(url string) time.Duration {
		began := time.Now()
		res, err := http.Get(url)
		if err != nil {
			b.Fatal(err)
		}
		defer res.Body.Close()
		if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, res.Body, buf); err != nil || n != benchFile || res.StatusCode != 200 {
			b.Fatalf("%d, %d bytes, %v", res.StatusCode, n, err)
		}
		return time.Since(began)
	}
	read(link)
	var ours, bare []time.Duration
	var peak uint64
	for b.Loop() {
		for range 5 {
			bare = append(bare, read(plain.URL+"/file"))
			runtime.GC()
			stop := heapPeak()
			ours = append(ours, read(link))
			peak = max(peak, stop())
		}
	}
	slices.Sort(ours)
	slices.Sort(bare)
	mid := len(ours) / 2
	b.ReportMetric(benchFile/ours[mid].Seconds()/1e6, "MB/s")
	b.ReportMetric(benchFile/bare[mid].Seconds()/1e6, "bare-MB/s")
	b.ReportMetric(ours[mid].Seconds()/bare[mid].Seconds(), "ratio")
	b.ReportMetric(float64(peak)/1e6, "peak-MB")
}

// heapPeak watches the heap until stop, which tells by how much it grew.
func heapPeak() (stop func() uint64) {
	sample := func() uint64 {
		s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(s)
		return s[0].Value.Uint64()
	}
	first := sample()
	end, told := make(chan struct{}), make(chan uint64)
	go func() {
		peak := first
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				peak = max(peak, sample())
			case <-end:
				told <- max(peak, sample()) - first
				return
			}
		}
	}()
	return func() uint64 {
		close(end)
		return <-told
	}
}

package blob_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/dudesons/loktar/store/blob"
	"github.com/dudesons/loktar/store/blob/blobtest"
)

const benchSize = 100_000_000

// rounds is how often each side is measured in one iteration, in turn.
const rounds = 5

// against measures do beside floor and reports the medians' ratio.
func against(b *testing.B, floor, do func()) {
	b.Helper()
	var floors, does []time.Duration
	var peak uint64
	took := func(f func()) time.Duration { start := time.Now(); f(); return time.Since(start) }
	do()
	for b.Loop() {
		for range rounds {
			floors = append(floors, took(floor))
			runtime.GC()
			heap := peakHeap(b)
			does = append(does, took(do))
			peak = max(peak, heap())
		}
	}
	slices.Sort(floors)
	slices.Sort(does)
	mid := len(does) / 2
	b.ReportMetric(does[mid].Seconds()*1e3, "ms")
	b.ReportMetric(floors[mid].Seconds()*1e3, "bare-ms")
	b.ReportMetric(does[mid].Seconds()/floors[mid].Seconds(), "ratio")
	b.ReportMetric(float64(peak)/1e6, "peak-MB")
}

// BenchmarkS3Put puts 100 MB beside the SDK's own upload of the same bytes.
func BenchmarkS3Put(b *testing.B) {
	server := blobtest.StartS3(b)
	o := server.MakeBucket(b, "bench")
	bucket := openS3(b, o)
	content := blobtest.Bytes(1, benchSize)
	digest := blobtest.Digest(content)
	bare := transfermanager.New(s3.New(s3.Options{
		BaseEndpoint: aws.String(o.Endpoint), Region: o.Region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(server.Access, server.Secret, ""),
	}))
	floor := func() {
		_, err := bare.UploadObject(context.Background(), &transfermanager.UploadObjectInput{Bucket: aws.String(o.Bucket), Key: aws.String("bare"), Body: bytes.NewReader(content)})
		must(b, err)
	}
	for _, way := range []struct {
		name   string
		reader func() io.Reader
		digest blob.Digest
	}{
		{"known", func() io.Reader { return struct{ io.Reader }{bytes.NewReader(content)} }, digest},
		{"seeker", func() io.Reader { return bytes.NewReader(content) }, ""},
		{"spooled", func() io.Reader { return struct{ io.Reader }{bytes.NewReader(content)} }, ""},
	} {
		b.Run(way.name, func(b *testing.B) {
			against(b, floor, func() {
				_, err := bucket.Put(context.Background(), "ours", way.reader(), blob.PutOptions{SHA256: way.digest})
				must(b, err)
			})
		})
	}
}

// BenchmarkDirPut puts 100 MB beside a bare write and fsync of a file.
func BenchmarkDirPut(b *testing.B) {
	dir, content := b.TempDir(), blobtest.Bytes(1, benchSize)
	bucket := openDir(b, filepath.Join(dir, "bucket"))
	against(b, func() {
		f, err := os.Create(filepath.Join(dir, "bare"))
		must(b, err)
		_, err = f.Write(content)
		must(b, err)
		must(b, f.Sync())
		must(b, f.Close())
	}, func() {
		_, err := bucket.Put(context.Background(), "ours", bytes.NewReader(content), blob.PutOptions{})
		must(b, err)
	})
}

// BenchmarkProxy downloads 100 MB beside http.FileServer: whole, which is
// verified, and as a range, which is not.
func BenchmarkProxy(b *testing.B) {
	dir, content := b.TempDir(), blobtest.Bytes(1, benchSize)
	must(b, os.WriteFile(filepath.Join(dir, "bare"), content, 0o600))
	files := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer files.Close()
	download := func(link string, headers ...string) func() {
		return func() {
			r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, link, nil)
			must(b, err)
			for i := 0; i < len(headers); i += 2 {
				r.Header.Set(headers[i], headers[i+1])
			}
			res, err := http.DefaultClient.Do(r)
			must(b, err)
			defer res.Body.Close()
			if n, err := io.Copy(io.Discard, res.Body); n < benchSize-2 || err != nil {
				b.Fatalf("%d: %d bytes, %v", res.StatusCode, n, err)
			}
		}
	}
	s := newSigner(b, 'k')
	for name, bucket := range map[string]blob.Bucket{
		"dir": openDir(b, filepath.Join(dir, "bucket")),
		"s3":  openS3(b, blobtest.StartS3(b).MakeBucket(b, "bench")),
	} {
		_, err := bucket.Put(context.Background(), "repos/1/a", bytes.NewReader(content), blob.PutOptions{})
		must(b, err)
		link := s.Link(serve(b, bucket, s), blob.Grant{Key: "repos/1/a", Repo: 1, Expires: noon.Add(time.Hour)})
		b.Run(name+"/whole", func(b *testing.B) { against(b, download(files.URL+"/bare"), download(link)) })
		b.Run(name+"/range", func(b *testing.B) {
			against(b, download(files.URL+"/bare"), download(link, "Range", "bytes=1-99999999"))
		})
	}
}

// peakHeap watches the heap until the function it gives is called, which
// tells by how much it was above its start at most.
func peakHeap(t testing.TB) func() uint64 {
	t.Helper()
	live := func() uint64 {
		s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(s)
		return s[0].Value.Uint64()
	}
	start := live()
	peak := start
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				peak = max(peak, live())
			}
		}
	}()
	end := sync.OnceFunc(func() { close(stop); <-stopped })
	t.Cleanup(end)
	return func() uint64 { end(); return peak - min(start, peak) }
}

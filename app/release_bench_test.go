package app_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
	"github.com/dudesons/loktar/configs"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/store/blob/blobtest"
)

// bulk is a sandbox whose release steps leave one file, which is on the disk.
// The file is a little different each time.
type bulk struct {
	builder
	file  string
	began chan time.Time
}

func (b bulk) Run(ctx context.Context, t runner.Task, _ runner.Output) (runner.Exit, error) {
	if t.Artifacts == nil {
		return runner.Exit{}, nil
	}
	info, err := os.Stat(b.file)
	if err != nil {
		return runner.Exit{}, err
	}
	b.began <- time.Now()
	return runner.Exit{Artifacts: 1}, t.Artifacts.Collect(ctx, "dist/bulk.jar", info.Size(), fs.FileMode(0o644), func() (io.ReadCloser, error) { return os.Open(b.file) })
}

// BenchmarkPublishS3 publishes one file to S3 and uploads the same with the
// bare SDK from the disk, in turn. ratio is the upload's time by the bare
// one's: from when the built file is kept until it is in the bucket, with its
// record. all-ratio begins when the sandbox hands the file over, so that it is
// read, kept on the disk and synced first, and ends when the store says that
// it is published. peak-MB is how much the heap grew meanwhile.
func BenchmarkPublishS3(b *testing.B) {
	for _, size := range []int64{100_000_000, 400_000_000} {
		b.Run(strconv.FormatInt(size/1_000_000, 10)+"MB", func(b *testing.B) { benchmarkPublish(b, size) })
	}
}

func benchmarkPublish(b *testing.B, size int64) {
	server := blobtest.StartS3(b)
	server.MakeBucket(b, "artifacts")
	hub := minihubtest.Start(b)
	config := filepath.Join(b.TempDir(), "loktar.yml")
	if err := os.WriteFile(config, []byte(fmt.Sprintf("listen: 127.0.0.1:0\ndata_dir: %s\ngithub: {url: %q, app_id: %d, private_key_file: %s, webhook_secret: secret, writes_per_minute: 10000, writes_per_hour: 100000}\nregistries:\n  place: {type: s3, endpoint: %q, bucket: artifacts, path_style: true, access_key: %s, secret_key_file: %s, repositories: [acme/pets]}\n",
		b.TempDir(), hub.URL(), hub.App().ID(), hub.KeyFile(), server.Endpoint, server.Access, secretFile(b, server.Secret))), 0o600); err != nil {
		b.Fatal(err)
	}
	cfg, err := configs.Load(config, nil)
	if err != nil {
		b.Fatal(err)
	}
	box := bulk{file: filepath.Join(b.TempDir(), "bulk"), began: make(chan time.Time, 1)}
	steps := map[string]chan time.Time{"kept": make(chan time.Time, 1), "uploaded": make(chan time.Time, 1), "published": make(chan time.Time, 1)}
	s, stop := serve(b, cfg, zerolog.Nop(), func(s *app.Server) {
		app.Rig(s, box, func(step string) {
			if steps[step] != nil {
				steps[step] <- time.Now()
			}
		})
	})
	b.Cleanup(stop)
	hub.App().SetWebhook("http://"+s.Addr()+"/webhook", "secret")

	bare := transfermanager.New(s3.New(s3.Options{
		BaseEndpoint: aws.String(server.Endpoint), Region: server.Region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(server.Access, server.Secret, ""),
	}))
	floor := func() time.Duration {
		began := time.Now()
		f, err := os.Open(box.file)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		if _, err := bare.UploadObject(b.Context(), &transfermanager.UploadObjectInput{Bucket: aws.String("artifacts"), Key: aws.String("bare"), Body: f}); err != nil {
			b.Fatal(err)
		}
		return time.Since(began)
	}
	var repo *minihub.Repo
	merges := 0
	ours := func() (upload, all time.Duration) {
		merges++
		if repo == nil {
			repo = hub.Repo("acme", "pets", map[string]string{"lib/text": "0",
				"loktar.json": `{"packages": [{"pkg_name": "lib", "pkg_type": "jar", "test_type": "no-test", "build_info": {"storage_type": "s3"}}]}`})
		} else {
			hub.Commit(repo, minihub.Commit{Branch: "main", Files: map[string]string{"lib/text": strconv.Itoa(merges)}})
		}
		began, kept, uploaded := <-box.began, <-steps["kept"], <-steps["uploaded"]
		return uploaded.Sub(kept), (<-steps["published"]).Sub(began)
	}
	fill(b, box.file, size)
	floor()
	ours()
	var floors, uploads, alls []time.Duration
	var peak uint64
	for b.Loop() {
		for range 5 {
			fill(b, box.file, size)
			floors = append(floors, floor())
			runtime.GC()
			grown := heapGrowth()
			upload, all := ours()
			peak = max(peak, grown())
			uploads, alls = append(uploads, upload), append(alls, all)
		}
	}
	b.ReportMetric(middle(uploads).Seconds()*1e3, "ms")
	b.ReportMetric(middle(floors).Seconds()*1e3, "bare-ms")
	b.ReportMetric(middle(uploads).Seconds()/middle(floors).Seconds(), "ratio")
	b.ReportMetric(middle(alls).Seconds()/middle(floors).Seconds(), "all-ratio")
	b.ReportMetric(float64(peak)/1e6, "peak-MB")
}

func middle(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// fill makes a file that was not there before: what follows its first bytes
// does not matter to anybody on the way.
func fill(b *testing.B, path string, size int64) {
	b.Helper()
	f, err := os.Create(path)
	if err == nil {
		_, err = io.CopyN(f, io.MultiReader(strings.NewReader(rand.Text()), zeros{}), size)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
}

// zeros gives zeros without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// heapGrowth watches the heap until the function that it gives is called,
// which tells by how much it was above its start at most.
func heapGrowth() func() uint64 {
	live := func() uint64 {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
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
	return func() uint64 {
		close(stop)
		<-stopped
		return peak - start
	}
}

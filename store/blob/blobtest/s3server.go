package blobtest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/dudesons/loktar/store/blob"
)

// S3Server is a real S3 server, versitygw, on files in Folder: an object is
// the file Folder/BUCKET/KEY.
type S3Server struct {
	Endpoint, Region, Access, Secret, Folder string
}

// StartS3 starts a server that ends with the test.
func StartS3(t testing.TB) S3Server {
	t.Helper()
	binary := tool(t, "versitygw")
	s := S3Server{Region: "us-east-1", Access: "AKIAloktartest", Secret: "a-secret-that-no-error-shows", Folder: t.TempDir()}
	for range 5 {
		if s.start(t, binary) {
			return s
		}
		// Somebody took the port between its choice and its use.
	}
	t.Fatal("the S3 server did not start")
	return s
}

func (s *S3Server) start(t testing.TB, binary string) bool {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	address := l.Addr().String()
	must(t, l.Close())
	// The shell ends the server when the pipe to it does, whatever ends us.
	cmd := exec.CommandContext(context.Background(), "/bin/sh", "-c", `"$@" & cat >/dev/null; kill -9 $!; wait`, "sh",
		binary, "--port", address, "--region", s.Region, "--quiet", "--keep-alive", "posix", s.Folder)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+s.Access, "ROOT_SECRET_KEY="+s.Secret)
	var log lockedBuffer
	cmd.Stdout, cmd.Stderr = &log, &log
	stdin, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	stop := sync.OnceFunc(func() { stdin.Close(); _ = cmd.Wait() })
	t.Cleanup(stop)
	s.Endpoint = "http://" + address
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, err = s.client().ListBuckets(ctx, &s3.ListBucketsInput{})
		cancel()
		if err == nil {
			return true
		}
		<-time.After(20 * time.Millisecond)
	}
	stop()
	t.Logf("the S3 server at %s: %v\n%s", address, err, log.String())
	return false
}

func (s S3Server) client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(s.Endpoint), UsePathStyle: true, Region: s.Region, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(s.Access, s.Secret, ""),
	})
}

// MakeBucket makes a bucket and gives the options to use it.
func (s S3Server) MakeBucket(t testing.TB, name string) blob.S3Options {
	t.Helper()
	_, err := s.client().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name})
	must(t, err)
	return blob.S3Options{
		Endpoint: s.Endpoint, Region: s.Region, Bucket: name, PathStyle: true, Spool: t.TempDir(),
		Keys: func() (blob.S3Keys, error) { return blob.S3Keys{Access: s.Access, Secret: s.Secret}, nil },
	}
}

// tool is the path of a program of bin/tools.
func tool(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	must(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("the test runs outside of the module")
		}
		dir = filepath.Dir(dir)
	}
	path := filepath.Join(dir, "bin", "tools", name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is missing, which this test needs: run `make tools` (%v)", name, err)
	}
	return path
}

// lockedBuffer is written by the process and read by the test.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("%.4000s", l.b.String())
}

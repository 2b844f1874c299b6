package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dudesons/loktar/runner/publish/publishtest"
	"github.com/dudesons/loktar/store/blob/blobtest"
)

// secretFile writes a secret of the story and sets the variable NAME to where.
func (w *world) secretFile(ts *testscript.TestScript, name, secret string) {
	path := filepath.Join(w.t.TempDir(), "secret")
	ts.Check(os.WriteFile(path, []byte(secret+"\n"), 0o600))
	ts.Setenv(name, path)
}

// pypi: start an index of Python packages, which lets ci in. Sets INDEX,
// INDEX_PASSWORD_FILE, and PIP_INDEX for pip.
func (w *world) pypi(ts *testscript.TestScript, _ bool, _ []string) {
	const password = "the index's password"
	index := publishtest.StartPyPI(w.t, publishtest.Ways{Username: "ci", Password: password})
	w.secretFile(ts, "INDEX_PASSWORD_FILE", password)
	ts.Setenv("INDEX", index.URL)
	own, err := url.Parse(index.URL)
	ts.Check(err)
	own.User = url.UserPassword("ci", password)
	ts.Setenv("PIP_INDEX", own.String())
}

// s3 BUCKET: start an S3 server with a bucket. Sets S3, S3_ACCESS and
// S3_SECRET_FILE.
func (w *world) s3(ts *testscript.TestScript, _ bool, args []string) {
	server := blobtest.StartS3(w.t)
	server.MakeBucket(w.t, args[0])
	w.secretFile(ts, "S3_SECRET_FILE", server.Secret)
	ts.Setenv("S3", server.Endpoint)
	ts.Setenv("S3_ACCESS", server.Access)
	w.bucket = s3.New(s3.Options{
		BaseEndpoint: aws.String(server.Endpoint), UsePathStyle: true, Region: server.Region,
		Credentials: credentials.NewStaticCredentialsProvider(server.Access, server.Secret, ""),
	})
}

// fetch BUCKET KEY FILE: get an object, as anybody does who has the keys; with
// "!", there is none.
func (w *world) fetchObject(ts *testscript.TestScript, neg bool, args []string) {
	out, err := w.bucket.GetObject(w.t.Context(), &s3.GetObjectInput{Bucket: &args[0], Key: &args[1]})
	var none *types.NoSuchKey
	if neg {
		if !errors.As(err, &none) {
			ts.Fatalf("%s is there, or cannot be looked for: %v", args[1], err)
		}
		return
	}
	ts.Check(err)
	defer out.Body.Close()
	content, err := io.ReadAll(out.Body)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), content, 0o600))
}

// jdk: have steps run in an image with a JDK.
func (w *world) jdk(ts *testscript.TestScript, _ bool, _ []string) {
	cmd := exec.CommandContext(w.t.Context(), filepath.Join("..", "..", "configs", "image", "jdk"))
	var why strings.Builder
	cmd.Stderr = &why
	out, err := cmd.Output()
	if err != nil {
		ts.Fatalf("make an image with a JDK: %v\n%s", err, why.String())
	}
	ts.Setenv("LOKTAR_RUNNER_IMAGE", strings.TrimSpace(string(out)))
}

// expand FILE...: put the story's variables in place of ${NAME}.
func (w *world) expand(ts *testscript.TestScript, _ bool, args []string) {
	for _, file := range args {
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(os.Expand(ts.ReadFile(file), ts.Getenv)), 0o600))
	}
}

// checksum NAME FILE: the check run NAME tells the file's SHA-256.
func (w *world) checksum(ts *testscript.TestScript, _ bool, args []string) {
	content, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	sum := sha256.Sum256(content)
	if c := w.find(args[0], "completed"); !strings.Contains(c.Summary, hex.EncodeToString(sum[:])) {
		ts.Fatalf("%s has the SHA-256 %x, and the check says:\n%s", args[1], sum, c.Summary)
	}
}

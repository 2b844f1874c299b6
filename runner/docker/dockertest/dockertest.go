// Package dockertest gives tests a Docker engine and a small image to run.
package dockertest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/client"
)

// Engine returns a client of the engine that DOCKER_HOST names, or of the
// default one; it is closed with the test. The test fails when none answers,
// because a test run without an engine shows little; with
// LOKTAR_TEST_NO_DOCKER=1 it is skipped instead, engine or not.
func Engine(t testing.TB) *client.Client {
	t.Helper()
	if os.Getenv("LOKTAR_TEST_NO_DOCKER") == "1" {
		t.Skip("LOKTAR_TEST_NO_DOCKER=1: tests on a Docker engine are left out")
	}
	c, err := newClient()
	if err != nil {
		t.Fatalf("make Docker client: %v", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := c.Ping(ctx); err != nil {
		t.Fatalf("no Docker engine answers: %v\n"+
			"Start one (apt-get install docker.io; service docker start), name one in DOCKER_HOST,\n"+
			"or leave these tests out with LOKTAR_TEST_NO_DOCKER=1.", err)
	}
	return c
}

func newClient() (*client.Client, error) {
	return client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
}

var image = sync.OnceValues(func() (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	var stderr strings.Builder
	cmd := exec.Command(filepath.Join(root, "configs", "image", "tiny"))
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", &buildError{err, stderr.String()}
	}
	return strings.TrimSpace(string(out)), nil
})

// Image returns the name of an image with busybox and GNU make, which is made
// in a second or two when the engine does not have it yet. It may be called by
// many tests, in many processes, at once.
func Image(t testing.TB) string {
	t.Helper()
	Engine(t)
	name, err := image()
	if err != nil {
		t.Fatalf("make the image for tests: %v", err)
	}
	return name
}

type buildError struct {
	err    error
	stderr string
}

func (e *buildError) Error() string { return e.err.Error() + "\n" + e.stderr }
func (e *buildError) Unwrap() error { return e.err }

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", os.ErrNotExist
		}
		dir = parent
	}
}

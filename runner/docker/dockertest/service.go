package dockertest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
)

var service = sync.OnceValues(func() (string, error) {
	base, err := image()
	if err != nil {
		return "", err
	}
	name := strings.Replace(base, "loktar/test:", "loktar/test-service:", 1)
	return name, derive(base, name, `ENTRYPOINT ["/bin/sh", "-c", "eval \"$RUN\""]`)
})

// Service returns the name of an image for services that do what the shell
// lines in their variable RUN say. It is made of Image's when the engine does
// not have it yet, and may be called as Image may.
func Service(t testing.TB) string {
	t.Helper()
	Engine(t)
	name, err := service()
	if err != nil {
		t.Fatalf("make the image of services for tests: %v", err)
	}
	return name
}

// derive makes an image of base with one more line of a Dockerfile, once.
func derive(base, name, line string) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	// Test programs that start together wait here for the first, as in tiny.
	lock, err := os.Open(filepath.Join(root, "configs", "image", "tiny"))
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	engine, err := newClient()
	if err != nil {
		return err
	}
	defer engine.Close()
	ctx := context.Background()
	if _, err := engine.ImageInspect(ctx, name); err == nil || !cerrdefs.IsNotFound(err) {
		return err
	}
	made, err := engine.ContainerCreate(ctx, &container.Config{Image: base}, nil, nil, nil, "")
	if err != nil {
		return err
	}
	_, err = engine.ContainerCommit(ctx, made.ID, container.CommitOptions{Reference: name, Changes: []string{line}})
	if removed := engine.ContainerRemove(ctx, made.ID, container.RemoveOptions{Force: true}); err == nil {
		err = removed
	}
	return err
}

package docker_test

import (
	"context"
	"testing"

	"github.com/docker/docker/api/types/image"

	"github.com/dudesons/loktar/runner/docker/dockertest"
)

func removeImage(t *testing.T, name string) {
	t.Helper()
	if _, err := dockertest.Engine(t).ImageRemove(context.Background(), name, image.RemoveOptions{Force: true}); err != nil {
		t.Errorf("remove image: %v", err)
	}
}

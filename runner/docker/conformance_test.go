package docker_test

import (
	"testing"
	"time"

	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/docker"
	"github.com/dudesons/loktar/runner/docker/dockertest"
	"github.com/dudesons/loktar/runner/sandboxtest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	sandboxtest.Run(t, func(t *testing.T) runner.Sandbox {
		s, err := docker.New(t.Context(), docker.Options{
			Instance: "conformance " + t.Name() + time.Now().Format("150405.000000"), WorkDir: t.TempDir(), Image: dockertest.Image(t), StopGrace: time.Second, StoppedCleanTime: 3 * time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		return serving{s, dockertest.Service(t)}
	})
}

// serving is a sandbox that knows of an image for services.
type serving struct {
	*docker.Sandbox
	image string
}

func (s serving) ServiceImage() string { return s.image }

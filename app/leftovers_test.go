package app_test

import (
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/dudesons/loktar/runner/docker"
	"github.com/dudesons/loktar/runner/docker/dockertest"
	"github.com/dudesons/loktar/store"
)

// TestLeftoversAreRemovedAtTheStart leaves a container as a process does that
// was killed, and starts a server that has no job and is asked nothing.
func TestLeftoversAreRemovedAtTheStart(t *testing.T) {
	engine, image := dockertest.Engine(t), dockertest.Image(t)
	cfg := config(t)
	s, err := store.Open(filepath.Join(cfg.DataDir, "loktar.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	instance := s.InstanceID()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	made, err := engine.ContainerCreate(t.Context(), &container.Config{
		Image: image, Cmd: []string{"sleep", "600"}, Labels: map[string]string{docker.LabelInstance: instance},
	}, nil, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	start(t, cfg)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); ; {
		if _, err := engine.ContainerInspect(t.Context(), made.ID); cerrdefs.IsNotFound(err) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the container is still there")
		}
	}
}

// TestReadyzSaysThatTheEngineIsDown starts a server whose engine is not there.
func TestReadyzSaysThatTheEngineIsDown(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "none.sock"))
	url := "http://" + start(t, config(t)).Addr()
	for path, want := range map[string]string{
		"/healthz": "200 alive\n",
		"/readyz":  "503 The Docker engine does not answer. Start it, or check DOCKER_HOST. Events are kept, and jobs wait.\n",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if got := strings.SplitN(res.Status, " ", 2)[0] + " " + string(body); err != nil || got != want {
			t.Errorf("GET %s: %q, %v; want %q", path, got, err, want)
		}
	}
}

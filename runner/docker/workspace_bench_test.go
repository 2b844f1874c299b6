package docker_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/client"

	"github.com/dudesons/loktar/runner/docker/dockertest"
)

// BenchmarkWorkspace starts and removes containers with an overlay over trees
// of 1,000 and of 100,000 files, as jobs have it, and bare ones without, in
// turn. What it gives is how much longer a container takes for its workspace.
func BenchmarkWorkspace(b *testing.B) {
	engine, image := dockertest.Engine(b), dockertest.Image(b)
	sizes := []int{0, 1000, 100_000}
	mounts, took := map[int][]mount.Mount{}, map[int][]time.Duration{}
	scratch := map[int]string{}
	for _, n := range sizes[1:] {
		tree := b.TempDir()
		for i := range n {
			dir := filepath.Join(tree, "d"+strconv.Itoa(i/1000), "e"+strconv.Itoa(i/50%20))
			if i%50 == 0 {
				if err := os.MkdirAll(dir, 0o755); err != nil {
					b.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), nil, 0o644); err != nil {
				b.Fatal(err)
			}
		}
		scratch[n] = tree
	}
	round := func(n int) time.Duration {
		started := time.Now()
		if n > 0 {
			dir := b.TempDir()
			for _, d := range []string{"upper", "work"} {
				if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
					b.Fatal(err)
				}
			}
			mounts[n] = []mount.Mount{{Type: mount.TypeVolume, Target: "/workspace", VolumeOptions: &mount.VolumeOptions{
				NoCopy: true, DriverConfig: &mount.Driver{Name: "local", Options: map[string]string{
					"type": "overlay", "device": "overlay", "o": fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work,volatile", scratch[n], dir, dir),
				}}}}}
		}
		startAndRemove(b, engine, image, mounts[n])
		return time.Since(started)
	}
	for _, n := range sizes {
		round(n)
	}
	for b.Loop() {
		for range 15 {
			for _, n := range sizes {
				took[n] = append(took[n], round(n))
			}
		}
	}
	middle := func(n int) float64 {
		slices.Sort(took[n])
		return float64(took[n][len(took[n])/2]) / 1e6
	}
	b.ReportMetric(middle(0), "bare-ms")
	b.ReportMetric(middle(1000)-middle(0), "1000-files-ms")
	b.ReportMetric(middle(100_000)-middle(0), "100000-files-ms")
}

func startAndRemove(b *testing.B, engine *client.Client, image string, mounts []mount.Mount) {
	made, err := engine.ContainerCreate(b.Context(), &container.Config{Image: image, Entrypoint: []string{"/bin/sh", "-c", "true"}, Cmd: []string{}},
		&container.HostConfig{NetworkMode: "none", LogConfig: container.LogConfig{Type: "none"}, Mounts: mounts}, nil, nil, "")
	if err != nil {
		b.Fatal(err)
	}
	ended, failed := engine.ContainerWait(b.Context(), made.ID, container.WaitConditionNextExit)
	if err := engine.ContainerStart(b.Context(), made.ID, container.StartOptions{}); err != nil {
		b.Fatal(err)
	}
	select {
	case <-ended:
	case err := <-failed:
		b.Fatal(err)
	}
	if err := engine.ContainerRemove(b.Context(), made.ID, container.RemoveOptions{RemoveVolumes: true, Force: true}); err != nil {
		b.Fatal(err)
	}
}

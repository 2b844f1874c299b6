package docker_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/docker"
	"github.com/dudesons/loktar/runner/docker/dockertest"
)

func wantKind(t *testing.T, err error, kind checks.Kind, words ...string) {
	t.Helper()
	if checks.KindOf(err) != kind {
		t.Fatalf("error %v is of kind %v, want %v", err, checks.KindOf(err), kind)
	}
	contains(t, checks.PublicText(err, ""), words...)
}

func wantCause(t *testing.T, err error, want checks.Cause) {
	t.Helper()
	if got := checks.CauseOf(err); got != want {
		t.Errorf("the cause of %v is %q, want %q", err, got, want)
	}
}

func TestEngineDown(t *testing.T) {
	s, err := docker.New(t.Context(), docker.Options{
		Instance: "down", WorkDir: filepath.Join(t.TempDir(), "work"), Host: "unix://" + filepath.Join(t.TempDir(), "no.sock"),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	b := &bench{Sandbox: s, t: t, tree: t.TempDir()}
	wantKind(t, s.Ready(t.Context()), checks.KindUnavailable, "does not answer")
	_, err = s.Run(t.Context(), b.task("true"), newOutput())
	wantKind(t, err, checks.KindUnavailable, "does not answer")
	wantCause(t, err, checks.CauseEngineLost)
	wantKind(t, s.Reap(t.Context()), checks.KindUnavailable, "does not answer")
}

func TestReady(t *testing.T) {
	b := setUp(t)
	if err := b.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestBadImages(t *testing.T) {
	b := setUp(t)
	for image, words := range map[string]string{
		"127.0.0.1:1/no/such:thing": "could not be pulled",
		"Not A Name":                "is not the name of an image",
	} {
		task := b.task("true")
		task.Image = image
		_, err := b.Run(t.Context(), task, newOutput())
		wantKind(t, err, checks.KindConfig, words)
		b.wantNothingLeft(t.Context())
	}
}

func TestImageWithoutShell(t *testing.T) {
	b := setUp(t)
	engine := dockertest.Engine(t)
	made, err := engine.ContainerCreate(t.Context(), &container.Config{Image: dockertest.Image(t), Cmd: []string{"rm", "/bin/sh"}}, nil, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = engine.ContainerRemove(t.Context(), made.ID, container.RemoveOptions{Force: true}) }()
	ended, failed := engine.ContainerWait(t.Context(), made.ID, container.WaitConditionNextExit)
	if err := engine.ContainerStart(t.Context(), made.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case err := <-failed:
		t.Fatal(err)
	}
	name := "loktar/test-no-shell:" + strings.ReplaceAll(b.instance[len(b.instance)-13:], ".", "")
	if _, err := engine.ContainerCommit(t.Context(), made.ID, container.CommitOptions{Reference: name}); err != nil {
		t.Fatal(err)
	}
	defer removeImage(t, name)
	task := b.task("true")
	task.Image = name
	_, err = b.Run(t.Context(), task, newOutput())
	wantKind(t, err, checks.KindConfig, "cannot run a shell")
	wantCause(t, err, checks.CauseImageShell)
}

func TestPathsThatCannotBeMounted(t *testing.T) {
	_, err := docker.New(t.Context(), docker.Options{Instance: "x", WorkDir: "/tmp/a,b"})
	wantKind(t, err, checks.KindConfig, "must not hold a comma")
}

func TestReap(t *testing.T) {
	b := setUp(t)
	engine := dockertest.Engine(t)
	labels := map[string]string{docker.LabelInstance: b.instance, docker.LabelRun: "r", docker.LabelJob: "j"}
	other := map[string]string{docker.LabelInstance: b.instance + "-other"}

	leave := func(labels map[string]string) string {
		made, err := engine.ContainerCreate(t.Context(), &container.Config{Image: dockertest.Image(t), Cmd: []string{"sleep", "300"}, Labels: labels}, nil, nil, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := engine.ContainerStart(t.Context(), made.ID, container.StartOptions{}); err != nil {
			t.Fatal(err)
		}
		return made.ID
	}
	leave(labels)
	foreign := leave(other)
	defer func() { _ = engine.ContainerRemove(t.Context(), foreign, container.RemoveOptions{Force: true}) }()
	if _, err := engine.VolumeCreate(t.Context(), volume.CreateOptions{Labels: labels}); err != nil {
		t.Fatal(err)
	}
	net, err := engine.NetworkCreate(t.Context(), b.instance, network.CreateOptions{Driver: "bridge", Labels: labels})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(b.work, "left", "work", "work"), 0o700); err != nil {
		t.Fatal(err)
	}

	// A job that is under way stays.
	out := newOutput()
	done := make(chan error, 1)
	task := b.task("echo up; while [ ! -e /tmp/go ]; do sleep 0.1; i=$((${i:-0} + 1)); [ $i -lt 30 ] || break; done; echo whole")
	go func() {
		_, err := b.Run(t.Context(), task, out)
		done <- err
	}()
	out.await(t, "up\n")
	if err := b.Reap(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	contains(t, out.String(), "whole\n", "cleaned\n")

	b.wantNothingLeft(t.Context())
	if _, err := engine.NetworkInspect(t.Context(), net.ID, network.InspectOptions{}); err == nil {
		t.Error("the network is still there")
	}
	if seen, err := engine.ContainerInspect(t.Context(), foreign); err != nil || !seen.State.Running {
		t.Errorf("another instance's container was touched: %v", err)
	}
}

func TestContainerRemovedFromOutside(t *testing.T) {
	b := setUp(t)
	engine := dockertest.Engine(t)
	out := newOutput()
	done := make(chan error, 1)
	go func() {
		_, err := b.Run(t.Context(), b.task("echo up; sleep 300"), out)
		done <- err
	}()
	out.await(t, "up\n")
	// All: it may print before the engine counts it as running.
	found, err := engine.ContainerList(t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(
		filters.Arg("label", docker.LabelInstance+"="+b.instance), filters.Arg("label", docker.LabelRun+"=run1"), filters.Arg("label", docker.LabelJob+"=pkg"))})
	if err != nil || len(found) != 1 {
		t.Fatalf("the job's container: %v, %v", found, err)
	}
	if err := engine.ContainerRemove(t.Context(), found[0].ID, container.RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	wantKind(t, <-done, checks.KindUnavailable, "removed the job's container")
	b.run(b.task("true")) // tidies up first
	b.wantNothingLeft(t.Context())
}

package dockertest

import (
	"bytes"
	"context"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"
)

// BareJob runs one trivial `make ci` and `make clean` with the least that runs
// a container of image and has its output: create, attach, start, wait,
// remove, with a job's limits, on the network none or on the engine's bridge.
// It is the floor that benchmarks hold Loktar against.
func BareJob(ctx context.Context, engine *client.Client, image string, network bool) error {
	if network {
		return bareJob(ctx, engine, image, "bridge")
	}
	return bareJob(ctx, engine, image, "none")
}

// BareJoined is BareJob in the network namespace of a container that is kept.
func BareJoined(ctx context.Context, engine *client.Client, image, holder string) error {
	return bareJob(ctx, engine, image, container.NetworkMode("container:"+holder))
}

// Hold starts an idle container without network for BareJoined, and returns
// its id and what removes it.
func Hold(ctx context.Context, engine *client.Client, image string) (id string, remove func(), err error) {
	made, err := engine.ContainerCreate(ctx, &container.Config{Image: image, Cmd: []string{"sleep", "1000000"}},
		&container.HostConfig{NetworkMode: "none", LogConfig: container.LogConfig{Type: "none"}}, nil, nil, "")
	if err != nil {
		return "", nil, err
	}
	remove = func() {
		_ = engine.ContainerRemove(context.WithoutCancel(ctx), made.ID, container.RemoveOptions{Force: true})
	}
	return made.ID, remove, engine.ContainerStart(ctx, made.ID, container.StartOptions{})
}

func bareJob(ctx context.Context, engine *client.Client, image string, mode container.NetworkMode) error {
	init, pids := true, int64(4096)
	made, err := engine.ContainerCreate(ctx, &container.Config{
		Image: image, AttachStdout: true, AttachStderr: true,
		Cmd: []string{"/bin/sh", "-c", "printf 'ci:\\n\\t@echo tested\\nclean:\\n\\t@echo cleaned\\n' > Makefile; make ci; make clean"},
	}, &container.HostConfig{
		LogConfig: container.LogConfig{Type: "none"}, NetworkMode: mode, Init: &init,
		CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges:true"},
		Resources: container.Resources{Memory: 4 << 30, MemorySwap: 4 << 30, PidsLimit: &pids},
	}, nil, nil, "")
	if err != nil {
		return err
	}
	defer func() {
		_ = engine.ContainerRemove(ctx, made.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
	}()
	stream, err := engine.ContainerAttach(ctx, made.ID, container.AttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		return err
	}
	defer stream.Close()
	ended, failed := engine.ContainerWait(ctx, made.ID, container.WaitConditionNextExit)
	if err := engine.ContainerStart(ctx, made.ID, container.StartOptions{}); err != nil {
		return err
	}
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &out, stream.Reader); err != nil {
		return err
	}
	select {
	case <-ended:
		return nil
	case err := <-failed:
		return err
	}
}

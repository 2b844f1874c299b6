package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"golang.org/x/sync/errgroup"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/rmtree"
)

// Reap removes every container, volume, network and folder that earlier
// processes of this instance left behind. What belongs to a Run that is under
// way stays, and so does everything without this instance's label. It is safe
// for concurrent use.
//
// An error of kind KindConfig means that only folders are left, which nothing
// uses and which somebody has to look at.
func (s *Sandbox) Reap(ctx context.Context) error {
	ctx = s.logged(ctx)
	s.reaping.Lock()
	defer s.reaping.Unlock()
	s.mu.Lock()
	abandoned := s.abandoned
	s.abandoned = nil
	s.mu.Unlock()
	if err := s.reapEngine(ctx); err != nil {
		s.mu.Lock()
		s.abandoned = append(s.abandoned, abandoned...)
		s.mu.Unlock()
		return err // what is still mounted must not be removed
	}
	for _, gone := range abandoned {
		gone()
	}
	entries, err := os.ReadDir(s.o.WorkDir)
	if err != nil {
		return fmt.Errorf("read work folder: %w", err)
	}
	for _, e := range entries {
		if !s.isLive(map[string]string{labelName: e.Name()}) {
			err = errors.Join(err, s.removeDir(ctx, e.Name(), s.o.Image))
		}
	}
	return err
}

// reapEngine is Reap of what is at the engine.
func (s *Sandbox) reapEngine(ctx context.Context) error {
	mine := filters.NewArgs(filters.Arg("label", LabelInstance+"="+s.o.Instance))
	containers, err := s.engine.ContainerList(ctx, container.ListOptions{All: true, Filters: mine})
	if err != nil {
		return fault(err, "list containers")
	}
	var group errgroup.Group
	group.SetLimit(4)
	for _, c := range containers {
		if s.isLive(c.Labels) {
			continue
		}
		group.Go(func() error {
			err := s.engine.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
			return gone(err, "remove container")
		})
	}
	err = group.Wait()

	volumes, listErr := s.engine.VolumeList(ctx, volume.ListOptions{Filters: mine})
	err = errors.Join(err, fault(listErr, "list volumes"))
	for _, v := range volumes.Volumes {
		if !s.isLive(v.Labels) {
			err = errors.Join(err, gone(s.engine.VolumeRemove(ctx, v.Name, true), "remove volume"))
		}
	}
	networks, listErr := s.engine.NetworkList(ctx, network.ListOptions{Filters: mine})
	err = errors.Join(err, fault(listErr, "list networks"))
	for _, n := range networks {
		if !s.inUse(n.ID) && !s.isLive(n.Labels) {
			removed := s.engine.NetworkRemove(ctx, n.ID)
			if !cerrdefs.IsPermissionDenied(removed) { // jobs are on it that began before forget
				err = errors.Join(err, gone(removed, "remove network"))
			}
		}
	}
	return err
}

// Clear is Reap for an instance of which no process is left: rules of the
// firewall go too.
func (s *Sandbox) Clear(ctx context.Context) error {
	err := s.Reap(ctx)
	s.firewall.takeOver()
	return errors.Join(err, s.firewall.remove(ctx))
}

func (s *Sandbox) isLive(labels map[string]string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, live := s.live[labels[labelName]]
	return live
}

func (s *Sandbox) inUse(network string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.network == network {
		return true
	}
	for _, r := range s.left { // also when forget was called since
		if r.Network == network {
			return true
		}
	}
	return false
}

// gone is the fault of a removal; what was gone already is none.
func gone(err error, verb string) error {
	if cerrdefs.IsNotFound(err) {
		return nil
	}
	return fault(err, verb)
}

// removeDir removes an entry of the work folder. What a container's root wrote
// may be out of reach for a server that is not root; then a container of the
// given image removes it.
func (s *Sandbox) removeDir(ctx context.Context, name, image string) error {
	err := rmtree.Remove(filepath.Join(s.o.WorkDir, name))
	if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM) {
		err = s.removeDirByEngine(ctx, name, image)
	}
	switch {
	case err == nil:
		return nil
	case checks.KindOf(err) == checks.KindUnavailable || ctx.Err() != nil:
		return fmt.Errorf("remove job folder: %w", err)
	}
	return checks.Errorf(checks.KindConfig, fmt.Errorf("remove job folder: %w", err),
		"A job's folder in data_dir/work cannot be removed. Look at the disk, and remove %s by hand.", name)
}

func (s *Sandbox) removeDirByEngine(ctx context.Context, name, image string) error {
	helper := "loktar-" + randomName()
	made, err := s.engine.ContainerCreate(ctx, &container.Config{
		Image: image, User: "0:0", Entrypoint: []string{"/bin/sh", "-c"}, Cmd: []string{`rm -rf -- "/work/$1"`, "loktar", name},
		Labels: map[string]string{LabelInstance: s.o.Instance, labelName: name},
	}, &container.HostConfig{
		LogConfig: container.LogConfig{Type: "none"}, NetworkMode: "none",
		CapDrop: []string{"ALL"}, CapAdd: []string{"DAC_OVERRIDE", "FOWNER"}, SecurityOpt: []string{"no-new-privileges:true"},
		Mounts: []mount.Mount{{Type: mount.TypeBind, Source: s.o.WorkDir, Target: "/work"}},
	}, nil, nil, helper)
	if err != nil {
		return fault(err, "create helper container")
	}
	defer func() {
		_ = s.engine.ContainerRemove(context.WithoutCancel(ctx), made.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
	}()
	ended, failed := s.engine.ContainerWait(ctx, made.ID, container.WaitConditionNextExit)
	if err := s.engine.ContainerStart(ctx, made.ID, container.StartOptions{}); err != nil {
		return fault(err, "start helper container")
	}
	select {
	case r := <-ended:
		if r.StatusCode != 0 {
			return fmt.Errorf("helper container exited with %d", r.StatusCode)
		}
		return nil
	case err := <-failed:
		return fault(err, "wait for helper container")
	}
}

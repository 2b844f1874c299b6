package docker

import (
	"context"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/rs/zerolog"
)

// holderPause is how long no holder is tried after one could not be made.
const holderPause = time.Minute

// holder is an idle container whose network one job at a time joins. To have
// the engine make a network namespace is most of what starting a container
// costs; a holder pays it once. It runs nothing of the jobs'. Jobs without
// network need none where they see files of this machine, see spec.
//
// What a job could leave in the namespace for the next one is ruled out: a job
// may not configure the network; its processes, and their sockets, end with
// its container; TCP keeps no ports waiting; and the files that the engine
// shares along with a network are mounted read-only.
type holder struct {
	id, name string
	network  bool
	since    string // when it was started
	files    []mount.Mount
}

// borrow lends a holder to one job. It is nil when none can be had; then the
// job makes do with a network namespace that the engine makes for it.
func (s *Sandbox) borrow(ctx context.Context, network bool) *holder {
	if network {
		s.firewall.ensure(ctx)
	}
	s.mu.Lock()
	if idle := s.idle[network]; len(idle) > 0 {
		h := idle[len(idle)-1]
		s.idle[network] = idle[:len(idle)-1]
		s.mu.Unlock()
		return h
	}
	wait := time.Now().Before(s.noHolder)
	s.mu.Unlock()
	if wait || ctx.Err() != nil {
		return nil
	}
	h, err := s.makeHolder(ctx, network)
	if err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("no network holder; jobs start slower for a while")
		s.mu.Lock()
		s.noHolder = time.Now().Add(holderPause)
		s.mu.Unlock()
		return nil
	}
	return h
}

// giveBack takes a holder back after its job, and reports whether the job
// failed because the holder was dead. One whose job's container stays, and may
// run yet, is lent to nobody else.
func (s *Sandbox) giveBack(ctx context.Context, h *holder, failed, stays bool) (dead bool) {
	if h == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	if stays {
		s.removeHolder(ctx, h)
		return false
	}
	if failed {
		seen, err := s.engine.ContainerInspect(ctx, h.id)
		if err != nil || !seen.State.Running {
			s.removeHolder(ctx, h)
			return true
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, live := s.live[h.name]; live {
		s.idle[h.network] = append(s.idle[h.network], h)
	}
	return false
}

func (s *Sandbox) makeHolder(ctx context.Context, network bool) (_ *holder, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	mode := "none"
	if network {
		if mode, err = s.jobNetwork(ctx); err != nil {
			return nil, err
		}
	}
	h := &holder{name: randomName(), network: network}
	s.enter(h.name)
	defer func() {
		if err != nil {
			s.removeHolder(ctx, h)
		}
	}()
	pids := int64(16)
	made, err := s.engine.ContainerCreate(ctx, &container.Config{
		Image: s.o.Image, User: "65534:65534", WorkingDir: "/", Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
		Entrypoint: []string{"/bin/sh", "-c", "exec sleep 2000000000"}, Cmd: []string{},
		Labels: map[string]string{LabelInstance: s.o.Instance, labelName: h.name},
	}, &container.HostConfig{
		LogConfig: container.LogConfig{Type: "none"}, NetworkMode: container.NetworkMode(mode),
		CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges:true"}, ReadonlyRootfs: true,
		Resources: container.Resources{Memory: 32 << 20, MemorySwap: 32 << 20, PidsLimit: &pids},
		// A port that one job used must be free for the next at once.
		Sysctls: map[string]string{"net.ipv4.tcp_max_tw_buckets": "0"},
	}, nil, nil, "loktar-"+h.name)
	if err != nil {
		return nil, fault(err, "create network holder")
	}
	h.id = made.ID
	if err := s.engine.ContainerStart(ctx, h.id, container.StartOptions{}); err != nil {
		s.lostNetwork(mode)
		return nil, fault(err, "start network holder")
	}
	seen, err := s.engine.ContainerInspect(ctx, h.id)
	if err != nil {
		return nil, fault(err, "inspect network holder")
	}
	h.since = seen.State.StartedAt
	for target, source := range map[string]string{
		"/etc/hosts": seen.HostsPath, "/etc/hostname": seen.HostnamePath, "/etc/resolv.conf": seen.ResolvConfPath,
	} {
		if source != "" {
			h.files = append(h.files, mount.Mount{Type: mount.TypeBind, Source: source, Target: target, ReadOnly: true})
		}
	}
	return h, nil
}

// removeHolders removes the holders that no job uses.
func (s *Sandbox) removeHolders(ctx context.Context) {
	s.mu.Lock()
	idle := append(s.idle[false], s.idle[true]...)
	clear(s.idle)
	s.mu.Unlock()
	s.witnessing.Lock()
	defer s.witnessing.Unlock()
	if s.witness != nil {
		idle, s.witness = append(idle, s.witness), nil
	}
	var all sync.WaitGroup
	for _, h := range idle {
		all.Go(func() { s.removeHolder(ctx, h) })
	}
	all.Wait()
}

func (s *Sandbox) removeHolder(ctx context.Context, h *holder) {
	gone, _ := s.removeContainer(ctx, h.name) // it has no volumes of ours
	s.leave(h.name, gone)
}

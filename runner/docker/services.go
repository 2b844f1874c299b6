package docker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"golang.org/x/sync/errgroup"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

// sidecars are what the engine has of a job's services. They are all that has
// to be known to look after them and to remove them; the labels of each lead to
// the same.
type sidecars struct {
	// Network is the id of the job's own network.
	Network string    `json:"network"`
	List    []sidecar `json:"list,omitempty"`
	// Helpers are names of containers that looked at them.
	Helpers []string `json:"helpers,omitempty"`
}

// sidecar is the container of a service.
type sidecar struct {
	Service string `json:"service"`
	// Name is the container's, after "loktar-"; ID is empty until it is made.
	Name string `json:"name"`
	ID   string `json:"id,omitempty"`
	// Image is the digest of its image.
	Image  string `json:"image"`
	Memory int64  `json:"memory"` // its limit
}

// service is a service of a job while this process is with it.
type service struct {
	runner.Service
	car    sidecar
	ref    reference.Named
	image  pin
	limits checks.Resources
	id     string
	tail   tail
	ended  chan struct{} // closed when it does not run any more, or the engine is lost
	lost   error         // then
	tape   *tape         // takes its output; nil when nothing does
}

// serve starts j's services and waits until all are ready. exit.Unready says
// why one is not, by a fault that the package's owner can mend. What was made
// stays in both cases, for remove.
func (s *Sandbox) serve(ctx context.Context, j *job, out runner.Output, exit *runner.Exit) (err error) {
	if len(j.task.Services) == 0 {
		return nil
	}
	if j.services, err = s.servicesOf(ctx, j, out); err != nil {
		return err
	}
	began := time.Now()
	if j.side.Network, err = s.makeNetwork(ctx, j); err != nil {
		return err
	}
	limit := s.o.ReadyTime
	if t := j.task.Timeout; t > 0 {
		limit = min(limit, t)
	}
	bounded, cancel := context.WithTimeoutCause(ctx, limit, errNotReady)
	defer cancel()
	group, each := errgroup.WithContext(bounded)
	for _, v := range j.services {
		group.Go(func() error {
			out.Heading(fmt.Sprintf("Starting service %s (%s)", v.Name, short(reference.FamiliarString(v.ref))))
			started := time.Now()
			if err := s.launch(each, j, v, out); err != nil {
				return err
			}
			if err := s.await(each, j, v, limit); err != nil {
				return err
			}
			out.Heading(fmt.Sprintf("Service %s is ready after %s", v.Name, runner.DurationText(time.Since(started).Round(100*time.Millisecond))))
			return nil
		})
	}
	ready := s.timed("services")
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = group.Wait()
		ready()
	}()
	m := s.startMeter(context.WithoutCancel(ctx), j, j.serviceIDs)
	select {
	case <-done:
		m.stop()
	case why := <-m.exceeded:
		m.stop()
		cancel()
		<-done
		err = &unreadyError{text: why}
	}
	j.spent = time.Since(began)
	var u *unreadyError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case !errors.As(err, &u):
		return err
	}
	if down := s.wentDown(ctx, j); down != nil {
		return down
	}
	if exit.Unready, exit.Cause = u.text, checks.CauseService; u.of == nil {
		exit.Cause = checks.CauseDiskLimit
	} else {
		s.showEnd(ctx, u.of, out)
	}
	return nil
}

// servicesOf makes out what j's services are to run.
func (s *Sandbox) servicesOf(ctx context.Context, j *job, out runner.Output) ([]*service, error) {
	list := make([]*service, len(j.task.Services))
	group, each := errgroup.WithContext(ctx)
	for i, of := range j.task.Services {
		v := &service{Service: of, limits: s.limitsOf(checks.Resources{}, j.machine), ended: make(chan struct{})}
		v.tail.next, list[i] = of.Output, v
		group.Go(func() (err error) {
			if v.ref, err = s.imageOf(of.Image); err == nil {
				v.image, err = s.resolve(each, runner.Task{Job: j.task.Job, Image: of.Image}, v.ref, out)
			}
			return ofService(of.Name, err)
		})
	}
	if err := group.Wait(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	return list, nil
}

// ofService is err of what was done for a service, named in its public text.
func ofService(name string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return checks.Errorf(checks.KindOf(err), err, "The service %s: %s", name, checks.PublicText(err, "it could not be run; the server's log tells why."))
}

// launch makes the container of v, starts it, and takes its output.
func (s *Sandbox) launch(ctx context.Context, j *job, v *service, out runner.Output) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	// As createOnce: what came to be must be known.
	making, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	v.car = sidecar{Service: v.Name, Name: j.name + "-" + v.Name, Image: v.image.id, Memory: v.limits.Memory}
	j.keep(v.car)
	id, err := s.createService(making, j, v)
	if cerrdefs.IsNotFound(err) && strings.Contains(err.Error(), "No such image") {
		if err := s.restore(ctx, runner.Task{Job: j.task.Job, Image: v.Image}, v.ref, v.image, out); err != nil {
			return ofService(v.Name, err)
		}
		id, err = s.createService(making, j, v)
	}
	if err != nil {
		return ofService(v.Name, fault(err, "create service"))
	}
	j.found(v, id)
	waiting, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended, failed := s.engine.ContainerWait(waiting, id, container.WaitConditionNextExit)
	go func() {
		defer stop()
		select {
		case <-ended:
		case v.lost = <-failed:
		}
		close(v.ended)
	}()
	if err := s.engine.ContainerStart(making, id, container.StartOptions{}); err != nil {
		stop()
		if bad := cannotStart(v, err); bad != nil {
			return bad
		}
		return ofService(v.Name, fault(err, "start service"))
	}
	v.tape, err = s.replay(context.WithoutCancel(ctx), v.id, &v.tail, 0, true)
	return ofService(v.Name, err)
}

func (s *Sandbox) createService(ctx context.Context, j *job, v *service) (string, error) {
	config, host := s.serviceSpec(j, v)
	made, err := s.engine.ContainerCreate(ctx, config, host, &network.NetworkingConfig{
		EndpointsConfig: map[string]*network.EndpointSettings{j.side.Network: {Aliases: []string{v.Name}}},
	}, nil, "loktar-"+v.car.Name)
	return made.ID, err
}

// keep notes the container of a service before it is made, found its id.
// Services start side by side, and their meter looks on.
func (j *job) keep(car sidecar) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.side.List = append(j.side.List, car)
}

func (j *job) found(v *service, id string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	v.id = id
	for i := range j.side.List {
		if j.side.List[i].Service == v.Name {
			j.side.List[i].ID = id
		}
	}
}

func (j *job) keepHelper(name string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.side.Helpers = append(j.side.Helpers, name)
}

// serviceIDs are the containers of j's services.
func (j *job) serviceIDs() (ids []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, car := range j.side.List {
		if car.ID != "" {
			ids = append(ids, car.ID)
		}
	}
	return ids
}

// labels are those of everything of j's.
func (s *Sandbox) labels(j *job) map[string]string {
	return map[string]string{
		LabelInstance: s.o.Instance, LabelRun: j.task.Job.Run, LabelJob: j.task.Job.Package, labelName: j.name,
	}
}

// serviceSpec describes the container of a service. It is confined as a job is,
// but has no files of the job's and keeps its image's command and user. It is
// its own first process, as some images insist on that.
func (s *Sandbox) serviceSpec(j *job, v *service) (*container.Config, *container.HostConfig) {
	var env []string
	for _, name := range slices.Sorted(maps.Keys(v.Env)) {
		env = append(env, name+"="+v.Env[name])
	}
	config := &container.Config{
		Image: v.image.id, Labels: s.labels(j), Env: env, AttachStdout: true, AttachStderr: true,
		Hostname: v.Name,
		// An image's own is asked more often than is usual where jobs do not wait.
		Healthcheck: &container.HealthConfig{Interval: readyTurn},
	}
	if v.Ready != "" {
		config.Healthcheck = &container.HealthConfig{Test: []string{"NONE"}}
	}
	host := s.confined(v.limits, v.image.readOnly)
	host.LogConfig = keptBy(runner.ServiceLogLimit)
	host.NetworkMode = container.NetworkMode(j.side.Network)
	host.DNS = j.nameServers()
	return config, host
}

// nameServers keep an engine that has name servers of its machine's asked for
// containers (before 23.0) from doing so for those that are to reach nothing:
// nobody listens there.
func (j *job) nameServers() []string {
	if j.side.Network == "" || j.task.Network {
		return nil
	}
	return []string{"127.0.0.1"}
}

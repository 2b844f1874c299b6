package docker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/rs/zerolog"
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

// showEnd has a job's log show the end of a service's, which it ends.
func (s *Sandbox) showEnd(ctx context.Context, v *service, out runner.Output) {
	s.finish(ctx, v)
	lines := v.tail.lines()
	if len(lines) == 0 {
		out.Heading(fmt.Sprintf("Service %s printed nothing", v.Name))
		return
	}
	out.Heading(fmt.Sprintf("The end of the log of service %s:", v.Name))
	for _, line := range lines {
		out.Heading(v.Name + " | " + line)
	}
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

// rejoinServices takes on what the services of a job print that another process
// started, from the start.
func (s *Sandbox) rejoinServices(ctx context.Context, j *job) {
	for _, car := range j.side.List {
		v := &service{car: car, id: car.ID}
		for _, of := range j.task.Services {
			if of.Name == car.Service {
				v.Service, v.tail.next = of, of.Output
			}
		}
		var err error
		if v.tape, err = s.replay(context.WithoutCancel(ctx), v.id, &v.tail, 0, true); err != nil {
			// Who removes one has all of its output before.
			zerolog.Ctx(ctx).Warn().Err(err).Str("job", j.task.Job.String()).Str("service", car.Service).Msg("what a service printed cannot be read any more")
			continue
		}
		j.services = append(j.services, v)
	}
}

// finish ends a service, and takes what is left of its output.
//
// All of it comes from the engine's own copy: of what goes to two streams at
// once, the copy alone has one order, by which another process finds out what is
// in the log already.
func (s *Sandbox) finish(ctx context.Context, v *service) {
	if v.tape == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), killedTime)
	defer cancel()
	ended, failed := s.engine.ContainerWait(ctx, v.id, container.WaitConditionNotRunning)
	_ = s.engine.ContainerKill(ctx, v.id, "KILL") // one that ended refuses it
	select {
	case <-ended:
	case err := <-failed:
		zerolog.Ctx(ctx).Debug().Err(err).Str("service", v.Name).Msg("a service's end is not known; its output may lack the last of it")
	}
	v.tape.close()
	if all := v.tape.out.count; all <= runner.ServiceLogLimit { // of more, nothing is kept
		if rest, err := s.replay(ctx, v.id, &v.tail, all, false); err == nil {
			rest.drain(killedTime)
			rest.close()
		}
	}
	v.tape = nil
}

// digests are those of the services' images.
func (c *sidecars) digests() map[string]string {
	if len(c.List) == 0 {
		return nil
	}
	all := make(map[string]string, len(c.List))
	for _, car := range c.List {
		all[car.Service] = car.Image
	}
	return all
}

// diedLate is how long after the steps a service may end that had to do with how
// these went: what runs in it may be gone before it is.
const diedLate = 5 * time.Second

// died says which services ended while the steps ran, which did until the time
// in over.
func (s *Sandbox) died(ctx context.Context, c *sidecars, over string) (text string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	list := slices.SortedFunc(slices.Values(c.List), func(a, b sidecar) int { return strings.Compare(a.Service, b.Service) })
	for _, car := range list {
		seen, err := s.engine.ContainerInspect(ctx, "loktar-"+car.Name)
		if err == nil && !seen.State.Running && !endedAfter(seen.State, over) {
			if text != "" {
				text += " "
			}
			text += fmt.Sprintf("The service %s %s while the steps ran.", car.Service, endText(seen.State, car.Memory))
		}
	}
	return text
}

// endedAfter reports whether a container is known to have ended later than
// diedLate after that time.
func endedAfter(state *container.State, over string) bool {
	at, err := time.Parse(time.RFC3339Nano, state.FinishedAt)
	steps, bad := time.Parse(time.RFC3339Nano, over)
	return err == nil && bad == nil && at.After(steps.Add(diedLate))
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

// removeSidecars removes the services' containers, with their volumes, once all
// of their output was taken, and reports whether it could.
func (s *Sandbox) removeSidecars(ctx context.Context, j *job) bool {
	var ends sync.WaitGroup
	for _, v := range j.services {
		ends.Go(func() { s.finish(ctx, v) })
	}
	ends.Wait()
	c := &j.side
	names := slices.Clone(c.Helpers)
	for _, car := range c.List {
		names = append(names, car.Name)
	}
	var group errgroup.Group
	var stay atomic.Bool
	for _, name := range names {
		group.Go(func() error {
			if _, whole := s.removeContainer(ctx, name); !whole {
				stay.Store(true)
			}
			return nil
		})
	}
	_ = group.Wait() // none fails
	return !stay.Load()
}

package docker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/dudesons/loktar/runner"
)

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

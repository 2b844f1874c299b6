package docker

import (
	"context"
	"errors"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
)

// remove removes all that was made for j, whether or not ctx has ended, and
// reports whether it could.
func (s *Sandbox) remove(ctx context.Context, j *job) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	removed := s.timed("remove")
	beside := make(chan bool, 1)
	go func() { beside <- s.removeSidecars(ctx, j) }()
	gone, whole := s.removeContainer(ctx, j.name)
	if j.record.CleanNonce != "" {
		also, all := s.removeContainer(ctx, j.name+cleanPart)
		gone, whole = gone && also, whole && all
	}
	alone := <-beside
	removed()
	if j.stays = !gone; j.stays {
		return false // with what may still be mounted
	}
	alone = s.removeOwnNetwork(ctx, &j.side) && alone
	if j.copies {
		err := s.engine.VolumeRemove(ctx, "loktar-"+j.name, true)
		whole = err == nil || cerrdefs.IsNotFound(err)
	}
	s.did("container removed")
	defer s.timed("folder")()
	if err := s.removeDir(ctx, j.name, j.image.id); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Str("job", j.task.Job.String()).Msg("job folder could not be removed; it will be later")
		return false
	}
	s.did("removed")
	return whole && alone
}

// removeContainer removes the container of that name with its volumes. gone
// tells that there is no such container now; whole, that its volumes went with
// it, which is not known when somebody else removed it.
func (s *Sandbox) removeContainer(ctx context.Context, name string) (gone, whole bool) {
	name = "loktar-" + name
	err := s.engine.ContainerRemove(ctx, name, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if cerrdefs.IsConflict(err) {
		ended, failed := s.engine.ContainerWait(ctx, name, container.WaitConditionRemoved)
		select {
		case <-ended:
			return true, false
		case err = <-failed:
		}
	}
	switch {
	case err == nil:
		return true, true
	case cerrdefs.IsNotFound(err):
		return true, false
	}
	zerolog.Ctx(ctx).Warn().Err(err).Str("container", name).Msg("container could not be removed; it will be later")
	return false, false
}

// settle removes what could not be removed before, now that the engine may
// answer again.
func (s *Sandbox) settle(ctx context.Context) error {
	s.mu.Lock()
	owed := s.owed
	s.owed = false
	s.mu.Unlock()
	if !owed {
		return nil
	}
	err := s.Reap(ctx)
	if err != nil {
		s.mu.Lock()
		s.owed = true
		s.mu.Unlock()
	}
	if checks.KindOf(err) == checks.KindUnavailable || errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

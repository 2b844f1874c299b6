package docker

import (
	"context"

	cerrdefs "github.com/containerd/errdefs"

	"github.com/dudesons/loktar/checks"
)

// wentDown is an error when the engine is ending, or ended since a job began
// with the holder h (nil when the job has none).
//
// An engine that is stopped or restarted sends its containers SIGTERM, as if
// the job had been asked to end, and after a while SIGKILL. What the job then
// exits with is no word about the code. Such an engine goes on to answer on
// the connections that it has, and takes no new ones; where systemd holds the
// socket, a new one waits for the engine that comes next, and there the holder
// runs no more.
func (s *Sandbox) wentDown(ctx context.Context, h *holder) error {
	engine, err := s.dial()
	if err != nil {
		return fault(err, "connect to the engine anew")
	}
	defer engine.Close()
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	if _, err := engine.Ping(ctx); err != nil {
		return fault(err, "ask the engine whether it is still up")
	}
	if h == nil {
		return nil
	}
	seen, err := engine.ContainerInspect(ctx, h.id)
	switch {
	case cerrdefs.IsNotFound(err) || err == nil && !seen.State.Running:
		return checks.Causef(checks.CauseEngineLost, err, "The Docker engine was stopped or restarted while the job ran.")
	case err != nil:
		return fault(err, "inspect network holder")
	}
	return nil
}

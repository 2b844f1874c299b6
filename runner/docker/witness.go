package docker

import (
	"context"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/client"
	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
)

// An engine that is stopped or restarted sends its containers SIGTERM, as if
// the job had been asked to end, and after a while SIGKILL. What the job then
// exits with is no word about the code. Such an engine goes on to answer on
// the connections that it has, and takes no new ones; where systemd holds the
// socket, a new one waits for the engine that comes next.
//
// That it is the same engine still tells a container that never ends by
// itself: the holder whose network the job joins, or else a witness, which all
// other jobs of a server share. It tells the next process too, which may find
// the job ended. A sandbox whose jobs nobody takes up has an anchor for that.

// vouch finds j what tells at its end that the engine did not end.
func (s *Sandbox) vouch(ctx context.Context, j *job) {
	if j.holder != nil {
		return
	}
	if s.o.Wanted != nil {
		j.witness = s.sharedWitness(ctx)
	}
	if j.witness == nil {
		j.anchor = s.moor(ctx)
	}
}

// sharedWitness is a holder that is lent to no job, and runs; nil when there
// can be none.
func (s *Sandbox) sharedWitness(ctx context.Context) *holder {
	s.witnessing.Lock()
	defer s.witnessing.Unlock()
	if h := s.witness; h != nil {
		if runs, err := runs(ctx, s.engine, h); err != nil || runs {
			return h
		}
		s.witness = nil
		s.removeHolder(ctx, h)
	}
	h, err := s.makeHolder(ctx, false)
	if err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("no witness; a job that ends red as the server is restarted is run anew")
		return nil
	}
	s.witness = h
	return h
}

// runs reports whether h's container runs, and has since it was made: somebody
// may start again what an engine ended.
func runs(ctx context.Context, engine *client.Client, h *holder) (bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	seen, err := engine.ContainerInspect(ctx, h.id)
	if cerrdefs.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fault(err, "inspect network holder")
	}
	return seen.State.Running && seen.State.StartedAt == h.since, nil
}

// wentDown is an error when the engine is ending, or ended since j, which may
// be nil, was vouched for.
func (s *Sandbox) wentDown(ctx context.Context, j *job) error {
	engine, err := s.dial()
	if err != nil {
		return fault(err, "connect to the engine anew")
	}
	defer engine.Close()
	asked, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	if _, err := engine.Ping(asked); err != nil {
		return fault(err, "ask the engine whether it is still up")
	}
	if j == nil {
		return nil
	}
	same := true
	if h := j.voucher(); h != nil {
		if same, err = runs(ctx, engine, h); err != nil {
			return err
		}
	} else if j.anchor != nil {
		same = j.anchor.holds()
	}
	if !same {
		return checks.Causef(checks.CauseEngineLost, nil, "The Docker engine was stopped or restarted while the job ran.")
	}
	return nil
}

// voucher is the container that runs for as long as the engine does; nil for
// none.
func (j *job) voucher() *holder {
	if j.holder != nil {
		return j.holder
	}
	return j.witness
}

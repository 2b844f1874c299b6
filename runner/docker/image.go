package docker

import (
	"context"
	"fmt"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

// When an image is pulled.
const (
	// PullMissing: when the engine does not have it.
	PullMissing = "missing"
	// PullAlways: once in each run that names it.
	PullAlways = "always"
	// PullNever: not at all.
	PullNever = "never"
)

// LabelReadOnly is a label of images. Where it is "true", the root of their
// containers is read-only, with room in memory at the usual places.
const LabelReadOnly = "loktar.read-only-root"

// pinTime is how long a run's image stays known after its last use.
const pinTime = 24 * time.Hour

// pin is the image that a name means to all jobs of a run, wherever its tag
// moves meanwhile.
type pin struct {
	id       string // of the image's content, sha256:...
	digest   string // NAME@sha256:... to pull it by; "" when no registry told
	readOnly bool
	used     time.Time
}

type pinKey struct{ run, image string }

// resolve finds out what ref means in t's run. The first job of a run that
// names it decides.
func (s *Sandbox) resolve(ctx context.Context, t runner.Task, ref reference.Named, out runner.Output) (pin, error) {
	key := pinKey{t.Job.Run, ref.String()}
	if p, ok := s.pinned(key, nil); ok {
		return p, nil
	}
	if s.o.Recorded != nil && t.Job.Run != "" {
		if id := s.o.Recorded(t.Job.Run, t.Image); id != "" {
			if p, err := s.inspectImage(ctx, id, ref); err == nil {
				p, _ = s.pinned(key, &p)
				return p, nil
			}
		}
	}
	name := reference.FamiliarString(ref)
	p, err := s.inspectImage(ctx, name, ref)
	// What was made at the engine itself came from no registry.
	stale := err == nil && s.o.Pull == PullAlways && p.digest != ""
	if stale || cerrdefs.IsNotFound(err) && s.o.Pull != PullNever {
		if err := s.pull(ctx, ref, out); err != nil {
			return pin{}, err
		}
		p, err = s.inspectImage(ctx, name, ref)
	}
	switch {
	case err == nil:
		p, _ = s.pinned(key, &p)
		return p, nil
	case cerrdefs.IsNotFound(err):
		return pin{}, s.inWords(ref, missing(ref, s.o.Pull), false)
	}
	return pin{}, fault(err, "inspect image")
}

// restore brings back an image that was pinned and is gone from the engine.
func (s *Sandbox) restore(ctx context.Context, t runner.Task, ref reference.Named, p pin, out runner.Output) error {
	if p.digest != "" && s.o.Pull != PullNever {
		if by, err := reference.ParseDockerRef(p.digest); err == nil {
			return s.pull(ctx, by, out)
		}
	}
	s.mu.Lock()
	delete(s.pins, pinKey{t.Job.Run, ref.String()})
	s.mu.Unlock()
	return s.inWords(ref, missing(ref, s.o.Pull), false)
}

func missing(ref reference.Named, policy string) error {
	name := short(reference.FamiliarString(ref))
	if policy == PullNever {
		return checks.Causef(checks.CauseImageMissing, nil,
			"The image %s is not on the Docker engine, and runner.pull of the server is `never`. Have its operator load it with `docker load` or `docker pull`.", name)
	}
	return checks.Causef(checks.CauseImageRemoved, nil, "The image %s was removed from the Docker engine while its run went on. Start the run again.", name)
}

// pinned is the image of key, which is fresh when none is known yet and fresh
// is not nil.
func (s *Sandbox) pinned(key pinKey, fresh *pin) (pin, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	p, ok := s.pins[key]
	if !ok {
		if fresh == nil {
			return pin{}, false
		}
		for k, old := range s.pins {
			if now.Sub(old.used) > pinTime {
				delete(s.pins, k)
			}
		}
		p = *fresh
	}
	p.used = now
	s.pins[key] = p
	return p, true
}

// inspectImage asks the engine about the image that it calls name.
func (s *Sandbox) inspectImage(ctx context.Context, name string, ref reference.Named) (pin, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	seen, err := s.engine.ImageInspect(ctx, name)
	if err != nil {
		return pin{}, fmt.Errorf("inspect image %s: %w", name, err)
	}
	p := pin{id: seen.ID}
	if seen.Config != nil {
		p.readOnly = seen.Config.Labels[LabelReadOnly] == "true"
	}
	for _, digest := range seen.RepoDigests {
		if by, err := reference.ParseDockerRef(digest); err == nil && by.Name() == ref.Name() {
			p.digest = digest
		}
	}
	return p, nil
}

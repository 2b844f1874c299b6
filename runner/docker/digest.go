package docker

import (
	"context"

	cerrdefs "github.com/containerd/errdefs"
)

// Digest is the digest of the image that a job would run in that begins now
// and names image ("" is the sandbox's own), as Exit.Image tells it. It is ""
// where only a registry knows: an image that is not there, or that is pulled
// for every run. Errors are those of Run. It may be called concurrently.
func (s *Sandbox) Digest(ctx context.Context, image string) (string, error) {
	ref, err := s.imageOf(image)
	if err != nil {
		return "", err
	}
	p, err := s.inspectImage(ctx, ref.String(), ref)
	switch {
	case cerrdefs.IsNotFound(err):
		return "", nil
	case err != nil:
		return "", fault(err, "inspect image")
	case s.o.Pull == PullAlways && p.digest != "":
		return "", nil
	}
	return p.id, nil
}

package docker

import (
	"context"

	"github.com/distribution/reference"

	"github.com/dudesons/loktar/checks"
)

// noShell says why a container ended before its shell began: its image has
// none, or one for a machine of another kind.
func (s *Sandbox) noShell(ctx context.Context, j *job) error {
	name := short(reference.FamiliarString(j.ref))
	image, err := s.engine.ImageInspect(ctx, j.image.id)
	if err == nil {
		engine, err := s.engine.ServerVersion(ctx)
		if err == nil && engine.Arch != "" && image.Architecture != "" && engine.Arch != image.Architecture {
			return checks.Causef(checks.CauseImageMachine, nil,
				"The image %s is for %s, and the Docker engine runs on %s. Name one in `image` of %s that is made for %s too.",
				name, short(image.Architecture), engine.Arch, checks.ManifestFile, engine.Arch)
		}
	}
	return checks.Causef(checks.CauseImageShell, err, "The image %s cannot run a shell. Name one in `image` of %s that has /bin/sh.", name, checks.ManifestFile)
}

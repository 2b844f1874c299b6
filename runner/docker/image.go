package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"github.com/dudesons/loktar/checks"
)

// imageName checks and completes the name of an image.
func imageName(name string) (string, error) {
	ref, err := reference.ParseDockerRef(name)
	if err != nil {
		return "", checks.Errorf(checks.KindConfig, err,
			"%q is not the name of an image. Correct `image` in %s, or runner.image of the server.", short(name), checks.ManifestFile)
	}
	return reference.FamiliarString(ref), nil
}

// pull has the engine fetch an image that it does not have.
func (s *Sandbox) pull(ctx context.Context, name string) error {
	stream, err := s.engine.ImagePull(ctx, name, image.PullOptions{})
	if err == nil {
		err = pulled(stream)
		err = errors.Join(err, stream.Close())
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("pull image: %w", ctx.Err())
	case client.IsErrConnectionFailed(err):
		return fault(err, "pull image")
	case strings.Contains(err.Error(), "no space left on device"):
		return fault(err, "pull image")
	case strings.HasPrefix(name, "loktar/base"):
		return checks.Errorf(checks.KindConfig, err, "The image %s is not on the Docker engine. Make it with `make image`, or name another in runner.image.", name)
	case cerrdefs.IsNotFound(err):
		return checks.Errorf(checks.KindConfig, err, "The image %s does not exist, or reading it needs a login. Correct `image` in %s, or runner.image of the server.", short(name), checks.ManifestFile)
	}
	return checks.Errorf(checks.KindConfig, err, "The image %s is not on the Docker engine and could not be pulled. Check that its registry can be reached, or load it with `docker load`.", short(name))
}

// pulled reads the engine's account of a pull to its end.
func pulled(stream io.Reader) error {
	for dec := json.NewDecoder(stream); ; {
		var message struct {
			Error string `json:"error"`
		}
		switch err := dec.Decode(&message); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read answer: %w", err)
		case message.Error != "":
			return errors.New(message.Error)
		}
	}
}

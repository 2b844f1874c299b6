package docker

import (
	"errors"
	"strings"

	"github.com/distribution/reference"

	"github.com/dudesons/loktar/checks"
)

// inWords is why an image cannot be used, for who reads it: where there is no
// operator the remedy is the reader's own. login tells whether credentials were
// sent.
func (s *Sandbox) inWords(ref reference.Named, err error, login bool) error {
	if !s.o.Own || err == nil {
		return err
	}
	name, host := short(reference.FamiliarString(ref)), reference.Domain(ref)
	cause, command := checks.CauseOf(err), "docker login "+host
	if host == "docker.io" {
		command = "docker login"
	}
	text := strings.ToLower(err.Error())
	switch {
	case cause == checks.CauseImageLogin && login:
		return checks.Causef(cause, err, "The registry %s refused the image %s: the login that it was given is wrong, or does not allow it. Log in anew: %s", host, name, command)
	case cause == checks.CauseImageLogin:
		return checks.Causef(cause, err, "The registry %s wants a login for the image %s. Log in: %s", host, name, command)
	case cause == checks.CauseImageUnknown && strings.Contains(text, "pull access denied"):
		return checks.Causef(cause, err, "The image %s does not exist at %s, or needs a login. Correct `image` in %s, or log in: %s", name, host, checks.ManifestFile, command)
	case cause == checks.CauseImageUnpullable && (strings.Contains(text, "toomanyrequests") || strings.Contains(text, "too many requests")):
		return checks.Causef(cause, err, "The registry %s takes no more pulls for now, so the image %s could not be pulled. Wait, or log in: %s", host, name, command)
	case cause == checks.CauseImageRefused:
		return checks.Causef(cause, err, "The image %s is not allowed: nothing in runner.images matches it, which LOKTAR_RUNNER_IMAGES or the file of --config sets. Name another `image` in %s, or add it there.", name, checks.ManifestFile)
	case cause == checks.CauseImageUnknown:
		return checks.Causef(cause, err, "The image %s does not exist at %s. Correct `image` in %s, or the name that --image or LOKTAR_RUNNER_IMAGE gives.", name, host, checks.ManifestFile)
	case cause == checks.CauseImageMissing && s.o.Pull == PullNever:
		return checks.Causef(cause, err, "The image %s is not on the Docker engine, and LOKTAR_RUNNER_PULL is `never`. Get it with docker pull or docker load.", name)
	case cause == checks.CauseImageMissing:
		return checks.Causef(cause, err, "The image %s is not on the Docker engine. Make it with `make image` in Loktar's own repository, or name another with --image or LOKTAR_RUNNER_IMAGE.", name)
	case cause == checks.CauseImageUnpullable && strings.Contains(checks.PublicText(err, ""), "engine's words"):
		return checks.Causef(cause, err, "The image %s could not be pulled from %s: %s", name, host, short(root(err).Error()))
	}
	return err
}

// root is the innermost error: what the engine said.
func root(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	apiregistry "github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/client"

	"github.com/dudesons/loktar/checks"
)

// push has the engine push the release's image under its version alone.
func (p *OCI) push(ctx context.Context, m *remoteImages, r Release) (digest string, err error) {
	if p.o.Engine == nil || r.Image == "" {
		return "", errors.New("push image: there is no engine, or the release has no image")
	}
	ctx, cancel := context.WithTimeout(ctx, uploadTime)
	defer cancel()
	if err := p.labelled(ctx, r); err != nil {
		return "", err
	}
	ref, err := reference.WithTag(m.name, r.Version)
	if err != nil {
		return "", fmt.Errorf("push image: %w", err)
	}
	name := reference.FamiliarString(ref)
	if err := p.o.Engine.ImageTag(ctx, r.Image, name); err != nil {
		return "", engineFault(ctx, err, "tag image")
	}
	defer func() {
		if err != nil { // it is kept under its own name
			tidying, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
			defer cancel()
			_, _ = p.o.Engine.ImageRemove(tidying, name, image.RemoveOptions{})
		}
	}()
	secret := apiregistry.AuthConfig{}
	if !m.cred.empty() {
		secret = apiregistry.AuthConfig{Username: m.cred.Username, Password: m.cred.Password, ServerAddress: m.host}
	}
	encoded, err := apiregistry.EncodeAuthConfig(secret)
	if err != nil {
		return "", fmt.Errorf("push image: %w", m.cred.hideError(err))
	}
	stream, err := p.o.Engine.ImagePush(ctx, name, image.PushOptions{RegistryAuth: encoded})
	if err != nil {
		if client.IsErrConnectionFailed(err) {
			return "", engineFault(ctx, err, "push image")
		}
		return "", m.pushFault(ctx, err)
	}
	defer stream.Close()
	if digest, err = pushed(stream); err != nil {
		return "", m.pushFault(ctx, err)
	}
	return digest, nil
}

// labelled refuses an image that nobody would know again in the registry.
func (p *OCI) labelled(ctx context.Context, r Release) error {
	info, err := p.o.Engine.ImageInspect(ctx, r.Image)
	switch {
	case cerrdefs.IsNotFound(err):
		return checks.Errorf(checks.KindNotFound, err, "The Docker engine has the image of %q no more. It has to be built again.", r.Package.Name)
	case err != nil:
		return engineFault(ctx, err, "look up image")
	}
	if info.Config != nil {
		// The repository may have another name since.
		r.Repo = checks.Repo{}
		r.Repo.Owner, r.Repo.Name, _ = strings.Cut(info.Config.Labels[LabelRepo], "/")
	}
	if info.Config == nil || !labelsOf(info.Config.Labels, r) {
		return fmt.Errorf("push image: image %s was not built for this release: its labels are another's", r.Image)
	}
	return nil
}

// pushed reads the engine's account of a push to its end.
func pushed(stream io.Reader) (digest string, err error) {
	for dec := json.NewDecoder(stream); ; {
		var message struct {
			Error string          `json:"error"`
			Aux   json.RawMessage `json:"aux"`
		}
		switch err := dec.Decode(&message); {
		case errors.Is(err, io.EOF):
			return digest, nil
		case err != nil:
			return "", fmt.Errorf("read answer: %w", err)
		case message.Error != "":
			return "", errors.New(message.Error)
		}
		var aux struct{ Digest string }
		if json.Unmarshal(message.Aux, &aux) == nil && aux.Digest != "" {
			digest = aux.Digest
		}
	}
}

// pushFault sorts the words in which an engine tells what a registry said. It
// has no others.
func (m *remoteImages) pushFault(ctx context.Context, err error) error {
	err = fmt.Errorf("push image: %w", m.cred.hideError(err))
	text := strings.ToLower(err.Error())
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(text, w) {
				return true
			}
		}
		return false
	}
	switch {
	case ctx.Err() != nil:
		return m.unreached(ctx, err, "push image")
	case has("unauthorized", "denied:", "access denied", "no basic auth credentials", "authentication required", "403 forbidden", "http 403", "http 401"):
		return m.denied(err)
	case has("server gave http response to https client"):
		return checks.Errorf(checks.KindConfig, err, "The Docker engine will not speak HTTP without TLS with %s. Add it to the engine's insecure-registries, or give it a certificate.", m.host)
	case has("certificate"):
		return checks.Errorf(checks.KindConfig, err, "The Docker engine does not trust the certificate of %s. Add its authority on the engine's machine.", m.host)
	case has("no space left on device"):
		return checks.Errorf(checks.KindConfig, err, "A disk is full: the Docker engine's, or that of %s.", m.host)
	case has("toomanyrequests", "too many requests"):
		return checks.Errorf(checks.KindUnavailable, err, "%s takes no more requests for now.", m.host)
	case has("manifest invalid", "manifest_invalid", "name invalid", "tag invalid", "name unknown", "unsupported", "immutable", "quota"):
		return checks.Errorf(checks.KindRefused, err, "%s refused the image: %s", m.host, short(m.cred.hide(err.Error())))
	}
	return checks.Errorf(checks.KindUnavailable, err, "The image could not be pushed to %s.", m.host)
}

// tidy removes from the engine the name under which the image was kept until
// it was published, and the tags of older versions. The newest stays: the next
// build begins with its layers. What fails is left for the next time.
func (p *OCI) tidy(ctx context.Context, m *remoteImages, r Release, found Published) {
	if p.o.Engine == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	letGo(ctx, p.o.Engine, r)
	latest := m.item(Latest, "").Name
	if !slices.ContainsFunc(found.Items, func(i checks.PublishedItem) bool { return i.Name == latest }) {
		return // a newer version is there
	}
	own := filters.NewArgs(filters.Arg("label", LabelPackage+"="+r.Package.Name), filters.Arg("label", LabelRepo+"="+r.Repo.FullName()))
	images, err := p.o.Engine.ImageList(ctx, image.ListOptions{Filters: own})
	if err != nil {
		return
	}
	name := reference.FamiliarName(m.name)
	for _, i := range images {
		for _, tag := range i.RepoTags {
			if strings.HasPrefix(tag, name+":") && tag != name+":"+r.Version {
				_, _ = p.o.Engine.ImageRemove(ctx, tag, image.RemoveOptions{})
			}
		}
	}
}

// engineFault is an error of the engine's own.
func engineFault(ctx context.Context, err error, doing string) error {
	err = fmt.Errorf("%s: %w", doing, err)
	switch {
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), context.Canceled):
		return err
	case ctx.Err() != nil, client.IsErrConnectionFailed(err), cerrdefs.IsUnavailable(err):
		return checks.Errorf(checks.KindUnavailable, err, "The Docker engine does not answer. Start it, or check DOCKER_HOST.")
	case strings.Contains(err.Error(), "no space left on device"):
		return checks.Errorf(checks.KindConfig, err, "The disk of the Docker engine is full. Free some space; `docker system df` shows what it holds.")
	}
	return checks.Errorf(checks.KindInternal, err, "The Docker engine refused. The server's log holds its words.")
}

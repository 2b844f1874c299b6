package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	apiregistry "github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/client"

	"github.com/dudesons/loktar/checks"
)

// tagged is what a tag of a registry means.
type tagged struct {
	digest  string // of the manifest
	config  string // the digest of the configuration: the image's id at most engines
	labels  map[string]string
	created time.Time
}

// is reports whether the image is that of the release.
func (t *tagged) is(r Release) bool {
	if r.Image != "" && (r.Image == t.config || r.Image == t.digest) {
		return true
	}
	for name, value := range Labels(r) {
		if t.labels[name] != value {
			return false
		}
	}
	return true
}

// newer reports whether the image is that of a later release than ours, r.
func (t *tagged) newer(ours *tagged, r Release) bool {
	if t.labels[LabelPackage] != r.Package.Name || t.labels[LabelRepo] != r.Repo.FullName() {
		return false
	}
	if numbers, err := numbering(r.Package); err == nil {
		n, ok := numbers.Number(t.labels[LabelVersion])
		own, okOwn := numbers.Number(r.Version)
		if ok && okOwn {
			return n > own
		}
	}
	return t.created.After(ours.created)
}

const maxManifest = 4 << 20

// manifest is what is read of an image's manifest, or of an index of many.
type manifest struct {
	Config    descriptor   `json:"config"`
	Manifests []descriptor `json:"manifests"`
}

type descriptor struct {
	Digest   string `json:"digest"`
	Platform struct {
		OS string `json:"os"`
	} `json:"platform"`
}

// look tells what a tag means; nil when there is no such tag.
func (m *remoteImages) look(ctx context.Context, tag string) (*tagged, error) {
	doing := fmt.Sprintf("look up %s:%s", m.name.Name(), tag)
	t := &tagged{}
	var man manifest
	digest, err := m.manifest(ctx, tag, &man)
	if isNotFound(err) {
		return nil, nil
	}
	t.digest = digest
	// Engines with containerd's store push an index, even of one image.
	if err == nil && man.Config.Digest == "" {
		for _, d := range man.Manifests {
			if d.Platform.OS != "unknown" {
				_, err = m.manifest(ctx, d.Digest, &man)
				break
			}
		}
	}
	if err == nil && man.Config.Digest != "" {
		t.config = man.Config.Digest
		err = m.config(ctx, t)
	}
	if err != nil {
		return nil, m.fault(ctx, err, doing)
	}
	return t, nil
}

func (m *remoteImages) manifest(ctx context.Context, ref string, into *manifest) (string, error) {
	desc, body, err := m.repo.Manifests().FetchReference(ctx, ref)
	if err != nil {
		return "", err
	}
	defer body.Close()
	*into = manifest{}
	return desc.Digest.String(), decode(body, into)
}

// config reads the labels. Another's image may have any configuration.
func (m *remoteImages) config(ctx context.Context, t *tagged) error {
	_, body, err := m.repo.Blobs().FetchReference(ctx, t.config)
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer body.Close()
	var c struct {
		Created time.Time `json:"created"`
		Config  struct {
			Labels map[string]string
		} `json:"config"`
	}
	if err := decode(body, &c); err != nil {
		return err
	}
	t.labels, t.created = c.Config.Labels, c.Created
	return nil
}

// decode reads JSON of a bounded size. What is no JSON is no image of ours.
func decode(r io.Reader, into any) error {
	data, more, err := readSome(r, maxManifest)
	if err != nil || more {
		return err
	}
	_ = json.Unmarshal(data, into)
	return nil
}

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
	for name, value := range Labels(r) {
		if info.Config == nil || info.Config.Labels[name] != value {
			return fmt.Errorf("push image: image %s was not built for this release: its label %s is not %q", r.Image, name, value)
		}
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

// tidy removes the tags of older versions from the engine. The newest stays:
// the next build begins with its layers. What fails is left for the next time.
func (p *OCI) tidy(ctx context.Context, m *remoteImages, r Release) {
	if p.o.Engine == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
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

package publish

import (
	"context"
	"net/http"
	"slices"

	"github.com/docker/docker/client"

	"github.com/dudesons/loktar/checks"
)

// The labels by which a published image is known again.
const (
	LabelVersion  = "org.opencontainers.image.version"
	LabelRevision = "org.opencontainers.image.revision"
	LabelPackage  = "loktar.package"
	LabelRepo     = "loktar.repository"
)

// Labels are the labels that the image of a release must have.
func Labels(r Release) map[string]string {
	return map[string]string{
		LabelVersion: r.Version, LabelRevision: r.Commit,
		LabelPackage: r.Package.Name, LabelRepo: r.Repo.FullName(),
	}
}

// OCIOptions are what NewOCI needs.
type OCIOptions struct {
	// Engine has the images and pushes them. Required for Publish alone.
	Engine *client.Client
	// Prefix is where images go whose build_info names no registry_prefix:
	// "registry.example.com/team". Empty for nowhere.
	Prefix string
	// Credentials for the registries; nil for none.
	Credentials Credentials
	// PlainHTTP names registries (host or host:port) that speak HTTP without
	// TLS, beside those at localhost and 127.0.0.0/8. The engine must know
	// them as insecure too.
	PlainHTTP []string
	// Transport carries the requests; nil for one with sound timeouts.
	Transport http.RoundTripper
}

// OCI publishes images: REGISTRY_PREFIX/NAME:VERSION, then latest and
// build_info.extra_versions. NAME is the package's in lower case. It speaks
// the OCI distribution specification 1.1 with any registry, and has the
// Docker engine push. What build_info names is taken as it is: whether a
// repository may publish under a prefix is for the caller to decide.
type OCI struct{ o OCIOptions }

var _ Publisher = (*OCI)(nil)

// NewOCI makes an OCI.
func NewOCI(o OCIOptions) *OCI {
	if o.Transport == nil {
		o.Transport = newTransport()
	}
	return &OCI{o}
}

// Highest implements Publisher.
func (p *OCI) Highest(ctx context.Context, pkg checks.Package) (int64, error) {
	numbers, err := numbering(pkg)
	if err != nil {
		return 0, err
	}
	m, err := p.images(ctx, pkg)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	var top int64
	err = m.repo.Tags(ctx, "", func(tags []string) error {
		for _, tag := range tags {
			if n, ok := numbers.Number(tag); ok {
				top = max(top, n)
			}
		}
		return nil
	})
	if err != nil && !isNotFound(err) {
		return 0, m.fault(ctx, err, "list tags of "+m.name.Name())
	}
	return top, nil
}

// Find implements Publisher.
func (p *OCI) Find(ctx context.Context, r Release) (Published, State, error) {
	m, aliases, err := p.check(ctx, r)
	if err != nil {
		return Published{}, Absent, err
	}
	found, state, _, err := m.find(ctx, r, aliases)
	return found, state, err
}

// check refuses a release that cannot be published as an image.
func (p *OCI) check(ctx context.Context, r Release) (*remoteImages, []string, error) {
	if r.PullRequest {
		return nil, nil, refusedf("Images of pull requests are not published.")
	}
	if err := CheckVersion("docker", r.Version); err != nil {
		return nil, nil, err
	}
	numbers, err := numbering(r.Package)
	if err != nil {
		return nil, nil, err
	}
	aliases := []string{Latest}
	for _, a := range r.Package.BuildInfo.ExtraVersions {
		if _, numbered := numbers.Number(a); numbered || !tagGrammar().MatchString(a) {
			return nil, nil, refusedf("%q in build_info.extra_versions cannot be a tag that moves: it is no tag, or could be a version itself. Write a word such as `stable`.", short(a))
		}
		if a != r.Version && !slices.Contains(aliases, a) {
			aliases = append(aliases, a)
		}
	}
	m, err := p.images(ctx, r.Package)
	return m, aliases, err
}

// Publish implements Publisher.
func (p *OCI) Publish(ctx context.Context, r Release) (Published, error) {
	m, aliases, err := p.check(ctx, r)
	if err != nil {
		return Published{}, err
	}
	found, state, due, err := m.find(ctx, r, aliases)
	switch {
	case err != nil:
		return found, err
	case state == Complete:
		p.tidy(ctx, m, r, found)
		return found, nil
	case state == Conflict:
		return Published{}, conflict(r.Version, m.name.Name(), "the tag is another release's image")
	case state == Absent:
		digest, err := p.push(ctx, m, r)
		if err != nil {
			return Published{}, err
		}
		if found, state, due, err = m.find(ctx, r, aliases); err != nil {
			return Published{}, err
		}
		if state == Absent || state == Conflict || digest != "" && found.Items[0].Digest != digest {
			return Published{}, conflict(r.Version, m.name.Name(), "the tag changed right after the push of %s", digest)
		}
	}
	for _, alias := range due {
		if err := m.tag(ctx, found.Items[0].Digest, alias); err != nil {
			return Published{}, err
		}
		found.Items = append(found.Items, m.item(alias, found.Items[0].Digest))
	}
	p.tidy(ctx, m, r, found)
	return found, nil
}

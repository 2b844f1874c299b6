package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/distribution/reference"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/dudesons/loktar/checks"
)

const (
	maxTagPages = 1000
	callTime    = 2 * time.Minute  // of a question to a registry
	uploadTime  = 30 * time.Minute // of one upload
)

// remoteImages is one repository of a registry, for one call.
type remoteImages struct {
	registry
	name reference.Named
	repo *remote.Repository
	kept *retryHeader
}

// images connects to the repository of a package. Nothing is sent yet.
func (p *OCI) images(ctx context.Context, pkg checks.Package) (*remoteImages, error) {
	prefix := strings.Trim(pkg.BuildInfo.RegistryPrefix, "/")
	if prefix == "" {
		prefix = strings.Trim(p.o.Prefix, "/")
	}
	if prefix == "" {
		return nil, refusedf("The package %q has no registry to go to. Set build_info.registry_prefix, as in `registry.example.com/team`.", short(pkg.Name))
	}
	name, err := reference.ParseNormalizedNamed(prefix + "/" + strings.ToLower(pkg.Name))
	if err != nil || !reference.IsNameOnly(name) {
		return nil, checks.Errorf(checks.KindRefused, err, "%q cannot be the name of an image. Correct build_info.registry_prefix, or the package's name.",
			short(prefix+"/"+strings.ToLower(pkg.Name)))
	}
	host := reference.Domain(name)
	cred, err := p.o.Credentials.of(ctx, host)
	if err != nil {
		return nil, err
	}
	repo, err := remote.NewRepository(name.Name())
	if err != nil {
		return nil, checks.Errorf(checks.KindRefused, err, "%q cannot be the name of an image.", short(name.Name()))
	}
	repo.PlainHTTP = p.plain(host)
	repo.TagListMaxPages = maxTagPages
	repo.TagListPageSize = 1000
	m := &remoteImages{registry: registry{host, cred}, name: name, repo: repo, kept: &retryHeader{next: p.o.Transport}}
	repo.Client = &auth.Client{
		Client: &http.Client{Transport: m.kept},
		Cache:  auth.NewCache(),
		Credential: func(_ context.Context, at string) (auth.Credential, error) {
			// Pages and redirects may lead to other hosts.
			if cred.empty() || at != repo.Reference.Host() && at != host {
				return auth.EmptyCredential, nil
			}
			return auth.Credential{Username: cred.Username, Password: cred.Password}, nil
		},
		Header: http.Header{"User-Agent": {"loktar"}},
	}
	if repo.PlainHTTP {
		// A registry on this machine may have its token service there too.
		repo.Client.(*auth.Client).BlockedRealmPrefixes = auth.DefaultBlockedRealmPrefixes()[:0]
	}
	return m, nil
}

// plain reports whether a registry speaks HTTP without TLS.
func (p *OCI) plain(host string) bool {
	if slices.Contains(p.o.PlainHTTP, host) {
		return true
	}
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

// find also tells which aliases have to move to the release.
func (m *remoteImages) find(ctx context.Context, r Release, aliases []string) (p Published, s State, due []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	ours, err := m.look(ctx, r.Version)
	switch {
	case err != nil:
		return p, Absent, nil, err
	case ours == nil:
		return p, Absent, aliases, nil
	case !ours.is(r):
		return p, Conflict, nil, nil
	}
	p = Published{Version: r.Version, Items: []checks.PublishedItem{m.item(r.Version, ours.digest)}}
	for _, alias := range aliases {
		there, err := m.look(ctx, alias)
		switch {
		case err != nil:
			return Published{}, Absent, nil, err
		case there != nil && there.digest == ours.digest:
			p.Items = append(p.Items, m.item(alias, ours.digest))
		case there == nil || !there.newer(ours, r):
			due = append(due, alias)
		}
	}
	if len(due) > 0 {
		return p, Partial, due, nil
	}
	return p, Complete, nil, nil
}

func (m *remoteImages) item(tag, digest string) checks.PublishedItem {
	return checks.PublishedItem{Name: reference.FamiliarName(m.name) + ":" + tag, Digest: digest}
}

// tag has another tag mean a manifest that is there.
func (m *remoteImages) tag(ctx context.Context, digest, alias string) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	desc, err := m.repo.Resolve(ctx, digest)
	if err == nil {
		err = m.repo.Tag(ctx, desc, alias)
	}
	if err != nil {
		return m.fault(ctx, err, fmt.Sprintf("tag %s as %s", m.name.Name(), alias))
	}
	return nil
}

// fault gives an error of the registry's client its kind.
func (m *remoteImages) fault(ctx context.Context, err error, doing string) error {
	var answer *errcode.ErrorResponse
	switch {
	case errors.As(err, &answer):
		words := ""
		if len(answer.Errors) > 0 {
			words = answer.Errors.Error()
		}
		return m.answered(answer.StatusCode, m.kept.last(), doing, words)
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		return m.denied(fmt.Errorf("%s: %w", doing, err))
	case errors.Is(err, errdef.ErrTooManyPages), errors.Is(err, errdef.ErrSizeExceedsLimit):
		return checks.Errorf(checks.KindRefused, fmt.Errorf("%s: %w", doing, err), "%s lists more tags than can be read.", m.host)
	}
	return m.unreached(ctx, err, doing)
}

func isNotFound(err error) bool {
	var answer *errcode.ErrorResponse
	return errors.Is(err, errdef.ErrNotFound) || errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound
}

// retryHeader keeps the headers of the last answer that was none: the client
// of registries drops them.
type retryHeader struct {
	next http.RoundTripper
	mu   sync.Mutex
	h    http.Header
}

func (t *retryHeader) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	if err == nil && resp.StatusCode >= 400 {
		t.mu.Lock()
		t.h = resp.Header
		t.mu.Unlock()
	}
	return resp, err
}

func (t *retryHeader) last() http.Header {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.h
}

// newTransport is the default one, which waits for an answer but not for ever.
func newTransport() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = time.Minute
	t.MaxIdleConnsPerHost = 4
	t.MaxResponseHeaderBytes = 64 << 10
	return t
}

// drain lets a connection be used again.
func drain(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	resp.Body.Close()
}

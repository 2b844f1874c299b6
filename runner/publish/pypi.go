package publish

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// PyPIOptions are what NewPyPI needs.
type PyPIOptions struct {
	// Index is used by packages that name no index in build_info: the URL of
	// a simple index, "https://pypi.example.com/simple/". Empty for none.
	Index string
	// Uploads gives the upload URL of indexes where it is not found from
	// the index's: SIMPLE/ of PyPI itself goes with upload.pypi.org/legacy/,
	// X/legacy/ with X/simple/, and X/simple/ with X/.
	Uploads map[string]string
	// Credentials for the index's host; for an API token the name is
	// __token__. Nil for none.
	Credentials Credentials
	// Transport carries the requests; nil for one with sound timeouts.
	Transport http.RoundTripper
}

// PyPI publishes wheels and sdists to an index of Python packages: by the
// legacy upload API (docs.pypi.org/api/upload), looking up by the simple
// repository API (PEP 503 and 691). The project is the package's name in
// normal form. Index URLs are taken as they are: whether a repository may
// publish there is for the caller to decide.
type PyPI struct{ o PyPIOptions }

var _ Publisher = (*PyPI)(nil)

// NewPyPI makes a PyPI.
func NewPyPI(o PyPIOptions) *PyPI {
	if o.Transport == nil {
		o.Transport = newTransport()
	}
	return &PyPI{o}
}

// pythonIndex is one index, for one call.
type pythonIndex struct {
	registry
	simple, upload *url.URL
	client         *http.Client
}

func (p *PyPI) index(ctx context.Context, pkg checks.Package) (*pythonIndex, error) {
	text := pkg.BuildInfo.Index
	if text == "" {
		text = p.o.Index
	}
	if text == "" {
		return nil, refusedf("The package %q has no index to go to. Set build_info.index, as in `https://pypi.example.com/simple`.", short(pkg.Name))
	}
	u, err := url.Parse(strings.TrimSuffix(text, "/") + "/")
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, refusedf("build_info.index %q is no URL of an index. Write one such as `https://pypi.example.com/simple`.", short(text))
	}
	x := &pythonIndex{}
	x.simple, x.upload = indexURLs(u)
	for index, upload := range p.o.Uploads {
		if strings.TrimSuffix(index, "/") != strings.TrimSuffix(text, "/") {
			continue
		}
		if x.upload, err = url.Parse(upload); err != nil {
			return nil, checks.Errorf(checks.KindConfig, nil, "The upload URL of the index %s is not valid. Correct it in the server's configuration.", short(text))
		}
	}
	cred, err := p.o.Credentials.of(ctx, u.Host)
	if err != nil {
		return nil, err
	}
	x.registry = registry{strings.ToLower(u.Host), cred}
	x.client = &http.Client{Transport: p.o.Transport, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if len(via) >= 5 || via[0].Method != http.MethodGet {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	return x, nil
}

func indexURLs(u *url.URL) (simple, upload *url.URL) {
	switch {
	case u.Host == "pypi.org" || u.Host == "upload.pypi.org":
		return &url.URL{Scheme: "https", Host: "pypi.org", Path: "/simple/"}, &url.URL{Scheme: "https", Host: "upload.pypi.org", Path: "/legacy/"}
	case strings.HasSuffix(u.Path, "/legacy/"):
		simple := *u
		simple.Path = strings.TrimSuffix(u.Path, "legacy/") + "simple/"
		return &simple, u
	case u.Host == "test.pypi.org":
		return u, &url.URL{Scheme: "https", Host: u.Host, Path: "/legacy/"}
	}
	for _, end := range []string{"/simple/", "/+simple/"} {
		if base, ok := strings.CutSuffix(u.Path, end); ok {
			upload := *u
			upload.Path = base + "/"
			return u, &upload
		}
	}
	simple = u.JoinPath("simple/")
	return simple, u
}

// Highest implements Publisher.
func (p *PyPI) Highest(ctx context.Context, pkg checks.Package) (int64, error) {
	numbers, err := numbering(pkg)
	if err != nil {
		return 0, err
	}
	x, err := p.index(ctx, pkg)
	if err != nil {
		return 0, err
	}
	files, err := x.files(ctx, normalName(pkg.Name))
	if err != nil {
		return 0, err
	}
	var top int64
	for _, f := range files {
		if _, version, ok := fileVersion(f.name); ok {
			if n, ok := numbers.Number(version); ok {
				top = max(top, n)
			}
		}
	}
	return top, nil
}

// Find implements Publisher. It needs the release's Files.
func (p *PyPI) Find(ctx context.Context, r Release) (Published, State, error) {
	x, err := p.check(ctx, r)
	if err != nil {
		return Published{}, Absent, err
	}
	return x.find(ctx, r)
}

// check refuses a release that cannot be published to an index.
func (p *PyPI) check(ctx context.Context, r Release) (*pythonIndex, error) {
	if r.PullRequest {
		return nil, refusedf("Wheels of pull requests are not published.")
	}
	if err := errors.Join(CheckVersion("whl", r.Version), checkFiles(r.Files)); err != nil {
		return nil, err
	}
	if !projectName.MatchString(r.Package.Name) {
		return nil, refusedf("%q cannot be the name of a Python project. It begins and ends with a letter or digit.", short(r.Package.Name))
	}
	seen := map[string]bool{}
	for _, f := range r.Files {
		if seen[base(f)] {
			return nil, refusedf("The release has two files with the name %q.", short(base(f)))
		}
		seen[base(f)] = true
	}
	return p.index(ctx, r.Package)
}

// find compares the files of the release with the index.
func (x *pythonIndex) find(ctx context.Context, r Release) (Published, State, error) {
	there, err := x.files(ctx, normalName(r.Package.Name))
	if err != nil {
		return Published{}, Absent, err
	}
	published := Published{Version: r.Version}
	rest := map[string]File{}
	for _, f := range r.Files {
		rest[base(f)] = f
	}
	for _, i := range there {
		if _, version, ok := fileVersion(i.name); !ok || !sameVersion(version, r.Version) {
			continue
		}
		f, known := rest[i.name]
		if !known {
			return Published{}, Conflict, nil
		}
		delete(rest, i.name)
		sum := i.sha256
		if sum == "" {
			if sum, err = x.sumOf(ctx, i.url); err != nil {
				return Published{}, Absent, err
			}
		}
		if sum != f.SHA256 {
			return Published{}, Conflict, nil
		}
		published.Items = append(published.Items, checks.PublishedItem{Name: i.name, URL: i.url, Size: f.Size, SHA256: sum})
	}
	switch {
	case len(published.Items) == 0:
		return published, Absent, nil
	case len(rest) > 0:
		return published, Partial, nil
	}
	return published, Complete, nil
}

// Publish implements Publisher. Every file is read and checked before the
// first is sent.
func (p *PyPI) Publish(ctx context.Context, r Release) (Published, error) {
	x, err := p.check(ctx, r)
	if err != nil {
		return Published{}, err
	}
	if len(r.Files) == 0 {
		return Published{}, refusedf("The package %q made no wheel to publish. Name what it makes in `artifacts`, as in `dist/*.whl`.", r.Package.Name)
	}
	found, state, err := x.find(ctx, r)
	switch {
	case err != nil || state == Complete:
		return found, err
	case state == Conflict:
		return Published{}, conflict(r.Version, x.host, "the index has other files")
	}
	var dists []*distribution
	for _, f := range r.Files {
		d, err := readDistribution(f, normalName(r.Package.Name), r.Version)
		if err != nil {
			return Published{}, err
		}
		dists = append(dists, d)
	}
	there := map[string]bool{}
	for _, i := range found.Items {
		there[i.Name] = true
	}
	for _, d := range dists {
		if there[d.name] {
			continue
		}
		if err := x.send(ctx, d); err != nil {
			return Published{}, err
		}
	}
	if found, state, err = x.find(ctx, r); err != nil {
		return Published{}, err
	}
	switch state {
	case Complete:
		return found, nil
	case Conflict:
		return Published{}, conflict(r.Version, x.host, "the index has other files")
	}
	return Published{}, checks.Errorf(checks.KindUnavailable, nil, "%s took the files and does not list them yet.", x.host)
}

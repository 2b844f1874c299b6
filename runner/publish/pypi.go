package publish

import (
	"context"
	"crypto/md5" //nolint:gosec // the API wants it beside SHA-256
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
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

// send uploads one file. That the index has it already is no error here: what
// it has is compared after.
func (x *pythonIndex) send(ctx context.Context, d *distribution) error {
	ctx, cancel := context.WithTimeout(ctx, uploadTime)
	defer cancel()
	doing := "upload " + d.name
	sums, err := digests(d.file)
	if err != nil {
		return err
	}
	pr, pw := io.Pipe()
	form := multipart.NewWriter(pw)
	written := make(chan error, 1)
	defer pr.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, x.upload.String(), pr)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, x.cred.hideError(err))
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	req.Header.Set("User-Agent", "loktar")
	x.authorize(req)
	go func() {
		err := writeForm(form, d, sums)
		written <- err
		pw.CloseWithError(err)
	}()
	resp, err := x.client.Do(req)
	pr.Close()
	if failed := <-written; failed != nil && !errors.Is(failed, io.ErrClosedPipe) {
		if err == nil {
			drain(resp)
		}
		return failed
	}
	if err != nil {
		return x.unreached(ctx, err, doing)
	}
	defer drain(resp)
	words, _, _ := readSome(resp.Body, 4096)
	text := resp.Status + " " + string(words)
	switch {
	case resp.StatusCode >= 200 && resp.StatusCode < 300, resp.StatusCode == http.StatusConflict:
		return nil
	case resp.StatusCode == http.StatusBadRequest && alreadyThere(text):
		return nil
	case resp.StatusCode >= 300 && resp.StatusCode < 400, resp.StatusCode == http.StatusNotFound, resp.StatusCode == http.StatusMethodNotAllowed:
		return checks.Errorf(checks.KindConfig, fmt.Errorf("%s: HTTP status %d", doing, resp.StatusCode),
			"%s takes no uploads at %s. Correct the registry's `url` in the server's configuration.", x.host, x.upload.Path)
	}
	if words := strings.TrimSpace(string(words)); strings.HasPrefix(words, "<") || words == "" {
		return x.answered(resp.StatusCode, resp.Header, doing, strings.TrimLeft(resp.Status, "0123456789 "))
	}
	return x.answered(resp.StatusCode, resp.Header, doing, string(words))
}

// alreadyThere knows the words in which indexes say so under status 400.
func alreadyThere(text string) bool {
	text = strings.ToLower(text)
	for _, words := range []string{"already exist", "already been taken", "updating asset", "cannot be updated", "been used for a deleted file"} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}

func (x *pythonIndex) authorize(req *http.Request) {
	if !x.cred.empty() {
		req.SetBasicAuth(x.cred.Username, x.cred.Password)
	}
}

// digests of a file, in the form's fields.
func digests(f File) (map[string]string, error) {
	body, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("open file %q of the release: %w", f.Name, err)
	}
	defer body.Close()
	sha, md, blake := sha256.New(), md5.New(), newBlake2b() //nolint:gosec // see the import
	size, err := io.Copy(io.MultiWriter(sha, md, blake), body)
	if err != nil {
		return nil, fmt.Errorf("read file %q of the release: %w", f.Name, err)
	}
	sum := hex.EncodeToString(sha.Sum(nil))
	if sum != f.SHA256 || size != f.Size {
		return nil, fmt.Errorf("read file %q of the release: it changed after it was made", f.Name)
	}
	return map[string]string{
		"sha256_digest": sum, "md5_digest": hex.EncodeToString(md.Sum(nil)), "blake2_256_digest": hex.EncodeToString(blake.sum()),
	}, nil
}

// formNames are the form's names of core metadata where they are not the
// names themselves in lower case with underscores.
var formNames = map[string]string{"classifier": "classifiers", "project-url": "project_urls"}

// writeForm writes the fields of docs.pypi.org/api/upload, and the file.
func writeForm(form *multipart.Writer, d *distribution, sums map[string]string) error {
	fields := []field{{":action", "file_upload"}, {"protocol_version", "1"}, {"filetype", d.fileType}, {"pyversion", d.python}}
	for name, sum := range sums {
		fields = append(fields, field{name, sum})
	}
	description := d.metadata.body
	for _, f := range d.metadata.fields {
		name := strings.ToLower(f.name)
		if name == "description" {
			description = f.value
			continue
		}
		if own, ok := formNames[name]; ok {
			name = own
		}
		fields = append(fields, field{strings.ReplaceAll(name, "-", "_"), f.value})
	}
	if description != "" {
		fields = append(fields, field{"description", description})
	}
	for _, f := range fields {
		if reserved := f.name == "content" || f.name == "gpg_signature"; reserved {
			continue
		}
		if err := form.WriteField(f.name, f.value); err != nil {
			return err
		}
	}
	h := textproto.MIMEHeader{}
	h.Set("Content-Disposition", fmt.Sprintf(`form-data; name="content"; filename=%q`, d.name))
	h.Set("Content-Type", "application/octet-stream")
	part, err := form.CreatePart(h)
	if err != nil {
		return err
	}
	body, err := d.file.Open()
	if err != nil {
		return fmt.Errorf("open file %q of the release: %w", d.file.Name, err)
	}
	defer body.Close()
	if _, err := io.Copy(part, body); err != nil {
		return err
	}
	return form.Close()
}

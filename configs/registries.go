package configs

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/dudesons/loktar/configs/internal/value"
)

// The types of registries.
const (
	RegistryOCI  = "oci"
	RegistryPyPI = "pypi"
	RegistryS3   = "s3"
	RegistryFile = "file"
	// RegistryPull is one that images are pulled from, and nothing published
	// to.
	RegistryPull = "pull"
)

var (
	registryTypes = []string{RegistryOCI, RegistryPyPI, RegistryS3, RegistryFile, RegistryPull}
	publishTypes  = []string{RegistryOCI, RegistryPyPI, RegistryS3, RegistryFile}
	storageTypes  = []string{RegistryFile, RegistryS3}
)

// Publish is where artifacts go that no registry is named for.
type Publish struct {
	// Storage is of type file or s3 and open to every repository; nil is none.
	// RegistryFor gives each repository a Folder of its own in it.
	Storage *Registry
}

// Registry is a place that artifacts are published to, and who may do so. It
// may be printed: it holds no secret, but says where one is.
type Registry struct {
	Name string // as in the file; "" for the storage
	Type string // oci, pypi, s3, file or pull
	// URL is, of an oci registry, its address and what stands before the names
	// of images, without a slash at the end; of a pypi one where wheels are
	// uploaded to, as the file has it; of a pull one its address.
	URL  string
	Path string // the absolute path of the folder of a file registry
	S3   S3     // of an s3 registry
	// Folder is what all keys of a repository are below, OWNER/NAME in lower
	// case: in the storage, as RegistryFor gives it. Else it is empty.
	Folder string
	// Repositories are who may publish: OWNER/NAME, or OWNER/* for all of an
	// owner. Packages are which names, with "*" for any characters.
	Repositories, Packages []string

	secret secretSource
	label  string // of the configuration, for messages
}

// S3 is a bucket. Its keys are those of Registry.Credentials.
type S3 struct {
	Endpoint  string // a URL; empty for AWS's own of the region
	Region    string // empty for us-east-1
	Bucket    string
	Prefix    string // of all keys, without slashes around; may be empty
	PathStyle bool   // ENDPOINT/BUCKET/KEY in place of BUCKET.ENDPOINT/KEY
	SSE       string // empty, AES256 or aws:kms
	KMSKeyID  string // for aws:kms; empty for the account's own
	Plain     bool   // leave out checksums that not every server knows
}

// RegistryError says why a package has no registry and what to do about it, in
// sentences for anyone to read: it holds no address, path or secret.
type RegistryError struct{ Text string }

func (e *RegistryError) Error() string { return e.Text }

// packageName is what loktar.json allows.
var packageName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`) })

// RegistryFor is where the package pkgName of the repository OWNER/REPO is
// published to. kind is the type that is needed, the package's
// build_info.registry_type or storage_type; "" stands for the storage,
// whatever its type. named is what the package's build_info says of the place:
// registry_prefix for oci, index for pypi, bucket for s3 and file; "" is
// nothing.
//
// It is the one registry of that type whose Repositories and Packages allow
// the package, among those that named means: the one with that Name, or those
// with that URL or Bucket. Where named is empty and no registry allows it, it
// is the storage, if that has the type. What build_info says chooses among
// registries and never adds to one: the address is the configuration's.
//
// Case does not count in owner and repo. In pkgName case does not count
// either, and "-", "_" and "." are the same, as they are to some registries.
// The error is always a *RegistryError. It may be called concurrently; nobody
// may change the lists of the result.
func (c Config) RegistryFor(owner, repo, pkgName, kind, named string) (Registry, error) {
	who := owner + "/" + repo
	switch {
	case !isRepository(who) || repo == "*":
		return Registry{}, refuse("%.200q is not the name of a repository.", who)
	case !packageName().MatchString(pkgName):
		return Registry{}, refuse("%.200q is not the name of a package.", pkgName)
	case kind == "" && c.Publish.Storage == nil:
		return Registry{}, refuse("The server has no storage for artifacts. Its operator sets `%s` in its configuration.", storage)
	case kind == "":
		return c.storageOf(who), nil
	case !slices.Contains(publishTypes, kind):
		return Registry{}, refuse("The server cannot publish to a registry of type %.100q%s", kind,
			value.Say(value.Nearest(kind, publishTypes, nil), "it knows "+strings.Join(publishTypes, ", ")+"."))
	}
	a := asked{who: who, pkg: pkgName, kind: kind, named: named}
	byName := slices.ContainsFunc(c.Registries, func(r Registry) bool { return r.Type == kind && r.Name == named })
	for _, r := range c.Registries {
		switch {
		case r.Type != kind && r.Name == named:
			a.otherType = r.Type
		case r.Type != kind:
		case byName && r.Name != named, !r.isNamed(named):
			a.others = append(a.others, r)
		default:
			a.sort(r)
		}
	}
	switch {
	case len(a.allowing) == 1:
		return a.allowing[0], nil
	case len(a.allowing) == 0 && named == "" && c.Publish.Storage != nil && c.Publish.Storage.Type == kind:
		return c.storageOf(who), nil
	}
	return Registry{}, a.refusal()
}

// storageOf is the storage for the repository who.
func (c Config) storageOf(who string) Registry {
	r := *c.Publish.Storage
	r.Folder = strings.ToLower(who)
	return r
}

// allows reports whether the repository who may publish something.
func (r Registry) allows(who string) bool {
	who = strings.ToLower(who)
	owner, _, _ := strings.Cut(who, "/")
	return slices.ContainsFunc(r.Repositories, func(s string) bool {
		s = strings.ToLower(s)
		return s == who || s == owner+"/*"
	})
}

// takes reports whether a package of that name may be published.
func (r Registry) takes(pkg string) bool {
	pkg = plainName(pkg)
	return slices.ContainsFunc(r.Packages, func(p string) bool { return matches(plainName(p), pkg) })
}

// isNamed reports whether named, which may be nothing, means r.
func (r Registry) isNamed(named string) bool {
	switch {
	case named == "" || named == r.Name:
		return true
	case r.Type == RegistryS3:
		return named == r.S3.Bucket
	case r.Type == RegistryFile:
		return false
	}
	return addressOf(r.Type, named) == addressOf(r.Type, r.URL)
}

// place is the same for two registries that are one in truth. For s3 and file
// a place that starts with another and a slash lies inside of that.
func (r Registry) place() string {
	switch r.Type {
	case RegistryS3:
		return "s3:" + path.Join(addressOf(RegistryS3, r.S3.Endpoint), r.S3.Bucket, r.S3.Prefix)
	case RegistryFile:
		return "file:" + strings.TrimRight(r.Path, "/")
	}
	return r.Type + ":" + addressOf(r.Type, r.URL)
}

// NameOf is the name of a package in r, in words that are the same for two names that the
// registry takes for one, and for no two that it tells apart in one place.
// Empty in the storage, where each repository has a Folder of its own.
func (r Registry) NameOf(pkg string) string {
	if r.Folder != "" {
		return ""
	}
	return r.place() + " " + plainName(pkg)
}

// inside reports whether a lies inside of b, and is not the same.
func inside(a, b Registry) bool {
	return a.Type == b.Type && (a.Type == RegistryS3 || a.Type == RegistryFile) && strings.HasPrefix(a.place(), b.place()+"/")
}

var (
	scheme  = regexp.MustCompile(`^(?i:https?)://`)
	simple  = regexp.MustCompile(`/\+?simple$`) // where pip reads, beside where wheels are uploaded
	joined  = regexp.MustCompile(`[-_.]+`)
	hubHost = []string{"index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"}
)

// addressOf is the same for two ways to write the address of a registry.
func addressOf(kind, text string) string {
	port := ":443"
	if strings.HasPrefix(strings.ToLower(text), "http://") {
		port = ":80"
	}
	text = strings.Trim(scheme.ReplaceAllString(text, ""), "/")
	if kind == RegistryPyPI {
		text = strings.TrimRight(simple.ReplaceAllString(text, ""), "/")
	}
	host, rest, _ := strings.Cut(text, "/")
	host = strings.TrimSuffix(strings.ToLower(host), port)
	if slices.Contains(hubHost, host) {
		host = "docker.io"
	}
	return strings.TrimSuffix(host+"/"+rest, "/")
}

// plainName is the same for two names that some registry takes for one: PyPI
// does so with case and with "-", "_" and "." (PEP 503), OCI with case.
func plainName(name string) string {
	return joined.ReplaceAllString(strings.ToLower(name), "-")
}

// matches reports whether name is one that pattern means, in which "*" stands
// for any characters.
func matches(pattern, name string) bool { return overlap(pattern, name) }

// overlap reports whether there is a name that both patterns mean.
func overlap(p, q string) bool {
	// row[j] tells whether what is left of p and q[j:] overlap.
	row := make([]bool, len(q)+1)
	for i := len(p); i >= 0; i-- {
		next := slices.Clone(row) // for p[i+1:]
		for j := len(q); j >= 0; j-- {
			switch {
			case i == len(p) && j == len(q):
				row[j] = true
			case i < len(p) && p[i] == '*':
				row[j] = next[j] || j < len(q) && row[j+1]
			case j < len(q) && q[j] == '*':
				row[j] = row[j+1] || i < len(p) && next[j]
			default:
				row[j] = i < len(p) && j < len(q) && p[i] == q[j] && next[j+1]
			}
		}
	}
	return row[0]
}

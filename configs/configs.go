// Package configs is the server's configuration: defaults, then a YAML file,
// then LOKTAR_* environment variables. Example is the file with every key.
package configs

import (
	"crypto/rsa"
	_ "embed"
	"net"
	"net/url"
	"time"

	units "github.com/docker/go-units"
)

// Example is a commented configuration file that documents every key.
//
//go:embed example.yml
var Example []byte

// publicGitHub is the one GitHub whose REST API has a host of its own.
const publicGitHub = "https://github.com"

// Config is a valid configuration of the server, every default filled in. It
// may be printed: no secret shows.
type Config struct {
	// Listen is the address that the server listens on, as HOST:PORT.
	Listen string
	// PublicURL is where people and GitHub reach the server, without a slash
	// at the end.
	PublicURL string
	// DataDir is the absolute path of the folder that the server keeps all
	// it knows in. It holds no ",", ":", "\" or line break, so that it can
	// stand in the options of an overlay mount.
	DataDir string
	GitHub  GitHub
	Git     Git
	Runner  Runner
	// Events is what counts for a repository that nothing more is said of;
	// EventsOf is what counts for one.
	Events  Events
	Publish Publish
	// Registries are in the order of the file. RegistryFor chooses among them.
	Registries []Registry
	// Secrets are in the order of the file. SecretsFor chooses among them.
	Secrets []HeldSecret
	// Artifacts says what is kept of what tests leave.
	Artifacts Artifacts
	// Caches bounds what is kept between packages' runs.
	Caches Caches
	Logs   Logs
	// Slack is who is told of runs there.
	Slack Slack
	Log   Log

	derivedURL bool // PublicURL is the default
	// repositories has the names in lower case, OWNER/* among them. Each has
	// all that counts for it, not only what differs.
	repositories map[string]Events
}

// GitHub is the server that repositories are on, and who we are there.
type GitHub struct {
	// URL is without a slash at the end.
	URL   string
	AppID int64
	// PrivateKeyFile is the absolute path of the App's private key in PEM
	// form. It was read and parsed once.
	PrivateKeyFile string
	WebhookSecret  Secret
	// WebhookSecretFile is where WebhookSecret was read from; "" when it was
	// given as it is.
	WebhookSecretFile string
	// WritesPerMinute and WritesPerHour bound what is written there for each
	// installation.
	WritesPerMinute, WritesPerHour int

	key *rsa.PrivateKey
}

// PrivateKey is what PrivateKeyFile held.
func (g GitHub) PrivateKey() *rsa.PrivateKey { return g.key }

// Runner says how many jobs run at once and what each may use.
type Runner struct {
	Slots int
	// Drain is how long running jobs may go on once the server is to stop.
	Drain time.Duration
	// Image is where the steps of a package run that names none.
	Image  string
	Memory Size
	CPUs   float64
	PIDs   int64
	// Workspace bounds what a package writes to disk, Log what it prints.
	Workspace, Log Size
	// Images are patterns of the images that loktar.json may name, with "*"
	// for any characters; nil is all. Image may always be used.
	Images []string
	Pull   string // missing, always or never
	// Firewall is auto or off: whether packages that have a network are kept
	// from the machine and from private addresses, but for those of Reach.
	Firewall string
	Reach    []string // addresses and CIDR prefixes; see Reachable
}

// Size is a number of bytes.
type Size int64

// Bytes is the size as a plain number.
func (s Size) Bytes() int64 { return int64(s) }

// String is the size in units of 1024, as "4GiB".
func (s Size) String() string { return units.BytesSize(float64(s)) }

// Artifacts is how long the files that tests leave are kept, and where.
type Artifacts struct {
	// Storage is of type file or s3; nil is the folder artifacts of DataDir.
	// Nothing is published there.
	Storage *Registry
	Days    int  // after the job's end
	MaxSize Size // of one job's files together
}

// Caches is how long caches are kept, and how many.
type Caches struct {
	Days    int  // after the last use
	MaxSize Size // of all together
}

// Logs is how long the logs of jobs are kept.
type Logs struct {
	Days int // after the run's end
}

// Log says what is logged and how.
type Log struct {
	Level  string // trace, debug, info, warn or error
	Format string // auto, console or json
}

// APIURL is the root of GitHub's REST API, without a slash at the end.
func (c Config) APIURL() string {
	if c.GitHub.URL == publicGitHub {
		return "https://api.github.com"
	}
	return c.GitHub.URL + "/api/v3"
}

// GitURL is where git finds a repository. It holds no credentials.
func (c Config) GitURL(owner, repo string) string {
	return c.GitHub.URL + "/" + url.PathEscape(owner) + "/" + url.PathEscape(repo) + ".git"
}

// Bound is c when the server has its address: where public_url is the default
// it follows addr, which matters when Listen asks for port 0.
func (c Config) Bound(addr net.Addr) Config {
	if c.derivedURL {
		c.PublicURL = urlOf(addr.String())
	}
	return c
}

// urlOf is the URL of an address that is listened on. One that means every
// address of the machine is called by the loopback address.
func urlOf(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "http://" + listen
	}
	switch ip := net.ParseIP(host); {
	case host == "" || ip != nil && ip.IsUnspecified() && ip.To4() != nil:
		host = "127.0.0.1"
	case ip != nil && ip.IsUnspecified():
		host = "::1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

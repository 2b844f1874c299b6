package configs

import (
	"errors"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	units "github.com/docker/go-units"
)

var (
	pullPolicies = []string{"missing", "always", "never"}
	firewalls    = []string{"auto", "off"}
)

// leastBound is the least that a package is let write or print, in bytes.
const leastBound = 1 << 20

// maxDrain is the longest time that a stop may take for its jobs.
const maxDrain = 24 * time.Hour

func setDrain(c *Config, v string) error {
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 || d > maxDrain {
		return errors.New("is not a time from 0s to 24h; write for example 10s or 5m")
	}
	c.Runner.Drain = d
	return nil
}

func setWorkspace(c *Config, v string) error { return setBound(&c.Runner.Workspace, v, "10GiB") }

func setLog(c *Config, v string) error { return setBound(&c.Runner.Log, v, "256MiB") }

func setBound(to *Size, v, example string) error {
	n, err := units.RAMInBytes(v)
	switch {
	case err != nil:
		return errors.New("is not a size; write for example " + example)
	case n < leastBound:
		return errors.New("is less than 1MiB, which no package gets by with; write for example " + example)
	}
	*to = Size(n)
	return nil
}

func setPull(c *Config, v string) error {
	if !slices.Contains(pullPolicies, v) {
		return unknownWord("a word for when images are pulled", v, pullPolicies)
	}
	c.Runner.Pull = v
	return nil
}

func setFirewall(c *Config, v string) error {
	if !slices.Contains(firewalls, v) {
		return unknownWord("a word for the firewall", v, firewalls)
	}
	c.Runner.Firewall = v
	return nil
}

var imagePattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9*][A-Za-z0-9._:/@*-]{0,254}$`) })

func checkImage(v string) error {
	switch {
	case !imagePattern().MatchString(v):
		return errors.New("is not a pattern of images; write a name with `*` for any characters, for example golang or registry.example.com/ci/*")
	case strings.Contains(v, "**"):
		return errors.New("has `**`, which is no more than `*`; did you mean `" + stars.ReplaceAllString(v, "*") + "`?")
	case strings.Contains(v, "://"):
		return errors.New("begins as a URL does; write the name of the image as in `docker pull`")
	}
	return nil
}

func checkReach(v string) error {
	_, err := reachable(v)
	return err
}

func reachable(v string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(v)
	if a, errA := netip.ParseAddr(v); errA == nil && a.Zone() == "" {
		p, err = netip.PrefixFrom(a, a.BitLen()), nil
	}
	if err != nil || !p.Addr().Is4() {
		return p, errors.New("is neither an IPv4 address nor a prefix of some; write for example 10.1.2.3 or 10.2.0.0/16")
	}
	return p.Masked(), nil
}

// Reachable is Reach in the terms of netip.
func (r Runner) Reachable() (out []netip.Prefix) {
	for _, v := range r.Reach {
		if p, err := reachable(v); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// PullCredentials are those for pulls from the registry of that host, as image
// names have it: "docker.io", "127.0.0.1:5000". Both are empty where the
// configuration has none. They are read anew each time, as those of
// Registry.Credentials, and so are errors. It may be called concurrently.
func (c Config) PullCredentials(host string) (user string, password Secret, err error) {
	for _, r := range c.Registries {
		if r.Type == RegistryPull && pullHost(r.URL) == strings.ToLower(host) {
			return r.Credentials()
		}
	}
	return "", Secret{}, nil
}

// pullHost is the host of an address as names of images have it.
func pullHost(address string) string { return addressOf(RegistryPull, address) }

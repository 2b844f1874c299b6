package docker

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"

	"github.com/docker/docker/api/types/network"
	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
)

// ownRange is what the networks of jobs with services are cut from: addresses
// for tests of devices (RFC 2544), which nobody routes. The engine's own pools
// make no more than about thirty networks.
var ownRange = netip.MustParsePrefix("198.18.0.0/15")

const (
	// ownBits is how large each is: room for 61 containers.
	ownBits = 26
	// subnetTries is how often another one is tried when one is taken.
	subnetTries = 8
)

// optionNoAddress leaves the machine without an address on a bridge.
const optionNoAddress = "com.docker.network.bridge.inhibit_ipv4"

// makeNetwork makes the network of a job with services, on which its containers
// reach one another. Without a network for the job it leads nowhere else, not
// even to the machine.
func (s *Sandbox) makeNetwork(ctx context.Context, j *job) (id string, err error) {
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	s.firewall.ensure(ctx)
	// As createOnce: what came to be must be known.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	defer s.timed("network")()
	o := network.CreateOptions{Driver: "bridge", Labels: s.labels(j), Options: s.bridgeOptions(ctx, true), Internal: !j.task.Network}
	if o.Internal {
		o.Options[optionNoAddress] = "true"
	}
	for try := 0; ; try++ {
		o.IPAM = nil // the engine's own pools
		if try < subnetTries {
			subnet := randomSubnet(hostAddresses())
			o.IPAM = &network.IPAM{Config: []network.IPAMConfig{{Subnet: subnet.String()}}}
		}
		made, err := s.engine.NetworkCreate(ctx, "loktar-"+j.name, o)
		switch {
		case err == nil:
			return made.ID, nil
		case try < subnetTries && strings.Contains(err.Error(), "overlap"):
			continue
		case strings.Contains(err.Error(), "address pool") || strings.Contains(err.Error(), "address space"):
			return "", checks.Errorf(checks.KindConfig, err,
				"The Docker engine has no addresses left for the network of the job's services. Remove networks that nobody uses (`docker network prune`), or give it more in default-address-pools.")
		}
		return "", fault(err, "create network for services")
	}
}

func (s *Sandbox) removeOwnNetwork(ctx context.Context, c *sidecars) bool {
	if c.Network == "" {
		return true
	}
	if err := gone(s.engine.NetworkRemove(ctx, c.Network), "remove network"); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Str("network", c.Network).Msg("the network of a job's services could not be removed; it will be later")
		return false
	}
	return true
}

// randomSubnet is a part of ownRange in which none of taken is, if there is
// one soon.
func randomSubnet(taken []netip.Prefix) (p netip.Prefix) {
	for range 100 {
		base := ownRange.Addr().As4()
		n := binary.BigEndian.Uint32(base[:]) + rand.Uint32N(1<<(ownBits-ownRange.Bits()))<<(32-ownBits)
		p = netip.PrefixFrom(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n))), ownBits)
		free := true
		for _, t := range taken {
			free = free && !t.Overlaps(p)
		}
		if free {
			break
		}
	}
	return p
}

// hostAddresses are the networks that this machine is in. The engine knows only
// those of its own.
func hostAddresses() (list []netip.Prefix) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range addresses {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
			list = append(list, p.Masked())
		}
	}
	return list
}

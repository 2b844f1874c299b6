package docker

import (
	"context"
	"strconv"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/network"
)

// The bridge driver's options that are used here.
const (
	optionICC = "com.docker.network.bridge.enable_icc"
	optionMTU = "com.docker.network.driver.mtu"
	// optionBridge is the name of the bridge's interface.
	optionBridge = "com.docker.network.bridge.name"
)

// jobNetwork is the network of jobs that may use one: a bridge of this
// instance alone, on which containers do not reach one another. It is made
// at first use, behind the firewall.
func (s *Sandbox) jobNetwork(ctx context.Context) (string, error) {
	s.firewall.ensure(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.network != "" {
		return s.network, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	made, err := s.engine.NetworkCreate(ctx, "loktar-"+randomName(), network.CreateOptions{
		Driver: "bridge", Options: s.bridgeOptions(ctx, false), Labels: map[string]string{LabelInstance: s.o.Instance},
	})
	if err != nil {
		return "", fault(err, "create network")
	}
	s.network = made.ID
	return made.ID, nil
}

// bridgeOptions are those of a new bridge behind the firewall. meet says whether
// containers on it reach one another.
func (s *Sandbox) bridgeOptions(ctx context.Context, meet bool) map[string]string {
	options := map[string]string{optionICC: strconv.FormatBool(meet), optionBridge: s.firewall.bridge()}
	// The engine's own bridge knows how large a packet its machine can send;
	// other networks do not inherit it.
	if bridge, err := s.engine.NetworkInspect(ctx, "bridge", network.InspectOptions{}); err == nil {
		if mtu := bridge.Options[optionMTU]; mtu != "" {
			options[optionMTU] = mtu
		}
	}
	return options
}

// lostNetwork forgets a network that is no longer there.
func (s *Sandbox) lostNetwork(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.network == id {
		s.network = ""
	}
}

func (s *Sandbox) removeNetwork(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.network == "" {
		return nil
	}
	if err := s.engine.NetworkRemove(ctx, s.network); err != nil && !cerrdefs.IsNotFound(err) {
		return fault(err, "remove network")
	}
	s.network = ""
	return nil
}

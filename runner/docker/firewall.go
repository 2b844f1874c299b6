package docker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// private are the addresses that a job with a network may not reach: those of
// RFC 6890 that lead to the machine, to its neighbours or to the metadata of a
// cloud, and 168.63.129.16, where Azure has its machines ask for their
// certificates and settings:
// https://learn.microsoft.com/en-us/azure/virtual-network/what-is-ip-address-168-63-129-16.
var private = []string{
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4",
	"168.63.129.16/32",
}

// firewallTurn is how often it is looked whether the rules are still there: a
// firewall that is loaded anew drops what it does not know.
const firewallTurn = time.Minute

// firewall keeps jobs that have a network from the machine and from private
// addresses. It has a chain of its own, to which the packets are led that come
// from a bridge whose name begins with its own prefix; rules of others are not
// touched. Packets to the machine itself, of whatever address, pass INPUT;
// others pass DOCKER-USER, which the engine makes for such rules:
// https://docs.docker.com/engine/network/packet-filtering-firewalls/.
// Jobs have no IPv6; the same chain in ip6tables makes sure of it.
type firewall struct {
	off    bool
	prefix string // of bridges
	chain  string // of forwarded packets; chain + "-IN" is that of the machine's own
	reach  []netip.Prefix

	mu        sync.Mutex
	installed bool
	warned    bool
	looked    time.Time
}

func newFirewall(o Options) *firewall {
	sum := sha256.Sum256([]byte(o.Instance))
	id := hex.EncodeToString(sum[:4])[:7]
	return &firewall{off: o.NoFirewall, prefix: "lk" + id, chain: "LOKTAR-" + id, reach: o.Reach}
}

// bridge is a new name of a bridge, within the 15 bytes that Linux has for it.
func (f *firewall) bridge() string { return f.prefix + randomName()[:6] }

// sameBridge leaves alone what stays on one bridge, as between a job and its
// services. On a bridge of which that is not wanted the engine drops it.
const sameBridge = "-m physdev --physdev-is-bridged -j RETURN"

// command is one call of iptables.
type command []string

// jumps lead packets to the chains.
func (f *firewall) jumps() (v4, v6 []command) {
	in := command{"INPUT", "-i", f.prefix + "+", "-j", f.chain + "-IN"}
	return []command{{"DOCKER-USER", "-i", f.prefix + "+", "-j", f.chain}, in},
		[]command{{"FORWARD", "-i", f.prefix + "+", "-j", f.chain}, {"INPUT", "-i", f.prefix + "+", "-j", f.chain}}
}

// rules are the chains in the language of iptables-restore, which exchanges
// all of them at once.
func (f *firewall) rules() (v4, v6 string) {
	var b strings.Builder
	in := f.chain + "-IN"
	fmt.Fprintf(&b, "*filter\n:%s - [0:0]\n:%s - [0:0]\n", f.chain, in)
	both := func(rule string) { fmt.Fprintf(&b, "-A %s %s\n-A %s %s\n", f.chain, rule, in, rule) }
	fmt.Fprintf(&b, "-A %s %s\n", f.chain, sameBridge)
	both("-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN")
	for _, server := range nameServers() {
		both("-d " + server.String() + " -p udp --dport 53 -j RETURN")
		both("-d " + server.String() + " -p tcp --dport 53 -j RETURN")
	}
	for _, p := range f.reach {
		if p.Addr().Is4() {
			both("-d " + p.String() + " -j RETURN")
		}
	}
	for _, p := range private {
		fmt.Fprintf(&b, "-A %s -d %s -j REJECT\n", f.chain, p)
	}
	fmt.Fprintf(&b, "-A %s -j REJECT\nCOMMIT\n", in)
	return b.String(), fmt.Sprintf("*filter\n:%s - [0:0]\n-A %s -j REJECT\nCOMMIT\n", f.chain, f.chain)
}

// engineConfig is where the engine's configuration usually is.
const engineConfig = "/etc/docker/daemon.json"

// nameServers are those that the engine asks for containers, by its own
// configuration or else its host's.
func nameServers() (found []netip.Addr) {
	if text, err := os.ReadFile(engineConfig); err == nil {
		var config struct {
			DNS []string `json:"dns"`
		}
		_ = json.Unmarshal(text, &config) // the engine itself would not start with a wrong one
		for _, server := range config.DNS {
			if a, err := netip.ParseAddr(server); err == nil && a.Is4() {
				found = append(found, a)
			}
		}
	}
	for _, file := range []string{"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"} {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) < 2 || fields[0] != "nameserver" {
				continue
			}
			if a, err := netip.ParseAddr(fields[1]); err == nil && a.Is4() && !a.IsLoopback() {
				found = append(found, a)
			}
		}
	}
	return found
}

// able is why the rules cannot be installed by this process, or nil.
func (f *firewall) able() error {
	if os.Geteuid() != 0 {
		return errors.New("the server does not run as root")
	}
	if _, err := exec.LookPath("iptables-restore"); err != nil {
		return errors.New("iptables is not installed here")
	}
	return nil
}

// announce warns at the start where the rules cannot be installed.
func (f *firewall) announce(ctx context.Context) {
	if f.off {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.able(); err != nil {
		f.warn(ctx, err)
	}
}

// ensure installs the rules before a job has a network, and again when they
// went. It does not keep jobs from running when it cannot.
func (f *firewall) ensure(ctx context.Context) {
	if f.off {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.looked) < firewallTurn {
		return
	}
	f.looked = time.Now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	err := f.able()
	if err == nil {
		err = f.install(ctx)
	}
	if err != nil {
		f.warn(ctx, err)
		return
	}
	if !f.installed {
		zerolog.Ctx(ctx).Info().Str("chain", f.chain).
			Msg("jobs with a network are kept from this machine and from private addresses by rules in iptables (DOCKER-USER and INPUT), which go when the server stops")
	}
	f.installed = true
}

// takeOver takes rules of an earlier process for our own, where this process
// may remove them.
func (f *firewall) takeOver() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.installed = f.installed || !f.off && f.able() == nil
}

func (f *firewall) install(ctx context.Context) error {
	v4, v6 := f.jumps()
	if f.installed && f.there(ctx, "iptables", v4) && f.there(ctx, "ip6tables", v6) {
		return nil
	}
	rules4, rules6 := f.rules()
	if err := call(ctx, rules4, "iptables-restore", "-w", "5", "-n"); err != nil {
		// A kernel without that match is to have the other rules all the same.
		without := strings.ReplaceAll(rules4, "-A "+f.chain+" "+sameBridge+"\n", "")
		if call(ctx, without, "iptables-restore", "-w", "5", "-n") != nil {
			return err
		}
		zerolog.Ctx(ctx).Warn().Err(err).Msg("this machine's packet filter cannot tell what stays on one bridge (xt_physdev): jobs do not reach their services")
	}
	if err := f.jump(ctx, "iptables", v4); err != nil {
		return err
	}
	if _, err := os.Stat("/proc/net/if_inet6"); err != nil {
		return nil // a machine without IPv6
	}
	if err := call(ctx, rules6, "ip6tables-restore", "-w", "5", "-n"); err != nil {
		return err
	}
	return f.jump(ctx, "ip6tables", v6)
}

func (f *firewall) there(ctx context.Context, program string, jumps []command) bool {
	for _, jump := range jumps {
		if call(ctx, "", program, append([]string{"-w", "5", "-C"}, jump...)...) != nil {
			return false
		}
	}
	return true
}

func (f *firewall) jump(ctx context.Context, program string, jumps []command) error {
	for _, jump := range jumps {
		if call(ctx, "", program, append([]string{"-w", "5", "-C"}, jump...)...) == nil {
			continue
		}
		if err := call(ctx, "", program, append([]string{"-w", "5", "-I"}, jump...)...); err != nil {
			return err
		}
	}
	return nil
}

// remove takes away what install made. Others' rules stay.
func (f *firewall) remove(ctx context.Context) (err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.off || !f.installed {
		return nil
	}
	v4, v6 := f.jumps()
	drop := func(program string, jumps []command, chains ...string) {
		for _, jump := range jumps {
			for call(ctx, "", program, append([]string{"-w", "5", "-C"}, jump...)...) == nil && err == nil {
				err = errors.Join(err, call(ctx, "", program, append([]string{"-w", "5", "-D"}, jump...)...))
			}
		}
		for _, chain := range chains {
			if call(ctx, "", program, "-w", "5", "-F", chain) == nil {
				err = errors.Join(err, call(ctx, "", program, "-w", "5", "-X", chain))
			}
		}
	}
	drop("iptables", v4, f.chain, f.chain+"-IN")
	drop("ip6tables", v6, f.chain)
	f.installed, f.looked = false, time.Time{}
	return err
}

// warn tells the operator once what to do by hand.
func (f *firewall) warn(ctx context.Context, err error) {
	if f.warned {
		return
	}
	f.warned = true
	zerolog.Ctx(ctx).Warn().Err(err).Strs("commands", f.byHand()).
		Msg("jobs with a network can reach this machine and private addresses: the rules against it could not be installed. Run these commands on the engine's machine, or set runner.firewall to off")
}

// byHand are the rules as commands.
func (f *firewall) byHand() (lines []string) {
	v4, v6 := f.jumps()
	rules4, rules6 := f.rules()
	for _, v := range []struct {
		program, rules string
		jumps          []command
	}{{"iptables", rules4, v4}, {"ip6tables", rules6, v6}} {
		for line := range strings.Lines(v.rules) {
			line = strings.TrimSpace(line)
			if chain, ok := strings.CutPrefix(line, ":"); ok {
				line = "-N " + strings.Fields(chain)[0]
			}
			if strings.HasPrefix(line, "-") {
				lines = append(lines, v.program+" "+line)
			}
		}
		for _, jump := range v.jumps {
			lines = append(lines, v.program+" -I "+strings.Join(jump, " "))
		}
	}
	return lines
}

// call runs a program of the packet filter.
func call(ctx context.Context, input, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdin = strings.NewReader(input)
	var words bytes.Buffer
	cmd.Stderr = &words
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run %s: %w: %s", program, err, short(strings.TrimSpace(words.String())))
	}
	return nil
}

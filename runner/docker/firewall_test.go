package docker

import (
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func saved(t *testing.T, program string) string {
	t.Helper()
	out, err := exec.Command(program, "-w", "5", "-S").Output()
	if err != nil {
		t.Skipf("%s: %v", program, err)
	}
	return string(out)
}

// ours are the lines of a listing that speak of f.
func ours(f *firewall, listing string) (lines []string) {
	for line := range strings.Lines(listing) {
		if strings.Contains(line, f.chain) || strings.Contains(line, f.prefix) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func TestFirewallComesAndGoes(t *testing.T) {
	f := newFirewall(Options{Instance: "firewall " + randomName(), Reach: []netip.Prefix{netip.MustParsePrefix("10.7.0.0/16")}})
	if err := f.able(); err != nil {
		t.Skip(err)
	}
	defer func() { _ = f.remove(t.Context()) }()
	f.ensure(t.Context())
	first := ours(f, saved(t, "iptables"))
	for _, want := range []string{
		"-A DOCKER-USER -i " + f.prefix + "+ -j " + f.chain,
		"-A INPUT -i " + f.prefix + "+ -j " + f.chain + "-IN",
		"-A " + f.chain + " -d 169.254.0.0/16 -j REJECT --reject-with icmp-port-unreachable",
		"-A " + f.chain + " -d 10.7.0.0/16 -j RETURN",
	} {
		if !slices.Contains(first, want) {
			t.Errorf("%q is missing in\n%s", want, strings.Join(first, "\n"))
		}
	}
	// Again, as after a restart or when somebody loaded other rules, changes nothing.
	again := &firewall{prefix: f.prefix, chain: f.chain, reach: f.reach}
	again.ensure(t.Context())
	if got := ours(f, saved(t, "iptables")); !slices.Equal(got, first) {
		t.Errorf("the second time there is\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(first, "\n"))
	}
	if err := call(t.Context(), "", "iptables", append([]string{"-w", "5", "-D"}, f.jumps4()[0]...)...); err != nil {
		t.Fatal(err)
	}
	again.looked = again.looked.Add(-2 * firewallTurn)
	again.ensure(t.Context())
	if got := ours(f, saved(t, "iptables")); !slices.Equal(got, first) {
		t.Errorf("what somebody removed is not back:\n%s", strings.Join(got, "\n"))
	}
	if err := f.remove(t.Context()); err != nil {
		t.Error(err)
	}
	for _, program := range []string{"iptables", "ip6tables"} {
		if left := ours(f, saved(t, program)); len(left) > 0 {
			t.Errorf("%s has yet %q", program, left)
		}
	}
}

func (f *firewall) jumps4() []command {
	v4, _ := f.jumps()
	return v4
}

// TestFirewallByHand runs what an operator is told to run, and holds that it
// comes to the same.
func TestFirewallByHand(t *testing.T) {
	f := newFirewall(Options{Instance: "by hand " + randomName()})
	if err := f.able(); err != nil {
		t.Skip(err)
	}
	defer func() { _ = f.remove(t.Context()) }()
	f.ensure(t.Context())
	want := ours(f, saved(t, "iptables"))
	if err := f.remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, line := range f.byHand() {
		args := strings.Fields(line)
		if err := call(t.Context(), "", args[0], append([]string{"-w", "5"}, args[1:]...)...); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	got := ours(f, saved(t, "iptables"))
	if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("by hand there is\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	f.installed = true
	if err := f.remove(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestBridgesHaveRightNames(t *testing.T) {
	f := newFirewall(Options{Instance: "x"})
	if a, b := f.bridge(), f.bridge(); a == b || len(a) > 15 || !strings.HasPrefix(a, f.prefix) {
		t.Errorf("bridges are called %q and %q", a, b)
	}
}

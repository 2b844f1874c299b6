package configs

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRunner(t *testing.T) {
	file := write(t, "loktar.yml", `
runner:
  drain: 1m30s
  workspace: 512MiB
  images: [golang, "registry.example.com/ci/*"]
  reach: [10.1.2.3, 10.2.3.4/16]
  pull: always
registries:
  hub: {type: pull, url: "https://index.docker.io", username: ci, password_env: HUB_PASSWORD}
  local: {type: pull, url: "http://127.0.0.1:5000"}
`)
	t.Setenv("HUB_PASSWORD", "hush")
	c := load(t, file, enough(t, "LOKTAR_RUNNER_FIREWALL=off", "LOKTAR_RUNNER_LOG=1MiB", "HUB_PASSWORD=hush"))
	want := Runner{
		Slots: c.Runner.Slots, Drain: 90 * time.Second, Image: "loktar/base", Memory: 4 << 30, CPUs: c.Runner.CPUs, PIDs: 4096, Workspace: 512 << 20, Log: 1 << 20,
		Images: []string{"golang", "registry.example.com/ci/*"}, Pull: "always", Firewall: "off", Reach: []string{"10.1.2.3", "10.2.3.4/16"},
	}
	if diff := cmp.Diff(want, c.Runner); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := c.Runner.Reachable(); len(got) != 2 || got[0] != netip.MustParsePrefix("10.1.2.3/32") || got[1] != netip.MustParsePrefix("10.2.0.0/16") {
		t.Errorf("Reachable: %v", got)
	}
	for host, want := range map[string]string{"docker.io": "ci hush", "127.0.0.1:5000": " ", "registry.example.com": " "} {
		user, password, err := c.PullCredentials(host)
		if got := user + " " + password.Reveal(); got != want || err != nil {
			t.Errorf("the credentials of %s are %q, %v; want %q", host, got, err, want)
		}
	}
	if _, err := c.RegistryFor("acme", "x", "p", RegistryPull, ""); err == nil {
		t.Error("a registry to pull from is one to publish to")
	}
}

func TestRunnerProblems(t *testing.T) {
	for text, want := range map[string]string{
		"runner: {workspace: 10}":                                                "is less than 1MiB",
		"runner: {drain: -1s}":                                                   "is not a time from 0s to 24h",
		"runner: {drain: 10}":                                                    "is not a time from 0s to 24h",
		"runner: {pull: sometimes}":                                              "is not a word for when images are pulled",
		"runner: {firewall: on}":                                                 "is not a word for the firewall",
		"runner: {images: [\"Not an image\"]}":                                   "is not a pattern of images",
		"runner: {images: [\"a/**\"]}":                                           "did you mean `a/*`?",
		"runner: {images: [\"https://example.com\"]}":                            "begins as a URL does",
		"runner: {images: {a: b}}":                                               "has to be a list; write for example [golang",
		"runner: {reach: [\"fd00::1\"]}":                                         "is neither an IPv4 address",
		"runner: {reach: [example.com]}":                                         "is neither an IPv4 address",
		"registries: {a: {type: pull}}":                                          "is not set; write the address",
		"registries: {a: {type: pull, url: \"https://a/b\"}}":                    "has a path, and credentials count for a whole registry",
		"registries: {a: {type: pull, url: \"https://a\", repositories: [a/b]}}": "is not a key of type pull",
		"registries: {a: {type: pull, url: \"https://a\"}, b: {type: pull, url: \"https://A:443\"}}": "has the address of registries.a",
	} {
		_, err := Load(write(t, "loktar.yml", text), enough(t))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

package configs

import (
	"runtime"
	"strconv"
	"strings"
)

const prefix = "LOKTAR_"

// key is one key of the configuration.
type key struct {
	name string
	// fallback is the default as it would be written; "" is none.
	fallback func() string
	secret   bool
	// empty: no value is a value too, "none".
	empty bool
	// list is where the elements of a key go that is a list; such a key has no
	// set. check is for one of them; nil is checkGlob. example is such a list.
	list    func(c *Config) *[]string
	check   func(text string) error
	example string
	// set checks a value and puts it into c. The error is a clause that says
	// what is wrong with the value and what to write.
	set func(c *Config, value string) error
}

// variable is the environment variable of a key.
func (k key) variable() string {
	return prefix + strings.ToUpper(strings.ReplaceAll(k.name, ".", "_"))
}

func always(s string) func() string { return func() string { return s } }

func cpus() string { return strconv.Itoa(runtime.NumCPU()) }

// keys are all keys, in the order of the example file.
var keys = []key{
	{name: "listen", fallback: always("127.0.0.1:8080"), set: setListen},
	{name: "public_url", set: setPublicURL},
	{name: "data_dir", fallback: always("/var/lib/loktar"), set: setDataDir},
	{name: "github.url", fallback: always(publicGitHub), set: setGitHubURL},
	{name: "github.app_id", set: setAppID},
	{name: "github.private_key_file", set: setPrivateKeyFile},
	{name: "github.webhook_secret", secret: true, set: setWebhookSecret},
	{name: "github.webhook_secret_file", set: setWebhookSecretFile},
	{name: "github.writes_per_minute", fallback: always("80"), set: setWritesPerMinute},
	{name: "github.writes_per_hour", fallback: always("500"), set: setWritesPerHour},
	{name: "git.max_size", fallback: always("100GiB"), set: setGitMaxSize},
	{name: "git.min_free", fallback: always("1GiB"), set: setGitMinFree},
	{name: "runner.slots", fallback: cpus, set: setSlots},
	{name: "runner.drain", fallback: always("10s"), set: setDrain},
	{name: "runner.image", fallback: always("loktar/base"), set: setImage},
	{name: "runner.memory", fallback: always("4GiB"), set: setMemory},
	{name: "runner.cpus", fallback: cpus, set: setCPUs},
	{name: "runner.pids", fallback: always("4096"), set: setPIDs},
	{name: "runner.workspace", fallback: always("10GiB"), set: setWorkspace},
	{name: "runner.log", fallback: always("256MiB"), set: setLog},
	{name: "runner.images", list: func(c *Config) *[]string { return &c.Runner.Images }, check: checkImage, example: "[golang, \"registry.example.com/ci/*\"]"},
	{name: "runner.pull", fallback: always("missing"), set: setPull},
	{name: "runner.firewall", fallback: always("auto"), set: setFirewall},
	{name: "runner.reach", list: func(c *Config) *[]string { return &c.Runner.Reach }, check: checkReach, example: "[10.1.2.3, 10.2.0.0/16]"},
	{name: "events.forks", fallback: always("approve"), set: setForks},
	{name: "events.drafts", fallback: always("run"), set: setDrafts},
	{name: "events.push", empty: true, list: func(c *Config) *[]string { return &c.Events.Push }},
	{name: "events.tags", empty: true, list: func(c *Config) *[]string { return &c.Events.Tags }},
	{name: "events.full_label", fallback: always("loktar:full"), empty: true, set: setFullLabel},
	{name: "events.publish_label", fallback: always("loktar:publish"), empty: true, set: setPublishLabel},
	{name: "events.comment", fallback: always("never"), set: setComment},
	{name: "artifacts.keep", fallback: always("30"), set: setKeep},
	{name: "artifacts.max_size", fallback: always("2GiB"), set: setMaxSize},
	{name: "caches.keep", fallback: always("14"), set: setCachesKeep},
	{name: "caches.max_size", fallback: always("20GiB"), set: setCachesMaxSize},
	{name: "logs.keep", fallback: always("30"), set: setLogsKeep},
	{name: "log.level", fallback: always("info"), set: setLevel},
	{name: "log.format", fallback: always("auto"), set: setFormat},
}

// find is the key of a name, as a file writes it.
func find(name string) (key, bool) {
	for _, k := range keys {
		if k.name == name {
			return k, true
		}
	}
	return key{}, false
}

func names() []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = k.name
	}
	return out
}

func variables() []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = k.variable()
	}
	return out
}

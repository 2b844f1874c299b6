package configs

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var pemKey = sync.OnceValue(func() []byte {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
})

// write makes a file in a folder of its own and returns its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	overwrite(t, path, []byte(text))
	return path
}

func overwrite(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// enough is the least that a server starts with.
func enough(t *testing.T, more ...string) []string {
	return append([]string{
		"HOME=/root", "LOKTAR_GITHUB_APP_ID=7", "LOKTAR_GITHUB_WEBHOOK_SECRET=hush",
		"LOKTAR_GITHUB_PRIVATE_KEY_FILE=" + write(t, "key.pem", string(pemKey())),
	}, more...)
}

func load(t *testing.T, file string, environ []string) Config {
	t.Helper()
	c, err := Load(file, environ)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaults(t *testing.T) {
	c := load(t, "", enough(t, "LOKTAR_SHARED=/x", "LOKTAR_TEST_DOCKER=1", "LOKTAR_LISTEN="))
	if c.GitHub.PrivateKey() == nil || c.GitHub.WebhookSecret.Reveal() != "hush" {
		t.Error("the key or the secret is missing")
	}
	want := []any{
		"127.0.0.1:8080", "http://127.0.0.1:8080", "/var/lib/loktar", "https://github.com", int64(7),
		Runner{Slots: runtime.NumCPU(), Drain: 10 * time.Second, Image: "loktar/base", Memory: 4 << 30, CPUs: float64(runtime.NumCPU()), PIDs: 4096,
			Workspace: 10 << 30, Log: 256 << 20, Pull: "missing", Firewall: "auto"},
		Log{Level: "info", Format: "auto"},
		"https://api.github.com", "https://github.com/acme/pets.git",
	}
	got := []any{
		c.Listen, c.PublicURL, c.DataDir, c.GitHub.URL, c.GitHub.AppID, c.Runner, c.Log,
		c.APIURL(), c.GitURL("acme", "pets"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLayers(t *testing.T) {
	file := write(t, "loktar.yml", `
listen: 0.0.0.0:9000
data_dir: data
github: {url: "https://GitHub.Example.com/", app_id: 8, webhook_secret: from the file}
runner:
  slots: 3
  memory: 512MiB
  cpus: 0.5
log:
`)
	c := load(t, file, enough(t, "LOKTAR_RUNNER_SLOTS= 5 ", "LOKTAR_LOG_FORMAT=json"))
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	want := []any{"0.0.0.0:9000", "http://127.0.0.1:9000", wd + "/data", int64(7), "hush", 5, "512MiB", 0.5, "json",
		"https://github.example.com/api/v3", "https://github.example.com/a%20b/c%2Fd.git"}
	got := []any{c.Listen, c.PublicURL, c.DataDir, c.GitHub.AppID, c.GitHub.WebhookSecret.Reveal(), c.Runner.Slots,
		c.Runner.Memory.String(), c.Runner.CPUs, c.Log.Format, c.APIURL(), c.GitURL("a b", "c/d")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

func TestBound(t *testing.T) {
	c := load(t, "", enough(t, "LOKTAR_LISTEN=127.0.0.1:0")).Bound(address("127.0.0.1:41234"))
	if c.PublicURL != "http://127.0.0.1:41234" {
		t.Errorf("the default public_url is %s", c.PublicURL)
	}
	c = load(t, "", enough(t, "LOKTAR_PUBLIC_URL=https://ci.example.com/loktar/")).Bound(address("127.0.0.1:41234"))
	if c.PublicURL != "https://ci.example.com/loktar" {
		t.Errorf("public_url became %s", c.PublicURL)
	}
	for listen, want := range map[string]string{
		":8080": "http://127.0.0.1:8080", "[::]:8080": "http://[::1]:8080", "loktar:80": "http://loktar:80", "10.0.0.1:443": "http://10.0.0.1:443",
	} {
		if got := load(t, "", enough(t, "LOKTAR_LISTEN="+listen)).PublicURL; got != want {
			t.Errorf("listen %s: %s, want %s", listen, got, want)
		}
	}
}

func TestSecretFile(t *testing.T) {
	secret := write(t, "secret", "hush hush\n")
	environ := enough(t, "LOKTAR_GITHUB_WEBHOOK_SECRET=", "LOKTAR_GITHUB_WEBHOOK_SECRET_FILE="+secret)
	environ = append(environ[:2:2], environ[3:]...) // without the plain one
	file := write(t, "loktar.yml", "github:\n  webhook_secret: older\n")
	if c := load(t, file, environ); c.GitHub.WebhookSecret.Reveal() != "hush hush" || c.GitHub.WebhookSecretFile != secret {
		t.Errorf("%q from %s", c.GitHub.WebhookSecret.Reveal(), c.GitHub.WebhookSecretFile)
	}
}

func TestProblems(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "empty"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	nothing := filepath.Join(dir, "nothing")
	for _, c := range []struct {
		name, file string
		environ    []string // beside what is enough, unless only is set
		only       bool
		want       []string
	}{
		{name: "nothing is set", only: true, want: []string{
			"github.app_id is not set; write the number that the App's settings page shows, in the file or as LOKTAR_GITHUB_APP_ID",
			"github.private_key_file is not set; write the path of the .pem file that the App's settings page gave you, in the file or as LOKTAR_GITHUB_PRIVATE_KEY_FILE",
			"github.webhook_secret is not set; write the secret that the App's settings page has under Webhook, or the path of a file with it, in the file or as LOKTAR_GITHUB_WEBHOOK_SECRET or LOKTAR_GITHUB_WEBHOOK_SECRET_FILE",
		}},
		{name: "unknown keys", file: "listn: x\ngithub:\n  app: 1\n  webhok_secret: hush\ncolour: {a: 1}\nrunner:\n  image: [a]\n  slots: 1\n  slots: 2\n", want: []string{
			"FILE:1: listn is not a key of the configuration; did you mean `listen`?",
			"FILE:3: github.app is not a key of the configuration; did you mean `github.url`?",
			"FILE:4: github.webhok_secret is not a key of the configuration; did you mean `github.webhook_secret`?",
			"FILE:5: colour is not a key of the configuration; remove it",
			"FILE:7: runner.image has to be one value; write it on the line of the key",
			"FILE:9: runner.slots is there twice; remove one of the two, the other is at FILE:8",
		}},
		{name: "unknown variables", environ: []string{"LOKTAR_LISTE=x", "LOKTAR_GITHUB_WEBHOK_SECRET=hush", "LOKTAR_COLOUR=1", "LOKTAR_=1"}, want: []string{
			"LOKTAR_LISTE: is not a variable of Loktar; did you mean `LOKTAR_LISTEN`?",
			"LOKTAR_GITHUB_WEBHOK_SECRET: is not a variable of Loktar; did you mean `LOKTAR_GITHUB_WEBHOOK_SECRET`?",
			"LOKTAR_COLOUR: is not a variable of Loktar; unset it",
			"LOKTAR_: is not a variable of Loktar; unset it",
		}},
		{name: "values of a file", file: "listen: here\nlog: {level: inf}\n", environ: []string{"LOKTAR_LOG_FORMAT=xml"}, want: []string{
			`FILE:1: listen "here" is not an address; write HOST:PORT, for example 127.0.0.1:8080`,
			"FILE:2: log.level \"inf\" is not a log level; did you mean `info`?",
			`LOKTAR_LOG_FORMAT: log.format "xml" is not a log format; write one of auto, console, json`,
		}},
		{name: "addresses", environ: []string{"LOKTAR_LISTEN=localhost:http", "LOKTAR_PUBLIC_URL=loktar.example.com", "LOKTAR_GITHUB_URL=https://me:hush@github.example.com", "LOKTAR_DATA_DIR=/srv/a:b"}, want: []string{
			`LOKTAR_LISTEN: listen "localhost:http" has no port from 0 to 65535; write HOST:PORT, for example 127.0.0.1:8080`,
			`LOKTAR_PUBLIC_URL: public_url "loktar.example.com" is not an http or https URL; write for example https://loktar.example.com`,
			"LOKTAR_DATA_DIR: data_dir \"/srv/a:b\" holds `,`, `:`, a backslash or a control character, which the options of a mount cannot; choose another folder",
			`LOKTAR_GITHUB_URL: github.url holds a user name or password; remove it`,
		}},
		{name: "GitHub under another name", environ: []string{"LOKTAR_GITHUB_URL=https://api.github.com", "LOKTAR_PUBLIC_URL=http://x/?a=1"}, want: []string{
			"LOKTAR_PUBLIC_URL: public_url \"http://x/?a=1\" holds more than a path; remove everything from `?` or `#` on",
			`LOKTAR_GITHUB_URL: github.url "https://api.github.com" is not how GitHub itself is named; write https://github.com`,
		}},
		{name: "the API as GitHub", environ: []string{"LOKTAR_GITHUB_URL=https://ghe.example.com/api/v3/"}, want: []string{
			`LOKTAR_GITHUB_URL: github.url "https://ghe.example.com/api/v3/" names the REST API; write the server itself, as https://ghe.example.com`,
		}},
		{name: "numbers", environ: []string{"LOKTAR_GITHUB_APP_ID=0", "LOKTAR_RUNNER_SLOTS=0", "LOKTAR_RUNNER_MEMORY=4", "LOKTAR_RUNNER_CPUS=NaN", "LOKTAR_RUNNER_PIDS=many", "LOKTAR_RUNNER_IMAGE=No Image"}, want: []string{
			`LOKTAR_GITHUB_APP_ID: github.app_id "0" is not an App ID; write the number that the App's settings page shows`,
			`LOKTAR_RUNNER_SLOTS: runner.slots "0" is out of range; write a whole number from 1 to 10000`,
			`LOKTAR_RUNNER_IMAGE: runner.image "No Image" is not an image reference; write NAME:TAG in lower case, for example debian:13`,
			`LOKTAR_RUNNER_MEMORY: runner.memory "4" is below 6MiB, the least that Docker accepts; write for example 512MiB`,
			`LOKTAR_RUNNER_CPUS: runner.cpus "NaN" is out of range; write a number from 0.01 to 1024`,
			`LOKTAR_RUNNER_PIDS: runner.pids "many" is out of range; write a whole number from 16 to 2147483647`,
		}},
		{name: "files", only: true, environ: []string{"LOKTAR_GITHUB_APP_ID=7", "LOKTAR_GITHUB_PRIVATE_KEY_FILE=" + nothing, "LOKTAR_GITHUB_WEBHOOK_SECRET_FILE=" + filepath.Join(dir, "empty")}, want: []string{
			`LOKTAR_GITHUB_PRIVATE_KEY_FILE: github.private_key_file "` + nothing + `" cannot be read (no such file or directory); write the path of a file that the server may read`,
			`LOKTAR_GITHUB_WEBHOOK_SECRET_FILE: github.webhook_secret_file "` + dir + `/empty" is empty; put the secret that the App's settings page has under Webhook into the file`,
		}},
		{name: "a folder and no key", environ: []string{"LOKTAR_GITHUB_PRIVATE_KEY_FILE=" + dir}, want: []string{
			`LOKTAR_GITHUB_PRIVATE_KEY_FILE: github.private_key_file "` + dir + `" is not a file; write the path of a file`,
		}},
		{name: "no key in the file", environ: []string{"LOKTAR_GITHUB_PRIVATE_KEY_FILE=" + filepath.Join(dir, "empty")}, want: []string{
			`LOKTAR_GITHUB_PRIVATE_KEY_FILE: github.private_key_file "` + dir + `/empty" holds no RSA private key in PEM form; write the path of the .pem file that the App's settings page gave you`,
		}},
		{name: "the key itself", environ: []string{"LOKTAR_GITHUB_PRIVATE_KEY_FILE=-----BEGIN RSA PRIVATE KEY-----\nhush"}, want: []string{
			`LOKTAR_GITHUB_PRIVATE_KEY_FILE: github.private_key_file is a key, not the path of one; save the key to a file and write its path`,
		}},
		{name: "secret twice", environ: []string{"LOKTAR_GITHUB_WEBHOOK_SECRET_FILE=" + nothing}, want: []string{
			`LOKTAR_GITHUB_WEBHOOK_SECRET: github.webhook_secret stands beside github.webhook_secret_file (LOKTAR_GITHUB_WEBHOOK_SECRET_FILE); remove one of the two`,
			`LOKTAR_GITHUB_WEBHOOK_SECRET_FILE: github.webhook_secret_file "` + nothing + `" cannot be read (no such file or directory); write the path of a file that the server may read`,
		}},
		{name: "empty secret", environ: []string{"LOKTAR_GITHUB_WEBHOOK_SECRET="}, file: "github: {webhook_secret: '  '}", want: []string{
			`FILE:1: github.webhook_secret is empty; write the secret that the App's settings page has under Webhook`,
		}},
		{name: "broken YAML", file: "listen: 127.0.0.1:1\n  x: [\n", want: []string{
			"FILE:2: the file is not valid YAML: mapping values are not allowed in this context; correct it there",
		}},
		{name: "a list", file: "- a\n", want: []string{
			`FILE:1: the file has to hold keys with values; write for example "listen: 127.0.0.1:8080"`,
		}},
		{name: "two documents", file: "listen: :1\n---\nlisten: :2\n", want: []string{
			"FILE:2: a second document starts here; keep one",
		}},
		{name: "an alias", file: "x: &a\n  app_id: 1\ngithub: *a\n", want: []string{
			"FILE:1: x is not a key of the configuration; remove it",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			environ := c.environ
			if !c.only {
				environ = enough(t, c.environ...)
			}
			if c.name == "empty secret" {
				environ = append(environ[:2:2], environ[3:]...)
			}
			file := ""
			if c.file != "" {
				file = write(t, "loktar.yml", c.file)
			}
			_, err := Load(file, environ)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v", err)
			}
			if diff := cmp.Diff(c.want, lines(e, file)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

// lines are the problems, one a line, with FILE for the path of the file.
func lines(e *Error, file string) []string {
	var out []string
	for _, p := range e.Problems {
		line := p.String()
		if file != "" {
			line = strings.ReplaceAll(line, file, "FILE")
		}
		out = append(out, line)
	}
	return out
}

func TestNoFile(t *testing.T) {
	_, err := Load("/does/not/exist.yml", enough(t))
	want := "configuration: /does/not/exist.yml: the configuration file cannot be read (open /does/not/exist.yml: no such file or directory); write the path of a YAML file, or give none"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// TestOnlyTheFile: what a file that cannot be read might set is not reported
// as missing.
func TestOnlyTheFile(t *testing.T) {
	for _, file := range []string{"/does/not/exist.yml", write(t, "loktar.yml", "listen: 127.0.0.1:1\n  x: [\n")} {
		_, err := Load(file, nil)
		var e *Error
		if !errors.As(err, &e) || len(e.Problems) != 1 || e.Problems[0].Key != "" {
			t.Errorf("%s: error %v", file, err)
		}
	}
}

func TestEmptyFiles(t *testing.T) {
	for _, text := range []string{"\n", "# only words\n", "---\n", "github:\nlisten:\n"} {
		if c := load(t, write(t, "loktar.yml", text), enough(t)); c.Listen != "127.0.0.1:8080" {
			t.Errorf("%q: listen is %s", text, c.Listen)
		}
	}
}

func FuzzFile(f *testing.F) {
	f.Add(string(Example))
	f.Add("github: {app_id: 1, app_id: 2}\n<<: *x\n")
	f.Add("a: &a [*a]\n")
	f.Add("? {a: b}\n: c\n---\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Load(write(t, "loktar.yml", text), []string{"LOKTAR_RUNNER_SLOTS=" + strconv.Itoa(len(text)%7)})
		if err == nil && (c.GitHub.PrivateKey() == nil || c.Runner.Slots < 1) {
			t.Errorf("loaded %+v", c)
		}
	})
}

// TestVariablesAreAContract holds the names by which other programs start
// Loktar: they never change.
func TestVariablesAreAContract(t *testing.T) {
	want := []string{
		"LOKTAR_LISTEN", "LOKTAR_PUBLIC_URL", "LOKTAR_DATA_DIR", "LOKTAR_GITHUB_URL", "LOKTAR_GITHUB_APP_ID",
		"LOKTAR_GITHUB_PRIVATE_KEY_FILE", "LOKTAR_GITHUB_WEBHOOK_SECRET", "LOKTAR_GITHUB_WEBHOOK_SECRET_FILE",
		"LOKTAR_RUNNER_SLOTS", "LOKTAR_RUNNER_IMAGE", "LOKTAR_LOG_LEVEL",
		"LOKTAR_EVENTS_FORKS", "LOKTAR_EVENTS_DRAFTS", "LOKTAR_EVENTS_PUSH", "LOKTAR_EVENTS_TAGS", "LOKTAR_EVENTS_FULL_LABEL",
	}
	for _, name := range want {
		if !slices.Contains(variables(), name) {
			t.Errorf("%s is gone", name)
		}
	}
}

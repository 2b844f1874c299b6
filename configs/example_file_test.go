package configs

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var keyLine = regexp.MustCompile(`^( *)(#?)([a-z_]+):(.*)$`)

// documented are the keys of the example file in its order, each with the
// comment above it.
func documented(t *testing.T) (order []string, comment map[string]string) {
	t.Helper()
	comment = map[string]string{}
	group, top, above := "", "", ""
	for line := range strings.Lines(string(Example)) {
		line = strings.TrimRight(line, "\n")
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "# "); ok {
			above += text + " "
			continue
		}
		m := keyLine.FindStringSubmatch(line)
		if m != nil && m[1] == "" && m[2] == "" {
			top = m[3]
		}
		switch {
		case m == nil, top == registries, top == publish, top == secrets, top == slack: // TestExampleHasRegistryKeys
		case top == "artifacts" && (m[3] == "storage" || len(m[1]) > 2): // likewise
		case m[4] == "":
			group = m[3] + "."
		case group == repositories+".": // an example, not a key
		default:
			name := m[3]
			if m[1] != "" {
				name = group + name
			}
			order = append(order, name)
			comment[name] = above
		}
		above = ""
	}
	return order, comment
}

func TestExampleIsComplete(t *testing.T) {
	order, comment := documented(t)
	if diff := cmp.Diff(names(), order); diff != "" {
		t.Errorf("the keys of the configuration and of the example file (-keys +example):\n%s", diff)
	}
	for _, k := range keys {
		if !strings.HasSuffix(comment[k.name], "Variable: "+k.variable()+" ") {
			t.Errorf("%s: the example file does not end its comment with its variable, %s", k.name, k.variable())
		}
		want := "Default: the number of CPUs. "
		switch {
		case k.name == "public_url":
			want = "Default: http:// and what `listen` says. "
		case k.list != nil:
			want = "Default: none. "
		case k.fallback == nil:
			want = "No default"
		case k.name != "runner.slots" && k.name != "runner.cpus":
			want = "Default: " + k.fallback()
		}
		if !strings.Contains(comment[k.name], want) {
			t.Errorf("%s: the example file does not say %q", k.name, want)
		}
	}
}

// TestExampleHasRegistryKeys holds that the first line with each key of a
// registry stands below a comment, or follows a line that does.
func TestExampleHasRegistryKeys(t *testing.T) {
	_, text, found := strings.Cut(string(Example), "\n"+registries+":\n")
	text, _, end := strings.Cut(text, "\nlog:\n")
	if !found || !end {
		t.Fatal("the example file has no registries")
	}
	for _, k := range registryKeys {
		if k.name == "secret_key_env" { // in words alone: it excludes secret_key_file
			if !strings.Contains(text, k.name) {
				t.Errorf("the example file does not speak of %s", k.name)
			}
			continue
		}
		line := regexp.MustCompile(`(?m)^    #` + k.name + `: .*$`).FindStringIndex(text)
		if line == nil {
			t.Errorf("the example file has no %s", k.name)
			continue
		}
		before := strings.Split(strings.TrimRight(text[:line[0]], "\n"), "\n")
		if last := before[len(before)-1]; !strings.HasPrefix(last, "    #") {
			t.Errorf("the example file does not document %s", k.name)
		}
	}
}

// TestExampleLoads loads the example file as it is: it says nothing but the
// defaults and what has none.
func TestExampleLoads(t *testing.T) {
	environ := enough(t)
	got := load(t, write(t, "example.yml", string(Example)), environ)
	want := load(t, "", environ)
	opaque := cmp.FilterPath(func(p cmp.Path) bool {
		return p.String() == "GitHub.WebhookSecret" || p.String() == "GitHub.key" || p.String() == "derivedURL"
	}, cmp.Ignore())
	if diff := cmp.Diff(want, got, opaque, cmp.AllowUnexported(Config{}, GitHub{}, Slack{}, secretSource{})); diff != "" {
		t.Errorf("the example is not the defaults (-defaults +example):\n%s", diff)
	}
}

// TestExampleFillsConfig loads the example file with every key put to use: no
// field of Config is left that no key sets.
func TestExampleFillsConfig(t *testing.T) {
	text := string(Example)
	text = regexp.MustCompile(`(?m)^( *)#([A-Za-z_/*-]+:)`).ReplaceAllString(text, "$1$2")
	text = regexp.MustCompile(`(?m)^( *)#("#[a-z*-]+":)`).ReplaceAllString(text, "$1$2")
	text = strings.Replace(text, "/etc/loktar/slack-webhook", write(t, "hook", "https://hooks.slack.com/services/T/B/X"), 1)
	text = regexp.MustCompile(`(?m)^ *webhook_secret: .*\n`).ReplaceAllString(text, "")
	text = strings.Replace(text, "/etc/loktar/webhook-secret", write(t, "secret", "hush"), 1)
	text = strings.Replace(text, "/etc/loktar/private-key.pem", write(t, "key.pem", string(pemKey())), 1)
	for _, name := range []string{"/etc/loktar/registry-password", "/etc/loktar/s3-secret-key", "/etc/loktar/deploy-token", "/etc/loktar/docs-token", "/etc/loktar/slack-token"} {
		text = strings.ReplaceAll(text, name, write(t, "password", "hush"))
	}
	c := load(t, write(t, "example.yml", text), []string{"PYPI_TOKEN=hush"})
	var look func(v reflect.Value, path string)
	look = func(v reflect.Value, path string) {
		if v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[Secret]() {
			for i := range v.NumField() {
				if f := v.Type().Field(i); f.IsExported() {
					look(v.Field(i), path+"."+f.Name)
				}
			}
			return
		}
		if v.IsZero() {
			t.Errorf("no key of the example file sets %s", path)
		}
	}
	look(reflect.ValueOf(c), "Config")
	want := []Registry{
		{Name: "docker-main", Type: RegistryOCI, URL: "https://registry.example.com/acme", Repositories: []string{"acme/pets", "acme/*"}, Packages: []string{"pet_api", "web-*"}},
		{Name: "wheels", Type: RegistryPyPI, URL: "https://pypi.example.com/", Repositories: []string{"acme/*"}, Packages: []string{"*"}},
		{Name: "jars", Type: RegistryS3, Repositories: []string{"acme/*"}, Packages: []string{"*"}, S3: S3{
			Endpoint: "https://s3.example.com", Region: "eu-central-1", Bucket: "artifacts", Prefix: "ci/jars", PathStyle: true,
			SSE: "aws:kms", KMSKeyID: "1234abcd-12ab-34cd-56ef-1234567890ab", Plain: true}},
		{Name: "archives", Type: RegistryFile, Path: "/srv/archives", Repositories: []string{"acme/*"}, Packages: []string{"*"}},
		{Name: "images", Type: RegistryPull, URL: "https://registry.example.com"},
	}
	if diff := cmp.Diff(want, c.Registries, cmpopts.IgnoreUnexported(Registry{})); diff != "" {
		t.Errorf("the registries after # (-want +got):\n%s", diff)
	}
	if s := c.Publish.Storage; s == nil || s.Type != RegistryFile || s.Path != "/var/lib/loktar/published" {
		t.Errorf("the storage after # is %+v", s)
	}
	if s := c.Artifacts.Storage; s == nil || s.Type != RegistryS3 || s.S3.Bucket != "loktar" || s.S3.Prefix != "artifacts" {
		t.Errorf("the artifacts' storage after # is %+v", s)
	}
	held := []HeldSecret{
		{Name: "DEPLOY_TOKEN", Repositories: []string{"acme/pets", "acme/*"}, Packages: []string{"pet_api", "web-*"}, For: ForPublish},
		{Name: "DEPLOY_TOKEN", Repositories: []string{"globex/docs"}, Packages: []string{"*"}, For: ForAll},
	}
	if diff := cmp.Diff(held, c.Secrets, cmpopts.IgnoreUnexported(HeldSecret{})); diff != "" {
		t.Errorf("the secrets after # (-want +got):\n%s", diff)
	}
	channels := []SlackChannel{
		{Name: "#ci", Repositories: []string{"acme/pets", "globex/*"}, On: []string{"failure", "fixed", "published"}, Events: []string{"push", "tag"}, Packages: []string{"pet_api", "web-*"}},
		{Name: "#team-*", Allow: []string{"acme/*"}},
		{Name: "releases", Webhook: true, Repositories: []string{"acme/*"}, On: []string{"published"}},
	}
	if diff := cmp.Diff(channels, c.Slack.Channels, cmpopts.IgnoreUnexported(SlackChannel{})); diff != "" {
		t.Errorf("the channels after # (-want +got):\n%s", diff)
	}
	pets, other := c.EventsOf("Acme", "Pets"), c.EventsOf("acme", "docs")
	if pets.Forks != "run" || pets.Drafts != "wait" || len(pets.Push) != 1 || other.Forks != "approve" || other.Drafts != "wait" {
		t.Errorf("the repositories after # were not put to use: %+v, %+v", pets, other)
	}
	if c.PublicURL != "https://loktar.example.com" || c.Runner.Slots != 3 || c.Runner.CPUs != 1.5 {
		t.Errorf("the keys after # were not put to use: %+v", c)
	}
}

package configs

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var keyLine = regexp.MustCompile(`^( *)(#?)([a-z_]+):(.*)$`)

// documented are the keys of the example file in its order, each with the
// comment above it.
func documented(t *testing.T) (order []string, comment map[string]string) {
	t.Helper()
	comment = map[string]string{}
	group, above := "", ""
	for line := range strings.Lines(string(Example)) {
		line = strings.TrimRight(line, "\n")
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "# "); ok {
			above += text + " "
			continue
		}
		m := keyLine.FindStringSubmatch(line)
		switch {
		case m == nil:
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

// TestExampleLoads loads the example file as it is: it says nothing but the
// defaults and what has none.
func TestExampleLoads(t *testing.T) {
	environ := enough(t)
	got := load(t, write(t, "example.yml", string(Example)), environ)
	want := load(t, "", environ)
	opaque := cmp.FilterPath(func(p cmp.Path) bool {
		return p.String() == "GitHub.WebhookSecret" || p.String() == "GitHub.key" || p.String() == "derivedURL"
	}, cmp.Ignore())
	if diff := cmp.Diff(want, got, opaque, cmp.AllowUnexported(Config{}, GitHub{})); diff != "" {
		t.Errorf("the example is not the defaults (-defaults +example):\n%s", diff)
	}
}

// TestExampleFillsConfig loads the example file with every key put to use: no
// field of Config is left that no key sets.
func TestExampleFillsConfig(t *testing.T) {
	text := string(Example)
	text = regexp.MustCompile(`(?m)^( *)#([a-z_/*]+:)`).ReplaceAllString(text, "$1$2")
	text = regexp.MustCompile(`(?m)^ *webhook_secret: .*\n`).ReplaceAllString(text, "")
	text = strings.Replace(text, "/etc/loktar/webhook-secret", write(t, "secret", "hush"), 1)
	text = strings.Replace(text, "/etc/loktar/private-key.pem", write(t, "key.pem", string(pemKey())), 1)
	c := load(t, write(t, "example.yml", text), nil)
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
	pets, other := c.EventsOf("Acme", "Pets"), c.EventsOf("acme", "docs")
	if pets.Forks != "run" || pets.Drafts != "wait" || len(pets.Push) != 1 || other.Forks != "approve" || other.Drafts != "wait" {
		t.Errorf("the repositories after # were not put to use: %+v, %+v", pets, other)
	}
	if c.PublicURL != "https://loktar.example.com" || c.Runner.Slots != 3 || c.Runner.CPUs != 1.5 {
		t.Errorf("the keys after # were not put to use: %+v", c)
	}
}

package configs

import (
	"fmt"
	"os"
	"strings"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/v2"
	"go.yaml.in/yaml/v3"

	"github.com/dudesons/loktar/configs/internal/value"
)

// Load reads the configuration: defaults, then the YAML file when its path is
// not empty, then the LOKTAR_* variables of environ (NAME=VALUE, as os.Environ
// gives them). An empty variable is as one that is not set, except where no
// value means none: events.push, events.tags and the labels of events. Relative
// paths are relative to the working directory. LOKTAR_SHARED and LOKTAR_TEST_*
// are for tests and passed over.
//
// Everything that is wrong is reported at once, in an *Error. The files that
// the configuration names are read here, once; those with the credentials of
// registries and with secrets are read again at each use.
func Load(file string, environ []string) (Config, error) {
	l := &loader{values: koanf.New("."), source: map[string]string{}, lists: map[string][]setting{}, environ: environ}
	l.defaults()
	if file != "" {
		l.file(file)
	}
	l.environment(environ)
	c := l.config()
	if len(l.problems) > 0 {
		return Config{}, &Error{Problems: l.problems}
	}
	return c, nil
}

// loader is the state of one Load.
type loader struct {
	values   *koanf.Koanf
	source   map[string]string    // where each key that is not a default comes from
	layer    map[string]string    // where each key of the layer just read comes from
	lists    map[string][]setting // the elements of the lists of the file
	special  []repository         // what the file says of single repositories
	places   []place              // what the file says of the storage and of registries
	held     []place              // what the file says of secrets
	slack    *setting             // what the file says of Slack
	environ  []string
	dataDir  string // what data_dir came to
	problems []Problem
	unread   bool // there is a file, and what it says is not known
}

func (l *loader) defaults() {
	m := map[string]any{}
	for _, k := range keys {
		if k.fallback != nil {
			m[k.name] = k.fallback()
		}
	}
	l.put(m)
}

// put lays a layer over what is there. koanf copies; it cannot fail.
func (l *loader) put(m map[string]any) {
	if err := l.values.Load(confmap.Provider(m, "."), nil); err != nil {
		l.problems = append(l.problems, Problem{Message: err.Error()})
	}
}

func (l *loader) file(path string) {
	data, err := os.ReadFile(path)
	if err != nil {
		l.problems = append(l.problems, Problem{Source: path, Message: fmt.Sprintf(
			"the configuration file cannot be read (%v); write the path of a YAML file, or give none", err)})
		l.unread = true
		return
	}
	m := map[string]any{}
	l.layer = map[string]string{}
	entries := l.yaml(path, data)
	l.unread = len(entries) == 0 && len(l.problems) > 0
	for _, e := range entries {
		k, known := find(e.name)
		switch {
		case e.name == repositories:
			l.readRepositories(e)
		case e.name == publish:
			l.readPublish(e)
		case e.name == registries:
			l.readRegistries(e)
		case e.name == secrets:
			l.readSecrets(e)
		case e.name == slack && l.slack != nil:
			l.complain(slack, e.source, "is there twice; join the two, the other is at "+l.slack.source)
		case e.name == slack:
			l.slack = &e
		case e.name == artifactsStorage:
			l.readStorage(artifactsStorage, e)
		case isGroup(e.name):
			l.complain(e.name, e.source, "has to hold keys; write them on lines of their own below it, further to the right")
		case !known:
			l.complain(e.name, e.source, "is not a key of the configuration"+
				value.Say(value.Nearest(e.name, append(names(), repositories, registries, publish, secrets, slack, artifactsStorage), nil), "remove it"))
		case l.layer[e.name] != "":
			l.complain(e.name, e.source, "is there twice; remove one of the two, the other is at "+l.layer[e.name])
		case !l.formed(k, e.name, e):
		case e.kind == yaml.SequenceNode:
			// koanf knows which layer wins, lists know the lines.
			m[k.name] = []string{}
			l.lists[k.name] = e.parts
			l.layer[k.name] = e.source
		default:
			m[k.name] = e.value
			l.layer[k.name] = e.source
		}
	}
	l.put(m)
	l.settle()
}

func (l *loader) complain(name, source, message string) {
	l.problems = append(l.problems, Problem{Key: name, Source: source, Message: message})
}

// formed reports whether a value has the form that its key wants, and
// complains when not. name is the key as the file has it.
func (l *loader) formed(k key, name string, s setting) bool {
	switch {
	case s.kind == yaml.ScalarNode:
		return true
	case k.list == nil:
		l.complain(name, s.source, "has to be one value; write it on the line of the key")
		return false
	case s.kind != yaml.SequenceNode:
		l.complain(name, s.source, "has to be a list"+k.remedy())
		return false
	}
	formed := true
	for _, e := range s.parts {
		if e.kind != yaml.ScalarNode {
			l.complain(name, e.source, "has to be a list of single values"+k.remedy())
			formed = false
		}
	}
	return formed
}

func (l *loader) environment(environ []string) {
	byVariable := map[string]key{}
	for _, k := range keys {
		byVariable[k.variable()] = k
	}
	l.layer = map[string]string{}
	unknown := map[string]bool{}
	err := l.values.Load(env.Provider(".", env.Opt{
		Prefix:      prefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, text string) (string, any) {
			k, known := byVariable[name]
			switch {
			case fileOnly(name) != "":
				l.complain("", name, "is not a variable of Loktar; write `"+fileOnly(name)+":` in the configuration file, there is no variable for it")
				return "", nil
			case !known:
				if name != "LOKTAR_SHARED" && !strings.HasPrefix(name, "LOKTAR_TEST_") && !unknown[name] {
					unknown[name] = true
					l.problems = append(l.problems, Problem{Source: name, Message: "is not a variable of Loktar" +
						value.Say(value.Nearest(name, variables(), nil), "unset it")})
				}
				return "", nil
			case text == "" && !k.empty:
				return "", nil
			}
			l.layer[k.name] = name
			return k.name, text
		},
	}), nil)
	if err != nil {
		l.problems = append(l.problems, Problem{Message: err.Error()})
	}
	l.settle()
}

// fileOnly is the key without a variable that a variable's name was made of,
// or "".
func fileOnly(variable string) string {
	for _, k := range []string{repositories, registries, publish, secrets, slack, artifactsStorage} {
		name := key{name: k}.variable()
		if variable == name || strings.HasPrefix(variable, name+"_") {
			return k
		}
	}
	return ""
}

// settle ends a layer: a secret that a later layer gives one way wins over
// one that an earlier layer gave the other way.
func (l *loader) settle() {
	const plain, file = "github.webhook_secret", "github.webhook_secret_file"
	switch hasPlain, hasFile := l.layer[plain] != "", l.layer[file] != ""; {
	case hasPlain && hasFile:
		l.problems = append(l.problems, Problem{Key: plain, Source: l.layer[plain], Message: "stands beside " + file + " (" + l.layer[file] + "); remove one of the two"})
	case hasPlain:
		l.forget(file)
	case hasFile:
		l.forget(plain)
	}
	for name, source := range l.layer {
		l.source[name] = source
	}
}

func (l *loader) forget(name string) {
	l.values.Delete(name)
	delete(l.source, name)
}

// config checks the values of all layers.
func (l *loader) config() Config {
	var c Config
	for _, k := range keys {
		if !l.values.Exists(k.name) {
			continue
		}
		l.assign(&c, k, k.name, l.setting(k))
	}
	l.override(&c)
	l.publishing(&c)
	l.holding(&c)
	l.talking(&c)
	if !l.values.Exists("public_url") {
		c.PublicURL, c.derivedURL = urlOf(c.Listen), true
	}
	l.require("github.app_id", "", "write the number that the App's settings page shows")
	l.require("github.private_key_file", "", "write the path of the .pem file that the App's settings page gave you")
	l.require("github.webhook_secret", "github.webhook_secret_file", "write the secret that the App's settings page has under Webhook, or the path of a file with it")
	return c
}

// setting is what the layers come to for a key.
func (l *loader) setting(k key) setting {
	s := setting{source: l.source[k.name], kind: yaml.ScalarNode, value: l.values.String(k.name)}
	if _, isList := l.values.Get(k.name).([]string); isList {
		s.kind, s.parts = yaml.SequenceNode, l.lists[k.name]
	}
	return s
}

// assign checks a value and puts it into c. name is the key as the file has it.
func (l *loader) assign(c *Config, k key, name string, s setting) {
	refuse := func(source, text string, err error) {
		l.problems = append(l.problems, Problem{Key: name, Source: source, Value: shown(k, text), Message: err.Error()})
	}
	if k.list != nil {
		*k.list(c) = k.elements(s, refuse)
		return
	}
	text := s.value
	if !k.secret {
		text = strings.TrimSpace(text)
	}
	if err := k.set(c, text); err != nil {
		refuse(s.source, text, err)
	}
}

// require reports a key that has no value, unless instead has one, or a file
// that could not be read may have it.
func (l *loader) require(name, instead, remedy string) {
	if l.unread || l.values.Exists(name) || instead != "" && l.values.Exists(instead) {
		return
	}
	k, _ := find(name)
	where := k.variable()
	if instead != "" {
		k, _ = find(instead)
		where += " or " + k.variable()
	}
	l.problems = append(l.problems, Problem{Key: name, Message: "is not set; " + remedy + ", in the file or as " + where})
}

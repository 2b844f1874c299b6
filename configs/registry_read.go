package configs

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/dudesons/loktar/configs/internal/value"
)

// The keys that have what is published where. They have no variables.
const (
	registries = "registries"
	publish    = "publish"
	storage    = publish + ".storage"
	// artifactsStorage has what tests leave, and nothing that is published.
	artifactsStorage = "artifacts.storage"
)

func isStorage(label string) bool { return label == storage || label == artifactsStorage }

// place is what a file says of a registry or of the storage.
type place struct {
	label   string // how messages call it
	name    string // of a registry
	setting setting
}

// registryName is also what image references and URLs may look like, so that
// one may be called by its host.
var registryName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`) })

func (l *loader) readPublish(m setting) {
	if m.kind != yaml.MappingNode {
		l.complain(publish, m.source, "has to hold keys; write `storage:` on a line of its own below it")
		return
	}
	for _, s := range m.parts {
		switch {
		case s.name != "storage":
			l.complain(publish+"."+s.name, s.source, "is not a key of the configuration"+value.Say(value.Nearest(s.name, []string{"storage"}, nil), "write storage"))
		case s.kind != 0:
			l.readStorage(storage, s)
		}
	}
}

func (l *loader) readStorage(label string, s setting) {
	if first := l.layer[label]; first != "" {
		l.complain(label, s.source, "is there twice; remove one of the two, the other is at "+first)
		return
	}
	l.layer[label] = s.source
	l.places = append(l.places, place{label: label, setting: s})
}

func (l *loader) readRegistries(m setting) {
	if m.kind != yaml.MappingNode {
		l.complain(registries, m.source, "has to hold registries; write a name with a colon on a line of its own below it, and its keys below that")
		return
	}
	for _, s := range m.parts {
		label := registries + "." + s.name
		if !registryName().MatchString(s.name) {
			label = registries
			// An address may hold a password.
			l.problems = append(l.problems, Problem{Key: registries, Source: s.source, Value: shown(key{name: "url"}, s.name),
				Message: "is not a name; write a short one of letters, digits, `-`, `_` and `.`, and the address below it as `url`"})
		} else if first := l.layer[label]; first != "" {
			l.complain(label, s.source, "is there twice; remove one of the two, the other is at "+first)
		} else {
			l.layer[label] = s.source
		}
		l.places = append(l.places, place{label: label, name: s.name, setting: s})
	}
}

// publishing checks what the file says of the storage and of registries.
func (l *loader) publishing(c *Config) {
	l.dataDir = c.DataDir
	before := len(l.problems)
	for _, p := range l.places {
		r := l.registry(p)
		switch p.label {
		case storage:
			c.Publish.Storage = &r
			continue
		case artifactsStorage:
			c.Artifacts.Storage = &r
			continue
		}
		c.Registries = append(c.Registries, r)
	}
	if len(l.problems) == before {
		l.separate(c)
	}
}

// registry reads the keys of one.
func (l *loader) registry(p place) Registry {
	r := Registry{Name: p.name, label: p.label}
	all, types := registryKeys, registryTypes
	if isStorage(p.label) {
		all, types = storageKeys, storageTypes
	}
	if p.setting.kind != yaml.MappingNode {
		l.complain(p.label, p.setting.source, "has to hold keys; write below it `type:` and what that type needs")
		return r
	}
	there := map[string]setting{}
	var right []setting
	for _, s := range p.setting.parts {
		name := p.label + "." + s.name
		i := slices.IndexFunc(all, func(k registryKey) bool { return k.name == s.name })
		switch first, twice := there[s.name]; {
		case i < 0:
			l.complain(name, s.source, unknownRegistryKey(s.name, all))
		case s.kind == 0: // as if it were not there
		case twice:
			l.complain(name, s.source, "is there twice; remove one of the two, the other is at "+first.source)
		default:
			there[s.name] = s
			if l.registryFormed(all[i], name, s) {
				right = append(right, s)
			}
		}
	}
	r.Type = l.registryType(p, there["type"], types)
	for _, s := range right {
		i := slices.IndexFunc(all, func(k registryKey) bool { return k.name == s.name })
		if r.Type != "" && !all[i].of(r.Type) {
			l.complain(p.label+"."+s.name, s.source, "is not a key of type "+r.Type+", which has "+strings.Join(registryKeyNames(all, r.Type), ", ")+"; remove it")
			continue
		}
		l.assignRegistry(&r, all[i], p.label+"."+s.name, s)
	}
	for _, k := range all {
		if _, ok := there[k.name]; !ok && k.remedy != "" && k.name != "type" && r.Type != "" && k.of(r.Type) {
			l.complain(p.label+"."+k.name, p.setting.source, "is not set; "+k.remedy)
		}
	}
	l.pairs(p, r.Type, there)
	if r.Packages == nil && r.Type != RegistryPull {
		r.Packages = []string{"*"}
	}
	return r
}

// unknownRegistryKey says what is wrong with a key that is none.
func unknownRegistryKey(name string, all []registryKey) string {
	have := registryKeyNames(all, "")
	switch strings.ToLower(name) {
	case "password", "token", "secret", "secret_key":
		var files []string
		for _, k := range have {
			if strings.HasSuffix(k, "_file") || strings.HasSuffix(k, "_env") {
				files = append(files, k)
			}
		}
		return "is not a key of a registry: no secret stands in this file; write one of " + strings.Join(files, ", ")
	}
	return "is not a key of a registry" + value.Say(value.Nearest(name, have, nil), "write one of "+strings.Join(have, ", "))
}

func (l *loader) registryType(p place, s setting, types []string) string {
	name := p.label + ".type"
	switch text := strings.TrimSpace(s.value); {
	case s.kind == 0:
		l.complain(name, p.setting.source, "is not set; write one of "+strings.Join(types, ", "))
	case s.kind != yaml.ScalarNode: // complained of already
	case !slices.Contains(types, text):
		what := "a type of registry"
		if isStorage(p.label) {
			what = "a type of storage"
		}
		l.problems = append(l.problems, Problem{Key: name, Source: s.source, Value: shown(key{}, text), Message: unknownWord(what, text, types).Error()})
	default:
		return text
	}
	return ""
}

// registryFormed reports whether a value has the form that its key wants, and
// complains when not.
func (l *loader) registryFormed(k registryKey, name string, s setting) bool {
	switch {
	case s.kind == yaml.ScalarNode:
		return true
	case k.list == nil:
		l.complain(name, s.source, "has to be one value; write it on the line of the key")
		return false
	case s.kind != yaml.SequenceNode:
		l.complain(name, s.source, "has to be a list, as [a, b]")
		return false
	}
	formed := true
	for _, e := range s.parts {
		if e.kind != yaml.ScalarNode {
			l.complain(name, e.source, "has to be a list of single values, as [a, b]")
			formed = false
		}
	}
	return formed
}

// assignRegistry checks a value and puts it into r.
func (l *loader) assignRegistry(r *Registry, k registryKey, name string, s setting) {
	wrong := func(source, text string, err error) {
		v := shown(key{name: name}, text)
		if k.hidden != nil && k.hidden(text) || k.list != nil && strings.Contains(text, "@") {
			v = ""
		}
		l.problems = append(l.problems, Problem{Key: name, Source: source, Value: v, Message: err.Error()})
	}
	if k.list == nil {
		text := strings.TrimSpace(s.value)
		if err := k.set(l, r, text); err != nil {
			wrong(s.source, text, err)
		}
		if strings.HasSuffix(k.name, "_file") || strings.HasSuffix(k.name, "_env") {
			r.secret.key = name
		}
		return
	}
	out := s.listed(k.check, wrong)
	if s.empty() {
		l.complain(name, s.source, "is an empty list; write at least one, or remove the registry")
	}
	*k.list(r) = out
}

// pairs holds that keys which need one another are there together.
func (l *loader) pairs(p place, kind string, there map[string]setting) {
	k := [3]string{"username", "password_file", "password_env"}
	if kind == RegistryS3 {
		k = [3]string{"access_key", "secret_key_file", "secret_key_env"}
	}
	user, hasUser := there[k[0]]
	file, hasFile := there[k[1]]
	env, hasEnv := there[k[2]]
	if hasFile && hasEnv {
		l.complain(p.label+"."+k[2], env.source, "stands beside "+p.label+"."+k[1]+" ("+file.source+"); remove one of the two")
	}
	switch {
	case kind == "" || kind == RegistryFile: // none of them is known to be right
	case hasUser && !hasFile && !hasEnv:
		l.complain(p.label+"."+k[0], user.source, "stands without a secret; write "+k[1]+" or "+k[2]+" beside it")
	case !hasUser && hasFile:
		l.complain(p.label+"."+k[1], file.source, "stands without a name; write "+k[0]+" beside it")
	case !hasUser && hasEnv:
		l.complain(p.label+"."+k[2], env.source, "stands without a name; write "+k[0]+" beside it")
	}
	if kms, ok := there["kms_key_id"]; ok && kind == RegistryS3 && strings.TrimSpace(there["sse"].value) != "aws:kms" {
		l.complain(p.label+".kms_key_id", kms.source, "is for `sse: aws:kms` alone; write that, or remove the key")
	}
}

// separate holds that at one place each name is of one registry, so that no
// repository publishes another's.
func (l *loader) separate(c *Config) {
	all := make([]Registry, len(l.places))
	i := 0
	for n, p := range l.places {
		switch p.label {
		case storage:
			all[n] = *c.Publish.Storage
			continue
		case artifactsStorage:
			all[n] = *c.Artifacts.Storage
			continue
		}
		all[n], i = c.Registries[i], i+1
	}
	for n, r := range all {
		for m, o := range all[:n] {
			here, there := l.places[n], l.places[m]
			at := there.label + " (" + there.setting.source + ")"
			switch {
			case inside(r, o) || inside(o, r), r.place() == o.place() && (isStorage(here.label) || isStorage(there.label)):
				l.complain(here.label, here.setting.source, "is not apart from "+at+": one lies in the other; give it a folder, bucket or prefix beside that one")
			case r.place() == o.place() && r.Type == RegistryPull:
				l.complain(here.label, here.setting.source, "has the address of "+at+"; remove one of the two")
			case r.place() == o.place():
				if p, q := common(r.Packages, o.Packages); p != "" {
					l.complain(here.label, here.setting.source, "is the same place as "+at+", and both take packages with one name, by `"+p+"` and `"+q+
						"`; have each name in the `packages` of one of the two, so that no repository publishes another's")
				}
			}
		}
	}
}

// common are a pattern of ps and one of qs that mean a name together.
func common(ps, qs []string) (p, q string) {
	for _, p := range ps {
		for _, q := range qs {
			if overlap(plainName(p), plainName(q)) {
				return p, q
			}
		}
	}
	return "", ""
}

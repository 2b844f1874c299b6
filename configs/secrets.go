package configs

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/dudesons/loktar/configs/internal/value"
)

// secrets is the key of the map that has what packages may ask for in
// loktar.json. It has no variable.
const secrets = "secrets"

// Which jobs get a secret. Those of forks get none, whatever stands here.
const (
	ForAll     = "all"
	ForDefault = "default_branch" // of pushes to the default branch alone
	ForPublish = "publish"        // of these, those that publish
)

// maxSecret bounds a secret, in bytes.
const maxSecret = 16 << 10

// HeldSecret is a secret that packages of some repositories may have. It may be
// printed: it holds no secret, but says where one is.
type HeldSecret struct {
	Name string // of the environment variable
	// Repositories are whose packages get it: OWNER/NAME, or OWNER/* for all of
	// an owner. Packages are which of them, with "*" for any characters.
	Repositories, Packages []string
	For                    string // ForAll, ForDefault or ForPublish

	source secretSource
	label  string
}

// Asker is a job that asks for secrets.
type Asker struct {
	Owner, Repo, Package string
	Default              bool // it is of a push to the default branch
	Publish              bool // it publishes what that has
}

// who is OWNER/NAME.
func (a Asker) who() string { return a.Owner + "/" + a.Repo }

// SecretError says why a package does not get a secret and what to do about
// it, in sentences for anyone to read: it holds no value and no path. Err is
// what to tell the operator, or nil.
type SecretError struct {
	Text string
	Err  error
}

func (e *SecretError) Error() string { return e.Text }
func (e *SecretError) Unwrap() error { return e.Err }

// SecretsFor are those of the named secrets that the job gets: all that the
// configuration has for its package, but for those that are for other jobs of
// it. They are read anew each time. The error is always a *SecretError. It may
// be called concurrently.
func (c Config) SecretsFor(a Asker, names []string) (map[string]Secret, error) {
	out := make(map[string]Secret)
	for _, name := range names {
		i := slices.IndexFunc(c.Secrets, func(h HeldSecret) bool { return h.Name == name && h.allows(a) })
		if i < 0 {
			return nil, &SecretError{Text: fmt.Sprintf(
				"The package asks for the secret `%.100s`, which the server does not hold for it. Have the server's operator add it to `secrets` in the configuration, with %s among its `repositories`, or take it out of `secrets` in loktar.json.", name, a.who())}
		}
		h := c.Secrets[i]
		if h.For == ForPublish && !a.Publish || h.For == ForDefault && !a.Default {
			continue
		}
		text, err := h.source.text()
		if err == nil {
			err = boundedSecret(text)
		}
		if err != nil {
			return nil, &SecretError{Text: fmt.Sprintf("The secret %s cannot be read. The server's operator has to mend that; its log tells more.", name), Err: fmt.Errorf("%s %w", h.source.key, err)}
		}
		out[name] = NewSecret(text)
	}
	return out, nil
}

func (h HeldSecret) allows(a Asker) bool {
	r := Registry{Repositories: h.Repositories, Packages: h.Packages}
	return r.allows(a.who()) && r.takes(a.Package)
}

func boundedSecret(text string) error {
	if len(text) > maxSecret {
		return errors.New("is larger than 16 KiB; keep a key in it that opens the rest")
	}
	return nil
}

// heldKeys are the keys of a secret, in the order of the example file.
var heldKeys = []string{"file", "env", "name", repositories, "packages", "for"}

func (l *loader) readSecrets(m setting) {
	if m.kind != yaml.MappingNode {
		l.complain(secrets, m.source, "has to hold secrets; write a name with a colon on a line of its own below it, and its keys below that")
		return
	}
	for _, s := range m.parts {
		label := secrets + "." + s.name
		if !registryName().MatchString(s.name) {
			l.complain(secrets, s.source, "has a name that is none; write the name of the environment variable, and where the secret is below it")
			continue
		}
		if first := l.layer[label]; first != "" {
			l.complain(label, s.source, "is there twice; remove one of the two, the other is at "+first)
			continue
		}
		l.layer[label] = s.source
		l.held = append(l.held, place{label: label, name: s.name, setting: s})
	}
}

// holding checks what the file says of secrets.
func (l *loader) holding(c *Config) {
	for _, p := range l.held {
		h := l.heldSecret(p)
		for _, o := range c.Secrets {
			if h.Name == o.Name && meet(h, o) {
				l.complain(p.label, p.setting.source, "has the name of "+o.label+", and there are packages that both are for; keep the two apart by `repositories` or `packages`")
			}
		}
		c.Secrets = append(c.Secrets, h)
	}
}

// meet reports whether there is a package that both are for.
func meet(a, b HeldSecret) bool {
	shared := slices.ContainsFunc(a.Repositories, func(r string) bool {
		return slices.ContainsFunc(b.Repositories, func(s string) bool { return overlap(strings.ToLower(r), strings.ToLower(s)) })
	})
	p, _ := common(a.Packages, b.Packages)
	return shared && p != ""
}

// heldSecret reads the keys of one.
func (l *loader) heldSecret(p place) HeldSecret {
	h := HeldSecret{Name: p.name, Packages: []string{"*"}, For: ForAll, label: p.label}
	if p.setting.kind != yaml.MappingNode {
		// Somebody may have written the secret itself.
		l.complain(p.label, p.setting.source, "has to hold keys; no secret stands in this file: write below it `file:` with the path of one, and `repositories:`")
		return h
	}
	there := map[string]setting{}
	for _, s := range p.setting.parts {
		name := p.label + "." + s.name
		switch first, twice := there[s.name]; {
		case !slices.Contains(heldKeys, s.name):
			l.complain(name, s.source, "is not a key of a secret"+value.Say(value.Nearest(s.name, heldKeys, nil), "write one of "+strings.Join(heldKeys, ", ")))
		case s.kind == 0: // as if it were not there
		case twice:
			l.complain(name, s.source, "is there twice; remove one of the two, the other is at "+first.source)
		default:
			there[s.name] = s
			l.assignHeld(&h, name, s)
		}
	}
	file, hasFile := there["file"]
	env, hasEnv := there["env"]
	switch {
	case hasFile && hasEnv:
		l.complain(p.label+".env", env.source, "stands beside "+p.label+".file ("+file.source+"); remove one of the two")
	case !hasFile && !hasEnv:
		l.complain(p.label+".file", p.setting.source, "is not set; write the path of the file that has the secret, or the name of its variable as `env`")
	}
	if _, ok := there[repositories]; !ok {
		l.complain(p.label+"."+repositories, p.setting.source, "is not set; list whose packages get it, for example [acme/pets, \"acme/*\"]")
	}
	if !variableName.MatchString(h.Name) || strings.HasPrefix(strings.ToUpper(h.Name), "LOKTAR") {
		l.complain(p.label, p.setting.source, "is not a name that the steps' variable can have, of letters, digits and `_` and not beginning with LOKTAR; write one as `name` below it")
	}
	return h
}

// assignHeld checks a value and puts it into h. What may be a secret in the
// wrong place is not shown.
func (l *loader) assignHeld(h *HeldSecret, name string, s setting) {
	hidden := false
	wrong := func(source, text string, err error) {
		v := shown(key{}, text)
		if hidden {
			v = ""
		}
		l.problems = append(l.problems, Problem{Key: name, Source: source, Value: v, Message: err.Error()})
	}
	lists := map[string]registryKey{
		repositories: {list: func(*Registry) *[]string { return &h.Repositories }, check: checkHolder},
		"packages":   {list: func(*Registry) *[]string { return &h.Packages }, check: checkPattern},
	}
	k, isList := lists[s.name]
	if !l.registryFormed(k, name, s) {
		return
	}
	if isList {
		*k.list(nil) = s.listed(k.check, wrong)
		if s.empty() {
			l.complain(name, s.source, "is an empty list; write at least one, or remove the secret")
		}
		return
	}
	text := strings.TrimSpace(s.value)
	var err error
	scratch := Registry{}
	switch s.name {
	case "file":
		hidden = notAPath(text)
		if err = setSecretFile(l, &scratch, text); err == nil {
			err = l.boundedFile(scratch.secret.file)
		}
		h.source.file, h.source.key = scratch.secret.file, name
	case "env":
		hidden = notAVariable(text)
		err = setSecretEnv(l, &scratch, text)
		h.source.env, h.source.key = scratch.secret.env, name
	case "name":
		h.Name, hidden = text, true
	case "for":
		words := []string{ForAll, ForDefault, ForPublish}
		if h.For = text; !slices.Contains(words, text) {
			err = unknownWord("a word for jobs", text, words)
		}
	}
	if err != nil {
		wrong(s.source, text, err)
	}
}

func checkHolder(v string) error {
	if strings.Trim(v, "*/") == "" {
		return errors.New("names no owner; write OWNER/NAME or OWNER/*: no secret is for everybody")
	}
	return checkRepository(v)
}

func (l *loader) boundedFile(file string) error {
	text, err := secretOf(file)
	if err != nil {
		return err
	}
	return boundedSecret(text)
}

// Warnings are those of Config.Warnings that are about h.
func (h HeldSecret) Warnings() []string { return h.source.warnings() }

// text reads the secret.
func (s secretSource) text() (string, error) {
	if s.file != "" {
		return secretOf(s.file)
	}
	text := os.Getenv(s.env)
	if strings.TrimSpace(text) == "" {
		return "", errors.New("names an environment variable that is not set; set it where the server is started")
	}
	return text, nil
}

// warnings tells of a file that everybody may read.
func (s secretSource) warnings() []string {
	if info, err := os.Stat(s.file); s.file != "" && err == nil && info.Mode().Perm()&0o004 != 0 {
		return []string{fmt.Sprintf("%s: everybody on this machine may read %s; run `chmod o-rwx` on it.", s.key, s.file)}
	}
	return nil
}

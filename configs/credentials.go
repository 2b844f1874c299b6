package configs

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// secretSource is where a secret is, as that of a registry's credentials.
type secretSource struct {
	user      string
	file, env string // one of them; file is absolute
	key       string // of the configuration, for messages
}

// Credentials are the name and the password of a registry, the access key and
// the secret key of an s3 one: both empty where the configuration has none.
// They are read anew each time, so that a changed file counts at once. The
// error names the key of the configuration and the remedy, and no secret. It
// may be called concurrently.
func (r Registry) Credentials() (user string, password Secret, err error) {
	s := r.secret
	if s.file == "" && s.env == "" {
		return s.user, Secret{}, nil
	}
	text, err := s.text()
	if err != nil {
		return "", Secret{}, fmt.Errorf("%s %w", s.key, err)
	}
	return s.user, NewSecret(text), nil
}

// Warnings are what is right in the configuration and yet a danger, a sentence
// each: secrets in files that everybody may read, and secrets that travel
// without TLS. It looks at the files each time, and passes over those that are
// not there.
func (c Config) Warnings() []string {
	var out []string
	all := slices.Clone(c.Registries)
	if c.Publish.Storage != nil {
		all = append(all, *c.Publish.Storage)
	}
	if c.Artifacts.Storage != nil {
		all = append(all, *c.Artifacts.Storage)
	}
	for _, r := range all {
		out = append(out, r.Warnings()...)
	}
	for _, h := range c.Secrets {
		out = append(out, h.Warnings()...)
	}
	out = append(out, c.Slack.token.warnings()...)
	for _, ch := range c.Slack.Channels {
		out = append(out, ch.source.warnings()...)
	}
	return out
}

// Warnings are those of Config.Warnings that are about r.
func (r Registry) Warnings() []string {
	out := r.secret.warnings()
	for _, address := range []string{r.URL, r.S3.Endpoint} {
		if r.secret.user != "" && strings.HasPrefix(strings.ToLower(address), "http://") && !loopback(address) {
			out = append(out, fmt.Sprintf("%s: its address begins with http://, so its credentials travel without TLS; use https.", r.label))
		}
	}
	return out
}

var loopbackHost = regexp.MustCompile(`^(?i:http://)(?:localhost|127\.[0-9.]+|\[::1\])(?::[0-9]+)?(?:/|$)`)

func loopback(address string) bool { return loopbackHost.MatchString(address) }

// secretOf is the text of a file, without the line break at its end.
func secretOf(file string) (string, error) {
	_, data, err := readFile(file)
	if err != nil {
		return "", err
	}
	text := strings.TrimRight(string(data), "\r\n")
	if strings.TrimSpace(text) == "" {
		return "", errors.New("is empty; put the secret into the file")
	}
	return text, nil
}

func setSecretFile(_ *loader, r *Registry, v string) error {
	if v == "" {
		return errors.New("is empty; write the path of the file that has the secret")
	}
	abs, _, err := readFile(v)
	if err == nil {
		_, err = secretOf(abs)
	}
	r.secret.file = abs
	return err
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func setSecretEnv(l *loader, r *Registry, v string) error {
	switch {
	case !variableName.MatchString(v):
		return errors.New("is not the name of an environment variable; write the name, and the secret into the variable")
	case strings.HasPrefix(v, prefix):
		return errors.New("begins with " + prefix + ", as only the variables of the configuration may; choose another name")
	case !slices.ContainsFunc(l.environ, func(s string) bool {
		text, ok := strings.CutPrefix(s, v+"=")
		return ok && strings.TrimSpace(text) != ""
	}):
		return errors.New("names an environment variable that is not set; set it where the server is started")
	}
	r.secret.env = v
	return nil
}

// notAPath reports whether a value may be a password that stands where the
// path of its file should.
func notAPath(v string) bool {
	return !strings.HasPrefix(v, "/") && !strings.HasPrefix(v, "./") && !strings.HasPrefix(v, "../")
}

var usualVariable = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)

// notAVariable reports the same of the name of its variable.
func notAVariable(v string) bool { return !usualVariable.MatchString(v) }

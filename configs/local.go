package configs

import (
	"strings"

	"github.com/knadh/koanf/v2"
	"go.yaml.in/yaml/v3"
)

// LoadRunner is the part of the configuration that counts without a server:
// defaults, then the LOKTAR_RUNNER_* variables of environ, then flags, which
// are values by the last word of their key, as "image", and win. The error is
// an *Error, as that of Load. Variables of the server's other parts are passed
// over.
func LoadRunner(environ []string, flags map[string]string) (Runner, error) {
	l := &loader{values: koanf.New("."), source: map[string]string{}, lists: map[string][]setting{}}
	l.defaults()
	var own []string
	for _, v := range environ {
		if strings.HasPrefix(v, prefix+"RUNNER_") {
			own = append(own, v)
		}
	}
	l.environment(own)
	given := map[string]any{}
	for name, value := range flags {
		given["runner."+name] = value
		l.source["runner."+name] = "--" + name
	}
	l.put(given)
	var c Config
	for _, k := range keys {
		if strings.HasPrefix(k.name, "runner.") && l.values.Exists(k.name) {
			l.assign(&c, k, k.name, setting{source: l.source[k.name], value: l.values.String(k.name), kind: yaml.ScalarNode})
		}
	}
	if len(l.problems) > 0 {
		return Runner{}, &Error{Problems: l.problems}
	}
	return c.Runner, nil
}

package configs

import (
	"slices"
	"strings"

	"github.com/knadh/koanf/v2"
)

// LoadLocal is the part of the configuration that counts without a server, and
// has no other: Runner, and the registries of type pull. It is made of
// defaults, the server's file where its path is not empty, the LOKTAR_RUNNER_*
// variables of environ, and flags, which are values by the last word of their
// key, as "image", and win. The error is an *Error, as that of Load. What the
// file and the variables say of the server's other parts is passed over.
func LoadLocal(file string, environ []string, flags map[string]string) (Config, error) {
	l := &loader{values: koanf.New("."), source: map[string]string{}, lists: map[string][]setting{}, environ: environ}
	l.defaults()
	if file != "" {
		l.file(file)
	}
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
			l.assign(&c, k, k.name, l.setting(k))
		}
	}
	l.places = slices.DeleteFunc(l.places, func(p place) bool { return !p.pulled() })
	l.publishing(&c)
	if len(l.problems) > 0 {
		return Config{}, &Error{Problems: l.problems}
	}
	return c, nil
}

// pulled reports whether p is a registry that images are pulled from, and
// nothing published to.
func (p place) pulled() bool {
	return slices.ContainsFunc(p.setting.parts, func(s setting) bool { return s.name == "type" && s.value == RegistryPull })
}

package manifest

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs/internal/value"
)

var (
	pkgTypes  = []string{"docker", "whl", "deb", "jar", "npm", "file", "composite", "none"}
	testTypes = []string{string(checks.TestMake), string(checks.TestCommand), string(checks.TestNone)}
	kinds     = []string{"service", "library"}
	sandboxes = []string{"repository", "declared"}
	sources   = []string{"python_requirements", "dockerfile", "docker_compose", "go_mod", "package_json", "cargo", "maven", "none"}
	prefixes  = []string{"ENH", "BUG", "DOC", "TST", "BLD", "PERF", "CLN", "RFR"}

	serviceKeys  = []string{"image", "env", "ports", "ready"}
	resourceKeys = []string{"cpus", "memory", "pids"}
	cacheKeys    = []string{"key", "paths"}
)

// builtin is a package of which loktar.json says nothing.
var builtin = checks.Package{
	PkgType:  "none",
	TestType: checks.TestMake,
	Type:     "library",
	Timeout:  30 * time.Minute,
	Network:  true,
	Reuse:    true,
	Sandbox:  "repository",
}

// packageKeys are the keys of a package and of `defaults`. A reader writes
// over what the defaults left in pkg.
var packageKeys = map[string]func(p *parser, n *node, pkg *checks.Package){
	"pkg_name": func(p *parser, n *node, pkg *checks.Package) { pkg.Name = p.name(n) },
	"pkg_dir":  func(p *parser, n *node, pkg *checks.Package) { pkg.Dir = p.dir(n) },
	"pkg_type": func(p *parser, n *node, pkg *checks.Package) { pkg.PkgType = p.enum(n, pkgTypes...) },
	"test_type": func(p *parser, n *node, pkg *checks.Package) {
		pkg.TestType = checks.TestType(p.enum(n, testTypes...))
	},
	"type":     func(p *parser, n *node, pkg *checks.Package) { pkg.Type = p.enum(n, kinds...) },
	"image":    func(p *parser, n *node, pkg *checks.Package) { pkg.Image = p.image(n) },
	"commands": func(p *parser, n *node, pkg *checks.Package) { pkg.Commands = p.words(n, `["go test ./..."]`, nil) },
	"clean":    func(p *parser, n *node, pkg *checks.Package) { pkg.Clean = p.words(n, `["rm -rf build"]`, nil) },

	"depends_on": func(p *parser, n *node, pkg *checks.Package) { pkg.DependsOn = p.set(n, `["awesome_lib"]`, nil) },
	"dependencies_type": func(p *parser, n *node, pkg *checks.Package) {
		pkg.DependenciesType = p.set(n, `["go_mod"]`, func(kid *node, s string) {
			if s == "none" && len(n.kids) > 1 {
				p.fault(kid, "`none` stands beside others; write [\"none\"] alone or remove it")
			} else if !slices.Contains(sources, s) {
				p.fault(kid, "%s is not a kind of dependency file%s", show(s), value.Say(p.nearest(s, sources), "write "+either(sources)))
			}
		})
	},
	"exclude_dependencies_only_on_keywords": func(p *parser, n *node, pkg *checks.Package) {
		pkg.ExcludeKeywords = p.set(n, `["DOC"]`, func(kid *node, s string) {
			if !slices.Contains(prefixes, s) {
				p.fault(kid, "%s is not a commit prefix%s", show(s), value.Say(p.nearest(s, prefixes), "write "+either(prefixes)))
			}
		})
	},
	"inputs": func(p *parser, n *node, pkg *checks.Package) { pkg.Inputs = p.globs(n) },

	"env": func(p *parser, n *node, pkg *checks.Package) { pkg.Env = p.variables(n, pkg.Env) },
	"secrets": func(p *parser, n *node, pkg *checks.Package) {
		pkg.Secrets = p.set(n, `["TOKEN"]`, func(kid *node, s string) { p.variableName(int(kid.off), s) })
	},
	"services": func(p *parser, n *node, pkg *checks.Package) { pkg.Services = p.services(n, pkg.Services) },

	"timeout": func(p *parser, n *node, pkg *checks.Package) { pkg.Timeout = p.duration(n) },
	"retries": func(p *parser, n *node, pkg *checks.Package) { pkg.Retries = int(p.integer(n, 0, maxRetries)) },
	"retry_failures": func(p *parser, n *node, pkg *checks.Package) {
		pkg.RetryFailures = p.boolean(n)
	},
	"resources":   func(p *parser, n *node, pkg *checks.Package) { p.resources(n, &pkg.Resources) },
	"network":     func(p *parser, n *node, pkg *checks.Package) { pkg.Network = p.boolean(n) },
	"cache":       func(p *parser, n *node, pkg *checks.Package) { pkg.Cache = p.caches(n) },
	"reuse":       func(p *parser, n *node, pkg *checks.Package) { pkg.Reuse = p.boolean(n) },
	"sandbox":     func(p *parser, n *node, pkg *checks.Package) { pkg.Sandbox = p.enum(n, sandboxes...) },
	"required":    func(p *parser, n *node, pkg *checks.Package) { pkg.Required = p.boolean(n) },
	"git":         func(p *parser, n *node, pkg *checks.Package) { pkg.Git = p.boolean(n) },
	"concurrency": func(p *parser, n *node, pkg *checks.Package) { pkg.Concurrency = p.group(n) },
	"artifacts":   func(p *parser, n *node, pkg *checks.Package) { pkg.Artifacts = p.packageGlobs(n) },
	"reports":     func(p *parser, n *node, pkg *checks.Package) { pkg.Reports = p.packageGlobs(n) },

	// build_info is read when the package's pkg_type is known.
	"build_info": func(*parser, *node, *checks.Package) {},
}

// fileKeys are the keys at the top of the file.
var fileKeys = []string{"packages", "defaults", "global_inputs", "ignore", "notify", "$schema"}

var packageKeyNames = slices.Sorted(maps.Keys(packageKeys))

// common are the strings that many packages have in common.
var common = func() map[string]string {
	m := map[string]string{}
	for _, words := range [][]string{packageKeyNames, fileKeys, pkgTypes, testTypes, kinds, serviceKeys, resourceKeys, cacheKeys, buildKeyNames} {
		for _, w := range words {
			m[w] = w
		}
	}
	return m
}()

func (p *parser) name(n *node) string {
	s := p.word(n, `"awesome_lib"`)
	switch {
	case s == "":
	case s == checks.AggregateName:
		p.fault(n, "%s is the name of the check run that stands for all packages; write another name", show(s))
	case len(s) > maxName:
		p.fault(n, "%s has %d characters, more than %d; write a shorter name", show(s), len([]rune(s)), maxName)
	case !nameLike(s):
		p.fault(n, "%s is not a package name; use letters, digits, `.`, `_` and `-` only, and a letter or digit at the start", show(s))
	default:
		return s
	}
	return ""
}

func (p *parser) group(n *node) string {
	s := p.word(n, `"database"`)
	if s != "" && (len(s) > maxName || !nameLike(s)) {
		p.fault(n, "%s is not the name of a group; use at most %d letters, digits, `.`, `_` and `-`, and a letter or digit at the start", show(s), maxName)
	}
	return s
}

// nameLike reports whether s is [A-Za-z0-9][A-Za-z0-9._-]*.
func nameLike(s string) bool {
	for i, c := range []byte(s) {
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case i > 0 && (c == '.' || c == '_' || c == '-'):
		default:
			return false
		}
	}
	return s != ""
}

func (p *parser) image(n *node) string {
	s := p.word(n, `"debian:13"`)
	if s == "" || p.images[s] {
		return s
	}
	if err := value.Image(s); err != nil {
		p.fault(n, "%s %v", show(s), err)
		return s
	}
	if p.images == nil {
		p.images = map[string]bool{}
	}
	p.images[s] = true
	return s
}

func (p *parser) duration(n *node) time.Duration {
	if n.kind != '"' {
		p.mistyped(n, "a duration", `"30m"`)
		return 0
	}
	d, err := time.ParseDuration(n.text)
	switch {
	case err != nil:
		p.fault(n, "%s is not a duration; write for example \"90s\", \"30m\" or \"1h30m\"", show(n.text))
	case d <= 0:
		p.fault(n, "%s is not above zero; write for example \"30m\"", show(n.text))
	case d > maxTimeout:
		p.fault(n, "%s is too long; write \"24h\" or less", show(n.text))
	}
	return d
}

func (p *parser) resources(n *node, r *checks.Resources) {
	p.object(n, `{"memory": "2GiB"}`, resourceKeys, func(kid *node) bool {
		switch kid.key {
		case "cpus":
			r.CPUs = p.cpus(kid)
		case "memory":
			r.Memory = p.memory(kid)
		case "pids":
			r.PIDs = p.integer(kid, 1, math.MaxInt32)
		default:
			return false
		}
		return true
	})
}

func (p *parser) cpus(n *node) float64 {
	if n.kind != '0' {
		p.mistyped(n, "a number", "1.5")
		return 0
	}
	f, err := strconv.ParseFloat(n.text, 64)
	if err != nil || f < 0.01 || f > 1024 {
		p.fault(n, "%s is out of range; write a number from 0.01 to 1024", show(n.text))
		return 0
	}
	return f
}

func (p *parser) memory(n *node) int64 {
	if n.kind != '"' {
		p.mistyped(n, "a size", `"2GiB"`)
		return 0
	}
	m, err := value.Memory(n.text)
	if err != nil {
		p.fault(n, "%s %v", show(n.text), err)
	}
	return m
}

func (p *parser) caches(n *node) []checks.Cache {
	var out []checks.Cache
	seen := map[string]bool{}
	const example = `[{"key": "pip", "paths": ["~/.cache/pip"]}]`
	p.list(n, example, func(entry *node) {
		var c checks.Cache
		p.object(entry, example[1:len(example)-1], cacheKeys, func(kid *node) bool {
			switch kid.key {
			case "key":
				if c.Key = p.word(kid, `"pip"`); c.Key != "" && seen[c.Key] {
					p.fault(kid, "%s is the key of another cache of this package; join the two or write another key", show(c.Key))
				}
				seen[c.Key] = true
			case "paths":
				c.Paths = p.words(kid, `["~/.cache/pip"]`, func(n *node, s string) {
					if wrong := cachePathFault(s); wrong != "" {
						p.fault(n, "%s %s", show(s), wrong)
					}
				})
				if kid.kind == '[' && len(kid.kids) == 0 {
					p.fault(kid, "is empty; list what the cache keeps")
				}
			default:
				return false
			}
			return true
		})
		if entry.kind == '{' {
			p.need(entry, "key", "name the cache")
			p.need(entry, "paths", "list what it keeps")
		}
		out = append(out, c)
	})
	return out
}

// need reports a key that an object lacks.
func (p *parser) need(n *node, key, remedy string) {
	if n.member(key) == nil {
		p.at(int(n.off), key, "is missing; %s", remedy)
	}
}

func (p *parser) services(n *node, into map[string]checks.Service) map[string]checks.Service {
	if n.kind != '{' {
		p.mistyped(n, "an object", `{"db": {"image": "postgres:16"}}`)
		return into
	}
	for i := range n.kids {
		kid := &n.kids[i]
		if len(kid.key) > 63 || !nameLike(kid.key) {
			p.at(int(kid.keyOff), "", "%s is not the name of a host; use at most 63 letters, digits, `.`, `_` and `-`, and a letter or digit at the start", show(kid.key))
		}
		if into == nil {
			into = make(map[string]checks.Service, len(n.kids))
		}
		into[kid.key] = p.service(kid)
	}
	return into
}

func (p *parser) service(n *node) checks.Service {
	var s checks.Service
	p.object(n, `{"image": "postgres:16"}`, serviceKeys, func(kid *node) bool {
		switch kid.key {
		case "image":
			s.Image = p.image(kid)
		case "env":
			s.Env = p.variables(kid, nil)
		case "ports":
			p.list(kid, "[5432]", func(port *node) { s.Ports = append(s.Ports, int(p.integer(port, 1, 65535))) })
		case "ready":
			if kid.kind == '0' {
				s.Ready = strconv.FormatInt(p.integer(kid, 1, 65535), 10)
			} else {
				s.Ready = p.word(kid, `5432 or "pg_isready"`)
			}
		default:
			return false
		}
		return true
	})
	if n.kind == '{' {
		p.need(n, "image", "name the image that the service runs in")
	}
	return s
}

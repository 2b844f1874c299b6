package manifest

import (
	"maps"
	"slices"
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
	notifyKeys   = []string{"slack", "comment"}
	slackKeys    = []string{"channel", "on", "packages", "events"}
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
	for _, words := range [][]string{packageKeyNames, fileKeys, pkgTypes, testTypes, kinds, serviceKeys, resourceKeys, cacheKeys, notifyKeys, slackKeys, buildKeyNames} {
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

package manifest

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// buildKey is a key of build_info.
type buildKey struct {
	// values are what it may say by pkg_type; nil is anything. A pkg_type
	// that is not there has no such key.
	values map[string][]string
	read   func(p *parser, n *node, b *checks.BuildInfo)
}

var free []string

func forTypes(values []string, pkgTypes ...string) map[string][]string {
	m := map[string][]string{}
	for _, t := range pkgTypes {
		m[t] = values
	}
	return m
}

// buildKeys are the keys of build_info. The kinds of value are checked by
// their readers, the words of those with a list here by buildInfo.
var buildKeys = map[string]buildKey{
	"build_type": {forTypes([]string{"url", "docker"}, "docker"),
		func(p *parser, n *node, b *checks.BuildInfo) { b.BuildType = p.word(n, `"docker"`) }},
	"registry_type": {map[string][]string{"docker": {"quay", "oci"}, "whl": {"pypi"}, "deb": {"aptly"}, "npm": {"npm"}},
		func(p *parser, n *node, b *checks.BuildInfo) { b.RegistryType = p.word(n, `"oci"`) }},
	"storage_type": {map[string][]string{
		"docker": {"s3", "file"}, "jar": {"s3", "file"}, "file": {"s3", "file"},
		"whl": {"file"}, "deb": {"file"}, "npm": {"file"}},
		func(p *parser, n *node, b *checks.BuildInfo) { b.StorageType = p.word(n, `"s3"`) }},
	"registry_prefix": {forTypes(free, "docker"),
		func(p *parser, n *node, b *checks.BuildInfo) { b.RegistryPrefix = p.word(n, `"quay.io/acme"`) }},
	"build_args": {forTypes(free, "docker"),
		func(p *parser, n *node, b *checks.BuildInfo) { b.BuildArgs = p.variables(n, b.BuildArgs) }},
	"extra_versions": {forTypes(free, "docker"),
		func(p *parser, n *node, b *checks.BuildInfo) { b.ExtraVersions = p.words(n, `["stable"]`, nil) }},
	"index": {forTypes(free, "whl"),
		func(p *parser, n *node, b *checks.BuildInfo) { b.Index = p.url(n) }},
	"repository": {forTypes(free, "deb"),
		func(p *parser, n *node, b *checks.BuildInfo) { b.Repository = p.word(n, `"main"`) }},
	"code_name": {forTypes(free, "deb"),
		func(p *parser, n *node, b *checks.BuildInfo) { b.CodeName = p.word(n, `"trixie"`) }},
	"component": {forTypes(free, "deb"),
		func(p *parser, n *node, b *checks.BuildInfo) { b.Component = p.word(n, `"main"`) }},
	"bucket": {forTypes(free, "docker", "jar", "file"),
		func(p *parser, n *node, b *checks.BuildInfo) { b.Bucket = p.word(n, `"artifacts"`) }},
	"prefix": {forTypes(free, "docker", "jar", "file"),
		func(p *parser, n *node, b *checks.BuildInfo) { b.Prefix = p.word(n, `"releases"`) }},
	"registry": {forTypes(free, "npm"),
		func(p *parser, n *node, b *checks.BuildInfo) { b.Registry = p.url(n) }},
	"access": {forTypes([]string{"public", "restricted"}, "npm"),
		func(p *parser, n *node, b *checks.BuildInfo) { b.Access = p.word(n, `"public"`) }},
	"version": {forTypes(free, "docker", "whl", "deb", "jar", "npm", "file"),
		func(p *parser, n *node, b *checks.BuildInfo) { b.Version = p.version(n) }},
	"git_tag": {forTypes(free, "docker", "whl", "deb", "jar", "npm", "file"),
		func(p *parser, n *node, b *checks.BuildInfo) { b.GitTag = p.tag(n) }},
	"github_release": {forTypes(free, "docker", "whl", "deb", "jar", "npm", "file"),
		func(p *parser, n *node, b *checks.BuildInfo) { b.GitHubRelease = p.boolean(n) }},
}

var buildKeyNames = slices.Sorted(maps.Keys(buildKeys))

const buildExample = `{"registry_type": "oci"}`

// buildInfo reads a package's own build_info over what its defaults said.
func (p *parser) buildInfo(n *node, pkgType string, b *checks.BuildInfo) {
	p.object(n, buildExample, buildKeyNames, func(kid *node) bool {
		k, known := buildKeys[kid.key]
		if !known {
			return false
		}
		if pkgType == "" {
			return true // the problem is in pkg_type
		}
		words, fits := k.values[pkgType]
		switch {
		case !fits:
			p.at(int(kid.keyOff), "", "a package of pkg_type `%s` has no `%s`; remove it or write pkg_type %s", pkgType, kid.key, either(typesOf(k)))
		case words != nil:
			if p.enum(kid, words...) != "" {
				k.read(p, kid, b)
			}
		default:
			k.read(p, kid, b)
		}
		return true
	})
}

// defaultBuildInfo reads defaults.build_info for a package: what does not fit
// its pkg_type is for others. All of it was checked before.
func (p *parser) defaultBuildInfo(n *node, pkgType string, b *checks.BuildInfo) {
	for i := range n.kids {
		kid := &n.kids[i]
		words, fits := buildKeys[kid.key].values[pkgType]
		if fits && (words == nil || slices.Contains(words, kid.text)) {
			buildKeys[kid.key].read(p, kid, b)
		}
	}
}

// checkBuildInfo reports what is wrong with defaults.build_info whatever the
// pkg_type, and whether nothing is.
func (p *parser) checkBuildInfo(n *node) bool {
	var b checks.BuildInfo
	before := len(p.found) + p.more
	p.object(n, buildExample, buildKeyNames, func(kid *node) bool {
		k, known := buildKeys[kid.key]
		if !known {
			return false
		}
		var words []string
		for _, t := range pkgTypes {
			words = append(words, k.values[t]...)
		}
		if slices.Sort(words); len(words) > 0 {
			p.enum(kid, slices.Compact(words)...)
		} else {
			k.read(p, kid, &b)
		}
		return true
	})
	return len(p.found)+p.more == before
}

// typesOf are the values of pkg_type that have a key.
func typesOf(k buildKey) []string {
	return slices.DeleteFunc(slices.Clone(pkgTypes), func(t string) bool {
		_, fits := k.values[t]
		return !fits
	})
}

func (p *parser) url(n *node) string {
	const example = `"https://pypi.example.com/simple"`
	s := p.word(n, example)
	if s == "" {
		return ""
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		p.fault(n, "%s is not a URL; write for example %s", show(s), example)
	case u.User != nil:
		p.fault(n, "the URL holds a user name or password; remove it, the server holds the credentials")
	}
	return s
}

var (
	action  = regexp.MustCompile(`\{\{.*?\}\}`)
	version = regexp.MustCompile(`^\{\{ *\.(Next|Date|ShortSHA) *\}\}$`)
)

// version reads a template for a version, or the path of a file with one.
func (p *parser) version(n *node) string {
	s := p.word(n, `"1.0.{{.Next}}"`)
	for _, a := range action.FindAllString(s, -1) {
		if !version.MatchString(a) {
			p.fault(n, "%s is not known in a version; write {{.Next}}, {{.Date}} or {{.ShortSHA}}", show(a))
			return s
		}
	}
	if strings.Contains(action.ReplaceAllString(s, ""), "{{") {
		p.fault(n, "%s opens {{ and does not close it; write for example \"1.0.{{.Next}}\"", show(s))
	}
	return s
}

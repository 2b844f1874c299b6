package manifest

import (
	"github.com/dudesons/loktar/checks"
)

const tagExample = `"{{.Name}}-v{{.Version}}"`

// tag reads a template for a tag, as far as that goes without the package.
func (p *parser) tag(n *node) string {
	s := p.word(n, tagExample)
	if s == "" {
		return ""
	}
	tag, unknown := checks.FillTag(s, "lib", "1")
	other, _ := checks.FillTag(s, "lib", "2")
	switch fault := checks.TagFault(tag); {
	case unknown != "":
		p.fault(n, "%s is not known in a tag; write {{.Name}} or {{.Version}}", show(unknown))
	case tag == other:
		p.fault(n, "%s holds no {{.Version}}, and so all versions would have one tag; write for example %s", show(s), tagExample)
	case fault != "":
		p.fault(n, "%s cannot be the name of a tag: it %s; write for example %s", show(tag), fault, tagExample)
	default:
		return s
	}
	return ""
}

// tags reports tags that a package's name makes unusable or that two packages
// would share, and releases without a tag. What stands in the defaults is
// reported once.
func (p *parser) tags(entries []entry) {
	first := map[string]string{} // the package that has such tags
	said := map[*node]bool{}
	for i := range entries {
		e := &entries[i]
		b := &e.pkg.BuildInfo
		if at, named := p.byName[e.pkg.Name]; !named || at != i {
			continue // the problem is in its name
		}
		if n := p.buildNode(e, "github_release"); b.GitHubRelease && b.GitTag == "" && p.buildNode(e, "git_tag") == nil && !said[n] {
			said[n] = true
			p.fault(n, `a release needs a tag, and package %s has none; add for example "git_tag": %s or remove this`, show(e.pkg.Name), tagExample)
		}
		if b.GitTag == "" {
			continue
		}
		n := p.buildNode(e, "git_tag")
		if said[n] {
			continue
		}
		tag, _ := checks.FillTag(b.GitTag, e.pkg.Name, "1")
		// No name holds a NUL: what is left tells all versions' tags.
		tags, _ := checks.FillTag(b.GitTag, e.pkg.Name, "\x00")
		if fault := checks.TagFault(tag); fault != "" {
			p.fault(n, "%s cannot be the name of a tag: it %s; write a tag without {{.Name}}, or give the package another name", show(tag), fault)
		} else if other, twice := first[tags]; twice {
			said[n] = true
			p.fault(n, "the tags of package %s would be those of package %s; write {{.Name}} into it", show(e.pkg.Name), show(other))
		}
		if first[tags] == "" {
			first[tags] = e.pkg.Name
		}
	}
}

// buildNode is where a key of build_info stands that counts for a package: in
// its own entry or in the defaults. It is nil when there is none.
func (p *parser) buildNode(e *entry, key string) *node {
	if own := e.n.member("build_info"); own != nil && own.member(key) != nil {
		return own.member(key)
	}
	if p.defaultBuild != nil {
		return p.defaultBuild.member(key)
	}
	return nil
}

package infer

import (
	"slices"
	"strings"
)

// mavenParser reads the pom.xml in a package's own folder.
//
// A package provides its coordinates, group:artifact, the group being its
// parent's where it has none. It needs what Maven orders a build by, whatever
// version is asked for: its parent, its dependencies, the plugins and
// extensions of its build and what those depend on, in its profiles too; the
// BOMs that its dependencyManagement imports, which is no dependency for the
// rest; and, as it builds them, the modules that it lists.
//
// A property that the file does not set comes from another one. It may stand
// for anything: see widened.
var mavenParser = parser{
	kind:    Maven,
	match:   ownFile("pom.xml"),
	folders: []string{"."},
	parse:   parseMaven,
}

func parseMaven(_, file string, data []byte) (Facts, error) {
	pom, err := readPOM(data)
	if err != nil {
		return Facts{}, err
	}
	group, line := pom.text["groupId"], pom.line["groupId"]
	if group == "" {
		group, line = pom.text["parent/groupId"], pom.line["parent/groupId"]
	}
	artifact := pom.text["artifactId"]
	switch {
	case artifact == "":
		return Facts{}, problemf(pom.root, "the project has no artifactId")
	case group == "":
		return Facts{}, problemf(pom.root, "the project has no groupId, neither its own nor a parent's")
	}
	group, artifact = pom.expand(group), pom.expand(artifact)
	if unexpanded(group) {
		return Facts{}, problemf(line, "the groupId %s holds a property that this file does not set; write the groupId out", group)
	}
	facts := Facts{Provides: mavenProvides(group, artifact)}
	for _, c := range pom.coordinates {
		if c.managed && (c.scope != "import" || c.kind != "pom") || c.artifact == "" {
			continue
		}
		if c.group == "" {
			if !c.plugin {
				continue
			}
			c.group = "org.apache.maven.plugins"
		}
		name := widened(pom.expand(c.group), pom.expand(c.artifact))
		facts.Needs = append(facts.Needs, Need{Name: name, Line: c.line})
	}
	for _, m := range pom.modules {
		// Maven takes a backslash for a slash on every system.
		rel := strings.ReplaceAll(pom.expand(m.text), `\`, "/")
		if p, ok := pathBeside(file, rel); ok && rel != "" {
			facts.Needs = append(facts.Needs, Need{Path: p, Line: m.line})
		}
	}
	return inOrder(facts), nil
}

// Bounds of what the properties of a file may be expanded to. What is beyond
// them stays as it is written, and is widened as what is not known.
const (
	maxText   = 1000 // bytes of a text
	maxExpand = 100  // replacements in it
)

// expand is s with the properties that the file sets put in.
func (p *pom) expand(s string) string {
	from := 0
	for range maxExpand {
		i := strings.Index(s[from:], "${")
		if i < 0 {
			break
		}
		start := from + i
		n := strings.IndexByte(s[start:], '}')
		if n < 0 {
			break
		}
		end := start + n + 1
		value, ok := p.property(s[start+2 : end-1])
		if !ok || len(s)+len(value) > maxText {
			from = end
			continue
		}
		s, from = s[:start]+value+s[end:], start
	}
	return strings.TrimSpace(s)
}

// property is what the file sets a property to. The project's own fields are
// properties too, under two older names as well.
func (p *pom) property(name string) (string, bool) {
	if v, ok := p.properties[name]; ok {
		return v, !p.varies[name]
	}
	field := name
	for _, prefix := range []string{"project.", "pom."} {
		field = strings.TrimPrefix(field, prefix)
	}
	switch field {
	case "groupId", "version":
		if v := p.text[field]; v != "" {
			return v, true
		}
		field = "parent." + field
	case "artifactId", "parent.groupId", "parent.artifactId", "parent.version":
	default:
		return "", false
	}
	v := p.text[strings.Replace(field, ".", "/", 1)]
	return v, v != ""
}

// unexpanded reports whether a property is left in s.
func unexpanded(s string) bool { return strings.Contains(s, "${") }

// wordEnds are where the words of an artifact's name end; maxName is how far
// they are looked for.
const (
	wordEnds = "-_."
	maxName  = 200
)

// mavenProvides are the names of a package: its own, and every one that widened
// makes of it where the group or the end of the artifact is not known.
func mavenProvides(group, artifact string) []string {
	known, _, left := strings.Cut(artifact, "${")
	names := []string{"*"}
	for i := range min(len(known), maxName) {
		if strings.IndexByte(wordEnds, known[i]) >= 0 {
			names = append(names, known[:i+1]+"*")
		}
	}
	if !left {
		names = append(names, artifact)
	}
	slices.Reverse(names)
	out := make([]string, 0, 2*len(names))
	for _, n := range names {
		out = append(out, group+":"+n)
	}
	for _, n := range names {
		out = append(out, "*:"+n)
	}
	return out
}

// widened is the name that is needed. Where a property is left in the group any
// group is meant; where one is left in the artifact, any artifact that has the
// same words before it: ${scala.version} in core_${scala.version} makes it
// core_*. So no dependency is missed, and few are seen that are none.
func widened(group, artifact string) string {
	if unexpanded(group) {
		group = "*"
	}
	if known, _, left := strings.Cut(artifact, "${"); left {
		artifact = known[:strings.LastIndexAny(known, wordEnds)+1] + "*"
	}
	return group + ":" + artifact
}

package keys

import (
	"maps"
	"slices"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// field is the decision about one field of checks.Package.
type field struct {
	name string
	// write writes what counts of the field; nil when it does not count by
	// itself.
	write  func(e *encoder, p *checks.Package)
	reason string
}

// fields are all of checks.Package. What counts is what changes the artifact,
// where it goes, or what its steps do and see. As in checks.SameEntry a list's
// order counts only where it is carried out in its order.
var fields = []field{
	{"Name", func(e *encoder, p *checks.Package) { e.str(p.Name) }, "the artifact bears it"},
	{"Dir", func(e *encoder, p *checks.Package) { e.str(p.Dir) }, "the steps run there"},
	{"PkgType", func(e *encoder, p *checks.Package) { e.str(p.PkgType) }, "says what is published"},
	{"TestType", func(e *encoder, p *checks.Package) { e.str(string(p.TestType)) }, "says which steps run"},
	{"Type", nil, "a word for people and filters"},
	{"Image", func(e *encoder, p *checks.Package) { e.str(p.Image) }, "the steps run in it; Options.Image tells which one it was"},
	{"Commands", func(e *encoder, p *checks.Package) { e.list(p.Commands) }, "they are the steps"},
	{"Clean", func(e *encoder, p *checks.Package) { e.list(p.Clean) }, "they are steps, and may remove what is kept"},
	{"DependsOn", nil, "the dependencies' keys count"},
	{"DependenciesType", nil, "the dependencies found count, not how they were looked for"},
	{"ExcludeKeywords", nil, "says when dependents are tested, not what is built"},
	{"Inputs", nil, "the files that match count, not how they are named"},
	{"Env", func(e *encoder, p *checks.Package) { e.pairs(p.Env) }, "the steps see it"},
	{"Secrets", func(e *encoder, p *checks.Package) { e.set(p.Secrets) }, "the steps see which there are; their values are not known here"},
	{"Services", writeServices, "the steps talk to them"},
	{"Timeout", nil, "ends an attempt; what comes through is the same"},
	{"Retries", nil, "how often, not what"},
	{"RetryFailures", nil, "how often, not what"},
	{"Resources", nil, "as a timeout: they decide whether steps come through, not what they make"},
	{"Network", func(e *encoder, p *checks.Package) { e.bool(p.Network) }, "without it the steps find other things"},
	{"Cache", writeCaches, "its folders hide what is there else, and another name asks for an empty one; what is in it is not known"},
	{"Reuse", nil, "says what is done with a key"},
	{"Sandbox", func(e *encoder, p *checks.Package) { e.str(p.Sandbox) }, "says which files the steps see"},
	{"Required", nil, "says what is reported"},
	{"Git", func(e *encoder, p *checks.Package) { e.bool(p.Git) }, "the steps see a .git folder or none; what is in it does not count"},
	{"Concurrency", nil, "says when it runs"},
	{"Artifacts", func(e *encoder, p *checks.Package) { e.set(p.Artifacts) }, "says what is kept of what was built"},
	{"Reports", nil, "says what is shown"},
	{"BuildInfo", writeBuildInfo, "says how and where it is published, but for what is announced"},
}

// writeEntry writes what counts of a package's entry in loktar.json.
func writeEntry(e *encoder, p *checks.Package) {
	for i := range fields {
		if fields[i].write != nil && (fields[i].name != "Cache" || len(p.Cache) > 0) {
			e.str(fields[i].name) // what is optional has a name before it, and Cache came later than keys
			fields[i].write(e, p)
		}
	}
}

func writeCaches(e *encoder, p *checks.Package) {
	e.num(len(p.Cache))
	for _, c := range slices.SortedStableFunc(slices.Values(p.Cache), func(a, b checks.Cache) int { return strings.Compare(a.Key, b.Key) }) {
		e.str(c.Key)
		e.set(c.Paths)
	}
}

func writeServices(e *encoder, p *checks.Package) {
	e.num(len(p.Services))
	if len(p.Services) == 0 {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(p.Services)) {
		s := p.Services[name]
		e.str(name)
		e.str(s.Image)
		e.pairs(s.Env)
		ports := sorted(s.Ports)
		e.num(len(ports))
		for _, port := range ports {
			e.num(port)
		}
		e.str(s.Ready)
	}
}

// writeBuildInfo leaves GitTag and GitHubRelease out: they say how a version is
// announced, and another way to announce is no reason to publish the same once
// more. A new tag's name counts from the next version on.
func writeBuildInfo(e *encoder, p *checks.Package) {
	b := &p.BuildInfo
	for _, s := range []string{
		b.BuildType, b.RegistryType, b.StorageType, b.RegistryPrefix, b.Index, b.Repository,
		b.CodeName, b.Component, b.Bucket, b.Prefix, b.Registry, b.Access, b.Version,
	} {
		e.str(s)
	}
	e.pairs(b.BuildArgs)
	e.set(b.ExtraVersions)
}

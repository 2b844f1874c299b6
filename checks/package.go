package checks

import "time"

// ManifestFile is the path of the file that lists a repository's packages.
const ManifestFile = "loktar.json"

// AggregateName is the name of the check run that stands for a whole run. No
// package may bear it.
const AggregateName = "loktar"

// TestType says how a package is tested.
type TestType string

// The test types of loktar.json.
const (
	// TestMake runs `make ci`, then `make clean` whatever happened.
	TestMake TestType = "make"
	// TestCommand runs the package's Commands, then its Clean lines.
	TestCommand TestType = "command"
	// TestNone runs nothing.
	TestNone TestType = "no-test"
)

// Package is one entry of loktar.json with every default filled in.
// Paths are slash-separated, relative to the repository's root and clean;
// "." is the root itself.
type Package struct {
	Name     string   `json:"name"`
	Dir      string   `json:"dir"`
	PkgType  string   `json:"pkg_type,omitempty"` // docker, whl, deb, jar, npm, file, composite or none
	TestType TestType `json:"test_type"`
	Type     string   `json:"type,omitempty"` // service or library
	// Image is empty where neither the entry nor the defaults name one: the
	// server's image is meant.
	Image    string   `json:"image,omitempty"`
	Commands []string `json:"commands,omitempty"`
	Clean    []string `json:"clean,omitempty"`

	DependsOn        []string `json:"depends_on,omitempty"`
	DependenciesType []string `json:"dependencies_type,omitempty"`
	ExcludeKeywords  []string `json:"exclude_dependencies_only_on_keywords,omitempty"`
	Inputs           []string `json:"inputs,omitempty"` // globs from the root, "!" excludes

	Env      map[string]string  `json:"env,omitempty"`
	Secrets  []string           `json:"secrets,omitempty"`
	Services map[string]Service `json:"services,omitempty"`

	// Timeout bounds one attempt; it is never zero after parsing.
	Timeout       time.Duration `json:"timeout"`
	Retries       int           `json:"retries,omitempty"`
	RetryFailures bool          `json:"retry_failures,omitempty"`
	Resources     Resources     `json:"resources,omitzero"`
	Network       bool          `json:"network"`
	Cache         []Cache       `json:"cache,omitempty"`
	Reuse         bool          `json:"reuse"`
	Sandbox       string        `json:"sandbox,omitempty"` // repository or declared
	Required      bool          `json:"required,omitempty"`
	Git           bool          `json:"git,omitempty"`
	Concurrency   string        `json:"concurrency,omitempty"`
	Artifacts     []string      `json:"artifacts,omitempty"`
	Reports       []string      `json:"reports,omitempty"`

	BuildInfo BuildInfo `json:"build_info,omitzero"`
}

// Service is a sidecar of a package's steps.
type Service struct {
	Image string            `json:"image"`
	Env   map[string]string `json:"env,omitempty"`
	Ports []int             `json:"ports,omitempty"`
	// Ready is a port or a command; steps start when it holds.
	Ready string `json:"ready,omitempty"`
}

// ServiceLogName is what stands in the place of a package's name where the log
// of one of its services is meant. No package has such a name.
func ServiceLogName(pkg, service string) string { return pkg + "+" + service }

// Resources are the limits of a package's container. Zero means the server's.
type Resources struct {
	CPUs   float64 `json:"cpus,omitempty"`
	Memory int64   `json:"memory,omitempty"` // bytes
	PIDs   int64   `json:"pids,omitempty"`
}

// Cache is a set of paths kept between runs of one trust level.
type Cache struct {
	Key   string   `json:"key"`
	Paths []string `json:"paths"`
}

// BuildInfo says how and where a package's artifact is published. Which
// fields count depends on the package's PkgType.
type BuildInfo struct {
	BuildType      string            `json:"build_type,omitempty"`
	RegistryType   string            `json:"registry_type,omitempty"`
	StorageType    string            `json:"storage_type,omitempty"`
	RegistryPrefix string            `json:"registry_prefix,omitempty"`
	BuildArgs      map[string]string `json:"build_args,omitempty"`
	ExtraVersions  []string          `json:"extra_versions,omitempty"`
	Index          string            `json:"index,omitempty"`
	Repository     string            `json:"repository,omitempty"`
	CodeName       string            `json:"code_name,omitempty"`
	Component      string            `json:"component,omitempty"`
	Bucket         string            `json:"bucket,omitempty"`
	Prefix         string            `json:"prefix,omitempty"`
	Registry       string            `json:"registry,omitempty"`
	Access         string            `json:"access,omitempty"`
	Version        string            `json:"version,omitempty"`
	// GitTag is the template of a tag for each version, see FillTag; empty
	// means none. GitHubRelease: the tag gets a release at GitHub.
	GitTag        string `json:"git_tag,omitempty"`
	GitHubRelease bool   `json:"github_release,omitempty"`
}

// Manifest is a valid loktar.json.
type Manifest struct {
	Packages     []Package
	GlobalInputs []string // globs: a change affects every package
	Ignore       []string // globs: a change affects none
	// Notify is who is to be told of runs; nil where the file says nothing.
	Notify *Notify
	// Warnings are about things that are right and yet will surprise.
	Warnings []Problem
	// Edges are dependencies that files of the packages tell of, beside those
	// of DependsOn; an edge may stand in both.
	Edges []Edge
	// Unread are files that could not be read for dependencies. What they
	// would have said is not known, so their packages count as affected. The
	// ones with Warning were read, and affect nothing.
	Unread []FileProblem
}

// Edge says that package From needs package To because of a line of a file.
type Edge struct {
	// To is empty when From reads File and no package owns that.
	From, To string
	File     string // from the repository's root
	Line     int    // from 1; 0 when the whole file says it
	Cyclic   bool   // closes a cycle: it counts for what is affected, not for the order
}

// FileProblem is a file of a package that could not be read for dependencies.
type FileProblem struct {
	Package string
	File    string // from the repository's root
	Line    int    // from 1; 0 when it is not known
	Message string
	// Warning: the file was read, and what it says will surprise, as an edge
	// that closes a cycle. The package does not count as affected by it.
	Warning bool
}

// Problem is one thing wrong in loktar.json, at one place.
type Problem struct {
	Path   string `json:"path"` // JSON path, as "packages[1].pkg_dir"; "" is the file
	Line   int    `json:"line"` // from 1
	Column int    `json:"column"`
	// Message says what is wrong and what to write instead, in one sentence.
	Message string `json:"message"`
}

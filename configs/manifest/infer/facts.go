// Package infer finds the dependencies between listed packages that their own
// files tell of: requirements, Dockerfiles, compose files, go.mod,
// package.json, Cargo.toml and pom.xml. It reads one commit, never a working
// directory, and every edge knows the file and line that it came from.
package infer

// Kind is a kind of file that dependencies are read from, as
// dependencies_type in loktar.json names it.
type Kind string

// The kinds.
const (
	Python  Kind = "python_requirements"
	Docker  Kind = "dockerfile"
	Compose Kind = "docker_compose"
	Go      Kind = "go_mod"
	Node    Kind = "package_json"
	Cargo   Kind = "cargo"
	Maven   Kind = "maven"
)

// Facts are what one file says, whatever else the tree holds: so they can be
// kept by the file's blob id.
type Facts struct {
	// Provides are the names under which others of the same kind may need
	// the package that the file belongs to: a module path, a package.json
	// name, group:artifact.
	Provides []string
	// Needs are what the file asks for, in the order of the file.
	Needs []Need
	// Includes are further files of the same kind that count as part of this
	// one (`-r other.txt`), as paths from the repository's root; a path that
	// leaves it is dropped.
	Includes []Include
}

// Need is one thing that a file asks for: a name that some package provides,
// or a path. Exactly one of Name and Path is set.
type Need struct {
	Name string
	// Path is a file or folder of the repository, from its root, clean; its
	// owner is the package meant.
	Path string
	Line int // from 1
}

// Include is a further file to read, and the line that asks for it.
type Include struct {
	Path string
	Line int
}

// parser reads files of one kind. Its functions are pure and safe for
// concurrent use.
type parser struct {
	kind Kind
	// match reports whether a file belongs to the package whose folder is
	// dir: path is the file's path from the root, below dir.
	match func(dir, path string) bool
	// folders are the folders below a package's own, relative to it, whose
	// files match may accept: "." is its own.
	folders []string
	// parse reads one file. dir is the package's folder, for files whose
	// meaning depends on it. An error names the line, as "line 3: ...".
	parse func(dir, path string, data []byte) (Facts, error)
	// name makes a name comparable (PEP 503 for Python); nil compares as is.
	name func(string) string
	// byPackage: a listed package provides its own pkg_name.
	byPackage bool
}

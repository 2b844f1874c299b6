package graph

import "github.com/dudesons/loktar/checks"

// MaxUnowned is how many files Result.Unowned lists at most.
const MaxUnowned = 100

// Query is a change to ask about.
type Query struct {
	// Files are the changed paths, slash-separated from the repository's
	// root, each once; both sides of a rename.
	Files []string
	// GlobalInputs are globs: a match affects every package. One that cannot
	// be read counts as matched. Ignore are globs: a match affects none,
	// unless inputs or GlobalInputs match too. In both, "!" excludes.
	GlobalInputs []string
	Ignore       []string
	// Links are symbolic links of the tree. One whose target changed counts
	// as changed itself.
	Links []checks.Link
	// Unread are files that could not be read for dependencies: their
	// packages count as affected, but for those that are a Warning alone.
	Unread []checks.FileProblem
	// Changes are those of loktar.json, see Compare.
	Changes Changes
	// Commits are what the change is made of, for the rule of
	// exclude_dependencies_only_on_keywords. Where they do not explain a
	// changed file, as when they are not known, the rule holds nothing back.
	Commits []Commit
	// Everything, when not empty, says why every package counts as affected.
	Everything string
}

// Commit is a commit of a change.
type Commit struct {
	// Prefixes are those that its subject bears; none is one that no keyword
	// covers.
	Prefixes []string
	// Files are what it changed: for a merge what differs from each of its
	// parents, for what it brings in is not its own.
	Files []string
}

// Result is what a change affects.
type Result struct {
	// Affected are in dependency order, ties in the order of the manifest.
	Affected []Affected
	// Held are the packages whose dependents the commit rule kept out, in
	// dependency order.
	Held []Held
	// Unowned are the first changed files that affect no package and that
	// Ignore does not match, UnownedCount counts all of them. loktar.json is
	// never among them.
	Unowned      []string
	UnownedCount int
	// Ignored counts the files that affect no package because of Ignore.
	Ignored int
}

// Affected is a package and why it is affected: one reason of a kind at most.
type Affected struct {
	Index int // in the slice given to New
	Name  string
	// Needs are its direct dependencies that are affected too and come
	// before it.
	Needs   []string
	Reasons []checks.Reason
}

// Held is a package that is affected and does not affect those that depend on
// it, as its ExcludeKeywords say.
type Held struct {
	Index int // in the slice given to New
	Name  string
	// Dependents are the packages that would be affected without the rule and
	// are not, also indirect ones, the nearest first. One that several
	// packages hold back is named once.
	Dependents []string
}

// Affected finds what a change affects: a file affects the package with the
// deepest folder around it, every package whose inputs match it or whose files
// git writes to disk by it (see ReadBy), and all
// packages when it is a global input; an affected package affects those that
// depend on it, unless ExcludeKeywords keep it from that. Safe to call
// concurrently.
func (g *Graph) Affected(q Query) Result {
	s := g.scan(q)
	c := g.close(s)
	return c.result(s)
}

package infer

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/dudesons/loktar/checks"
)

// Tree is one commit of a repository. Paths are from its root, clean and
// slash-separated; "." is the root.
type Tree interface {
	// List is what stands in a folder, in any order; nil when there is no
	// such folder. No link is followed.
	List(dir string) ([]Entry, error)
	// Read is the content of the blob oid, for a link its target. A blob of
	// more than limit bytes is not read: the error is ErrTooLarge then.
	Read(oid string, limit int64) ([]byte, error)
}

// Entry is one entry of a folder. One that is no file, folder or symbolic
// link, as a submodule, is none of the three.
type Entry struct {
	Name string // any bytes but NUL and slash
	// OID is git's id of the blob or tree: entries with the same have the
	// same content, whatever the repository.
	OID                   string
	IsFile, IsDir, IsLink bool
}

// ErrTooLarge is what Tree.Read wraps for a blob above its limit.
var ErrTooLarge = errors.New("the file is too large")

// parsers are all kinds that are read.
var parsers = []parser{
	pythonParser, dockerParser, composeParser, goParser, nodeParser, cargoParser, mavenParser,
}

// The bounds of what is read of one package. What is beyond them is reported,
// never left out in silence.
const (
	maxFile     = 4 << 20 // bytes of one file
	maxFiles    = 500     // files of a folder that are read
	maxIncluded = 1000    // files that one package's files include
)

// Inferrer finds dependencies. It remembers folders and files that it has
// read, by git's ids, so that what did not change since is not read again.
// It is safe for concurrent use.
type Inferrer struct {
	listings *cache[string, listing]
	folders  *cache[folderKey, *folder]
	files    *cache[fileKey, *parsed]
}

// New makes an Inferrer that remembers at most about 128 MiB.
func New() *Inferrer {
	return &Inferrer{
		listings: newCache[string, listing](32 << 20),
		folders:  newCache[folderKey, *folder](32 << 20),
		files:    newCache[fileKey, *parsed](64 << 20),
	}
}

// Edges are the dependencies between packages that their files in tree tell
// of, and what is wrong with these files. packages are those of tree's own
// loktar.json; Dir, DependsOn, DependenciesType and BuildInfo.RegistryPrefix
// count beside the name.
//
// A package needs another when a file of its own, or one that such a file
// includes, asks for a name that the other provides, for a path whose deepest
// owner is the other, or includes a file of the other. No package needs
// itself. DependenciesType narrows which files of a package are asked for
// what it needs; what it provides is always known to others.
//
// There is one edge for a pair of packages, at the first file and line that
// tells of it, sorted by From, then To. Paths lead over symbolic links. The
// last edges lead to no package: their To is empty and their File is one that
// From includes and no package owns, sorted by From, then File. Edges and DependsOn together may have
// cycles: then the edges that close them are Cyclic and a problem with
// Warning tells of each cycle; without the Cyclic ones there is no cycle that
// has an edge in it. Problems are sorted by package, file and line. The order
// of packages does not matter.
//
// The error is one of tree or ctx.
func (i *Inferrer) Edges(ctx context.Context, tree Tree, packages []checks.Package) ([]checks.Edge, []checks.FileProblem, error) {
	r := newReader(i, tree, packages)
	for n := range r.packages {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		if err := r.read(n); err != nil {
			return nil, nil, err
		}
	}
	edges := r.edges()
	cycles, err := closeCycles(ctx, r.packages, edges)
	if err != nil {
		return nil, nil, err
	}
	problems := append(r.problems, cycles...)
	slices.SortFunc(problems, func(a, b checks.FileProblem) int {
		return cmp.Or(cmp.Compare(a.Package, b.Package), cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Message, b.Message))
	})
	return append(flatten(r.packages, edges), r.outside()...), slices.Compact(problems), nil
}

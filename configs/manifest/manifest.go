// Package manifest reads loktar.json, the file in which the owner of a
// repository lists its packages.
//
// Reading is strict, and everything that is wrong is reported at once, each
// with its place and a remedy. `defaults` is laid under each package: objects
// (env, services, resources, build_info) are joined key by key, of anything
// else the package's own value counts. Of defaults.build_info a package takes
// what fits its pkg_type, of defaults.depends_on all but itself.
package manifest

import (
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs/internal/value"
)

// MaxSize is the size in bytes above which a loktar.json is refused unread.
const MaxSize = 16 << 20

const (
	maxDepth    = 32
	maxValues   = 1_000_000
	maxProblems = 100
	maxShown    = 80 // bytes of a word of the file in a message
	maxName     = 100
	maxRetries  = 5
	maxTimeout  = 24 * time.Hour
	maxEffort   = 50_000_000
)

// Options say what Parse knows of the tree that the file stands in. The zero
// value knows nothing.
type Options struct {
	// DirExists reports whether dir is a folder of the tree. Paths are
	// relative to the root, slash-separated and clean; "." is never asked
	// for. Nil means that folders are not looked for.
	DirExists func(dir string) bool
	// Dirs lists the tree's folders, in an order that is always the same, to
	// name the one that was meant. It is called at most once, when a folder
	// is missing. Nil means that none is named.
	Dirs func() []string
}

// Parse reads a loktar.json. It returns either the manifest or what is wrong
// with the file, never both and never neither. Packages and problems are in
// the order of the file; the same input gives the same result. At most 100
// problems are listed, one more tells how many there are beyond these.
//
// Lines and columns count from 1, columns in Unicode code points. A problem
// with a value stands at the value, with a key at the key, with a key that is
// missing at the object.
func Parse(data []byte, o Options) (*checks.Manifest, []checks.Problem) {
	p := &parser{data: data, opts: o, effort: maxEffort}
	m := &checks.Manifest{}
	if p.root = p.tree(); p.root != nil {
		p.file(m)
	}
	if len(p.found) > 0 {
		return nil, p.problems()
	}
	m.Warnings = p.warnings()
	return m, nil
}

// parser is the state of one Parse.
type parser struct {
	data   []byte
	opts   Options
	root   *node
	found  []finding
	more   int // findings beyond maxProblems
	effort value.Effort

	defaults     *node // nil when the file has none
	defaultBuild *node // defaults.build_info, nil when nothing can be taken from it
	byName       map[string]int
	byDir        map[string]int
	images       map[string]bool // references of the right form
	dirs         []string        // what opts.Dirs said
	asked        bool            // whether it was asked
	notices      notices
}

// nearest is the word that was meant, as value.Nearest says, or "".
func (p *parser) nearest(word string, among []string) string {
	if p.full() {
		return ""
	}
	return value.Nearest(word, among, &p.effort)
}

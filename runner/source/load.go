package source

import (
	"context"
	"fmt"

	"github.com/dudesons/loktar/checks"
)

// maxManifest bounds loktar.json, in bytes.
const maxManifest = 16 << 20

// maxCommit bounds the commit object that is read for its subject, in bytes.
const maxCommit = 1 << 20

// Loaded is what git says of a change, and a git process that reads on in it.
// The process ends with Close, which must be called, and with the context
// that it was loaded with.
type Loaded struct {
	// Change has what git tells: all fields but the three manifests and those
	// about people, policy, required checks and the pull request of a branch.
	// Its Problems are about loktar.json as git holds it (a link, too large),
	// not about its text.
	Change checks.Change
	// Manifest is the text of Change.ManifestBlob; nil when there is none or
	// Problems tell why it was not read.
	Manifest []byte
	// BaseManifest is loktar.json at the merge base and BaseManifestBlob its
	// object id; nil and empty when it has none that is a plain file.
	BaseManifest     []byte
	BaseManifestBlob string
	// HeadSubject is the first paragraph of the head commit's message on one
	// line. It is hostile text, valid UTF-8.
	HeadSubject string
	// Forked: the change is a pull request from a fork. Manifest, ManifestBlob
	// and Problems are those of Change.BaseSHA, whatever its head holds.
	Forked bool

	objects    *Objects
	tree, base *Tree
}

// Tip reads loktar.json at Change.BaseSHA: the tree of that commit, the file's
// text and its blob id. The text is nil when there is none that can be read;
// all is nil and empty when BaseSHA is.
func (l *Loaded) Tip() (tree *Tree, text []byte, blob string, err error) {
	if l.Change.BaseSHA == "" {
		return nil, nil, "", nil
	}
	tree = newTree(l.objects, l.Change.BaseSHA)
	file, err := tree.manifest(manifestFile{blob: l.Change.ManifestBlob, text: l.Manifest})
	return tree, file.text, file.blob, err
}

// Tree is the tested tree (the head's when the merge conflicts). It reads
// through the same process as BaseTree and Dirs.
func (l *Loaded) Tree() *Tree { return l.tree }

// BaseTree is the tree of the merge base, nil when there is none.
func (l *Loaded) BaseTree() *Tree { return l.base }

// Dirs answers questions about the folders of Tree.
func (l *Loaded) Dirs() *Dirs { return &Dirs{tree: l.tree} }

// Close ends the reading; the trees give errors after it.
func (l *Loaded) Close() error {
	if l.objects == nil {
		return nil
	}
	return l.objects.Close()
}

// Load fetches what an event tells of and looks at it. What the head is seen
// against depends on the event; see checks.Change for what follows from it:
//
//   - With PullRequest, the present tip of the base branch, or the event's base
//     commit when the branch is gone; the head is merged into it. Of several
//     merge bases the first that git merge-base --all prints counts, which is
//     the one that git itself picks.
//   - With MergeGroup, its BaseSHA.
//   - With Push of a branch, what it was at before, even when the push rewrote
//     it. When that cannot be had, or the branch is new: the merge base with
//     the present tip of Push.DefaultBranch. When that is the pushed branch
//     itself, unknown, gone, or of another history: nothing, and
//     Change.Unbounded says why.
//   - With Push of a tag, nothing; Change.Unbounded says so.
//
// Nothing is merged but pull requests. A head that the other side does not
// give by its id is looked for behind the ref that the event names. Names and
// ids that git could not have are errors. The kinds of error are those of
// Fetch.
func (s *Source) Load(ctx context.Context, ev checks.Event) (Loaded, error) {
	c, what, err := comparisonOf(ev)
	if err != nil {
		return Loaded{}, fmt.Errorf("load %s: %w", ev.Repo.FullName(), err)
	}
	l, err := s.compare(ctx, c)
	if err != nil {
		return Loaded{}, fmt.Errorf("load %s: %w", what, err)
	}
	return l, nil
}

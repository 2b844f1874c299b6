package checks

// Change is what a pull request does to its repository, read from git: the
// whole input of planning besides the event itself.
type Change struct {
	HeadSHA string // the commit that check runs are reported on
	BaseSHA string // the tip of the base branch that was merged with
	// MergeBase is empty when the two have no common history.
	MergeBase string
	// Tree is the object id of the tree to test: head merged into base. It is
	// empty when Conflicts is not.
	Tree string
	// Conflicts are the paths that git could not merge.
	Conflicts []string
	// Files are the paths that differ between MergeBase and HeadSHA, both
	// sides of a rename, in git's order.
	Files []string
	// Unbounded says why Files could not be had, in words for a reader; then
	// every package counts as affected. Empty when Files is the truth.
	Unbounded string
	// ManifestBlob is the object id of loktar.json in Tree (at HeadSHA when
	// the merge conflicts), empty when there is none.
	ManifestBlob string
	// Manifest is nil when ManifestBlob is empty or Problems is not.
	Manifest *Manifest
	Problems []Problem
	// BaseManifest is loktar.json at MergeBase, nil when it has none or it
	// does not parse.
	BaseManifest *Manifest
}

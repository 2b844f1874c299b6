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
	// Commits are those that the head reaches and the base does not, oldest
	// first: the head is the last, unless the base has it. They are nil and
	// CommitsUnknown is true when they could not be listed, or are more than
	// are kept; rules about commits then hold back nothing. A file of Files
	// need not be in any of them.
	Commits        []CommitInfo
	CommitsUnknown bool
	// AuthorTrusted: the pull request's author may write to the repository,
	// as GitHub says. Only such a person's NOBUILD counts.
	AuthorTrusted bool
	// Links are the symbolic links of the tested tree (of the head's, when
	// the merge conflicts) whose targets are paths of the repository, by path.
	Links []Link
	// BaseManifest is loktar.json at MergeBase, nil when it has none or it
	// does not parse.
	BaseManifest *Manifest
	// TipManifest is loktar.json at BaseSHA, for its edges; nil where they are
	// those of BaseManifest, or not known.
	TipManifest *Manifest
}

// Link is a symbolic link. Both paths are from the repository's root and
// clean; Target is what it leads to after one step, "." the root. Whether
// there is anything at Target is not known.
type Link struct {
	Path, Target string
}

// CommitInfo is a commit of a pull request.
type CommitInfo struct {
	SHA     string
	Subject string // the first line of its message; hostile text
	// Files are what it changed; for a merge, what differs from each of its
	// parents, so that files which it merely brings in are not among them.
	Files []string
	// Merge: it has several parents. What it brings in is told by the commits
	// that it merges, or by nobody: then it came from the base.
	Merge bool
}

package checks

// Change is what an event does to its repository, read from git, from GitHub
// and from the configuration: the whole input of planning besides the event.
type Change struct {
	HeadSHA string // the commit that check runs are reported on
	// BaseSHA is what the change is seen against: for a pull request the tip
	// of the base branch that was merged with, for a merge group its base, for
	// a push what the ref pointed at before. Empty when that is not known.
	BaseSHA string
	// MergeBase is empty when the two have no common history. For a merge
	// group and a push it is BaseSHA.
	MergeBase string
	// Tree is the object id of the tree to test: for a pull request head
	// merged into base, else the head's own. It is empty when Conflicts is not.
	Tree string
	// Conflicts are the paths that git could not merge.
	Conflicts []string
	// Files are the paths that differ between MergeBase and HeadSHA, both
	// sides of a rename, in git's order.
	Files []string
	// Unbounded says why Files could not be had, in words for a reader; then
	// every package counts as affected. Empty when Files is the truth.
	Unbounded string
	// ManifestBlob is the object id of the loktar.json that counts, empty when
	// there is none: that in Tree (at HeadSHA when the merge conflicts), but
	// for a pull request from a fork that at BaseSHA.
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
	// as GitHub says. Only such a person's NOBUILD counts. Of a push it is
	// true: whoever pushed may write.
	AuthorTrusted bool
	// SenderTrusted says the same of who sent the event. It is filled in for
	// forks.
	SenderTrusted bool
	// Releases is set for a push to the default branch of a repository whose
	// packages are published, and for a pull request that publishes builds to
	// try.
	Releases *Releases
	// Keys are what packages are made of in the tree to test, by name, for
	// those whose results may be reused; Proofs are those of them that passed
	// before at the same key.
	Keys   map[string]string
	Proofs map[string]Proof
	// OtherImage are those that passed before at the same key, but not in the
	// image that they would run in now, or beside other services: each with the
	// name of the image that is another one since, "" for the server's.
	OtherImage map[string]string
	// Policy is what the operator wants of the repository.
	Policy Policy
	// Overtaken is the head that the pull request has at GitHub, where that is
	// another than the event's and the event is Doubtful; else empty.
	Overtaken string
	// Required are the names of checks without which the branch's rules allow
	// no merge: those that our App has to report are in RequiredOurs, those
	// that anybody may report in Required. Nil when the rules cannot be read.
	Required     []string
	RequiredOurs []string
	// PullOfBranch is the number of an open pull request whose head is the
	// pushed branch; 0 for none. It is filled in for pushes of branches.
	PullOfBranch int
	// Links are the symbolic links of the tested tree (of the head's, when
	// the merge conflicts) whose targets are paths of the repository, by path.
	Links []Link
	// LinksUnknown: there are more links than are looked at, and Links is nil.
	LinksUnknown bool
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

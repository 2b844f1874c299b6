package checks

import (
	"path"
	"slices"
	"strings"
)

// Policy is what the operator wants of a repository's events. The zero value
// is the default: forks need an approval, drafts are tested, pushes are not.
type Policy struct {
	Forks  ForkPolicy
	Drafts DraftPolicy
	// Branches and Tags are globs of the branches and tags whose pushes are
	// tested, as path.Match reads them: "*" stands for what is between two
	// slashes. "**" alone stands for all. One that cannot be read matches none.
	Branches []string
	Tags     []string
	// Publish: packages are published from the default branch.
	Publish bool
	// FullLabel is a label: a pull request that bears it has all packages
	// tested. Empty means none.
	FullLabel string
	// PublishLabel is a label: of a pull request that bears it, builds to try
	// are published under its branch's name. Empty means none.
	PublishLabel string
}

// ForkPolicy says what becomes of a pull request from a fork.
type ForkPolicy string

// The policies for forks. The zero value is ForksApprove.
const (
	// ForksApprove: somebody who may write to the repository has to approve
	// each commit.
	ForksApprove ForkPolicy = "approve"
	// ForksRun: it is tested as any other, without secrets.
	ForksRun ForkPolicy = "run"
	// ForksIgnore: it is never tested.
	ForksIgnore ForkPolicy = "ignore"
)

// DraftPolicy says what becomes of a draft.
type DraftPolicy string

// The policies for drafts. The zero value is DraftsRun.
const (
	DraftsRun DraftPolicy = "run"
	// DraftsWait: a draft is tested when it becomes ready, or when somebody
	// asks for it.
	DraftsWait DraftPolicy = "wait"
)

// TestsPush reports whether the push is of a branch or tag that is tested. The
// branches of merge queues never are: their merge groups are.
func (p Policy) TestsPush(push *Push) bool {
	if tag := push.Tag(); tag != "" {
		return matches(p.Tags, tag)
	}
	branch := push.Branch()
	return branch != "" && !strings.HasPrefix(branch, "gh-readonly-queue/") && matches(p.Branches, branch)
}

// Publishes reports whether the push is to the default branch of a repository
// whose packages are published.
func (p Policy) Publishes(push *Push) bool {
	return p.Publish && push.Default()
}

// Tries reports whether builds to try are published of the pull request. Those
// of forks never are: their code is a stranger's.
func (p Policy) Tries(pr *PullRequest) bool {
	return p.Publish && p.PublishLabel != "" && pr != nil && !pr.Fork() && slices.Contains(pr.Labels, p.PublishLabel)
}

// Means reports whether it changes anything that the pull request gets this
// label.
func (p Policy) Means(label string, pr *PullRequest) bool {
	return label != "" && (label == p.FullLabel || label == p.PublishLabel && p.Tries(pr))
}

func matches(globs []string, name string) bool {
	for _, g := range globs {
		if ok, err := path.Match(g, name); g == "**" || err == nil && ok {
			return true
		}
	}
	return false
}

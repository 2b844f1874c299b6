package webhook

import (
	"slices"
	"strings"

	"github.com/dudesons/loktar/checks"
)

const (
	branchPrefix = "refs/heads/"
	tagPrefix    = "refs/tags/"
)

// pushPayload is the payload of push.
type pushPayload struct {
	envelope
	Repository struct {
		repository
		DefaultBranch string `json:"default_branch"`
	} `json:"repository"`
	Ref     string `json:"ref"`
	Before  string `json:"before"`
	After   string `json:"after"`
	Deleted bool   `json:"deleted"`
	// HeadCommit is null after a deletion and for a tag of no commit.
	HeadCommit struct {
		ID string `json:"id"`
	} `json:"head_commit"`
}

func (p *pushPayload) kind(int64) (checks.EventKind, *answer) {
	switch {
	case !strings.HasPrefix(p.Ref, branchPrefix) && !strings.HasPrefix(p.Ref, tagPrefix):
		return "", notKept
	case p.Deleted || zeroPattern.MatchString(p.After):
		return checks.EventRefGone, nil
	}
	return checks.EventPush, nil
}

func (p *pushPayload) fill(ev *checks.Event) (refused *answer) {
	if ev.Repo, refused = p.Repository.repo("repository"); refused != nil {
		return refused
	}
	name, isTag := strings.CutPrefix(p.Ref, tagPrefix)
	if !isTag {
		name = strings.TrimPrefix(name, branchPrefix)
	}
	if !validBranch(name) {
		return unusable("The field ref is not the full name of a branch or a tag.")
	}
	ev.Push = &checks.Push{Ref: p.Ref}
	if validBranch(p.Repository.DefaultBranch) {
		ev.Push.DefaultBranch = p.Repository.DefaultBranch
	}
	if ev.Kind == checks.EventRefGone {
		return nil
	}
	after, field := p.After, "after"
	if isTag && p.HeadCommit.ID != "" {
		// An annotated tag's after is the tag object, which is no commit.
		after, field = p.HeadCommit.ID, "head_commit.id"
	}
	switch {
	case !validSHA(after):
		return unusable("The field %s is not a SHA of 40 or 64 hexadecimal digits.", field)
	case !validSHA(p.Before) && !zeroPattern.MatchString(p.Before):
		return unusable("The field before is not a SHA of 40 or 64 hexadecimal digits.")
	case validSHA(p.Before):
		ev.Push.Before = p.Before
	}
	ev.Push.After, ev.HeadSHA = after, after
	return nil
}

// mergeGroupPayload is the payload of merge_group.
type mergeGroupPayload struct {
	envelope
	Repository repository `json:"repository"`
	Reason     string     `json:"reason"`
	MergeGroup struct {
		HeadSHA string `json:"head_sha"`
		HeadRef string `json:"head_ref"`
		BaseSHA string `json:"base_sha"`
		BaseRef string `json:"base_ref"`
	} `json:"merge_group"`
}

func (p *mergeGroupPayload) kind(int64) (checks.EventKind, *answer) {
	switch p.Action {
	case "checks_requested":
		return checks.EventMergeGroup, nil
	case "destroyed":
		return checks.EventMergeGroupGone, nil
	}
	return "", notKept
}

func (p *mergeGroupPayload) fill(ev *checks.Event) (refused *answer) {
	if ev.Repo, refused = p.Repository.repo("repository"); refused != nil {
		return refused
	}
	g, ok := &checks.MergeGroup{}, false
	if g.HeadRef, ok = fullBranch(p.MergeGroup.HeadRef); !ok {
		return unusable("The field merge_group.head_ref is not the name of a branch.")
	}
	if g.BaseRef, ok = fullBranch(p.MergeGroup.BaseRef); !ok {
		return unusable("The field merge_group.base_ref is not the name of a branch.")
	}
	ev.MergeGroup = g
	gone := ev.Kind == checks.EventMergeGroupGone
	if gone && slices.Contains([]string{"merged", "invalidated", "dequeued"}, p.Reason) {
		g.Reason = p.Reason
	}
	// What ended is found by its ref: its commits are no reason to refuse.
	if validSHA(p.MergeGroup.BaseSHA) {
		g.BaseSHA = p.MergeGroup.BaseSHA
	} else if !gone {
		return unusable("The field merge_group.base_sha is not a SHA of 40 or 64 hexadecimal digits.")
	}
	if validSHA(p.MergeGroup.HeadSHA) {
		ev.HeadSHA = p.MergeGroup.HeadSHA
	} else if !gone {
		return unusable("The field merge_group.head_sha is not a SHA of 40 or 64 hexadecimal digits.")
	}
	return nil
}

// fullBranch is the full name of a branch that is given with or without
// refs/heads/.
func fullBranch(name string) (full string, ok bool) {
	short := strings.TrimPrefix(name, branchPrefix)
	return branchPrefix + short, validBranch(short) && !strings.HasPrefix(short, "refs/")
}

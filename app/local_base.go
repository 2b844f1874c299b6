package app

import (
	"encoding/json"
	"io"
	"os"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// baseline is what a head is compared with.
type baseline struct {
	commit, name string
	// direct: with the commit itself, not with where the two part.
	direct bool
	notice string
}

const fetchMore = "In GitHub Actions give actions/checkout fetch-depth: 0."

// unknown is the error for a revision that is not here.
func (l *local) unknown(flag, name string) error {
	more := ""
	if l.revs.Shallow() {
		more = " The clone is shallow: git fetch --unshallow gets the rest. " + fetchMore
	}
	return checks.Errorf(checks.KindNotFound, nil, "%s %q names no commit of this repository. Write a branch, a tag or a commit that is here, or fetch it with: git fetch origin.%s", flag, name, more)
}

// base finds what to compare head with: what was asked for; in GitHub Actions
// what the workflow runs for; else the default branch as origin has it, else
// main or master.
func (l *local) base(head string) (baseline, error) {
	if l.Base != "" {
		b, err := l.first(l.Base, "refs/remotes/origin/"+l.Base)
		if err == nil && b.commit == "" {
			err = l.unknown("--base", l.Base)
		}
		return b, err
	}
	if name := l.Getenv("GITHUB_BASE_REF"); name != "" {
		b, err := l.first("refs/remotes/origin/"+name, "refs/heads/"+name)
		if err == nil && b.commit == "" {
			err = checks.Errorf(checks.KindNotFound, nil, "GITHUB_BASE_REF says that the base is %q, which is not in this clone. %s Elsewhere, name the base with --base.", name, fetchMore)
		}
		return b, err
	}
	pushed, err := l.event()
	if err != nil || pushed.commit != "" {
		return pushed, err
	}
	b, err := l.first("refs/remotes/origin/HEAD", "refs/remotes/origin/main", "refs/remotes/origin/master", "refs/heads/main", "refs/heads/master")
	switch {
	case err != nil:
	case b.commit == "":
		err = checks.Errorf(checks.KindNotFound, nil, "It is not known what to compare with: there is neither origin/HEAD nor a branch main or master. Name the base with --base, or run: git remote set-head origin --auto.")
	case b.commit == head && pushed.name != "":
		err = checks.Errorf(checks.KindNotFound, nil, "It is not known what changed: %s is not in this clone, as after a push by force. Name the base with --base.", pushed.name)
	case b.commit == head && !l.Uncommitted:
		b.notice = b.name + " is at the same commit: nothing differs. To see what the last commit did, use --base HEAD~1; for what is not committed, --uncommitted."
	}
	return b, err
}

// first is the first of some revisions that is here; commit is empty when
// none is.
func (l *local) first(revs ...string) (baseline, error) {
	for _, rev := range revs {
		sha, err := l.revs.Commit(rev)
		if err != nil || sha != "" {
			return baseline{commit: sha, name: strings.TrimPrefix(strings.TrimPrefix(rev, "refs/remotes/"), "refs/heads/")}, err
		}
	}
	return baseline{}, nil
}

// maxEvent bounds the file that GitHub Actions describes its event in.
const maxEvent = 32 << 20

// event is what the push or the merge group that a workflow runs for is
// compared with; commit is empty outside of these, and where it is not here,
// name where there is none.
func (l *local) event() (baseline, error) {
	kind := l.Getenv("GITHUB_EVENT_NAME")
	if kind != "push" && kind != "merge_group" {
		return baseline{}, nil
	}
	f, err := os.Open(l.Getenv("GITHUB_EVENT_PATH"))
	if err != nil {
		return baseline{}, nil
	}
	defer f.Close()
	var ev struct {
		Before     string
		MergeGroup struct {
			BaseSHA string `json:"base_sha"`
		} `json:"merge_group"`
	}
	if json.NewDecoder(io.LimitReader(f, maxEvent)).Decode(&ev) != nil {
		return baseline{}, nil
	}
	sha, name := ev.Before, "what the branch was at before the push"
	if kind == "merge_group" {
		sha, name = ev.MergeGroup.BaseSHA, "the merge group's base"
	}
	if strings.Trim(sha, "0") == "" {
		return baseline{}, nil // a new branch
	}
	found, err := l.revs.Commit(sha)
	if err == nil && found == "" && l.revs.Shallow() {
		err = checks.Errorf(checks.KindNotFound, nil, "Commit %s, %s, is not in this clone, which is shallow. %s Elsewhere, name the base with --base.", short(sha), name, fetchMore)
	}
	return baseline{commit: found, name: name, direct: true}, err
}

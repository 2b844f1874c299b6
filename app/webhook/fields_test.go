package webhook

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
)

// rawPayload is what the test itself reads in a payload.
type rawPayload struct {
	Action       string `json:"action"`
	Installation struct {
		ID int64 `json:"id"`
	} `json:"installation"`
	Repository  rawRepo `json:"repository"`
	Number      int     `json:"number"`
	PullRequest struct {
		Head struct {
			SHA string `json:"sha"`
			Ref string `json:"ref"`
		} `json:"head"`
		Labels []rawLabel `json:"labels"`
	} `json:"pull_request"`
	CheckRun   rawCheck `json:"check_run"`
	CheckSuite rawCheck `json:"check_suite"`
	Label      rawLabel `json:"label"`

	Ref        string `json:"ref"`
	Before     string `json:"before"`
	HeadCommit struct {
		ID string `json:"id"`
	} `json:"head_commit"`

	Reason     string `json:"reason"`
	MergeGroup struct {
		HeadSHA string `json:"head_sha"`
		HeadRef string `json:"head_ref"`
		BaseSHA string `json:"base_sha"`
		BaseRef string `json:"base_ref"`
	} `json:"merge_group"`

	RequestedAction struct {
		Identifier string `json:"identifier"`
	} `json:"requested_action"`
	Issue struct {
		Number int `json:"number"`
	} `json:"issue"`
	Comment struct {
		ID int64 `json:"id"`
	} `json:"comment"`
	Removed []rawRepo `json:"repositories_removed"`
}

type rawCheck struct {
	ID         int64  `json:"id"`
	HeadSHA    string `json:"head_sha"`
	Name       string `json:"name"`
	ExternalID string `json:"external_id"`
	App        struct {
		ID int64 `json:"id"`
	} `json:"app"`
}

type rawRepo struct {
	ID            int64  `json:"id"`
	FullName      string `json:"full_name"`
	DefaultBranch string `json:"default_branch"`
}

func (r rawRepo) repo() checks.Repo {
	owner, name, _ := strings.Cut(r.FullName, "/")
	return checks.Repo{ID: r.ID, Owner: owner, Name: name}
}

type rawLabel struct {
	Name string `json:"name"`
}

const noSHA = "0000000000000000000000000000000000000000"

// checkFields compares an event with what the test reads itself.
func checkFields(t *testing.T, event string, raw rawPayload, got checks.Event) {
	t.Helper()
	want := checks.Event{
		Delivery: guid, Received: got.Received, Kind: got.Kind, Name: strings.TrimSuffix(event+"."+raw.Action, "."),
		Installation: raw.Installation.ID, Repo: raw.Repository.repo(), Sender: got.Sender,
		// The payload has one of these.
		HeadSHA: raw.PullRequest.Head.SHA + raw.CheckRun.HeadSHA + raw.CheckSuite.HeadSHA + raw.MergeGroup.HeadSHA + raw.HeadCommit.ID,
	}
	switch got.Kind {
	case checks.EventPullRequest, checks.EventPullRequestClosed, checks.EventLabeled:
		p := got.PullRequest
		names := slices.Collect(func(yield func(string) bool) {
			for _, l := range raw.PullRequest.Labels {
				if !yield(l.Name) {
					return
				}
			}
		})
		if p == nil || p.Number != raw.Number || p.Head.Branch != raw.PullRequest.Head.Ref || !slices.Equal(p.Labels, names) {
			t.Errorf("pull request %+v", p)
		}
		want.PullRequest, want.Label = p, raw.Label.Name
	case checks.EventPush:
		want.Push = &checks.Push{Ref: raw.Ref, Before: strings.ReplaceAll(raw.Before, noSHA, ""), After: raw.HeadCommit.ID, DefaultBranch: raw.Repository.DefaultBranch}
	case checks.EventRefGone:
		want.Push = &checks.Push{Ref: raw.Ref, DefaultBranch: raw.Repository.DefaultBranch}
	case checks.EventMergeGroup, checks.EventMergeGroupGone:
		m := raw.MergeGroup
		want.MergeGroup = &checks.MergeGroup{HeadRef: m.HeadRef, BaseRef: m.BaseRef, BaseSHA: m.BaseSHA, Reason: raw.Reason}
	case checks.EventRerunPackage, checks.EventAction:
		want.CheckRun = &checks.CheckRunRef{ID: raw.CheckRun.ID, Name: raw.CheckRun.Name, ExternalID: raw.CheckRun.ExternalID}
		want.Action = checks.ActionID(raw.RequestedAction.Identifier)
	case checks.EventCommand:
		want.Comment = &checks.Comment{ID: raw.Comment.ID, Number: raw.Issue.Number, Line: "/loktar run everything"}
	case checks.EventReposGone:
		want.Repo = checks.Repo{}
		if event == "repository" {
			want.Repos = []checks.Repo{raw.Repository.repo()}
		}
		for _, r := range raw.Removed {
			want.Repos = append(want.Repos, r.repo())
		}
	}
	if got.Sender.Login == "" || got.Sender.ID == 0 {
		t.Errorf("sender %+v", got.Sender)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("event (-want +got):\n%s", d)
	}
}

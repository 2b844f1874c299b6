package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"

	"github.com/dudesons/loktar/checks"
)

// pullRequestPayload is the payload of pull_request.
type pullRequestPayload struct {
	envelope
	Number      int        `json:"number"`
	Repository  repository `json:"repository"`
	PullRequest struct {
		Title  string `json:"title"`
		Draft  bool   `json:"draft"`
		User   user   `json:"user"`
		Head   ref    `json:"head"`
		Base   ref    `json:"base"`
		Labels labels `json:"labels"`
		// Updated is text here: one that is no time is no reason to refuse.
		Updated string `json:"updated_at"`
	} `json:"pull_request"`
	Changes struct {
		Base *struct{} `json:"base"` // set when the base branch was changed
	} `json:"changes"`
	Label struct {
		Name string `json:"name"`
	} `json:"label"`
}

type ref struct {
	SHA  string      `json:"sha"`
	Ref  string      `json:"ref"`
	Repo *repository `json:"repo"` // null when it was deleted
}

func (p *pullRequestPayload) kind(int64) (checks.EventKind, *answer) {
	switch p.Action {
	case "opened", "reopened", "synchronize", "ready_for_review":
		return checks.EventPullRequest, nil
	case "edited":
		if p.Changes.Base != nil {
			return checks.EventPullRequest, nil
		}
	case "closed":
		return checks.EventPullRequestClosed, nil
	case "labeled":
		// GitHub's schema lets the label be missing.
		if p.Label.Name != "" {
			return checks.EventLabeled, nil
		}
	}
	return "", notKept
}

func (p *pullRequestPayload) fill(ev *checks.Event) (refused *answer) {
	if ev.Repo, refused = p.Repository.repo("repository"); refused != nil {
		return refused
	}
	if p.Number <= 0 {
		return unusable("The field number is not the number of a pull request.")
	}
	pr := &checks.PullRequest{
		Number: p.Number,
		Title:  bounded(p.PullRequest.Title),
		Author: p.PullRequest.User.account(),
		Draft:  p.PullRequest.Draft,
		Labels: p.PullRequest.Labels,
	}
	if at, err := time.Parse(time.RFC3339, p.PullRequest.Updated); err == nil {
		pr.Updated = at.UTC()
	}
	if pr.Head, refused = p.PullRequest.Head.ref("pull_request.head"); refused != nil {
		return refused
	}
	if pr.Base, refused = p.PullRequest.Base.ref("pull_request.base"); refused != nil {
		return refused
	}
	if pr.Base.Repo != ev.Repo {
		return unusable("The field pull_request.base.repo is not the repository that sent the event.")
	}
	ev.PullRequest, ev.HeadSHA = pr, pr.Head.SHA
	if ev.Kind == checks.EventLabeled {
		ev.Label = firstRunes(p.Label.Name, maxLabel)
	}
	return nil
}

// GitHub allows 100 labels on a pull request and 50 characters in each.
const (
	maxLabels = 100
	maxLabel  = 100
)

// labels are the names of the first labels. What is no label is left out: the
// labels are no reason to refuse an event.
type labels []string

// UnmarshalJSON reads no more of the list than is kept.
func (l *labels) UnmarshalJSON(list []byte) error {
	*l = nil
	d := json.NewDecoder(bytes.NewReader(list))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil
	}
	for range maxLabels {
		if !d.More() {
			break
		}
		var one struct {
			Name string `json:"name"`
		}
		err := d.Decode(&one)
		var mistyped *json.UnmarshalTypeError
		if err != nil && !errors.As(err, &mistyped) {
			return err
		}
		if one.Name != "" {
			*l = append(*l, firstRunes(one.Name, maxLabel))
		}
	}
	return nil
}

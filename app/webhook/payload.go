package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/dudesons/loktar/checks"
)

// payload is the part of GitHub's payloads that we read. Deliveries are older
// and newer than any schema, so that nothing else in them is looked at.
type payload struct {
	Action       string     `json:"action"`
	Number       int        `json:"number"`
	Installation identified `json:"installation"`
	Repository   repository `json:"repository"`
	Sender       user       `json:"sender"`
	PullRequest  struct {
		Title string `json:"title"`
		Draft bool   `json:"draft"`
		User  user   `json:"user"`
		Head  ref    `json:"head"`
		Base  ref    `json:"base"`
		// Updated is text here: one that is no time is no reason to refuse.
		Updated string `json:"updated_at"`
	} `json:"pull_request"`
	Changes struct {
		Base *struct{} `json:"base"` // set when the base branch was changed
	} `json:"changes"`
	CheckRun struct {
		ID         int64      `json:"id"`
		Name       string     `json:"name"`
		HeadSHA    string     `json:"head_sha"`
		ExternalID string     `json:"external_id"`
		App        identified `json:"app"`
	} `json:"check_run"`
	CheckSuite struct {
		HeadSHA string     `json:"head_sha"`
		App     identified `json:"app"`
	} `json:"check_suite"`
}

type identified struct {
	ID int64 `json:"id"`
}

type user struct {
	ID    int64  `json:"id"`
	Login string `json:"login"`
}

type repository struct {
	ID    int64  `json:"id"`
	Name  string `json:"name"`
	Owner struct {
		Login string `json:"login"`
	} `json:"owner"`
}

type ref struct {
	SHA  string      `json:"sha"`
	Ref  string      `json:"ref"`
	Repo *repository `json:"repo"` // null when it was deleted
}

var (
	notJSON  = &answer{http.StatusBadRequest, "The body is not a JSON object."}
	notKept  = &answer{http.StatusAccepted, "Loktar does not act on this event."}
	notOurs  = &answer{http.StatusAccepted, "This check belongs to another App."}
	pongText = &answer{http.StatusOK, "Loktar hears you."}
)

// translate is what body, the payload of a delivery of event, means to us. An
// event that means nothing ends with an answer of 200 or 202.
func (h *handler) translate(event string, body []byte) (checks.Event, *answer) {
	var none checks.Event
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return none, notJSON
	}
	switch event {
	case "pull_request", "check_run", "check_suite":
	default:
		switch {
		case !json.Valid(body):
			return none, notJSON
		case event == "ping":
			return none, pongText
		}
		return none, notKept
	}
	var p payload
	err := json.Unmarshal(body, &p)
	// After an error of this type all fields are read that could be.
	var mistyped *json.UnmarshalTypeError
	if err != nil && !errors.As(err, &mistyped) {
		return none, notJSON
	}
	kind := p.kind(event)
	switch {
	case kind == "":
		return none, notKept
	case mistyped != nil:
		return none, unusable("The field %s is not of the type that GitHub sends.", mistyped.Field)
	case kind == checks.EventRerunPackage && !h.ours(p.CheckRun.App),
		kind == checks.EventRerunAll && !h.ours(p.CheckSuite.App):
		return none, notOurs
	}
	ev := checks.Event{Kind: kind, Name: event + "." + p.Action}
	return ev, p.fill(&ev)
}

func (h *handler) ours(app identified) bool { return app.ID > 0 && app.ID == h.AppID }

// kind is what the payload asks of us; empty when that is nothing. A draft is
// tested like any other pull request, so that its being ready is no news.
func (p *payload) kind(event string) checks.EventKind {
	switch event + "." + p.Action {
	case "pull_request.opened", "pull_request.reopened", "pull_request.synchronize":
		return checks.EventPullRequest
	case "pull_request.edited":
		if p.Changes.Base != nil {
			return checks.EventPullRequest
		}
	case "pull_request.closed":
		return checks.EventPullRequestClosed
	case "check_run.rerequested":
		return checks.EventRerunPackage
	case "check_suite.rerequested":
		return checks.EventRerunAll
	}
	return ""
}

// fill completes ev, whose Kind is set, with what it is about.
func (p *payload) fill(ev *checks.Event) (refused *answer) {
	if p.Installation.ID <= 0 {
		return unusable("This delivery names no installation: it comes from a webhook of a repository or an organization. Remove that webhook; Loktar listens to its GitHub App's.")
	}
	ev.Installation = p.Installation.ID
	ev.Sender = p.Sender.account()
	if ev.Repo, refused = p.Repository.repo("repository"); refused != nil {
		return refused
	}
	switch ev.Kind {
	case checks.EventRerunPackage:
		c := p.CheckRun
		if c.ID <= 0 || c.Name == "" || len(c.Name) > maxText || len(c.ExternalID) > maxText {
			return unusable("The field check_run has no usable id, name or external_id.")
		}
		ev.HeadSHA = c.HeadSHA
		ev.CheckRun = &checks.CheckRunRef{ID: c.ID, Name: c.Name, ExternalID: c.ExternalID}
	case checks.EventRerunAll:
		ev.HeadSHA = p.CheckSuite.HeadSHA
	default:
		if ev.PullRequest, refused = p.pullRequest(ev.Repo); refused != nil {
			return refused
		}
		ev.HeadSHA = p.PullRequest.Head.SHA
	}
	if !shaPattern.MatchString(ev.HeadSHA) {
		return unusable("The head commit is not a SHA of 40 or 64 hexadecimal digits.")
	}
	return nil
}

func (p *payload) pullRequest(repo checks.Repo) (pr *checks.PullRequest, refused *answer) {
	if p.Number <= 0 {
		return nil, unusable("The field number is not the number of a pull request.")
	}
	pr = &checks.PullRequest{
		Number: p.Number,
		Title:  bounded(p.PullRequest.Title),
		Author: p.PullRequest.User.account(),
		Draft:  p.PullRequest.Draft,
	}
	if at, err := time.Parse(time.RFC3339, p.PullRequest.Updated); err == nil {
		pr.Updated = at.UTC()
	}
	if pr.Head, refused = p.PullRequest.Head.ref("pull_request.head"); refused != nil {
		return nil, refused
	}
	if pr.Base, refused = p.PullRequest.Base.ref("pull_request.base"); refused != nil {
		return nil, refused
	}
	if pr.Base.Repo != repo {
		return nil, unusable("The field pull_request.base.repo is not the repository that sent the event.")
	}
	return pr, nil
}

package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// payload is the part that we read of one event's payloads. Deliveries are
// older and newer than any schema, so that nothing else in them is looked at.
type payload interface {
	common() *envelope
	// kind is what the delivery asks of the App app, or the answer to one
	// that asks nothing. Fields may be missing or zero.
	kind(app int64) (checks.EventKind, *answer)
	// fill completes ev, whose Kind, Name, Installation and Sender are set.
	fill(ev *checks.Event) (refused *answer)
}

// newPayload is the payload to read for event, nil for an event that never
// means anything to us.
func newPayload(event string) payload {
	switch event {
	case "pull_request":
		return new(pullRequestPayload)
	case "push":
		return new(pushPayload)
	case "merge_group":
		return new(mergeGroupPayload)
	case "check_run":
		return new(checkRunPayload)
	case "check_suite":
		return new(checkSuitePayload)
	case "issue_comment":
		return new(commentPayload)
	case "repository":
		return new(repositoryPayload)
	case "installation":
		return new(installationPayload)
	case "installation_repositories":
		return new(selectionPayload)
	}
	return nil
}

// Heeds reports whether a delivery of that name, as "pull_request.opened", may
// ask something of us. Of check runs and suites it is what people ask for
// alone: all that we write comes back as events.
func Heeds(name string) bool {
	event, action, _ := strings.Cut(name, ".")
	switch event {
	case "check_run":
		return action == "rerequested" || action == "requested_action"
	case "check_suite":
		return action == "rerequested"
	}
	return newPayload(event) != nil
}

// envelope is what all payloads have.
type envelope struct {
	Action       string     `json:"action"`
	Installation identified `json:"installation"`
	Sender       user       `json:"sender"`
}

func (e *envelope) common() *envelope { return e }

type identified struct {
	ID int64 `json:"id"`
}

type user struct {
	ID    int64  `json:"id"`
	Login string `json:"login"`
	Type  string `json:"type"`
}

type repository struct {
	ID    int64  `json:"id"`
	Name  string `json:"name"`
	Owner struct {
		Login string `json:"login"`
	} `json:"owner"`
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
	p := newPayload(event)
	if p == nil {
		switch {
		case !json.Valid(body):
			return none, notJSON
		case event == "ping":
			return none, pongText
		}
		return none, notKept
	}
	err := json.Unmarshal(body, p)
	// After an error of this type all fields are read that could be.
	var mistyped *json.UnmarshalTypeError
	if err != nil && !errors.As(err, &mistyped) {
		return none, notJSON
	}
	kind, nothing := p.kind(h.AppID)
	head := p.common()
	switch {
	case nothing != nil:
		return none, nothing
	case mistyped != nil:
		// encoding/json names the embedded struct too.
		return none, unusable("The field %s is not of the type that GitHub sends.", strings.TrimPrefix(mistyped.Field, "envelope."))
	case head.Installation.ID <= 0:
		return none, unusable("This delivery names no installation: it comes from a webhook of a repository or an organization. Remove that webhook; Loktar listens to its GitHub App's.")
	}
	ev := checks.Event{Kind: kind, Name: event, Installation: head.Installation.ID, Sender: head.Sender.account()}
	if event != "push" { // the one without actions
		ev.Name += "." + head.Action
	}
	return ev, p.fill(&ev)
}

package webhook

import (
	"regexp"
	"sync"

	"github.com/dudesons/loktar/checks"
)

// actionPattern is the form of the identifiers that we give to buttons.
var actionPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z_]{1,20}$`) })

// checkRunPayload is the payload of check_run.
type checkRunPayload struct {
	envelope
	Repository repository `json:"repository"`
	CheckRun   struct {
		ID         int64      `json:"id"`
		Name       string     `json:"name"`
		HeadSHA    string     `json:"head_sha"`
		ExternalID string     `json:"external_id"`
		App        identified `json:"app"`
	} `json:"check_run"`
	RequestedAction struct {
		Identifier string `json:"identifier"`
	} `json:"requested_action"`
}

func (p *checkRunPayload) kind(app int64) (kind checks.EventKind, _ *answer) {
	switch {
	case p.Action == "rerequested":
		kind = checks.EventRerunPackage
	case p.Action == "requested_action" && actionPattern().MatchString(p.RequestedAction.Identifier):
		kind = checks.EventAction
	default:
		return "", notKept
	}
	if !p.CheckRun.App.is(app) {
		return "", notOurs
	}
	return kind, nil
}

func (p *checkRunPayload) fill(ev *checks.Event) (refused *answer) {
	if ev.Repo, refused = p.Repository.repo("repository"); refused != nil {
		return refused
	}
	c := p.CheckRun
	switch {
	case c.ID <= 0 || c.Name == "" || len(c.Name) > maxText || len(c.ExternalID) > maxText:
		return unusable("The field check_run has no usable id, name or external_id.")
	case !validSHA(c.HeadSHA):
		return noHead
	}
	ev.HeadSHA = c.HeadSHA
	ev.CheckRun = &checks.CheckRunRef{ID: c.ID, Name: c.Name, ExternalID: c.ExternalID}
	if ev.Kind == checks.EventAction {
		ev.Action = checks.ActionID(p.RequestedAction.Identifier)
	}
	return nil
}

// checkSuitePayload is the payload of check_suite.
type checkSuitePayload struct {
	envelope
	Repository repository `json:"repository"`
	CheckSuite struct {
		HeadSHA string     `json:"head_sha"`
		App     identified `json:"app"`
	} `json:"check_suite"`
}

func (p *checkSuitePayload) kind(app int64) (checks.EventKind, *answer) {
	switch {
	case p.Action != "rerequested":
		return "", notKept
	case !p.CheckSuite.App.is(app):
		return "", notOurs
	}
	return checks.EventRerunAll, nil
}

func (p *checkSuitePayload) fill(ev *checks.Event) (refused *answer) {
	if ev.Repo, refused = p.Repository.repo("repository"); refused != nil {
		return refused
	}
	if !validSHA(p.CheckSuite.HeadSHA) {
		return noHead
	}
	ev.HeadSHA = p.CheckSuite.HeadSHA
	return nil
}

// is reports whether i is the App app. Neither may be unknown.
func (i identified) is(app int64) bool { return i.ID > 0 && i.ID == app }

var noHead = unusable("The head commit is not a SHA of 40 or 64 hexadecimal digits.")

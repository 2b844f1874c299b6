package github

import (
	"errors"
	"net/http"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// remedy is what is done about an answer of GitHub's that is not the one that
// was asked for.
type remedy int

const (
	// giveUp: the caller is told that it will never succeed, and keeps that as
	// a trace.
	giveUp remedy = iota
	// again: whoever called tries again later, when GitHub says or with longer
	// and longer pauses.
	again
	// renew: once more at once, with a new token; then as again.
	renew
	// setClock: once more at once, by the time in GitHub's answer; then as
	// again.
	setClock
	// recreate: a check run that is not there any more is made anew. Of
	// anything else as giveUp.
	recreate
	// plainly: a check run is sent once more without its texts, annotations and
	// buttons, and one that has ended is then made anew. Of anything else as
	// giveUp.
	plainly
)

// ruling is what an answer means, and what is done about it.
type ruling struct {
	name string
	when func(answer, target) bool
	do   remedy
	kind checks.Kind
	text func(target) string
	// ofTarget: the target says the kind, where it does.
	ofTarget bool
}

func (r ruling) kindFor(t target) checks.Kind {
	if r.ofTarget && t.deniedKind != 0 {
		return t.deniedKind
	}
	return r.kind
}

// rulings are tried in their order; the last one always holds. Answers about
// limits come before them, see answer.limit; where there is no answer at all
// (a reset, a time-out, no connection) the rule is again.
var rulings = []ruling{
	{name: "suspended", when: forbids("suspended"), do: again, kind: checks.KindUnavailable,
		text: saying("The App is suspended there; it will be tried again.")},
	{name: "outage", do: again, kind: checks.KindUnavailable,
		when: func(a answer, _ target) bool {
			return a.status >= 500 || a.status == http.StatusAccepted || a.status == http.StatusRequestTimeout || a.status == http.StatusConflict
		},
		text: saying("GitHub cannot do this now. It will be tried again.")},
	{name: "clock", do: setClock, kind: checks.KindConfig,
		when: func(a answer, _ target) bool {
			return a.status == http.StatusUnauthorized && (strings.Contains(a.said, "('exp')") || strings.Contains(a.said, "('iat')"))
		},
		text: saying("This server's clock differs from GitHub's. Its operator has to set it.")},
	{name: "key", do: again, kind: checks.KindConfig,
		when: func(a answer, t target) bool { return a.status == http.StatusUnauthorized && (a.token || t.asApp) },
		text: saying("GitHub does not accept this server's App ID and private key. Its operator has to check github.app_id, github.private_key_file and the server's clock.")},
	{name: "token", when: status(http.StatusUnauthorized), do: renew, kind: checks.KindUnavailable,
		text: func(t target) string {
			return "GitHub does not accept the App's token for " + t.repo.FullName() + ". It will be tried again. An owner of " + t.repo.Owner + " can look at the App under Settings, Applications."
		}},
	{name: "not installed", when: minting(http.StatusNotFound), do: giveUp, kind: checks.KindNotFound,
		text: func(t target) string {
			return "The GitHub App is not installed for " + t.repo.FullName() + " any more. Install it again on the App's page."
		}},
	{name: "no token", when: minting(http.StatusForbidden), do: giveUp, kind: checks.KindRefused,
		text: func(t target) string {
			return "The GitHub App may not read " + t.repo.FullName() + ". An owner of " + t.repo.Owner + " can allow it under Settings, Applications."
		}},
	{name: "no access", when: minting(http.StatusUnprocessableEntity), do: giveUp, kind: checks.KindNotFound,
		text: func(t target) string {
			return "The GitHub App has no access to " + t.repo.FullName() + ". An owner of " + t.repo.Owner + " can add the repository under Settings, Applications."
		}},
	{name: "moved", do: giveUp, kind: checks.KindNotFound,
		when: func(a answer, _ target) bool { return a.status >= 300 && a.status < 400 },
		text: func(t target) string {
			return t.repo.FullName() + " was renamed or moved. A new push is reported under the new name."
		}},
	{name: "gone", when: status(http.StatusNotFound, http.StatusGone), do: recreate, kind: checks.KindNotFound,
		text: func(t target) string { return t.missing }},
	{name: "no commit", do: giveUp, kind: checks.KindRefused,
		when: func(a answer, _ target) bool {
			return a.status == http.StatusUnprocessableEntity && strings.Contains(strings.ToLower(a.said), "commit")
		},
		text: func(t target) string {
			return "GitHub does not know that commit in " + t.repo.FullName() + ". It was probably replaced by a later push."
		}},
	{name: "not taken", when: status(http.StatusUnprocessableEntity), do: plainly, kind: checks.KindRefused, text: notTaken},
	{name: "archived", when: forbids("archived"), do: giveUp, kind: checks.KindRefused,
		text: func(t target) string {
			return t.repo.FullName() + " is archived, and GitHub lets nobody write to it. An owner of it can unarchive it in its settings."
		}},
	{name: "locked", when: forbids("locked"), do: giveUp, kind: checks.KindRefused,
		text: saying("The conversation is locked, and GitHub takes no comment of the App there.")},
	{name: "denied", do: giveUp, kind: checks.KindRefused, ofTarget: true,
		when: func(a answer, t target) bool { return a.status == http.StatusForbidden && t.denied != "" },
		text: func(t target) string { return t.denied }},
	{name: "not allowed", when: status(http.StatusForbidden), do: giveUp, kind: checks.KindRefused,
		text: func(t target) string {
			return "GitHub does not allow the App to do this in " + t.repo.FullName() + ". It needs the permissions checks: write, contents: read and pull requests: read."
		}},
	{name: "anything else", when: func(answer, target) bool { return true }, do: giveUp, kind: checks.KindRefused, text: notTaken},
}

// rulingFor is the first rule that holds.
func rulingFor(a answer, t target) ruling {
	for _, r := range rulings {
		if r.when(a, t) {
			return r
		}
	}
	return rulings[len(rulings)-1]
}

func notTaken(target) string {
	return "GitHub will not take this request. The server's log has its reason."
}

func saying(text string) func(target) string { return func(target) string { return text } }

// status holds for answers of one of the codes.
func status(codes ...int) func(answer, target) bool {
	return func(a answer, _ target) bool {
		for _, c := range codes {
			if a.status == c {
				return true
			}
		}
		return false
	}
}

// minting holds for an answer of the code to a request for a token.
func minting(code int) func(answer, target) bool {
	return func(a answer, _ target) bool { return a.token && a.status == code }
}

// forbids holds for a 403 whose text has the word.
func forbids(word string) func(answer, target) bool {
	return func(a answer, _ target) bool {
		return a.status == http.StatusForbidden && strings.Contains(strings.ToLower(a.said), word)
	}
}

// remedyOf is what is done about a call's error.
func remedyOf(err error) remedy {
	var f interface{ remedy() remedy }
	if errors.As(err, &f) {
		return f.remedy()
	}
	return giveUp
}

package github

import (
	"net/http"
	"testing"

	"github.com/dudesons/loktar/checks"
)

// TestRulings has an answer for each ruling, which no earlier one takes.
func TestRulings(t *testing.T) {
	of := func(status int, said string) answer { return answer{status: status, said: said} }
	token := func(status int, said string) answer { return answer{status: status, said: said, token: true} }
	repo := target{repo: checks.Repo{Owner: "acme", Name: "shop"}, missing: "It is missing."}
	denying := repo
	denying.denied, denying.deniedKind = "It is denied.", checks.KindConfig
	tests := []struct {
		name   string
		answer answer
		target target
		do     remedy
		kind   checks.Kind
	}{
		{"suspended", of(403, "This installation has been suspended"), repo, again, checks.KindUnavailable},
		{"outage", of(500, ""), repo, again, checks.KindUnavailable},
		{"outage", of(503, ""), repo, again, checks.KindUnavailable},
		{"outage", of(409, "Conflict"), repo, again, checks.KindUnavailable},
		{"clock", token(401, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"), repo, setClock, checks.KindConfig},
		{"clock", token(401, "'Expiration time' claim ('exp') is too far in the future"), repo, setClock, checks.KindConfig},
		{"key", token(401, "A JSON web token could not be decoded"), repo, again, checks.KindConfig},
		{"token", of(401, "Bad credentials"), repo, renew, checks.KindUnavailable},
		{"not installed", token(404, "Not Found"), repo, giveUp, checks.KindNotFound},
		{"no token", token(403, "Forbidden"), repo, giveUp, checks.KindRefused},
		{"no access", token(422, "There is at least one repository that does not exist"), repo, giveUp, checks.KindNotFound},
		{"moved", of(307, ""), repo, giveUp, checks.KindNotFound},
		{"gone", of(404, "Not Found"), repo, recreate, checks.KindNotFound},
		{"gone", of(410, "Gone"), repo, recreate, checks.KindNotFound},
		{"no commit", of(422, "No commit found for SHA: abc"), repo, giveUp, checks.KindRefused},
		{"not taken", of(422, "Invalid request. summary is too long"), repo, plainly, checks.KindRefused},
		{"archived", of(403, "Repository was archived so is read-only."), repo, giveUp, checks.KindRefused},
		{"locked", of(403, "Unable to create comment because issue is locked."), repo, giveUp, checks.KindRefused},
		{"denied", of(403, "Resource not accessible by integration"), denying, giveUp, checks.KindConfig},
		{"not allowed", of(403, "Resource not accessible by integration"), repo, giveUp, checks.KindRefused},
		{"anything else", of(http.StatusTeapot, ""), repo, giveUp, checks.KindRefused},
	}
	met := map[string]bool{}
	for _, tt := range tests {
		r := rulingFor(tt.answer, tt.target)
		met[r.name] = true
		if r.name != tt.name || r.do != tt.do || r.kindFor(tt.target) != tt.kind || r.text(tt.target) == "" {
			t.Errorf("%d %q: %q, remedy %d, %v: %s; want %q, %d, %v", tt.answer.status, tt.answer.said,
				r.name, r.do, r.kindFor(tt.target), r.text(tt.target), tt.name, tt.do, tt.kind)
		}
	}
	for _, r := range rulings {
		if !met[r.name] {
			t.Errorf("no answer of the table meets the ruling %q", r.name)
		}
	}
}

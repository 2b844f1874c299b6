package webhook

import (
	"net/http"
	"slices"
	"testing"

	"github.com/dudesons/loktar/checks"
)

// FuzzHandler sends signed deliveries of any content: the handler answers
// each with a status that it documents, and what it keeps is well formed.
func FuzzHandler(f *testing.F) {
	for _, action := range []string{"opened", "edited", "closed", "synchronize", "labeled"} {
		f.Add("pull_request", "application/json", pullRequest(action))
	}
	f.Add("pull_request", "application/json", pullRequest("edited", `"title": {"from": "x"}`, `"base": {}`))
	f.Add("check_run", "application/json", checkEvent("check_run", "rerequested"))
	f.Add("check_suite", "application/json; charset=utf-8", checkEvent("check_suite", "rerequested"))
	f.Add("check_suite", "application/x-www-form-urlencoded", []byte("a=%20+b&payload=%7B%22action%22%3A%22rerequested%22%7D"))
	f.Add("ping", "application/json", []byte(`{"zen":"x"}`))
	f.Add("push", "text/plain", []byte(`[1e999, "\ud800"`))
	statuses := []int{http.StatusOK, http.StatusAccepted, http.StatusBadRequest, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity}
	f.Fuzz(func(t *testing.T, event, contentType string, body []byte) {
		i := &inbox{fresh: true}
		r := delivery(event, body)
		r.Header.Set("Content-Type", contentType)
		w := serve(i.handler(), r)
		if !slices.Contains(statuses, w.Code) {
			t.Fatalf("answer %d %s", w.Code, w.Body)
		}
		if w.Code != http.StatusAccepted && len(i.events) > 0 {
			t.Fatalf("answer %d %s, and %+v was kept", w.Code, w.Body, i.events)
		}
		if len(i.events) != i.woken {
			t.Fatalf("%d events, woken %d times", len(i.events), i.woken)
		}
		for _, ev := range i.events {
			checkKept(t, ev)
		}
	})
}

func checkKept(t *testing.T, ev checks.Event) {
	t.Helper()
	ok := ev.Delivery == guid && ev.Received.Equal(received) && ev.Installation > 0 && ev.Repo.ID > 0 &&
		ownerPattern.MatchString(ev.Repo.Owner) && namePattern.MatchString(ev.Repo.Name) && shaPattern.MatchString(ev.HeadSHA)
	switch ev.Kind {
	case checks.EventPullRequest, checks.EventPullRequestClosed:
		p := ev.PullRequest
		ok = ok && p != nil && p.Number > 0 && len(p.Title) <= maxText && p.Head.SHA == ev.HeadSHA && p.Base.Repo == ev.Repo
		for _, r := range []checks.Ref{p.Head, p.Base} {
			ok = ok && shaPattern.MatchString(r.SHA) && validBranch(r.Branch) &&
				(r.Repo == checks.Repo{} || ownerPattern.MatchString(r.Repo.Owner) && namePattern.MatchString(r.Repo.Name))
		}
	case checks.EventRerunPackage:
		ok = ok && ev.CheckRun != nil && ev.CheckRun.ID > 0 && ev.CheckRun.Name != ""
	case checks.EventRerunAll:
	default:
		ok = false
	}
	if !ok {
		t.Fatalf("kept %+v", ev)
	}
}

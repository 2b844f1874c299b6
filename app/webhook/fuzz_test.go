package webhook

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

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
	f.Add("pull_request", "application/json", pullRequest("labeled", `"number"`, `"label": {"name": "ci"}, "number"`, `"draft"`, `"labels": [{"name": "ci"}, 5], "draft"`))
	for _, ref := range []string{"refs/heads/a", "refs/tags/v1", "refs/notes/x", "refs/heads/-x"} {
		f.Add("push", "application/json", push(ref))
		f.Add("push", "application/json", push(ref, "false", "true", afterSHA, noSHA))
	}
	for _, action := range []string{"checks_requested", "destroyed"} {
		f.Add("merge_group", "application/json", mergeGroup(action))
		f.Add("merge_group", "application/json", mergeGroup(action, headSHA, "x", "refs/heads/main", "main"))
	}
	f.Add("check_run", "application/json", pressed())
	for _, body := range []string{"/loktar run", "x\r\n\t/loktar\u2028a\x00b\r\n", "```\n/loktar\n```\n~~~\n> /loktar"} {
		f.Add("issue_comment", "application/json", comment(body))
	}
	for _, action := range []string{"renamed", "transferred", "deleted", "archived"} {
		f.Add("repository", "application/json", about(`"action": "`+action+`"`))
	}
	f.Add("installation", "application/json", about(`"action": "suspend"`))
	f.Add("installation_repositories", "application/json", removed(`[{"id": 1, "full_name": "a/b"}]`))
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
	ok := ev.Delivery == guid && ev.Received.Equal(received) && ev.Installation > 0 && ev.Name != "" &&
		(ev.HeadSHA == "" || validSHA(ev.HeadSHA)) && wellFormedAbout(ev)
	// Whether it has a commit, and what it is about, is as its kind says.
	var commit, pull, push, group, run, comment, repos bool
	switch ev.Kind {
	case checks.EventPullRequest, checks.EventPullRequestClosed:
		commit, pull = true, true
	case checks.EventLabeled:
		commit, pull = true, true
		ok = ok && ev.Label != ""
	case checks.EventPush:
		commit, push = true, true
		ok = ok && ev.Push != nil && ev.Push.After == ev.HeadSHA
	case checks.EventRefGone:
		push = true
		ok = ok && ev.Push != nil && ev.Push.Before+ev.Push.After == ""
	case checks.EventMergeGroup:
		commit, group = true, true
		ok = ok && ev.MergeGroup != nil && validSHA(ev.MergeGroup.BaseSHA) && ev.MergeGroup.Reason == ""
	case checks.EventMergeGroupGone:
		commit, group = ev.HeadSHA != "", true
	case checks.EventRerunPackage:
		commit, run = true, true
	case checks.EventRerunAll:
		commit = true
	case checks.EventAction:
		commit, run = true, true
		ok = ok && actionPattern().MatchString(string(ev.Action))
	case checks.EventCommand:
		comment = true
	case checks.EventRepoMoved:
	case checks.EventReposGone:
		repos = true
		ok = ok && (len(ev.Repos) > 0) == !strings.HasPrefix(ev.Name, "installation.")
	default:
		ok = false
	}
	if !ok || commit != (ev.HeadSHA != "") || pull != (ev.PullRequest != nil) || push != (ev.Push != nil) || group != (ev.MergeGroup != nil) ||
		run != (ev.CheckRun != nil) || comment != (ev.Comment != nil) || repos != (ev.Repo == checks.Repo{}) || !repos && ev.Repos != nil ||
		(ev.Kind == checks.EventLabeled) != (ev.Label != "") || (ev.Kind == checks.EventAction) != (ev.Action != "") {
		t.Fatalf("kept %+v", ev)
	}
}

// wellFormedAbout reports whether all that ev is about is of a form that may
// become part of a URL, a folder or an argument of git.
func wellFormedAbout(ev checks.Event) bool {
	repos := append([]checks.Repo{ev.Repo}, ev.Repos...)
	if ev.Repo == (checks.Repo{}) {
		repos = ev.Repos
	}
	var branches, shas []string // empty SHAs are for the kind to judge
	ok := true
	if p := ev.PullRequest; p != nil {
		ok = p.Number > 0 && len(p.Title) <= maxText && p.Head.SHA == ev.HeadSHA && p.Base.Repo == ev.Repo && validSHA(p.Base.SHA) &&
			len(p.Labels) <= maxLabels && utf8.RuneCountInString(ev.Label) <= maxLabel
		for _, l := range p.Labels {
			ok = ok && l != "" && utf8.RuneCountInString(l) <= maxLabel
		}
		branches = append(branches, p.Head.Branch, p.Base.Branch)
		if (p.Head.Repo != checks.Repo{}) {
			repos = append(repos, p.Head.Repo)
		}
	}
	if p := ev.Push; p != nil {
		ok = ok && (p.Branch() == "") == (p.Tag() != "")
		branches = append(branches, p.Branch()+p.Tag())
		if p.DefaultBranch != "" {
			branches = append(branches, p.DefaultBranch)
		}
		shas = append(shas, p.Before, p.After)
	}
	if g := ev.MergeGroup; g != nil {
		head, isBranch := strings.CutPrefix(g.HeadRef, "refs/heads/")
		ok = ok && isBranch && slices.Contains([]string{"", "merged", "invalidated", "dequeued"}, g.Reason)
		branches = append(branches, head, g.Branch())
		shas = append(shas, g.BaseSHA)
	}
	if c := ev.CheckRun; c != nil {
		ok = ok && c.ID > 0 && c.Name != ""
	}
	if c := ev.Comment; c != nil {
		ok = ok && c.ID > 0 && c.Number > 0 && cleanCommand(c.Line)
	}
	for _, r := range repos {
		ok = ok && r.ID > 0 && ownerPattern().MatchString(r.Owner) && namePattern().MatchString(r.Name)
	}
	for _, b := range branches {
		ok = ok && validBranch(b)
	}
	for _, s := range shas {
		ok = ok && (s == "" || validSHA(s))
	}
	return ok
}

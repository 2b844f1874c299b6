package minihub_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
)

// perms are the permissions of the hub's App with some more.
func perms(kv ...string) map[string]string {
	p := map[string]string{"metadata": "read", "checks": "write", "contents": "read", "pull_requests": "read", "merge_queues": "read"}
	for i := 0; i < len(kv); i += 2 {
		p[kv[i]] = kv[i+1]
	}
	return p
}

// rule is one entry of a branch's rules, as a client reads it.
type rule struct {
	Type       string `json:"type"`
	RulesetID  int64  `json:"ruleset_id"`
	Source     string `json:"ruleset_source"`
	Parameters struct {
		Checks []struct {
			Context       string `json:"context"`
			IntegrationID int64  `json:"integration_id"`
		} `json:"required_status_checks"`
	} `json:"parameters"`
}

func rulesOf(t *testing.T, c *github.Client, branch, query string) ([]rule, *github.Response) {
	t.Helper()
	req, err := c.NewRequest("GET", "repos/acme/mono/rules/branches/"+url.PathEscape(branch)+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	var rules []rule
	resp, err := c.Do(t.Context(), req, &rules)
	if err != nil {
		t.Fatal(err)
	}
	return rules, resp
}

// required are the checks of rules as NAME or NAME@APP.
func required(rules []rule) (out []string) {
	for _, r := range rules {
		for _, c := range r.Parameters.Checks {
			s := c.Context
			if c.IntegrationID != 0 {
				s += fmt.Sprintf("@%d", c.IntegrationID)
			}
			out = append(out, s)
		}
	}
	return out
}

func TestBranchProtection(t *testing.T) {
	h := minihubtest.StartWith(t, minihubtest.Options{Hub: minihub.Options{Permissions: perms("administration", "read")}})
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	h.Commit(repo, minihub.Commit{Branch: "release/1", From: "main", Files: map[string]string{"b": "1"}})
	ctx, c := t.Context(), h.Client("acme")
	level := func(branch string) string {
		t.Helper()
		b, _, err := c.Repositories.GetBranch(ctx, "acme", "mono", branch, 1)
		if err != nil {
			t.Fatal(err)
		}
		// go-github has no enforcement level: the rest is in the raw answer.
		_, raw, _ := do(t, h, h.Token("acme", nil), "GET", "/repos/acme/mono/branches/"+url.PathEscape(branch), nil)
		return strings.TrimSpace(fmt.Sprintln(b.GetProtected(), at(raw, "protection", "enabled"), at(raw, "protection", "required_status_checks", "enforcement_level"),
			at(raw, "protection", "required_status_checks", "contexts")))
	}
	if got := level("main"); got != "false false off []" {
		t.Errorf("unprotected: %s", got)
	}
	_, _, err := c.Repositories.GetRequiredStatusChecks(ctx, "acme", "mono", "main")
	if err == nil || !strings.Contains(err.Error(), "not protected") {
		t.Errorf("unprotected: %v", err)
	}
	repo.SetRuleset("~DEFAULT_BRANCH", minihub.RequiredCheck{Context: "loktar"})
	if got := level("main"); got != "true false off []" {
		t.Errorf("by a ruleset: %s", got)
	}
	repo.Protect("release/1")
	if got := level("release/1"); got != "true true off []" {
		t.Errorf("protected without checks: %s", got)
	}
	status, got, _ := do(t, h, h.Token("acme", nil), "GET", "/repos/acme/mono/branches/release%2F1/protection/required_status_checks", nil)
	if status != 404 || got["message"] != "Required status checks not enabled" {
		t.Errorf("protected without checks: %d %v", status, got)
	}
	repo.Protect("release/1", minihub.RequiredCheck{Context: "loktar", AppID: h.App().ID()}, minihub.RequiredCheck{Context: "lint"})
	if got := level("release/1"); got != "true true non_admins [loktar lint]" {
		t.Errorf("protected: %s", got)
	}
	checks, _, err := c.Repositories.GetRequiredStatusChecks(ctx, "acme", "mono", "release/1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&[]string{"loktar", "lint"}, checks.Contexts); diff != "" {
		t.Error(diff)
	}
	if cs := *checks.Checks; cs[0].AppID == nil || *cs[0].AppID != h.App().ID() || cs[1].AppID != nil {
		t.Errorf("checks: %+v", cs)
	}
	repo.Unprotect("release/1")
	if got := level("release/1"); got != "false false off []" {
		t.Errorf("no longer protected: %s", got)
	}
}

func TestRulesets(t *testing.T) {
	h := minihubtest.Start(t)
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	c := h.Client("acme")
	repo.SetRuleset("~ALL", minihub.RequiredCheck{Context: "all"})
	repo.SetRuleset("~DEFAULT_BRANCH", minihub.RequiredCheck{Context: "default", AppID: 7})
	repo.SetRuleset("release/*", minihub.RequiredCheck{Context: "one part"})
	repo.SetRuleset("release/**/*", minihub.RequiredCheck{Context: "any part"})
	repo.SetRuleset("v[0-9]", minihub.RequiredCheck{Context: "digit"})
	for branch, want := range map[string][]string{
		"main": {"all", "default@7"}, "release": {"all"}, "release/1": {"all", "one part", "any part"},
		"release/1/hot": {"all", "any part"}, "old/release/1": {"all"}, "v1": {"all", "digit"}, "v12": {"all"},
	} {
		rules, _ := rulesOf(t, c, branch, "")
		if diff := cmp.Diff(want, required(rules)); diff != "" {
			t.Errorf("%s: %s", branch, diff)
		}
	}
	rules, _ := rulesOf(t, c, "nothing-yet", "")
	var types []string
	for _, r := range rules {
		types = append(types, r.Type)
		if r.RulesetID == 0 || r.Source != "acme/mono" {
			t.Errorf("rule %+v", r)
		}
	}
	if diff := cmp.Diff([]string{"deletion", "non_fast_forward", "copilot_code_review", "required_status_checks"}, types); diff != "" {
		t.Error(diff)
	}
	if rules, resp := rulesOf(t, c, "main", "?per_page=4&page=2"); resp.LastPage != 0 || resp.PrevPage != 1 || len(required(rules)) != 1 || len(rules) != 4 {
		t.Errorf("the second page: %v, %v", rules, resp)
	}
	repo.SetRuleset("~ALL")
	repo.SetRuleset("~DEFAULT_BRANCH", minihub.RequiredCheck{Context: "other"})
	if rules, _ := rulesOf(t, c, "main", ""); cmp.Diff([]string{"other"}, required(rules)) != "" {
		t.Errorf("after the change: %v", required(rules))
	}
}

// TestMergeWaitsForRequiredChecks walks the required checks of a pull request
// through everything that keeps it from being merged.
func TestMergeWaitsForRequiredChecks(t *testing.T) {
	h := minihubtest.Start(t)
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	h.Commit(repo, minihub.Commit{Branch: "topic", From: "main", Files: map[string]string{"b": "1"}})
	n := h.Open(repo, minihub.NewPull{Head: "topic"})
	ctx, c := t.Context(), h.Client("acme")
	repo.Protect("main", minihub.RequiredCheck{Context: "loktar"}, minihub.RequiredCheck{Context: "lib", AppID: h.App().ID()})
	repo.SetRuleset("~DEFAULT_BRANCH", minihub.RequiredCheck{Context: "loktar"})
	report := func(name, status string) {
		t.Helper()
		sha, err := repo.Tip(ctx, "topic")
		if err != nil {
			t.Fatal(err)
		}
		o := github.CreateCheckRunOptions{Name: name, HeadSHA: sha, Status: &status}
		if status != "queued" && status != "in_progress" {
			o.Status, o.Conclusion = nil, &status
		}
		if _, _, err := c.Checks.CreateCheckRun(ctx, "acme", "mono", o); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(state string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, repo.MergeBlockers(n)); diff != "" {
			t.Error(diff)
		}
		pr, _, err := c.PullRequests.Get(ctx, "acme", "mono", n)
		if err != nil || pr.GetMergeableState() != state {
			t.Errorf("mergeable_state %q, %v", pr.GetMergeableState(), err)
		}
		if _, err := repo.MergePull(ctx, n, "acme"); (err == nil) != (want == nil) {
			t.Errorf("merge: %v", err)
		}
	}
	const waits = "Expected — Waiting for status to be reported"
	expect("blocked", "loktar: "+waits, "lib: "+waits)
	report("loktar", "in_progress")
	report("lib", "queued")
	expect("blocked", "loktar: In progress — This check has started", "lib: Queued — Waiting to run this check")
	if _, err := repo.MergePull(ctx, n, "acme"); err == nil || !strings.Contains(err.Error(), `required status check "lib" is queued`) {
		t.Errorf("merge: %v", err)
	}
	report("loktar", "success")
	report("lib", "failure")
	expect("blocked", "lib: Failing")
	report("lib", "neutral")
	report("loktar", "cancelled")
	expect("blocked", "loktar: Cancelled")
	report("loktar", "skipped")
	h.Commit(repo, minihub.Commit{Branch: "topic", Files: map[string]string{"b": "2"}})
	expect("blocked", "loktar: "+waits, "lib: "+waits)
	report("loktar", "skipped")
	report("lib", "neutral")
	repo.Protect("main", minihub.RequiredCheck{Context: "lib", AppID: h.App().ID() + 1})
	expect("blocked", "lib: "+waits)
	repo.Unprotect("main")
	if err := repo.SetDraft(n, "acme", true); err != nil {
		t.Fatal(err)
	}
	expect("draft", "This pull request is still a work in progress: draft pull requests cannot be merged")
	if err := repo.SetDraft(n, "acme", false); err != nil {
		t.Fatal(err)
	}
	expect("clean")
	if got := repo.MergeBlockers(n); got != nil {
		t.Errorf("merged: %v", got)
	}
}

func TestRulesAreStrict(t *testing.T) {
	h := minihubtest.StartWith(t, minihubtest.Options{AllowRefused: true, Hub: minihub.Options{Permissions: perms("administration", "read")}})
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	repo.Protect("main", minihub.RequiredCheck{Context: "loktar"})
	admin := h.Token("acme", nil)
	plain := h.Token("acme", &github.InstallationTokenOptions{Permissions: &github.InstallationPermissions{Contents: github.String("read")}})
	const required, rules = "/repos/acme/mono/branches/main/protection/required_status_checks", "/repos/acme/mono/rules/branches/main"
	for _, c := range []struct {
		name, token, path string
		status            int
		says              string
	}{
		{"all is well", admin, required, 200, ""},
		{"without administration", plain, required, 403, "Resource not accessible by integration"},
		{"a branch that is not there", admin, strings.Replace(required, "main", "gone", 1), 404, "Branch not found"},
		{"a repository that is not there", admin, strings.Replace(required, "mono", "gone", 1), 404, "Not Found"},
		{"a person", h.UserToken("acme"), required, 403, "Resource not accessible by integration"},
		{"nobody", "", required, 401, "Requires authentication"},
		{"a wrong token", "ghs_wrong", required, 401, "Bad credentials"},
		{"rules with metadata alone", plain, rules, 200, ""},
		{"rules for nobody", "", rules, 401, "Requires authentication"},
		{"rules with a wrong token", "ghs_wrong", rules, 401, "Bad credentials"},
		{"rules of a repository that is not there", plain, strings.Replace(rules, "mono", "gone", 1), 404, "Not Found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, got, _ := do(t, h, c.token, "GET", c.path, nil)
			if message, _ := got["message"].(string); status != c.status || message != c.says {
				t.Errorf("got %d %q, want %d %q", status, message, c.status, c.says)
			}
		})
	}
}

func TestCanWrite(t *testing.T) {
	h := minihubtest.Start(t)
	repo := h.Repo("acme", "mono", nil)
	repo.SetPublic(true)
	repo.SetAccess("ann", "write")
	repo.SetAccess("bob", "read")
	for login, want := range map[string]bool{"acme": true, "Ann": true, "bob": false, "stranger": false, "": false} {
		if got := repo.CanWrite(login); got != want {
			t.Errorf("%q can write: %v", login, got)
		}
	}
}

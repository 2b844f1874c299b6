package minihub_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/app/minihub"
)

func says(t *testing.T, page string, want ...string) {
	t.Helper()
	for _, s := range want {
		if !strings.Contains(page, s) {
			t.Errorf("the page does not say %q", s)
		}
	}
}

// TestRequiredChecksOnPages follows a pull request with required checks from
// blocked through the merge queue to merged.
func TestRequiredChecksOnPages(t *testing.T) {
	h, _ := town(t)
	press(t, h, "", "/acme/mono/rules", fields("kind", "ruleset", "pattern", "~DEFAULT_BRANCH", "checks", "lib\r\n\r\n docs ", "app", "0"))
	press(t, h, "", "/acme/mono/rules", fields("kind", "protection", "pattern", "main", "checks", "lib"))
	_, page, _ := browse(t, h, "", "/acme/mono/settings", nil)
	says(t, page, "Ruleset", "~DEFAULT_BRANCH", "Branch protection rule", "lib, docs")
	press(t, h, "", "/acme/mono/rules/delete", fields("kind", "protection", "pattern", "main"))

	var sha string
	h.Read(func(v *minihub.View) {
		p, _ := v.PullRequest("acme/mono", 1)
		sha = p.HeadSHA
	})
	report(t, h, sha, "lib", "success")
	_, page, _ = browse(t, h, "", "/acme/mono/pull/1", nil)
	says(t, page, "Some checks haven&#39;t completed yet", "1 expected, 1 successful checks", "Expected — Waiting for status to be reported",
		`<span class="required">Required</span>`, "Merging is blocked", "docs: Expected", `<button class="merge" disabled>Merge pull request</button>`)
	for _, button := range []string{"merge", "enqueue"} {
		if status, page, _ := browse(t, h, "", "/acme/mono/pull/1/"+button, fields()); status != http.StatusConflict || !strings.Contains(page, "docs") {
			t.Errorf("%s while blocked: %d", button, status)
		}
	}
	report(t, h, sha, "docs", "skipped")
	press(t, h, "", "/acme/mono/pull/1/enqueue", fields())
	var group minihub.MergeGroup
	h.Read(func(v *minihub.View) { group = v.MergeGroups("acme/mono")[0] })
	_, page, _ = browse(t, h, "", "/acme/mono/pull/1", nil)
	says(t, page, "Queued to merge", "Position 1 of 1", "Remove from queue", `<button class="merge" disabled>Merge group</button>`)
	if strings.Contains(page, ">Merge pull request<") {
		t.Error("a queued pull request can be merged beside the queue")
	}
	if status, _, _ := browse(t, h, "", "/acme/mono/pull/1/finish", fields()); status != http.StatusConflict {
		t.Errorf("merge group while blocked: %d", status)
	}
	report(t, h, group.HeadSHA, "lib", "success")
	report(t, h, group.HeadSHA, "docs", "success")
	_, page, _ = browse(t, h, "", "/acme/mono/commit/"+group.HeadSHA, nil)
	says(t, page, "merge group of", "All checks have passed", "Re-run all checks", `aria-label="Re-run docs"`)
	if to := press(t, h, "", "/acme/mono/commit/"+group.HeadSHA[:9]+"/rerun", fields()); to != "/acme/mono/commit/"+group.HeadSHA {
		t.Errorf("re-run of the group leads to %s", to)
	}
	if p := decode(t, delivered(t, h, "check_suite", "rerequested", 1)[0].Payload); at(p, "check_suite", "head_sha") != group.HeadSHA {
		t.Errorf("rerequested: %v", at(p, "check_suite", "head_sha"))
	}
	press(t, h, "", "/acme/mono/pull/1/finish", fields())
	if p := decode(t, delivered(t, h, "merge_group", "destroyed", 1)[0].Payload); at(p, "reason") != "merged" {
		t.Errorf("destroyed: %v", at(p, "reason"))
	}
	_, page, _ = browse(t, h, "", "/acme/mono/pull/1", nil)
	says(t, page, "successfully merged and closed")
}

// TestInstallationButtons goes through an installation's life.
func TestInstallationButtons(t *testing.T) {
	h, _ := town(t)
	const at = "/-/apps/loktar/installations/acme"
	for _, c := range []struct{ do, event, action, says string }{
		{"suspend", "installation", "suspend", ", suspended"},
		{"unsuspend", "installation", "unsuspend", "installed on all"},
		{"uninstall", "installation", "deleted", "not installed on acme"},
		{"install-here", "installation", "created", "installed on selected"},
	} {
		if to := press(t, h, "", at, fields("do", c.do, "repo", "mono", "return", "/acme/mono/settings")); to != "/acme/mono/settings" {
			t.Errorf("%s leads to %s", c.do, to)
		}
		delivered(t, h, c.event, c.action, 1)
		_, page, _ := browse(t, h, "", "/acme/mono/settings", nil)
		says(t, page, c.says)
	}
	h.Repo("acme", "other", nil)
	press(t, h, "acme", at, fields("do", "add", "repo", "other"))
	delivered(t, h, "installation_repositories", "added", 1)
	press(t, h, "acme", at, fields("do", "remove", "repo", "mono"))
	delivered(t, h, "installation_repositories", "removed", 1)
	for do, want := range map[string]int{"install": 409, "unsuspend": 409, "dance": 400} {
		if status, _, _ := browse(t, h, "", at, fields("do", do)); status != want {
			t.Errorf("%s: %d", do, status)
		}
	}
}

// TestRedeliverButton finds a delivery in the list and sends it again.
func TestRedeliverButton(t *testing.T) {
	h, _ := town(t)
	first := delivered(t, h, "ping", "", 1)[0]
	one := "/-/apps/loktar/deliveries/" + itoa(first.ID)
	_, page, _ := browse(t, h, "", "/-/apps/loktar/advanced", nil)
	says(t, page, first.GUID, "<b>ping</b>", "202 OK", one+"/redeliver")
	_, page, _ = browse(t, h, "", one, nil)
	says(t, page, "X-Github-Event: ping", "Keep it logically awesome", "Response 202")
	_, page, _ = browse(t, h, "acme", "/-/apps/loktar/advanced", nil)
	if strings.Contains(page, ">Redeliver<") {
		t.Error("one who does not own the App is offered to redeliver")
	}
	press(t, h, "loktar-owner", one+"/redeliver", fields())
	again := delivered(t, h, "ping", "", 2)[1]
	if again.GUID != first.GUID || !again.Redelivery {
		t.Errorf("redelivered %+v", again)
	}
	for _, path := range []string{"/-/apps/nobody/advanced", "/-/apps/loktar/deliveries/1", "/acme/mono/commit/zzzzzzz", "/acme/mono/commit/0123456789"} {
		if status, _, _ := browse(t, h, "", path, nil); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
}

// TestHostileFields sends fields that try to break out; browse looks for
// what they would leave in a page.
func TestHostileFields(t *testing.T) {
	h, repo := town(t)
	press(t, h, "", "/acme/mono/pull/1/edit", fields("title", hostile))
	press(t, h, "", "/acme/mono/pull/1/label", fields("name", `"`+hostile))
	press(t, h, "eve", "/acme/mono/pull/1/comment", fields("body", hostile+"\nnext"))
	press(t, h, "", "/acme/mono/rules", fields("kind", "ruleset", "pattern", `"`+hostile, "checks", hostile))
	branch := `a"><script>alert(1)</script>`
	press(t, h, "", "/acme/mono/commits", fields("branch", branch, "from", "main", "path", `<b>".txt`, "content", hostile, "message", hostile))
	press(t, h, "", "/acme/mono/tags", fields("name", branch, "target", branch))
	sha, err := repo.Tip(t.Context(), branch)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Client("acme").Checks.CreateCheckRun(t.Context(), "acme", "mono", github.CreateCheckRunOptions{Name: hostile, HeadSHA: sha, Conclusion: github.String("neutral"),
		Actions: []*github.CheckRunAction{{Label: "<b>", Description: `"><i>`, Identifier: `"><i>`}}}); err != nil {
		t.Fatal(err)
	}
	_, page, _ := browse(t, h, "", "/acme/mono/pull/1", nil)
	says(t, page, "&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=alert(2)&gt;\nnext</p>")
	for _, path := range []string{"/", "/acme/mono", "/acme/mono/pulls", "/acme/mono/settings", "/acme/mono/commit/" + sha, "/-/apps/loktar/advanced"} {
		if status, _, _ := browse(t, h, "", path, nil); status != http.StatusOK {
			t.Errorf("%s: %d", path, status)
		}
	}
	// What would be another command of git's import stream makes nothing.
	before, _ := repo.Tip(t.Context(), "main")
	for _, bad := range []string{"x\nreset refs/heads/main", "x\x00", " x", "-", "", "..", "a b", "gh-readonly-queue/main/x", "main/"} {
		if status, _, _ := browse(t, h, "", "/acme/mono/commits", fields("branch", bad, "path", "p", "content", "c")); (status != http.StatusConflict) != (bad == "-") {
			t.Errorf("branch %q: %d", bad, status)
		}
	}
	if after, _ := repo.Tip(t.Context(), "main"); after != before {
		t.Error("main has moved")
	}
	if status, _, _ := browse(t, h, "", "/acme/mono/pull/1/comment", fields("body", strings.Repeat("x", 2<<20))); status != http.StatusBadRequest {
		t.Errorf("a form of 2 MB: %d", status)
	}
}

package webhook

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dudesons/loktar/checks"
)

// sharedFolder is the folder of test data beside the repository, or a skip.
func sharedFolder(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("LOKTAR_SHARED")
	if dir == "" {
		root, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
				break
			}
			if root == filepath.Dir(root) {
				t.Fatal("no go.mod above the test")
			}
			root = filepath.Dir(root)
		}
		dir = filepath.Join(filepath.Dir(root), "shared")
	}
	if _, err := os.Stat(filepath.Join(dir, "github", "webhooks")); err != nil {
		t.Skipf("GitHub's payloads are not there (set LOKTAR_SHARED): %v", err)
	}
	return dir
}

// keptPayloads are the real payloads that mean something to us; all others
// are met with silence.
var keptPayloads = map[string]checks.EventKind{
	"check_run/rerequested.fork.head_branch-null.json":     checks.EventRerunPackage,
	"check_run/rerequested.json":                           checks.EventRerunPackage,
	"check_run/rerequested.with-organization.json":         checks.EventRerunPackage,
	"check_suite/rerequested.json":                         checks.EventRerunAll,
	"check_suite/rerequested.with-organization.json":       checks.EventRerunAll,
	"installation/deleted.json":                            checks.EventReposGone,
	"installation_repositories/removed.json":               checks.EventReposGone,
	"merge_group/checks_requested.json":                    checks.EventMergeGroup,
	"merge_group/destroyed.merged.derived.json":            checks.EventMergeGroupGone,
	"pull_request/closed.json":                             checks.EventPullRequestClosed,
	"pull_request/closed.merged.json":                      checks.EventPullRequestClosed,
	"pull_request/closed.with-organization.json":           checks.EventPullRequestClosed,
	"pull_request/labeled.json":                            checks.EventLabeled,
	"pull_request/labeled.with-organization.json":          checks.EventLabeled,
	"pull_request/labeled.woodpecker.json":                 checks.EventLabeled,
	"pull_request/opened.fork.json":                        checks.EventPullRequest,
	"pull_request/opened.json":                             checks.EventPullRequest,
	"pull_request/opened.with-organization.json":           checks.EventPullRequest,
	"pull_request/ready_for_review.json":                   checks.EventPullRequest,
	"pull_request/ready_for_review.with-installation.json": checks.EventPullRequest,
	"pull_request/ready_for_review.with-organization.json": checks.EventPullRequest,
	"pull_request/reopened.json":                           checks.EventPullRequest,
	"pull_request/reopened.with-organization.json":         checks.EventPullRequest,
	"pull_request/reopened.woodpecker.json":                checks.EventPullRequest,
	"pull_request/synchronize.json":                        checks.EventPullRequest,
	"push/branch.created.json":                             checks.EventPush,
	"push/branch.deleted.json":                             checks.EventRefGone,
	"push/branch.forced.json":                              checks.EventPush,
	"push/branch.go-scm.json":                              checks.EventPush,
	"push/branch.json":                                     checks.EventPush,
	"push/event.json":                                      checks.EventRefGone,
	"push/tag.deleted.json":                                checks.EventRefGone,
	"push/variant-1.json":                                  checks.EventRefGone,
	"push/with-installation.json":                          checks.EventRefGone,
	"push/with-new-branch.json":                            checks.EventPush,
	"push/with-organization.json":                          checks.EventRefGone,
	"repository/transferred.json":                          checks.EventRepoMoved,
	"repository/transferred.with-organization.json":        checks.EventRepoMoved,
}

// changedPayloads are real payloads of which something was changed, as old,
// new pairs, to those that GitHub sends and we have none of. What follows a
// blank in a name only tells two changes apart.
var changedPayloads = map[string]struct {
	kind  checks.EventKind
	edits []string
}{
	"check_run/requested_action.json": {checks.EventAction, []string{"lgtm|26764", "rerun_failed"}},
	"issue_comment/created.with-installation.json": {checks.EventCommand, []string{
		`"issue": {`, `"issue": {"pull_request": {"url": "https://api.github.com/repos/x/y/pulls/1"},`,
		"You are totally right!", `Look:\r\n\r\n /loktar run everything \r\n/loktar cancel`}},
	"issue_comment/created.json an issue": {"", []string{"You are totally right!", `/loktar run`}},
	"push/branch.json annotated tag": {checks.EventPush, []string{"refs/heads/main", "refs/tags/v1.2",
		`"after": "366701fde727cb7a9e7f21eb88264f59f6f9b89c"`, `"after": "ec26c3e57ca3a959ca5aad62de7213c562f8c821"`}},
	"push/branch.json note":                       {"", []string{"refs/heads/main", "refs/notes/commits"}},
	"installation/unsuspend.json":                 {checks.EventReposGone, []string{`"unsuspend"`, `"suspend"`}},
	"repository/transferred.json renamed":         {checks.EventRepoMoved, []string{`"transferred"`, `"renamed"`}},
	"repository/created.with-installation.json":   {checks.EventReposGone, []string{`"created"`, `"deleted"`}},
	"repository/created.json archived":            {checks.EventReposGone, []string{`"created"`, `"archived"`}},
	"repository/created.json unarchived":          {"", []string{`"created"`, `"unarchived"`}},
	"merge_group/destroyed.merged.derived.json 2": {checks.EventMergeGroupGone, []string{`"merged"`, `"dequeued"`}},
	"pull_request/edited.go-scm.json new base":    {checks.EventPullRequest, []string{`"changes": {`, `"changes": {"base": {"ref": {"from": "v1"}},`}},
}

func TestRealPayloads(t *testing.T) {
	root := filepath.Join(sharedFolder(t), "github", "webhooks")
	files, err := filepath.Glob(filepath.Join(root, "*", "*.json"))
	if err != nil || len(files) < 90 {
		t.Fatalf("%d payloads in %s: %v", len(files), root, err)
	}
	kept := 0
	for _, file := range files {
		name := strings.TrimPrefix(file, root+"/")
		kind := keptPayloads[name]
		if kind != "" {
			kept++
		}
		t.Run(name, func(t *testing.T) {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			testRealPayload(t, name, body, kind)
		})
	}
	for name, edits := range changedPayloads {
		t.Run("changed "+name, func(t *testing.T) {
			file, _, _ := strings.Cut(name, " ")
			body, err := os.ReadFile(filepath.Join(root, file))
			if err != nil {
				t.Fatal(err)
			}
			testRealPayload(t, file, edit(string(body), edits.edits...), edits.kind)
		})
	}
	if kept != len(keptPayloads) {
		t.Errorf("%d of the %d payloads that are kept were there", kept, len(keptPayloads))
	}
}

func testRealPayload(t *testing.T, name string, body []byte, kind checks.EventKind) {
	event := filepath.Dir(name)
	var raw rawPayload
	if err := json.Unmarshal(body, &raw); err != nil {
		t.Fatal(err)
	}
	app := max(raw.CheckRun.App.ID, raw.CheckSuite.App.ID, 1)

	if raw.Installation.ID == 0 {
		// As it is the payload is of a repository's own webhook.
		status := http.StatusUnprocessableEntity
		if kind == "" {
			status = http.StatusAccepted
		}
		expect(t, event, body, app, status, "")
		body = withInstallation(t, body, 77)
		raw.Installation.ID = 77
	}
	if event == "check_run" || event == "check_suite" {
		expect(t, event, body, app+1, http.StatusAccepted, "")
	}
	got := expect(t, event, body, app, http.StatusAccepted, kind)
	if kind == "" {
		return
	}
	checkFields(t, event, raw, got)
	if p := got.PullRequest; p != nil && p.Fork() != strings.Contains(name, "fork") {
		t.Errorf("pull request %+v", p)
	}
}

// expect sends a payload to the App app and returns its event; an empty kind
// stands for silence.
func expect(t *testing.T, event string, body []byte, app int64, status int, kind checks.EventKind) (ev checks.Event) {
	t.Helper()
	i := &inbox{fresh: true}
	w := serve(New(Options{Secret: secret, AppID: app, Inbox: i}), delivery(event, body))
	if w.Code != status && (event != "ping" || w.Code != http.StatusOK) {
		t.Fatalf("answer %d %s, want %d", w.Code, w.Body, status)
	}
	if kind == "" {
		if len(i.events) > 0 {
			t.Fatalf("events %+v, want none", i.events)
		}
		return ev
	}
	if len(i.events) != 1 || i.events[0].Kind != kind {
		t.Fatalf("events %+v, want one of kind %s", i.events, kind)
	}
	return i.events[0]
}

func withInstallation(t *testing.T, body []byte, id int64) []byte {
	t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		t.Fatal(err)
	}
	var err error
	if fields["installation"], err = json.Marshal(map[string]int64{"id": id}); err != nil {
		t.Fatal(err)
	}
	if body, err = json.Marshal(fields); err != nil {
		t.Fatal(err)
	}
	return body
}

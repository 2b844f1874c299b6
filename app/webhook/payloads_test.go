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
	"check_run/rerequested.fork.head_branch-null.json": checks.EventRerunPackage,
	"check_run/rerequested.json":                       checks.EventRerunPackage,
	"check_run/rerequested.with-organization.json":     checks.EventRerunPackage,
	"check_suite/rerequested.json":                     checks.EventRerunAll,
	"check_suite/rerequested.with-organization.json":   checks.EventRerunAll,
	"pull_request/closed.json":                         checks.EventPullRequestClosed,
	"pull_request/closed.merged.json":                  checks.EventPullRequestClosed,
	"pull_request/closed.with-organization.json":       checks.EventPullRequestClosed,
	"pull_request/opened.fork.json":                    checks.EventPullRequest,
	"pull_request/opened.json":                         checks.EventPullRequest,
	"pull_request/opened.with-organization.json":       checks.EventPullRequest,
	"pull_request/reopened.json":                       checks.EventPullRequest,
	"pull_request/reopened.with-organization.json":     checks.EventPullRequest,
	"pull_request/reopened.woodpecker.json":            checks.EventPullRequest,
	"pull_request/synchronize.json":                    checks.EventPullRequest,
}

// rawPayload is what the test itself reads in a payload.
type rawPayload struct {
	Action       string `json:"action"`
	Installation struct {
		ID int64 `json:"id"`
	} `json:"installation"`
	Repository struct {
		FullName string `json:"full_name"`
	} `json:"repository"`
	Number      int `json:"number"`
	PullRequest struct {
		Head struct {
			SHA  string `json:"sha"`
			Ref  string `json:"ref"`
			Repo struct {
				Fork bool `json:"fork"`
			} `json:"repo"`
		} `json:"head"`
	} `json:"pull_request"`
	CheckRun   rawCheck `json:"check_run"`
	CheckSuite rawCheck `json:"check_suite"`
}

type rawCheck struct {
	HeadSHA string `json:"head_sha"`
	Name    string `json:"name"`
	App     struct {
		ID int64 `json:"id"`
	} `json:"app"`
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
		t.Run(name, func(t *testing.T) { testRealPayload(t, file, kind) })
	}
	if kept != len(keptPayloads) {
		t.Errorf("%d of the %d payloads that are kept were there", kept, len(keptPayloads))
	}
}

func testRealPayload(t *testing.T, file string, kind checks.EventKind) {
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	event := filepath.Base(filepath.Dir(file))
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
	sha := raw.PullRequest.Head.SHA + raw.CheckRun.HeadSHA + raw.CheckSuite.HeadSHA
	if got.Installation != raw.Installation.ID || got.Name != event+"."+raw.Action || got.HeadSHA != sha || got.Repo.FullName() != raw.Repository.FullName || got.Sender.Login == "" {
		t.Errorf("event %+v", got)
	}
	if event == "check_run" && got.CheckRun.Name != raw.CheckRun.Name {
		t.Errorf("check run %+v", got.CheckRun)
	}
	if p := got.PullRequest; event == "pull_request" && (p.Number != raw.Number || p.Head.Branch != raw.PullRequest.Head.Ref || p.Fork() != strings.Contains(file, "fork")) {
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

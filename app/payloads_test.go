package app_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
)

// What becomes of a payload that means something to us, when neither its
// repository nor its installation is there any more.
const (
	ran       = `^[a-z2-7]{26}$` // a run, whose check says that there is nothing to test
	closed    = `^The pull request was closed\. 0 jobs stopped$`
	refused   = `^refused: .* has no write permission$`
	untested  = `^pushes of this ref are not tested$`
	unlabeled = `^this label means nothing here$`
	branch    = `^The branch was deleted\. 0 jobs stopped$`
	tag       = `^The tag was deleted\. 0 jobs stopped$`
	lost      = `^Loktar may not act on this repository any more\. 0 jobs stopped$`
)

// effects are the captured payloads of GitHub's that mean something to us. All
// others are met with 202 and leave nothing.
var effects = map[string]string{
	"check_run/rerequested.fork.head_branch-null.json":     refused,
	"check_run/rerequested.json":                           refused,
	"check_run/rerequested.with-organization.json":         refused,
	"check_suite/rerequested.json":                         refused,
	"check_suite/rerequested.with-organization.json":       refused,
	"installation/deleted.json":                            lost,
	"installation_repositories/removed.json":               lost,
	"merge_group/checks_requested.json":                    ran,
	"merge_group/destroyed.merged.derived.json":            `^The merge queue merged this group\. 0 jobs stopped$`,
	"pull_request/closed.json":                             closed,
	"pull_request/closed.merged.json":                      closed,
	"pull_request/closed.with-organization.json":           closed,
	"pull_request/labeled.json":                            unlabeled,
	"pull_request/labeled.with-organization.json":          unlabeled,
	"pull_request/labeled.woodpecker.json":                 unlabeled,
	"pull_request/opened.fork.json":                        ran,
	"pull_request/opened.json":                             ran,
	"pull_request/opened.with-organization.json":           ran,
	"pull_request/ready_for_review.json":                   ran,
	"pull_request/ready_for_review.with-installation.json": ran,
	"pull_request/ready_for_review.with-organization.json": ran,
	"pull_request/reopened.json":                           ran,
	"pull_request/reopened.with-organization.json":         ran,
	"pull_request/reopened.woodpecker.json":                ran,
	"pull_request/synchronize.json":                        ran,
	"push/branch.created.json":                             untested,
	"push/branch.deleted.json":                             branch,
	"push/branch.forced.json":                              untested,
	"push/branch.go-scm.json":                              untested,
	"push/branch.json":                                     untested,
	"push/event.json":                                      tag,
	"push/tag.deleted.json":                                tag,
	"push/variant-1.json":                                  tag,
	"push/with-installation.json":                          tag,
	"push/with-new-branch.json":                            untested,
	"push/with-organization.json":                          tag,
	"repository/transferred.json":                          `^called .*/.* from now on$`,
	"repository/transferred.with-organization.json":        `^called .*/.* from now on$`,
}

// TestEveryPayloadOfGitHub delivers all captured payloads to a running server,
// each of repositories of its own, and then once more.
func TestEveryPayloadOfGitHub(t *testing.T) {
	dir := minihubtest.Shared(t)
	if dir == "" {
		t.Skip("GitHub's payloads are not there (set LOKTAR_SHARED)")
	}
	hub := minihubtest.StartWith(t, minihubtest.Options{AllowRefused: true})
	s := start(t, config(t,
		"LOKTAR_GITHUB_URL="+hub.URL(), "LOKTAR_GITHUB_APP_ID="+strconv.FormatInt(hub.App().ID(), 10),
		"LOKTAR_GITHUB_PRIVATE_KEY_FILE="+hub.KeyFile(),
	))
	files, err := filepath.Glob(filepath.Join(dir, "github", "webhooks", "*", "*.json"))
	if err != nil || len(files) < 90 {
		t.Fatalf("%d payloads: %v", len(files), err)
	}
	met := 0
	for i, file := range files {
		event := filepath.Base(filepath.Dir(file))
		name := event + "/" + filepath.Base(file)
		want := effects[name]
		if want != "" {
			met++
		}
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			body := ours(t, raw, int64(1_000_000+i), hub.App().ID())
			guid := fmt.Sprintf("payload-%d", i)
			if code, text := deliver(t, s, event, guid, body); code/100 != 2 {
				t.Fatalf("%d %s", code, text)
			}
			if want == "" {
				if _, known, err := app.StoreOf(s).Delivery(guid); err != nil || known {
					t.Errorf("it was kept: %v, %v", known, err)
				}
				return
			}
			note := settled(t, s, guid)
			if !regexp.MustCompile(want).MatchString(note) {
				t.Errorf("it ended with %q, want %q", note, want)
			}
			if want == ran {
				run, err := app.StoreOf(s).Run(note)
				if err != nil || !run.Done() || run.Verdict == nil || run.Verdict.Title == "" {
					t.Errorf("its run is %+v, %v", run, err)
				}
			}
			if code, text := deliver(t, s, event, guid, body); code != http.StatusAccepted || !strings.Contains(text, "accepted before") {
				t.Errorf("delivered again: %d %s", code, text)
			}
		})
	}
	if met != len(effects) {
		t.Errorf("%d of the %d payloads that mean something were there", met, len(effects))
	}
	if code, text := deliver(t, s, "ping", "ping", []byte(`{"zen":"still here"}`)); code != http.StatusOK {
		t.Errorf("afterwards a ping is answered with %d %s", code, text)
	}
}

// ours is a payload as if it had been sent to our App: with an installation
// and repositories that no other payload has, and its check runs our own.
func ours(t *testing.T, raw []byte, installation, appID int64) []byte {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var fields map[string]any
	if err := d.Decode(&fields); err != nil {
		t.Fatal(err)
	}
	if in, ok := fields["installation"].(map[string]any); ok {
		in["id"] = installation
	} else {
		fields["installation"] = map[string]any{"id": installation}
	}
	for _, key := range []string{"check_run", "check_suite"} {
		if c, ok := fields[key].(map[string]any); ok {
			if a, ok := c["app"].(map[string]any); ok {
				a["id"] = appID
			}
		}
	}
	renumber(fields, installation)
	out, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// renumber gives all repositories in v ids that differ by n.
func renumber(v any, n int64) {
	switch v := v.(type) {
	case map[string]any:
		if id, ok := v["id"].(json.Number); ok && v["full_name"] != nil {
			if old, err := id.Int64(); err == nil {
				v["id"] = old*10_000_000 + n
			}
		}
		for _, sub := range v {
			renumber(sub, n)
		}
	case []any:
		for _, sub := range v {
			renumber(sub, n)
		}
	}
}

func deliver(t *testing.T, s *app.Server, event, guid string, body []byte) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.Addr()+"/webhook", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, []byte("a webhook's secret"))
	mac.Write(body)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	req.Header.Set("X-GitHub-Event", event)
	req.Header.Set("X-GitHub-Delivery", guid)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// settled waits until a delivery is done with, and returns what became of it.
func settled(t *testing.T, s *app.Server, guid string) string {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); ; {
		rec, known, err := app.StoreOf(s).Delivery(guid)
		if err != nil || !known {
			t.Fatalf("the delivery is lost: %v", err)
		}
		if !rec.Pending {
			return rec.Note
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the delivery is still pending after 30 s")
		}
	}
}

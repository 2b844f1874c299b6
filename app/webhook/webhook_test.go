package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/dudesons/loktar/checks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secret = "It's a Secret to Everybody"
	appID  = 42
	guid   = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
)

var received = time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)

// inbox is an Inbox in memory.
type inbox struct {
	events []checks.Event
	woken  int
	fresh  bool
	err    error
	accept func(ctx context.Context) // runs first
}

func (i *inbox) Accept(ctx context.Context, ev checks.Event) (bool, error) {
	if i.accept != nil {
		i.accept(ctx)
	}
	if i.err != nil {
		return false, i.err
	}
	i.events = append(i.events, ev)
	return i.fresh, nil
}

func (i *inbox) handler() http.Handler {
	return New(Options{
		Secret: secret, AppID: appID, Inbox: i,
		Wake: func() { i.woken++ },
		Now:  func() time.Time { return received },
	})
}

func sign(body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// delivery is a signed delivery as GitHub sends it.
func delivery(event string, body []byte) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/webhook", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-GitHub-Event", event)
	r.Header.Set("X-GitHub-Delivery", guid)
	r.Header.Set("X-Hub-Signature-256", sign(body))
	return r
}

const (
	headSHA = "ec26c3e57ca3a959ca5aad62de7213c562f8c821"
	baseSHA = "f95f852bd8fca8fcc58a9a2d6c842781e32a215e"
)

// pullRequest is the payload of a pull request event, with edits made to it
// as old, new pairs.
func pullRequest(action string, edits ...string) []byte {
	body := `{
		"action": "` + action + `",
		"number": 7,
		"installation": {"id": 99},
		"repository": {"id": 11, "name": "shop.api", "owner": {"login": "acme-inc"}},
		"sender": {"id": 3, "login": "ann"},
		"changes": {"title": {"from": "x"}},
		"pull_request": {
			"title": "Sell more", "draft": true, "user": {"id": 4, "login": "renovate[bot]"},
			"head": {"sha": "` + headSHA + `", "ref": "feature/more", "repo": {"id": 12, "name": "fork", "owner": {"login": "bob"}}},
			"base": {"sha": "` + baseSHA + `", "ref": "main", "repo": {"id": 11, "name": "shop.api", "owner": {"login": "acme-inc"}}}
		}}`
	return edit(body, edits...)
}

func checkEvent(what, action string, edits ...string) []byte {
	body := `{
		"action": "` + action + `",
		"installation": {"id": 99},
		"repository": {"id": 11, "name": "shop.api", "owner": {"login": "acme-inc"}},
		"sender": {"id": 3, "login": "ann"},
		"` + what + `": {"id": 5, "name": "lib", "external_id": "run/lib", "head_sha": "` + headSHA + `", "app": {"id": 42}}
		}`
	return edit(body, edits...)
}

func edit(body string, edits ...string) []byte {
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(body, edits[i]) {
			panic("no " + edits[i])
		}
		body = strings.Replace(body, edits[i], edits[i+1], 1)
	}
	return []byte(body)
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestSignatureKnownAnswer(t *testing.T) {
	body := []byte("Hello, World!")
	if got, want := sign(body), "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"; got != want {
		t.Fatalf("the test signs %s, GitHub %s", got, want)
	}
	i := &inbox{fresh: true}
	// Not 401: the signature is right, the body is no JSON.
	if w := serve(i.handler(), delivery("push", body)); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "JSON") {
		t.Errorf("answer %d %s", w.Code, w.Body)
	}
}

func TestEvents(t *testing.T) {
	base := checks.Event{
		Delivery: guid, Received: received, Installation: 99, HeadSHA: headSHA,
		Repo:   checks.Repo{ID: 11, Owner: "acme-inc", Name: "shop.api"},
		Sender: checks.User{ID: 3, Login: "ann"},
	}
	pull := func(kind checks.EventKind, name string) checks.Event {
		ev := base
		ev.Kind, ev.Name = kind, name
		ev.PullRequest = &checks.PullRequest{
			Number: 7, Title: "Sell more", Draft: true, Author: checks.User{ID: 4, Login: "renovate[bot]"},
			Head: checks.Ref{SHA: headSHA, Branch: "feature/more", Repo: checks.Repo{ID: 12, Owner: "bob", Name: "fork"}},
			Base: checks.Ref{SHA: baseSHA, Branch: "main", Repo: base.Repo},
		}
		return ev
	}
	gone := pull(checks.EventPullRequest, "pull_request.opened")
	gone.PullRequest.Head.Repo = checks.Repo{}
	nobody := pull(checks.EventPullRequest, "pull_request.opened")
	nobody.PullRequest.Author, nobody.Sender.Login = checks.User{}, ""
	dated := pull(checks.EventPullRequest, "pull_request.opened")
	dated.PullRequest.Updated = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	rerun := base
	rerun.Kind, rerun.Name = checks.EventRerunPackage, "check_run.rerequested"
	rerun.CheckRun = &checks.CheckRunRef{ID: 5, Name: "lib", ExternalID: "run/lib"}
	all := base
	all.Kind, all.Name = checks.EventRerunAll, "check_suite.rerequested"

	for name, tt := range map[string]struct {
		event string
		body  []byte
		want  checks.Event
	}{
		"opened":      {"pull_request", pullRequest("opened"), pull(checks.EventPullRequest, "pull_request.opened")},
		"reopened":    {"pull_request", pullRequest("reopened"), pull(checks.EventPullRequest, "pull_request.reopened")},
		"synchronize": {"pull_request", pullRequest("synchronize"), pull(checks.EventPullRequest, "pull_request.synchronize")},
		"new base":    {"pull_request", pullRequest("edited", `"title": {"from": "x"}`, `"base": {"ref": {"from": "v1"}}`), pull(checks.EventPullRequest, "pull_request.edited")},
		"closed":      {"pull_request", pullRequest("closed"), pull(checks.EventPullRequestClosed, "pull_request.closed")},
		"fork gone":   {"pull_request", pullRequest("opened", `{"id": 12, "name": "fork", "owner": {"login": "bob"}}`, "null"), gone},
		"ghosts":      {"pull_request", pullRequest("opened", `{"id": 4, "login": "renovate[bot]"}`, "null", `"ann"`, `"<ann>"`), nobody},
		"rerun one":   {"check_run", checkEvent("check_run", "rerequested"), rerun},
		"rerun all":   {"check_suite", checkEvent("check_suite", "rerequested"), all},
		"dated":       {"pull_request", pullRequest("opened", `"draft"`, `"updated_at": "2026-03-04T06:06:07+01:00", "draft"`), dated},
		"ill dated":   {"pull_request", pullRequest("opened", `"draft"`, `"updated_at": "never", "draft"`), pull(checks.EventPullRequest, "pull_request.opened")},
		"odd extras":  {"pull_request", pullRequest("opened", `"draft"`, `"merged_at": 5, "labels": {}, "created_at": "never", "draft"`), pull(checks.EventPullRequest, "pull_request.opened")},
	} {
		t.Run(name, func(t *testing.T) {
			form := []byte("a=b&payload=" + url.QueryEscape(string(tt.body)) + "&c=d")
			asForm := delivery(tt.event, form)
			asForm.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			withCharset := delivery(tt.event, tt.body)
			withCharset.Header.Set("Content-Type", "application/json; charset=utf-8")
			for how, r := range map[string]*http.Request{"json": delivery(tt.event, tt.body), "charset": withCharset, "form": asForm} {
				i := &inbox{fresh: true}
				w := serve(i.handler(), r)
				if w.Code != http.StatusAccepted || i.woken != 1 {
					t.Fatalf("%s: answer %d %s, woken %d times", how, w.Code, w.Body, i.woken)
				}
				if d := cmp.Diff([]checks.Event{tt.want}, i.events); d != "" {
					t.Errorf("%s: event (-want +got):\n%s", how, d)
				}
			}
		})
	}
}

func TestSilence(t *testing.T) {
	for name, r := range map[string]*http.Request{
		"unknown event":       delivery("brand_new", []byte(`{"action": 5, "repository": []}`)),
		"no action":           delivery("pull_request", []byte(`{}`)),
		"unknown action":      delivery("pull_request", pullRequest("enqueued")),
		"unlabeled":           delivery("pull_request", pullRequest("unlabeled")),
		"draft again":         delivery("pull_request", pullRequest("converted_to_draft")),
		"labeled with none":   delivery("pull_request", pullRequest("labeled")),
		"new title":           delivery("pull_request", pullRequest("edited")),
		"odd and not ours":    delivery("pull_request", pullRequest("unlabeled", `"number": 7`, `"number": "seven"`)),
		"another app's run":   delivery("check_run", checkEvent("check_run", "rerequested", `"app": {"id": 42}`, `"app": {"id": 43}`)),
		"another app's suite": delivery("check_suite", checkEvent("check_suite", "rerequested", `"app": {"id": 42}`, `"app": {"id": 43}`)),
		"no app":              delivery("check_run", checkEvent("check_run", "rerequested", `"app": {"id": 42}`, `"app": null`)),
		"completed":           delivery("check_run", checkEvent("check_run", "completed")),
		"requested":           delivery("check_suite", checkEvent("check_suite", "requested")),
	} {
		t.Run(name, func(t *testing.T) {
			i := &inbox{fresh: true}
			w := serve(i.handler(), r)
			if w.Code != http.StatusAccepted || len(i.events) != 0 || i.woken != 0 {
				t.Errorf("answer %d %s, events %v, woken %d times", w.Code, w.Body, i.events, i.woken)
			}
		})
	}
	i := &inbox{fresh: true}
	if w := serve(i.handler(), delivery("ping", []byte(`{"zen": "x", "hook_id": 1}`))); w.Code != http.StatusOK || len(i.events) != 0 {
		t.Errorf("ping: answer %d %s", w.Code, w.Body)
	}
	if w := serve(New(Options{Secret: secret, Inbox: i}), delivery("check_run", checkEvent("check_run", "rerequested", `{"id": 42}`, `{"id": 0}`))); w.Code != http.StatusAccepted || len(i.events) != 0 {
		t.Errorf("without an App id: answer %d %s, events %v", w.Code, w.Body, i.events)
	}
}

func TestWithoutSecretNothingIsAccepted(t *testing.T) {
	i := &inbox{fresh: true}
	body := pullRequest("opened")
	mac := hmac.New(sha256.New, nil)
	mac.Write(body)
	r := delivery("pull_request", body)
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	if w := serve(New(Options{Inbox: i, AppID: appID}), r); w.Code != http.StatusUnauthorized || len(i.events) != 0 {
		t.Errorf("answer %d %s, events %v", w.Code, w.Body, i.events)
	}
}

func TestKnownDelivery(t *testing.T) {
	i := &inbox{fresh: false}
	if w := serve(i.handler(), delivery("pull_request", pullRequest("opened"))); w.Code != http.StatusAccepted || i.woken != 0 {
		t.Errorf("answer %d %s, woken %d times", w.Code, w.Body, i.woken)
	}
}

func TestInboxFails(t *testing.T) {
	i := &inbox{err: errors.New("disk /secret/path is full")}
	w := serve(i.handler(), delivery("pull_request", pullRequest("opened")))
	if w.Code != http.StatusServiceUnavailable || i.woken != 0 {
		t.Errorf("answer %d %s, woken %d times", w.Code, w.Body, i.woken)
	}
	if strings.Contains(w.Body.String(), "secret") {
		t.Errorf("the answer tells of our disk: %s", w.Body)
	}
}

// TestInboxHangs has an inbox that ignores its context: the answer comes all
// the same, and the wake-up when the event is in after all.
func TestInboxHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		i := &inbox{fresh: true, accept: func(context.Context) { <-gate }}
		start := time.Now()
		w := serve(i.handler(), delivery("pull_request", pullRequest("opened")))
		if took := time.Since(start); w.Code != http.StatusServiceUnavailable || took > 6*time.Second {
			t.Errorf("answer %d %s after %s", w.Code, w.Body, took)
		}
		close(gate)
		synctest.Wait()
		if i.woken != 1 {
			t.Errorf("woken %d times, want once", i.woken)
		}
	})
}

// TestSenderHangsUp has the sender gone once its body was read: the event is
// kept all the same.
func TestSenderHangsUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	i := &inbox{fresh: true, accept: func(ctx context.Context) {
		cancel()
		if ctx.Err() != nil {
			t.Error("the inbox's context ended with the request's")
		}
	}}
	serve(i.handler(), delivery("pull_request", pullRequest("opened")).WithContext(ctx))
	if len(i.events) != 1 {
		t.Errorf("events %v", i.events)
	}
}

func TestLongTitle(t *testing.T) {
	i := &inbox{fresh: true}
	w := serve(i.handler(), delivery("pull_request", pullRequest("opened", "Sell more", strings.Repeat("é", 999)+"x")))
	if w.Code != http.StatusAccepted {
		t.Fatalf("answer %d %s", w.Code, w.Body)
	}
	if got := i.events[0].PullRequest.Title; got != strings.Repeat("é", 500) {
		t.Errorf("a title of %d bytes", len(got))
	}
}

// TestLargeBodyMemory holds what the largest delivery costs in all: the body
// once, and what its buffer took while it grew. The race detector doubles it.
func TestLargeBodyMemory(t *testing.T) {
	filler := func(n int) []byte {
		return pullRequest("opened", `"draft"`, fmt.Sprintf(`"body": %q, "draft"`, strings.Repeat("x", n)))
	}
	body := filler(maxBody - len(filler(0)))
	form := []byte("payload=" + url.QueryEscape(string(filler(maxBody-10_000))))
	asForm := delivery("pull_request", form)
	asForm.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for name, r := range map[string]*http.Request{"json": delivery("pull_request", body), "form": asForm} {
		i := &inbox{fresh: true}
		h := i.handler()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		w := serve(h, r)
		runtime.ReadMemStats(&after)
		if w.Code != http.StatusAccepted || len(i.events) != 1 {
			t.Errorf("%s: answer %d %s", name, w.Code, w.Body)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 7*maxBody {
			t.Errorf("%s: %d bytes were allocated for a body of %d", name, got, maxBody)
		} else {
			t.Logf("%s: %.1f times the body", name, float64(got)/maxBody)
		}
	}
}

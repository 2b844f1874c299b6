package slacktest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/app/slack/slacktest"
)

// call calls a method with arguments as NAME=VALUE, and returns the error's
// code, or "ok".
func call(t *testing.T, w *slacktest.Workspace, token, method string, args ...string) (code string, all map[string]any) {
	t.Helper()
	form := url.Values{}
	for _, a := range args {
		k, v, _ := strings.Cut(a, "=")
		form.Set(k, v)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+method, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&all); err != nil {
		t.Fatal(err)
	}
	if all["ok"] == true {
		return "ok", all
	}
	return all["error"].(string), all
}

// TestRefusals holds that the stand-in refuses what Slack's documentation says
// that Slack refuses.
func TestRefusals(t *testing.T) {
	w := slacktest.Start(t)
	w.Add("old", true)
	w.Add("hidden", false)
	w.Change("old", func(c *slacktest.Channel) { c.Archived = true })
	w.Change("hidden", func(c *slacktest.Channel) { c.Private = true })
	_, first := call(t, w, slacktest.Token, "chat.postMessage", "channel=#ci", "text=x")
	ts, id := first["ts"].(string), first["channel"].(string)
	section := func(n int) string {
		return `[{"type":"section","text":{"type":"mrkdwn","text":"` + strings.Repeat("a", n) + `"}}]`
	}
	for _, c := range []struct {
		token, method string
		args          []string
		want          string
	}{
		{"", "chat.postMessage", []string{"channel=#ci", "text=x"}, "not_authed"},
		{"xoxb-other", "chat.postMessage", []string{"channel=#ci", "text=x"}, "invalid_auth"},
		{slacktest.Token, "chat.nosuch", nil, "unknown_method"},
		{slacktest.Token, "auth.test", nil, "ok"},
		{slacktest.Token, "chat.postMessage", []string{"channel=#ci", "text=x"}, "ok"},
		{slacktest.Token, "chat.postMessage", []string{"channel=" + id, "text=x"}, "ok"},
		{slacktest.Token, "chat.postMessage", []string{"text=x"}, "channel_not_found"},
		{slacktest.Token, "chat.postMessage", []string{"channel=#nosuch", "text=x"}, "channel_not_found"},
		{slacktest.Token, "chat.postMessage", []string{"channel=#hidden", "text=x"}, "channel_not_found"},
		{slacktest.Token, "chat.postMessage", []string{"channel=#general", "text=x"}, "not_in_channel"},
		{slacktest.Token, "chat.postMessage", []string{"channel=#old", "text=x"}, "is_archived"},
		{slacktest.Token, "chat.postMessage", []string{"channel=#ci"}, "no_text"},
		{slacktest.Token, "chat.postMessage", []string{"channel=#ci", "text=" + strings.Repeat("é", 40_000)}, "ok"},
		{slacktest.Token, "chat.postMessage", []string{"channel=#ci", "text=" + strings.Repeat("a", 40_001)}, "msg_too_long"},
		{slacktest.Token, "chat.postMessage", []string{"channel=#ci", "blocks=" + section(3000)}, "ok"},
		{slacktest.Token, "chat.postMessage", []string{"channel=#ci", "blocks=" + section(3001)}, "invalid_blocks"},
		{slacktest.Token, "chat.postMessage", []string{"channel=#ci", "blocks=" + section(0)}, "invalid_blocks"},
		{slacktest.Token, "chat.postMessage", []string{"channel=#ci", "blocks=[" + strings.Repeat(`{"type":"divider"},`, 49) + `{"type":"divider"}]`}, "ok"},
		{slacktest.Token, "chat.postMessage", []string{"channel=#ci", "blocks=[" + strings.Repeat(`{"type":"divider"},`, 50) + `{"type":"divider"}]`}, "invalid_blocks"},
		{slacktest.Token, "chat.postMessage", []string{"channel=#ci", `blocks=[{"type":"nosuch"}]`}, "invalid_blocks"},
		{slacktest.Token, "chat.postMessage", []string{"channel=#ci", `blocks=[{"type":"section"}]`}, "invalid_blocks"},
		{slacktest.Token, "chat.postMessage", []string{"channel=#ci", "blocks={"}, "invalid_blocks_format"},
		{slacktest.Token, "chat.postMessage", []string{"channel=#ci", "text=x", "metadata={"}, "invalid_metadata_format"},
		{slacktest.Token, "chat.postMessage", []string{"channel=#ci", "text=x", `metadata={"event_type":"a"}`}, "invalid_metadata_schema"},
		{slacktest.Token, "chat.postMessage", []string{"channel=#ci", "text=x", "thread_ts=1.000001"}, "thread_not_found"},
		{slacktest.Token, "chat.update", []string{"channel=" + id, "ts=" + ts, "text=y"}, "ok"},
		{slacktest.Token, "chat.update", []string{"channel=#ci", "ts=" + ts, "text=y"}, "channel_not_found"},
		{slacktest.Token, "chat.update", []string{"channel=" + id, "ts=1.000001", "text=y"}, "message_not_found"},
		{slacktest.Token, "chat.update", []string{"channel=" + id, "ts=" + ts}, "no_text"},
		{slacktest.Token, "conversations.history", []string{"channel=" + id}, "missing_scope"},
		{slacktest.Token, "conversations.history", []string{"channel=#ci"}, "channel_not_found"},
	} {
		if got, _ := call(t, w, c.token, c.method, c.args...); got != c.want {
			t.Errorf("%s %.100q: %s, want %s", c.method, c.args, got, c.want)
		}
	}
	w.Allow(slacktest.Token, "channels:history", "chat:write.public")
	if got, _ := call(t, w, slacktest.Token, "chat.postMessage", "channel=#general", "text=x"); got != "ok" {
		t.Errorf("with chat:write.public: %s", got)
	}
	for arg, want := range map[string]string{"limit=0": "invalid_limit", "limit=x": "invalid_limit", "cursor=x": "invalid_cursor", "limit=2": "ok"} {
		if got, _ := call(t, w, slacktest.Token, "conversations.history", "channel="+id, arg); got != want {
			t.Errorf("history with %s: %s, want %s", arg, got, want)
		}
	}
	w.Window(time.Nanosecond)
	if got, _ := call(t, w, slacktest.Token, "chat.update", "channel="+id, "ts="+ts, "text=z"); got != "edit_window_closed" {
		t.Errorf("after the window: %s", got)
	}
	w.Limit(time.Hour)
	for i, want := range []string{"ok", "ratelimited"} {
		if got, _ := call(t, w, slacktest.Token, "chat.postMessage", "channel=#ci", "text=x"); got != want {
			t.Errorf("message %d within the limit: %s, want %s", i+1, got, want)
		}
	}
	w.Revoke(slacktest.Token, "account_inactive")
	if got, _ := call(t, w, slacktest.Token, "auth.test"); got != "account_inactive" {
		t.Errorf("with a revoked token: %s", got)
	}
}

func TestWebhook(t *testing.T) {
	w := slacktest.Start(t)
	hook := w.Hook("ci")
	for _, c := range []struct {
		address, kind, body string
		status              int
		want                string
	}{
		{hook, "application/json", `{"text":"x"}`, 200, "ok"},
		{hook, "text/plain", `{"text":"x"}`, 400, "invalid_payload"},
		{hook, "application/json", `{`, 400, "invalid_payload"},
		{hook, "application/json", `{}`, 400, "no_text"},
		{hook, "application/json", `{"blocks":[{"type":"nosuch"}]}`, 400, "invalid_blocks"},
		{hook + "x", "application/json", `{"text":"x"}`, 404, "no_service"},
	} {
		res, err := http.Post(c.address, c.kind, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != c.status || string(body) != c.want {
			t.Errorf("%s as %s: %d %s (%v), want %d %s", c.body, c.kind, res.StatusCode, body, err, c.status, c.want)
		}
	}
	if m := w.Messages("ci"); len(m) != 1 || m[0].Text != "x" {
		t.Errorf("#ci has %+v", m)
	}
}

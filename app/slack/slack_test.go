package slack_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/app/slack"
	"github.com/dudesons/loktar/app/slack/slacktest"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/notify"
)

func open(t *testing.T, o slack.Options) *slack.Slack {
	t.Helper()
	texts, err := slack.ParseTexts("", "")
	if err != nil {
		t.Fatal(err)
	}
	o.Texts, o.Log = texts, zerolog.Nop()
	if o.Token == nil {
		o.Token = func() (string, error) { return slacktest.Token, nil }
	}
	return slack.New(o)
}

// TestCalls goes the whole way of a message against the stand-in.
func TestCalls(t *testing.T) {
	w := slacktest.Start(t)
	s := open(t, slack.Options{URL: w.URL})
	ctx, to := t.Context(), checks.SlackRule{Channel: "#ci"}
	before := time.Now()
	channel, id, err := s.Post(ctx, to, "one <https://x.example|two>", "mark 1")
	if err != nil || channel == "" || id == "" {
		t.Fatalf("%q %q %v", channel, id, err)
	}
	if err := errors.Join(s.Update(ctx, channel, id, "three"), s.Reply(ctx, channel, id, "four")); err != nil {
		t.Fatal(err)
	}
	if m := w.Messages("ci"); len(m) != 1 || m[0].Text != "three" || m[0].Fallback != "three" || m[0].Edits != 1 || len(m[0].Replies) != 1 || m[0].Replies[0].Text != "four" || m[0].Shouts() {
		t.Errorf("#ci has %+v", m)
	}
	if _, err := s.Find(ctx, channel, "mark 1", before.Add(-time.Minute)); !errors.Is(err, notify.ErrBlind) || !strings.Contains(err.Error(), "channels:history") {
		t.Errorf("without the scope: %v", err)
	}
	w.Allow(slacktest.Token, "channels:history")
	for range 120 { // more than a page
		if _, _, err := s.Post(ctx, to, "other", "mark 2"); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.Find(ctx, channel, "mark 1", before.Add(-time.Minute)); got != id || err != nil {
		t.Errorf("found %q (%v), want %q", got, err, id)
	}
	if got, err := s.Find(ctx, channel, "mark 3", before.Add(-time.Minute)); got != "" || err != nil {
		t.Errorf("found %q (%v) of what is not there", got, err)
	}
	if got, err := s.Find(ctx, channel, "mark 1", time.Now().Add(time.Minute)); got != "" || err != nil {
		t.Errorf("found %q (%v) from a later time on", got, err)
	}
}

// TestErrors holds what each way to fail means to who called.
func TestErrors(t *testing.T) {
	const hook = "/services/T1/B1/TheSecretOfIt"
	for name, c := range map[string]struct {
		status int
		header string
		body   string
		want   checks.Kind
		after  time.Duration
		lost   bool
		frozen bool
	}{
		"limit":          {status: 429, header: "7", want: checks.KindUnavailable, after: 7 * time.Second},
		"limit unsaid":   {status: 429, want: checks.KindUnavailable, after: 30 * time.Second},
		"limit of hours": {status: 429, header: "86400", want: checks.KindUnavailable, after: 15 * time.Minute},
		"limit as code":  {status: 200, body: `{"ok":false,"error":"ratelimited"}`, want: checks.KindUnavailable, after: 30 * time.Second},
		"down":           {status: 503, body: "<html>", want: checks.KindUnavailable, lost: true},
		"their fault":    {status: 200, body: `{"ok":false,"error":"fatal_error"}`, want: checks.KindUnavailable, lost: true},
		"no JSON":        {status: 200, body: "<html>", want: checks.KindUnavailable, lost: true},
		"half an answer": {status: 200, body: `{"ok":true,"ts":`, want: checks.KindUnavailable, lost: true},
		"refused":        {status: 200, body: `{"ok":false,"error":"channel_not_found"}`, want: checks.KindRefused},
		"unheard of":     {status: 200, body: `{"ok":false,"error":"nobody_knows"}`, want: checks.KindRefused},
		"frozen":         {status: 200, body: `{"ok":false,"error":"edit_window_closed"}`, want: checks.KindRefused, frozen: true},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if c.header != "" {
					w.Header().Set("Retry-After", c.header)
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			defer srv.Close()
			s := open(t, slack.Options{URL: srv.URL, Webhook: func(string) (string, error) { return srv.URL + hook, nil }})
			err := s.Update(t.Context(), "C1", "1.1", "x")
			var later interface{ RetryAfter() time.Duration }
			if checks.KindOf(err) != c.want || errors.Is(err, notify.ErrLost) != c.lost || errors.Is(err, notify.ErrFrozen) != c.frozen ||
				!errors.As(err, &later) || later.RetryAfter() != c.after {
				t.Errorf("%v: kind %v, after %v", err, checks.KindOf(err), later)
			}
			if c.after > 0 {
				srv.Close() // it is not asked again before
				if again := s.Update(t.Context(), "C1", "1.1", "x"); checks.KindOf(again) != checks.KindUnavailable || !strings.Contains(again.Error(), "waiting as Slack asked") {
					t.Errorf("asked again: %v", again)
				}
			}
		})
	}
}

// TestWebhookErrors shows that the address of a webhook, which is a secret,
// stands in no error.
func TestWebhookErrors(t *testing.T) {
	w := slacktest.Start(t)
	address := w.Hook("ci")
	s := open(t, slack.Options{URL: w.URL, Webhook: func(string) (string, error) { return address, nil }})
	to := checks.SlackRule{Webhook: "hook"}
	post := func(ctx context.Context) error { _, _, err := s.Post(ctx, to, "text", "mark"); return err }
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	check := func(err error, kind checks.Kind, says string) {
		t.Helper()
		if checks.KindOf(err) != kind || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "SecretOfTheHook") || strings.Contains(err.Error(), "/services/") {
			t.Errorf("%v, of kind %v; want %v and %q", err, checks.KindOf(err), kind, says)
		}
	}
	if err := post(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(post(ended), checks.KindUnavailable, "Slack does not answer")
	w.Change("ci", func(c *slacktest.Channel) { c.Archived = true })
	check(post(t.Context()), checks.KindRefused, "channel_is_archived")
	w.Unhook()
	check(post(t.Context()), checks.KindRefused, "no_service")
	w.Fail(func(string) *slacktest.Fault { return &slacktest.Fault{Reset: true} })
	check(post(t.Context()), checks.KindUnavailable, "Slack does not answer")
	address = "http://127.0.0.1:1/services/SecretOfTheHook"
	err := post(t.Context())
	check(err, checks.KindUnavailable, "Slack does not answer")
	if errors.Is(err, notify.ErrLost) {
		t.Error("what never reached anybody counts as lost")
	}
}

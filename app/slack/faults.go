package slack

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	sl "github.com/slack-go/slack"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/notify"
)

const (
	// pauseUnknown is how long to wait when Slack limits and does not say.
	pauseUnknown = 30 * time.Second
	// maxHold bounds what an answer can make us wait.
	maxHold = 15 * time.Minute
)

// fault is the cause of an error, for the log. It holds no error of a library:
// those repeat addresses, and that of a webhook is a secret.
type fault struct {
	method, said string
	lost, frozen bool
	blind        bool
	after        time.Duration
	ctx          error // the context's error, when that ended the call
}

func (f *fault) Error() string { return f.method + ": " + f.said }

// Is tells what else the fault means.
func (f *fault) Is(target error) bool {
	return target == notify.ErrLost && f.lost || target == notify.ErrFrozen && f.frozen || target == notify.ErrBlind && f.blind
}

func (f *fault) Unwrap() error { return f.ctx }

// RetryAfter is how long Slack wants to hear nothing; 0 when it does not say.
func (f *fault) RetryAfter() time.Duration { return f.after }

func limited(method string, after time.Duration) error {
	return checks.Errorf(checks.KindUnavailable, &fault{method: method, said: "waiting as Slack asked", after: after}, "Slack asks this server to slow down.")
}

// translate makes the one error that a caller sees of err.
func (s *Slack) translate(err error, method, channel string) error {
	if err == nil {
		return nil
	}
	f := &fault{method: method}
	var slow *sl.RateLimitedError
	var status sl.StatusCodeError
	var said sl.SlackErrorResponse
	switch {
	case errors.As(err, &slow):
		return s.slow(f, slow.RetryAfter)
	case errors.As(err, &status) && status.Code == http.StatusTooManyRequests:
		return s.slow(f, 0)
	case errors.As(err, &status):
		f.said, f.lost = "HTTP "+status.Status, true
		return checks.Errorf(checks.KindUnavailable, f, "Slack does not work at the moment.")
	case errors.As(err, &said):
		return s.refusal(f, said, channel)
	}
	return unanswered(f, err)
}

func (s *Slack) slow(f *fault, after time.Duration) error {
	if after <= 0 {
		after = pauseUnknown
	}
	f.said, f.after = "rate limited", min(after, maxHold)
	s.hold(f.method, f.after)
	return checks.Errorf(checks.KindUnavailable, f, "Slack asks this server to slow down.")
}

// refusal is an answer of Slack's that is an error by its code.
func (s *Slack) refusal(f *fault, r sl.SlackErrorResponse, channel string) error {
	code := printable(r.Err)
	f.said = code
	switch code {
	case "ratelimited", "rate_limited", "message_limit_exceeded":
		return s.slow(f, 0)
	case "internal_error", "fatal_error", "request_timeout", "service_unavailable", "team_added_to_org":
		f.lost = true // some of it may have been done
		return checks.Errorf(checks.KindUnavailable, f, "Slack does not work at the moment.")
	case "cant_update_message", "edit_window_closed":
		f.frozen = true
	}
	if f.method == "conversations.history" {
		f.blind = true
	}
	if needed := printable(r.Needed); needed != "" {
		f.said += " (needs " + needed + ")"
	}
	return checks.Errorf(checks.KindRefused, f, "Slack refuses messages to %s: %s. %s", printable(channel), code, remedy(code))
}

// remedy is what to do about a refusal, in a sentence.
func remedy(code string) string {
	switch code {
	case "channel_not_found", "no_service", "no_team":
		return "There is no such channel, or it is a private one that the App is not in. Mend the name, or invite the App there."
	case "not_in_channel":
		return "Invite the App to the channel, or give it the scope chat:write.public."
	case "is_archived", "channel_is_archived":
		return "The channel is archived. Name another one."
	case "invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "invalid_token", "no_active_hooks":
		return "The server's token or webhook counts no more. Its operator has to make a new one."
	case "missing_scope", "no_permission", "action_prohibited", "restricted_action", "access_denied", "not_allowed_token_type":
		return "The App lacks the right to. Give it the scope chat:write and install it again."
	case "message_not_found", "thread_not_found":
		return "Somebody deleted the message."
	}
	return "The server's log has more."
}

// unanswered is a call without an answer that can be read. When no connection
// came to be nothing was sent.
func unanswered(f *fault, err error) error {
	var op *net.OpError
	f.lost = !errors.As(err, &op) || op.Op != "dial"
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		f.ctx = context.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		f.ctx = context.Canceled
	}
	for at := (*url.Error)(nil); errors.As(err, &at); {
		err = at.Err // without the address, which each client on the way adds
	}
	f.said = printable(err.Error())
	return checks.Errorf(checks.KindUnavailable, f, "Slack does not answer.")
}

// printable is a text of Slack's for a message of ours: short, in one line.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '`' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200]) + "…"
	}
	return s
}

// maxBody bounds an answer, in bytes.
const maxBody = 8 << 20

// bounded is a client whose answers are bounded. It keeps the beginning of the
// last one that was no success, for who makes one call with it.
type bounded struct {
	client *http.Client
	keep   bool
	said   string
}

// Do sends a request.
func (b *bounded) Do(req *http.Request) (*http.Response, error) {
	res, err := b.client.Do(req)
	if err != nil {
		return nil, err
	}
	res.Body = http.MaxBytesReader(nil, res.Body, maxBody)
	if b.keep && res.StatusCode != http.StatusOK {
		head, _ := io.ReadAll(io.LimitReader(res.Body, 256)) // what cannot be read says nothing
		b.said = strings.TrimSpace(string(head))
	}
	return res, nil
}

package slack

import (
	"context"
	"errors"
	"net/http"

	sl "github.com/slack-go/slack"

	"github.com/dudesons/loktar/checks"
)

// hook sends a message through an incoming webhook.
func (s *Slack) hook(ctx context.Context, name, text string) error {
	if s.o.Webhook == nil {
		return checks.Errorf(checks.KindRefused, nil, "The server knows no webhook %s of Slack.", name)
	}
	address, err := s.o.Webhook(name)
	if err != nil {
		return checks.Errorf(checks.KindUnavailable, err, "The address of the webhook %s cannot be read.", name)
	}
	method := "webhook " + name
	if left := s.holds(method); left > 0 {
		return limited(method, left)
	}
	no := false
	message := &sl.WebhookMessage{Text: text, Parse: "none", UnfurlLinks: &no, UnfurlMedia: &no,
		Blocks: &sl.Blocks{BlockSet: []sl.Block{sl.NewSectionBlock(sl.NewTextBlockObject(sl.MarkdownType, text, false, true), nil, nil)}}}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	kept := &transport{bounded: bounded{client: s.o.Client, keep: true}}
	err = sl.PostWebhookCustomHTTPContext(ctx, address, &http.Client{Transport: kept}, message)
	var status sl.StatusCodeError
	if errors.As(err, &status) && status.Code >= 400 && status.Code < 500 && status.Code != http.StatusTooManyRequests {
		return s.refusal(&fault{method: method}, sl.SlackErrorResponse{Err: said(kept.said, status.Status)}, "the webhook "+name)
	}
	return s.translate(err, method, "the webhook "+name)
}

// said is the code in an answer, or its status where it has none.
func said(body, status string) string {
	for _, r := range body {
		if (r < 'a' || r > 'z') && r != '_' {
			return status
		}
	}
	if body == "" {
		return status
	}
	return body
}

// transport is a bounded client where a transport is wanted.
type transport struct{ bounded }

// RoundTrip sends a request.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) { return t.Do(req) }

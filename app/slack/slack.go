// Package slack is a workspace of Slack as checks/notify wants it: messages by
// a bot's token or through incoming webhooks, in Slack's own form.
package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	sl "github.com/slack-go/slack"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/notify"
)

// Options are what a Slack is made of. Texts is required.
type Options struct {
	// URL is the root of the Web API; empty means Slack's own.
	URL string
	// Token is the bot's token, as it is now; nil where there is none.
	Token func() (string, error)
	// Webhook is the address of an incoming webhook by its name.
	Webhook func(name string) (string, error)
	Texts   *Texts
	Client  *http.Client // nil is one with a time limit
	Log     zerolog.Logger
}

// Slack is a workspace. Make it with New. It is safe for concurrent use.
type Slack struct {
	o Options

	mu     sync.Mutex
	held   map[string]time.Time // by method: Slack wants to hear nothing before
	client *sl.Client
	token  string // that the client has
}

var _ notify.Slack = (*Slack)(nil)

const (
	apiURL = "https://slack.com/api/"
	// callTimeout bounds one call.
	callTimeout = 20 * time.Second
	// eventType names our metadata on a message, markKey what it holds.
	eventType = "loktar_run"
	markKey   = "mark"
	// maxPages bounds how far back a message is looked for, in pages of 100.
	maxPages = 5
)

// New makes a Slack and calls nothing.
func New(o Options) *Slack {
	if o.URL == "" {
		o.URL = apiURL
	}
	o.URL = strings.TrimRight(o.URL, "/") + "/"
	if o.Client == nil {
		o.Client = &http.Client{Timeout: callTimeout}
	}
	return &Slack{o: o, held: map[string]time.Time{}}
}

// Text is the message of a run.
func (s *Slack) Text(f notify.Facts) string { return s.o.Texts.message(f, s.o.Log) }

// Details are what belongs in its thread; empty for nothing.
func (s *Slack) Details(f notify.Facts) string { return s.o.Texts.details(f, s.o.Log) }

// Post sends a message. Of a webhook channel and id stay empty.
func (s *Slack) Post(ctx context.Context, to checks.SlackRule, text, mark string) (channel, id string, err error) {
	if to.Webhook != "" {
		return "", "", s.hook(ctx, to.Webhook, text)
	}
	options := append(form(text), sl.MsgOptionMetadata(sl.SlackMetadata{EventType: eventType, EventPayload: map[string]any{markKey: mark}}))
	err = s.call(ctx, "chat.postMessage", to.Channel, func(ctx context.Context, c *sl.Client) (err error) {
		channel, id, err = c.PostMessageContext(ctx, to.Channel, options...)
		if err == nil && (channel == "" || id == "") {
			err = errors.New("the answer names no message")
		}
		return err
	})
	if err != nil {
		return "", "", err
	}
	return channel, id, nil
}

// Update changes a message.
func (s *Slack) Update(ctx context.Context, channel, id, text string) error {
	return s.call(ctx, "chat.update", channel, func(ctx context.Context, c *sl.Client) error {
		_, _, _, err := c.UpdateMessageContext(ctx, channel, id, form(text)...)
		return err
	})
}

// Reply answers a message in its thread, and nowhere else.
func (s *Slack) Reply(ctx context.Context, channel, id, text string) error {
	return s.call(ctx, "chat.postMessage", channel, func(ctx context.Context, c *sl.Client) error {
		_, _, err := c.PostMessageContext(ctx, channel, append(form(text), sl.MsgOptionTS(id))...)
		return err
	})
}

// Find looks for a message of ours that bears mark, sent since.
func (s *Slack) Find(ctx context.Context, channel, mark string, since time.Time) (id string, err error) {
	params := sl.GetConversationHistoryParameters{
		ChannelID: channel, Limit: 100, IncludeAllMetadata: true, Oldest: fmt.Sprintf("%d.000000", since.Unix()),
	}
	for range maxPages {
		var page *sl.GetConversationHistoryResponse
		err = s.call(ctx, "conversations.history", channel, func(ctx context.Context, c *sl.Client) (err error) {
			page, err = c.GetConversationHistoryContext(ctx, &params)
			return err
		})
		if err != nil {
			return "", err
		}
		for i := range page.Messages {
			m := &page.Messages[i]
			if m.BotID != "" && m.Metadata.EventType == eventType && m.Metadata.EventPayload[markKey] == mark {
				return m.Timestamp, nil
			}
		}
		params.Cursor = page.ResponseMetaData.NextCursor
		if !page.HasMore || params.Cursor == "" {
			break
		}
	}
	return "", nil
}

// form is how a text is sent: as one block in which nothing but what stands
// there as a link becomes one, and nobody is called by name.
func form(text string) []sl.MsgOption {
	block := sl.NewSectionBlock(sl.NewTextBlockObject(sl.MarkdownType, text, false, true), nil, nil)
	return []sl.MsgOption{
		sl.MsgOptionText(text, false), sl.MsgOptionBlocks(block), sl.MsgOptionParse(false), sl.MsgOptionLinkNames(false),
		sl.MsgOptionDisableLinkUnfurl(), sl.MsgOptionDisableMediaUnfurl(),
	}
}

// call calls a method of the Web API, unless Slack wants to hear nothing of it
// now. channel is for the texts of errors.
func (s *Slack) call(ctx context.Context, method, channel string, do func(context.Context, *sl.Client) error) error {
	if left := s.holds(method); left > 0 {
		return limited(method, left)
	}
	c, err := s.bot()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return s.translate(do(ctx, c), method, channel)
}

// bot is the client of the token that counts now.
func (s *Slack) bot() (*sl.Client, error) {
	if s.o.Token == nil {
		return nil, checks.Errorf(checks.KindRefused, nil, "The server has no token for Slack. Set `slack.token_file` in its configuration.")
	}
	token, err := s.o.Token()
	if err != nil {
		return nil, checks.Errorf(checks.KindUnavailable, err, "The server's token for Slack cannot be read.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == nil || token != s.token {
		s.client = sl.New(token, sl.OptionAPIURL(s.o.URL), sl.OptionHTTPClient(&bounded{client: s.o.Client}))
		s.token = token
	}
	return s.client, nil
}

func (s *Slack) holds(method string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Until(s.held[method])
}

func (s *Slack) hold(method string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[method] = time.Now().Add(d)
}

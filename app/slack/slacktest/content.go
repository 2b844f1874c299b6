package slacktest

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Bounds of a message, as Slack's documentation has them.
const (
	maxMessage = 40_000 // characters of its text
	maxBlocks  = 50
	maxSection = 3_000 // characters of a section's text
	maxFields  = 10
	maxField   = 2_000
)

// fill takes what a message says from the arguments of a call. Names are
// linked by default in an update, and not in a new message.
func (m *Message) fill(a url.Values, update bool) *refusal {
	if utf8.RuneCountInString(a.Get("text")) > maxMessage {
		return refuse("msg_too_long")
	}
	if a.Get("text") == "" && a.Get("blocks") == "" {
		return refuse("no_text")
	}
	m.Fallback, m.Text, m.verbatim = a.Get("text"), a.Get("text"), true
	if a.Get("blocks") != "" {
		text, verbatim, bad := blocks([]byte(a.Get("blocks")))
		if bad != nil {
			return bad
		}
		m.Text, m.verbatim = text, verbatim
	}
	parse := a.Get("parse")
	switch parse {
	case "", "none", "full", "client":
	default:
		return refuse("invalid_arguments")
	}
	m.loud = parse == "full" || parse == "client" || update && parse == "" ||
		a.Get("link_names") == "1" || a.Get("link_names") == "true"
	if meta := a.Get("metadata"); meta != "" {
		var v struct {
			Type    string         `json:"event_type"`
			Payload map[string]any `json:"event_payload"`
		}
		if json.Unmarshal([]byte(meta), &v) != nil {
			return refuse("invalid_metadata_format")
		}
		if v.Type == "" || v.Payload == nil {
			return refuse("invalid_metadata_schema")
		}
		m.Mark = meta
	}
	return nil
}

// textObject is a text of a block.
type textObject struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Verbatim bool   `json:"verbatim"`
}

func (t *textObject) fits(limit int) bool {
	n := utf8.RuneCountInString(t.Text)
	return (t.Type == "mrkdwn" || t.Type == "plain_text") && n >= 1 && n <= limit
}

// blocks is what blocks show, and whether all of it is verbatim: Slack makes
// no links of names and addresses there.
func blocks(data []byte) (text string, verbatim bool, bad *refusal) {
	var list []struct {
		Type     string        `json:"type"`
		Text     *textObject   `json:"text"`
		Fields   []*textObject `json:"fields"`
		Elements []*textObject `json:"elements"`
	}
	if json.Unmarshal(data, &list) != nil {
		return "", false, refuse("invalid_blocks_format")
	}
	if len(list) > maxBlocks {
		return "", false, refuse("invalid_blocks")
	}
	verbatim = true
	var parts []string
	take := func(t *textObject, limit int) bool {
		if t == nil || !t.fits(limit) {
			return false
		}
		verbatim = verbatim && (t.Verbatim || t.Type == "plain_text")
		parts = append(parts, t.Text)
		return true
	}
	for _, b := range list {
		ok := true
		switch b.Type {
		case "divider":
		case "header":
			ok = b.Text != nil && b.Text.Type == "plain_text" && take(b.Text, 150)
		case "section":
			ok = (b.Text == nil || take(b.Text, maxSection)) && (b.Text != nil || len(b.Fields) > 0) && len(b.Fields) <= maxFields
			for _, f := range b.Fields {
				ok = ok && take(f, maxField)
			}
		case "context":
			ok = len(b.Elements) >= 1 && len(b.Elements) <= 10
			for _, e := range b.Elements {
				ok = ok && take(e, maxSection)
			}
		default:
			ok = false
		}
		if !ok {
			return "", false, refuse("invalid_blocks")
		}
	}
	return strings.Join(parts, "\n"), verbatim, nil
}

// webhook serves incoming webhooks, which answer in words.
func (w *Workspace) webhook(rw http.ResponseWriter, r *http.Request) {
	f := w.fault("webhook")
	if w.broken(rw, r, f) {
		return
	}
	say := func(status int, word string) {
		rw.Header().Set("Content-Type", "text/html")
		rw.WriteHeader(status)
		fmt.Fprint(rw, word)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.hooks[r.URL.Path]
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	body, readErr := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	var payload map[string]json.RawMessage
	switch {
	case r.Method != http.MethodPost:
		say(http.StatusMethodNotAllowed, "method_not_allowed")
		return
	case c == nil:
		say(http.StatusNotFound, "no_service")
		return
	case c.Archived:
		say(http.StatusGone, "channel_is_archived")
		return
	case err != nil || kind != "application/json" || readErr != nil || json.Unmarshal(body, &payload) != nil:
		say(http.StatusBadRequest, "invalid_payload")
		return
	}
	args := url.Values{}
	for _, k := range []string{"text", "blocks", "parse", "link_names"} {
		var s string
		if v := payload[k]; v != nil && json.Unmarshal(v, &s) != nil {
			s = string(v)
		}
		args.Set(k, s)
	}
	m := &Message{Channel: c.Name, bot: "hook"}
	if bad := m.fill(args, false); bad != nil {
		say(http.StatusBadRequest, bad.code)
		return
	}
	if !w.paced(rw, "post "+c.ID) {
		return
	}
	m.TS = w.ts()
	c.messages = append(c.messages, m)
	if f != nil && f.Lost {
		panic(http.ErrAbortHandler)
	}
	say(http.StatusOK, "ok")
}

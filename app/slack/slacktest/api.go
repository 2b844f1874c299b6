package slacktest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// refusal is an answer that is an error by its code.
type refusal struct {
	code, needed string
	provided     []string
}

func refuse(code string) *refusal { return &refusal{code: code} }

// api serves the Web API.
func (w *Workspace) api(rw http.ResponseWriter, r *http.Request) {
	method := r.PathValue("method")
	f := w.fault(method)
	if w.broken(rw, r, f) {
		return
	}
	args, bad := arguments(r)
	if bad != nil {
		deny(rw, bad)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	tok, bad := w.auth(r, args)
	if bad != nil {
		deny(rw, bad)
		return
	}
	do := map[string]func(http.ResponseWriter, *token, url.Values) (obj, *refusal){
		"auth.test": w.authTest, "chat.postMessage": w.post, "chat.update": w.update, "conversations.history": w.history,
	}[method]
	if do == nil {
		deny(rw, refuse("unknown_method"))
		return
	}
	out, bad := do(rw, tok, args)
	if f != nil && f.Then != nil {
		f.Then()
	}
	switch {
	case f != nil && f.Lost:
		panic(http.ErrAbortHandler)
	case bad != nil:
		deny(rw, bad)
	case out != nil:
		out["ok"] = true
		answer(rw, out)
	}
}

func deny(rw http.ResponseWriter, r *refusal) {
	out := obj{"ok": false, "error": r.code}
	if r.needed != "" {
		out["needed"], out["provided"] = r.needed, strings.Join(r.provided, ",")
	}
	answer(rw, out)
}

// arguments reads a form or JSON, as Slack takes both.
func arguments(r *http.Request) (url.Values, *refusal) {
	if r.Method == http.MethodGet {
		return r.URL.Query(), nil
	}
	if r.Method != http.MethodPost {
		return nil, refuse("invalid_arguments")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	if err != nil {
		return nil, refuse("request_timeout")
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, refuse("missing_post_type")
	}
	switch kind {
	case "application/x-www-form-urlencoded":
		args, err := url.ParseQuery(string(body))
		if err != nil || !utf8.Valid(body) {
			return nil, refuse("invalid_form_data")
		}
		return args, nil
	case "application/json":
		var m map[string]any
		if json.Unmarshal(body, &m) != nil {
			return nil, refuse("invalid_json")
		}
		args := url.Values{}
		for k, v := range m {
			if s, ok := v.(string); ok {
				args.Set(k, s)
				continue
			}
			data, err := json.Marshal(v)
			if err != nil {
				return nil, refuse("json_not_object")
			}
			args.Set(k, string(data))
		}
		return args, nil
	}
	return nil, refuse("invalid_post_type")
}

func (w *Workspace) auth(r *http.Request, args url.Values) (*token, *refusal) {
	bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	given := cmp.Or(strings.TrimSpace(bearer), args.Get("token"))
	switch t := w.tokens[given]; {
	case given == "":
		return nil, refuse("not_authed")
	case t == nil:
		return nil, refuse("invalid_auth")
	case t.fault != "":
		return nil, refuse(t.fault)
	default:
		return t, nil
	}
}

func (t *token) lacks(scope string) *refusal {
	if slices.Contains(t.scopes, scope) {
		return nil
	}
	return &refusal{"missing_scope", scope, t.scopes}
}

func (w *Workspace) authTest(_ http.ResponseWriter, t *token, _ url.Values) (obj, *refusal) {
	return obj{"bot_id": t.bot, "team": "Acme", "team_id": "T1", "user_id": "U1", "url": "https://acme.slack.com/"}, nil
}

// reach is a channel that the bot may write to.
func (w *Workspace) reach(t *token, ref string) (*Channel, *refusal) {
	c := w.channel(ref)
	switch {
	case c == nil, c.Private && !c.Member:
		return nil, refuse("channel_not_found")
	case c.Archived:
		return nil, refuse("is_archived")
	case !c.Member && t.lacks("chat:write.public") != nil:
		return nil, refuse("not_in_channel")
	}
	return c, nil
}

func (w *Workspace) post(rw http.ResponseWriter, t *token, a url.Values) (obj, *refusal) {
	if bad := t.lacks("chat:write"); bad != nil {
		return nil, bad
	}
	c, bad := w.reach(t, a.Get("channel"))
	if bad != nil {
		return nil, bad
	}
	m := &Message{Channel: c.Name, bot: t.bot, Thread: a.Get("thread_ts")}
	if bad := m.fill(a, false); bad != nil {
		return nil, bad
	}
	var parent *Message
	if m.Thread != "" {
		if parent = c.find(m.Thread); parent == nil {
			return nil, refuse("thread_not_found")
		}
	}
	if !w.paced(rw, "post "+c.ID) {
		return nil, nil
	}
	m.TS = w.ts()
	c.messages = append(c.messages, m)
	if parent != nil {
		parent.Replies = append(parent.Replies, m)
	}
	return obj{"channel": c.ID, "ts": m.TS, "message": m.json(false)}, nil
}

func (c *Channel) find(ts string) *Message {
	i := slices.IndexFunc(c.messages, func(m *Message) bool { return m.TS == ts })
	if i < 0 {
		return nil
	}
	return c.messages[i]
}

func (w *Workspace) update(rw http.ResponseWriter, t *token, a url.Values) (obj, *refusal) {
	if bad := t.lacks("chat:write"); bad != nil {
		return nil, bad
	}
	c := w.channel(a.Get("channel"))
	if c == nil || c.ID != a.Get("channel") || c.Private && !c.Member {
		return nil, refuse("channel_not_found") // a name does not do here
	}
	m := c.find(a.Get("ts"))
	switch {
	case c.Archived:
		return nil, refuse("is_archived")
	case m == nil:
		return nil, refuse("message_not_found")
	case m.bot != t.bot:
		return nil, refuse("cant_update_message")
	case w.window > 0 && time.Since(m.sent()) > w.window:
		return nil, refuse("edit_window_closed")
	}
	next := *m
	if bad := next.fill(a, true); bad != nil {
		return nil, bad
	}
	if !w.paced(rw, "update") {
		return nil, nil
	}
	next.Edits++
	*m = next
	return obj{"channel": c.ID, "ts": m.TS, "text": m.Fallback, "message": m.json(false)}, nil
}

func (m *Message) sent() time.Time {
	s, us, _ := strings.Cut(m.TS, ".")
	sec, _ := strconv.ParseInt(s, 10, 64)
	micro, _ := strconv.ParseInt(us, 10, 64)
	return time.Unix(sec, micro*1000)
}

func (m *Message) json(metadata bool) obj {
	out := obj{"type": "message", "text": m.Fallback, "ts": m.TS, "bot_id": m.bot}
	if m.Thread != "" {
		out["thread_ts"] = m.Thread
	}
	if metadata && m.Mark != "" {
		out["metadata"] = json.RawMessage(m.Mark)
	}
	return out
}

// history lists newest first, without the replies of threads.
func (w *Workspace) history(_ http.ResponseWriter, t *token, a url.Values) (obj, *refusal) {
	c := w.channel(a.Get("channel"))
	if c == nil || c.ID != a.Get("channel") || c.Private && !c.Member {
		return nil, refuse("channel_not_found")
	}
	scope := "channels:history"
	if c.Private {
		scope = "groups:history"
	}
	if bad := t.lacks(scope); bad != nil {
		return nil, bad
	}
	if !c.Member {
		return nil, refuse("not_in_channel")
	}
	limit, err := strconv.Atoi(cmp.Or(a.Get("limit"), "100"))
	if err != nil || limit < 1 || limit > 999 {
		return nil, refuse("invalid_limit")
	}
	skip := 0
	if cur := a.Get("cursor"); cur != "" {
		if skip, err = strconv.Atoi(strings.TrimPrefix(cur, "next:")); err != nil || !strings.HasPrefix(cur, "next:") {
			return nil, refuse("invalid_cursor")
		}
	}
	meta := a.Get("include_all_metadata")
	var all []obj
	for _, m := range slices.Backward(c.messages) {
		if oldest := a.Get("oldest"); m.Thread == "" && (oldest == "" || m.TS > oldest) {
			all = append(all, m.json(meta == "1" || meta == "true"))
		}
	}
	all = all[min(skip, len(all)):]
	more := len(all) > limit
	out := obj{"messages": all[:min(limit, len(all))], "has_more": more, "response_metadata": obj{"next_cursor": ""}}
	if more {
		out["response_metadata"] = obj{"next_cursor": fmt.Sprintf("next:%d", skip+limit)}
	}
	return out, nil
}

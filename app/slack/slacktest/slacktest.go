// Package slacktest is a stand-in for Slack: the few methods of the Web API
// that Loktar calls, and incoming webhooks. It refuses what Slack's
// documentation says that Slack refuses, and keeps what it took to be read.
package slacktest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Token is the bot's token that a workspace begins with.
const Token = "xoxb-1-first-token"

// Workspace is one workspace of Slack. All its methods are safe for concurrent
// use.
type Workspace struct {
	// URL is the root of the Web API.
	URL string

	server *httptest.Server

	mu       sync.Mutex
	tokens   map[string]*token
	channels []*Channel
	hooks    map[string]*Channel // by the path of an incoming webhook
	last     int64               // the last timestamp that was given, in microseconds
	calls    map[string]int
	limit    time.Duration
	window   time.Duration // for how long a message may be edited; 0 is for ever
	faults   func(method string) *Fault
	recent   map[string]time.Time
}

type token struct {
	bot    string
	scopes []string
	fault  string // the error that all its calls get; empty for none
}

// Channel is a channel. Change its fields through Workspace.Change alone.
type Channel struct {
	ID, Name string
	Private  bool
	Archived bool
	Member   bool // the bot is in it
	messages []*Message
}

// Message is a message as people see it.
type Message struct {
	Channel  string // its name
	TS       string
	Thread   string // the ts of the message that it answers
	Text     string // what shows: the text of its blocks
	Fallback string // what a notification shows
	Mark     string // what its metadata holds, as JSON
	Edits    int
	Replies  []*Message
	bot      string
	verbatim bool
	loud     bool // names in it are made into mentions
}

// Fault is how one call goes wrong.
type Fault struct {
	// Status and After: the call is answered with this status and Retry-After,
	// and nothing is done. Error is a code of Slack's with status 200.
	Status int
	After  int
	Error  string
	// Lost: the call is done, and the connection ends without an answer.
	Lost bool
	// Then is called when the call is done, before its answer.
	Then func()
	// Reset: the connection ends and nothing is done.
	Reset bool
	// Wait is how long the call takes before.
	Wait time.Duration
}

// Start starts a workspace that has the channels #ci (public, with the bot in
// it) and #general (public, without it), and ends with the test. Its bot has
// chat:write alone.
func Start(t testing.TB) *Workspace {
	w := &Workspace{tokens: map[string]*token{}, hooks: map[string]*Channel{}, calls: map[string]int{}, recent: map[string]time.Time{}}
	w.tokens[Token] = &token{bot: "B1", scopes: []string{"chat:write"}}
	w.Add("ci", true)
	w.Add("general", false)
	mux := http.NewServeMux()
	mux.HandleFunc("/api/{method}", w.api)
	mux.HandleFunc("/services/", w.webhook)
	w.server = httptest.NewServer(mux)
	w.URL = w.server.URL + "/api/"
	t.Cleanup(w.server.Close)
	return w
}

// At is a workspace of another process, by its URL: for who only calls it.
func At(url string) *Workspace { return &Workspace{URL: url} }

// Add makes a public channel; member says whether the bot is in it.
func (w *Workspace) Add(name string, member bool) *Channel {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := &Channel{ID: fmt.Sprintf("C%010d", len(w.channels)+1), Name: name, Member: member}
	w.channels = append(w.channels, c)
	return c
}

// Change changes a channel.
func (w *Workspace) Change(name string, change func(*Channel)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w.channel("#" + name))
}

// Hook makes an incoming webhook of a channel and returns its address.
func (w *Workspace) Hook(channel string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	path := fmt.Sprintf("/services/T1/B%d/SecretOfTheHook", len(w.hooks)+1)
	w.hooks[path] = w.channel("#" + channel)
	return w.server.URL + path
}

// Unhook removes all webhooks.
func (w *Workspace) Unhook() { w.lock(func() { w.hooks = map[string]*Channel{} }) }

// Allow gives a token scopes, more than those that it has. One that is not
// known yet is a new token of the same bot.
func (w *Workspace) Allow(tok string, scopes ...string) {
	w.lock(func() {
		if w.tokens[tok] == nil {
			w.tokens[tok] = &token{bot: "B1", scopes: []string{"chat:write"}}
		}
		w.tokens[tok].scopes = append(w.tokens[tok].scopes, scopes...)
	})
}

// Revoke has all calls with a token fail with this code, as token_revoked.
func (w *Workspace) Revoke(tok, code string) { w.lock(func() { w.tokens[tok].fault = code }) }

// Limit is the least time between two messages in a channel, and two changes
// in the workspace, from now on; 0 is none.
func (w *Workspace) Limit(d time.Duration) { w.lock(func() { w.limit = d }) }

// Window is for how long a message may be edited from now on; 0 is for ever.
func (w *Workspace) Window(d time.Duration) { w.lock(func() { w.window = d }) }

// Fail asks f about each call from now on; nil means that it goes well. The
// method of a webhook is "webhook".
func (w *Workspace) Fail(f func(method string) *Fault) { w.lock(func() { w.faults = f }) }

func (w *Workspace) lock(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// Calls is how often a method was called, whatever came of it.
func (w *Workspace) Calls(method string) (n int) {
	w.lock(func() { n = w.calls[method] })
	return n
}

// Messages are those of a channel, oldest first, with their replies.
func (w *Workspace) Messages(channel string) (out []Message) {
	w.lock(func() {
		for _, m := range w.channel("#" + channel).messages {
			if m.Thread != "" {
				continue
			}
			c := *m
			c.Replies = nil
			for _, r := range m.Replies {
				r := *r
				c.Replies = append(c.Replies, &r)
			}
			out = append(out, c)
		}
	})
	return out
}

// Delete removes a message, as a person may.
func (w *Workspace) Delete(channel, ts string) {
	w.lock(func() {
		c := w.channel("#" + channel)
		c.messages = slices.DeleteFunc(c.messages, func(m *Message) bool { return m.TS == ts })
	})
}

// channel finds a channel by "#name" or its id. mu is held.
func (w *Workspace) channel(ref string) *Channel {
	for _, c := range w.channels {
		if c.ID == ref || "#"+c.Name == ref || c.Name == ref {
			return c
		}
	}
	return nil
}

// ts is the next timestamp, by which a message is known in its channel.
func (w *Workspace) ts() string {
	w.last = max(w.last+1, time.Now().UnixMicro())
	return fmt.Sprintf("%d.%06d", w.last/1e6, w.last%1e6)
}

// broken does what a fault says, and reports whether the call ends with that.
func (w *Workspace) broken(rw http.ResponseWriter, r *http.Request, f *Fault) bool {
	if f == nil {
		return false
	}
	// Only when its body was read is a connection watched for its end.
	body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	select {
	case <-time.After(f.Wait):
	case <-r.Context().Done():
	}
	switch {
	case f.Reset:
		panic(http.ErrAbortHandler)
	case f.Status == http.StatusTooManyRequests && f.After > 0:
		tooMany(rw, f.After)
	case f.Status != 0:
		rw.Header().Set("Content-Type", "text/html")
		rw.WriteHeader(f.Status)
		fmt.Fprint(rw, "<html>An error</html>")
	case f.Error != "":
		answer(rw, obj{"ok": false, "error": f.Error})
	default:
		return false
	}
	return true
}

func (w *Workspace) fault(method string) *Fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls[method]++
	if w.faults == nil {
		return nil
	}
	return w.faults(method)
}

// paced reports whether a call comes too soon after one of the same key. mu is
// held.
func (w *Workspace) paced(rw http.ResponseWriter, key string) bool {
	if w.limit == 0 {
		return true
	}
	now := time.Now()
	if now.Sub(w.recent[key]) < w.limit {
		tooMany(rw, int((w.limit+time.Second-1)/time.Second))
		return false
	}
	w.recent[key] = now
	return true
}

func tooMany(rw http.ResponseWriter, after int) {
	rw.Header().Set("Retry-After", fmt.Sprint(after))
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(http.StatusTooManyRequests)
	fmt.Fprint(rw, `{"ok":false,"error":"ratelimited"}`)
}

type obj = map[string]any

func answer(rw http.ResponseWriter, v obj) {
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	if err := json.NewEncoder(rw).Encode(v); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// Shouts reports whether a message calls somebody by name, or shows as a link
// a name or an address that its text does not mark as one.
func (m *Message) Shouts() bool {
	for _, s := range []string{m.Text, m.Fallback} {
		for _, call := range []string{"<!here", "<!channel", "<!everyone", "<!subteam", "<@", "<#"} {
			if strings.Contains(s, call) {
				return true
			}
		}
		if (m.loud || !m.verbatim) && strings.ContainsAny(s, "@#") {
			return true
		}
	}
	return false
}

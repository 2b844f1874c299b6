package minihub

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" // GitHub still sends the old signature
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// deliveryTimeout is how long GitHub waits for an answer.
const deliveryTimeout = 10 * time.Second

type hook struct {
	id          int64
	url, secret string
}

// Delivery is one attempt to deliver an event, as the hook's log shows it.
type Delivery struct {
	ID         int64
	GUID       string // the same for all attempts of one event
	Event      string
	Action     string // empty when the event has none
	Redelivery bool
	Done       bool   // the attempt was made
	Status     string // "OK", or what went wrong
	StatusCode int    // of the answer; 0 before
	Payload    json.RawMessage
	Delivered  time.Time
	Duration   time.Duration
}

type delivery struct {
	Delivery
	installation, repository int64 // 0 is none
	url                      string
	reqHeader, respHeader    http.Header
	response                 string
}

func (d *delivery) snapshot() Delivery { return d.Delivery }

// Sign is the value of X-Hub-Signature-256 for a body.
func Sign(secret string, body []byte) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write(body)
	return "sha256=" + hex.EncodeToString(m.Sum(nil))
}

func signOld(secret string, body []byte) string {
	m := hmac.New(sha1.New, []byte(secret))
	m.Write(body)
	return "sha1=" + hex.EncodeToString(m.Sum(nil))
}

// newGUID is a random UUID.
func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// enqueue queues an event for the App's hook; nothing when it has none.
// Hub.mu is held.
func (a *App) enqueue(event, action string, in *installation, r *Repo, body obj) {
	if a.hook.url == "" {
		return
	}
	if action != "" {
		body["action"] = action
	}
	payload, err := json.Marshal(body)
	if err != nil {
		panic("minihub: payload of " + event + ": " + err.Error()) // payloads are made of plain values
	}
	d := &delivery{Delivery: Delivery{GUID: newGUID(), Event: event, Action: action, Payload: payload}}
	if in != nil {
		d.installation = in.id
	}
	if r != nil {
		d.repository = r.id
	}
	a.push(d)
}

func (a *App) push(d *delivery) {
	d.ID = a.hub.nextID("delivery")
	a.deliveries = append(a.deliveries, d)
	a.queue = append(a.queue, d)
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// deliverLoop makes the deliveries of one App, one after the other, in order.
func (a *App) deliverLoop() {
	h := a.hub
	client := &http.Client{Timeout: deliveryTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: 1},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-a.wake:
		}
		for {
			h.mu.Lock()
			if len(a.queue) == 0 || h.ctx.Err() != nil {
				h.mu.Unlock()
				break
			}
			d, k := a.queue[0], a.hook
			a.queue = a.queue[1:]
			h.mu.Unlock()
			a.attempt(h.ctx, client, d, k)
		}
	}
}

// attempt sends one delivery and records what came of it.
func (a *App) attempt(ctx context.Context, client *http.Client, d *delivery, k hook) {
	start := a.hub.now()
	head := http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"GitHub-Hookshot/minihub"}, "Accept": {"*/*"},
		"X-Github-Event": {d.Event}, "X-Github-Delivery": {d.GUID}, "X-Github-Hook-Id": {strconv.FormatInt(k.id, 10)},
		"X-Github-Hook-Installation-Target-Id":   {strconv.FormatInt(a.id, 10)},
		"X-Github-Hook-Installation-Target-Type": {"integration"},
	}
	if k.secret != "" {
		head.Set("X-Hub-Signature", signOld(k.secret, d.Payload))
		head.Set("X-Hub-Signature-256", Sign(k.secret, d.Payload))
	}
	var status, response string
	var code int
	var respHead http.Header
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, k.url, bytes.NewReader(d.Payload))
	if err == nil {
		req.Header = head
		var resp *http.Response
		if resp, err = client.Do(req); err == nil {
			b, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
			_ = resp.Body.Close()
			code, response, respHead = resp.StatusCode, string(b), resp.Header
		}
	}
	switch {
	case err != nil && (errors.Is(err, os.ErrDeadlineExceeded) || isTimeout(err)):
		status, code = "timed out", http.StatusGatewayTimeout
	case err != nil:
		status, code = "failed to connect to host", http.StatusBadGateway
	case code >= 200 && code < 300:
		status = "OK"
	default:
		status = "Invalid HTTP Response: " + strconv.Itoa(code)
	}
	h := a.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	d.Done, d.Status, d.StatusCode, d.Delivered, d.Duration = true, status, code, start, h.now().Sub(start)
	d.url, d.reqHeader, d.respHeader, d.response = k.url, head, respHead, strings.ToValidUTF8(response, "\uFFFD")
	h.touch()
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

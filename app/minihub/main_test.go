package minihub_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// do makes one REST request with a token and returns the answer's status and
// JSON body.
func do(t *testing.T, h *minihubtest.Hub, token, method, path string, body any) (int, map[string]any, http.Header) {
	t.Helper()
	var in io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		in = bytes.NewBufferString(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		in = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, h.URL()+"/api/v3"+path, in)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	tr := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if len(raw) > 0 && raw[0] == '{' {
		if err := json.Unmarshal(raw, &out); err != nil {
			t.Fatal(err)
		}
	}
	return resp.StatusCode, out, resp.Header
}

// received is one webhook as its receiver saw it.
type received struct {
	header http.Header
	body   []byte
}

// inbox is a webhook receiver. answer decides on the status; nil is 202.
type inbox struct {
	mu     sync.Mutex
	got    []received
	answer func(received) int
}

func (in *inbox) all() []received {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]received(nil), in.got...)
}

// listen points the hub's App at a receiver. Deliveries are signed with
// "secret".
func listen(t *testing.T, h *minihubtest.Hub) *inbox {
	t.Helper()
	in := &inbox{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		in.mu.Lock()
		defer in.mu.Unlock()
		one := received{r.Header.Clone(), body}
		in.got = append(in.got, one)
		status := http.StatusAccepted
		if in.answer != nil {
			status = in.answer(one)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(srv.Close)
	h.App().SetWebhook(srv.URL, "secret")
	return in
}

// delivered waits until an event was delivered n times, and returns those
// deliveries.
func delivered(t *testing.T, h *minihubtest.Hub, event, action string, n int) (out []minihub.Delivery) {
	t.Helper()
	h.Await(event+"."+action, func(v *minihub.View) bool {
		out = nil
		for _, d := range v.Deliveries() {
			if d.Done && d.Event == event && d.Action == action {
				out = append(out, d)
			}
		}
		return len(out) >= n
	})
	return out
}

func decode(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// at walks down a decoded JSON value.
func at(v any, keys ...string) any {
	for _, k := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}

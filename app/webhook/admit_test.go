package webhook

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// heldBack is a body that is not read before the gate opens.
type heldBack struct {
	gate chan struct{}
	io.Reader
}

func (b heldBack) Read(p []byte) (int, error) {
	<-b.gate
	return b.Reader.Read(p)
}

// TestRoomForBodies fills the room for bodies with deliveries that stall.
func TestRoomForBodies(t *testing.T) {
	good := pullRequest("opened")
	for name, tt := range map[string]struct {
		length  int64 // that the stalled ones declare
		stalled int
		blocked int64
		free    int64
	}{
		"large":             {maxBody, largeBodies / maxBody, smallBody + 1, smallBody},
		"of unknown length": {-1, largeBodies / maxBody, -1, int64(len(good))},
		"small":             {smallBody, smallBodies / smallBody, int64(len(good)), maxBody},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := &inbox{fresh: true}
				h := i.handler()
				send := func(ctx context.Context, length int64, gate chan struct{}) *httptest.ResponseRecorder {
					r := delivery("ping", good).WithContext(ctx)
					r.ContentLength = length
					r.Body = io.NopCloser(heldBack{gate, bytes.NewReader(good)})
					return serve(h, r)
				}
				open, gate := make(chan struct{}), make(chan struct{})
				close(open)
				codes := make(chan int, tt.stalled)
				for range tt.stalled {
					go func() { codes <- send(t.Context(), tt.length, gate).Code }()
				}
				synctest.Wait()

				start := time.Now()
				w := send(t.Context(), tt.blocked, open)
				if took := time.Since(start); w.Code != http.StatusServiceUnavailable || took != admitTimeout {
					t.Errorf("without room: answer %d %s after %s", w.Code, w.Body, took)
				}
				hungUp, hangUp := context.WithTimeout(t.Context(), time.Second)
				defer hangUp()
				start = time.Now()
				if w := send(hungUp, tt.blocked, open); w.Code != http.StatusServiceUnavailable || time.Since(start) != time.Second {
					t.Errorf("after the sender hung up: answer %d after %s", w.Code, time.Since(start))
				}
				if w := send(t.Context(), tt.free, open); w.Code != http.StatusOK {
					t.Errorf("in the other share: answer %d %s", w.Code, w.Body)
				}

				// One that waits gets the room that is freed.
				late := make(chan int, 1)
				go func() { late <- send(t.Context(), tt.blocked, open).Code }()
				synctest.Wait()
				close(gate)
				if got := <-late; got != http.StatusOK {
					t.Errorf("when there was room again: answer %d", got)
				}
				for range tt.stalled {
					if got := <-codes; got != http.StatusOK {
						t.Errorf("one that stalled: answer %d", got)
					}
				}
			})
		})
	}
}

// TestRoomIsFreed holds that nothing keeps its room, whatever came of it.
func TestRoomIsFreed(t *testing.T) {
	i := &inbox{fresh: true}
	h := New(Options{Secret: secret, AppID: appID, Inbox: i}).(*handler)
	i.accept = func(context.Context) {
		if !h.small.TryAcquire(smallBodies) {
			t.Error("the body had room when the event was saved")
			return
		}
		h.small.Release(smallBodies)
	}
	unsigned := delivery("push", []byte("{}"))
	unsigned.Header.Set("X-Hub-Signature-256", sign(nil))
	chunked := delivery("pull_request", pullRequest("closed"))
	chunked.ContentLength = -1
	for _, r := range []*http.Request{
		delivery("pull_request", pullRequest("opened")), delivery("push", []byte("{")), unsigned, chunked, delivery("ping", nil),
	} {
		serve(h, r)
	}
	if !h.small.TryAcquire(smallBodies) || !h.large.TryAcquire(largeBodies) {
		t.Error("room was not freed")
	}
	if len(i.events) != 2 {
		t.Errorf("%d events, want 2", len(i.events))
	}
}

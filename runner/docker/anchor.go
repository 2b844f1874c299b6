package docker

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// anchor is a connection to the engine that is there before a job starts and
// is never opened anew: as long as it answers, the engine is the one that
// started the job. Where systemd holds the engine's socket, new connections do
// not tell one engine from the next.
type anchor struct {
	mu   sync.Mutex // one request at a time
	conn net.Conn
	in   *bufio.Reader
}

// moor returns an anchor that holds, nil when there can be none.
func (s *Sandbox) moor(ctx context.Context) *anchor {
	s.mooring.Lock()
	defer s.mooring.Unlock()
	if s.anchor != nil && s.anchor.holds() {
		return s.anchor
	}
	s.castOff()
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	conn, err := s.engine.Dialer()(ctx)
	if err != nil {
		return nil // the job's own calls tell of it
	}
	// An engine may end a connection without a request after some minutes.
	if a := (&anchor{conn: conn, in: bufio.NewReader(conn)}); a.holds() {
		s.anchor = a
		return a
	}
	_ = conn.Close() // nothing was written
	return nil
}

// castOff is called with mooring held.
func (s *Sandbox) castOff() {
	if s.anchor != nil {
		_ = s.anchor.conn.Close() // nothing is written
		s.anchor = nil
	}
}

// holds asks over the connection. It is safe for concurrent use.
func (a *anchor) holds() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.conn.SetDeadline(time.Now().Add(callTime)); err != nil {
		return false
	}
	if _, err := io.WriteString(a.conn, "GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n"); err != nil {
		return false
	}
	answer, err := http.ReadResponse(a.in, nil)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<10))
	_ = answer.Body.Close() // it was read
	return err == nil && !answer.Close
}

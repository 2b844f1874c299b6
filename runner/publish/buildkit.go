package publish

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/docker/docker/client"
)

// openSession opens the session that BuildKit wants beside a build: a
// connection over which the engine calls back by gRPC. Ours answers that it
// lives and offers nothing else, so BuildKit has no credentials, no secrets
// and no files but the context. It ends with ctx. Protocol: moby/buildkit,
// session/grpc.go and session/manager.go.
func openSession(ctx context.Context, engine *client.Client) (id string, err error) {
	id = strings.ToLower(rand.Text())
	conn, err := engine.DialHijack(ctx, "/session", "h2c", map[string][]string{
		"X-Docker-Expose-Session-Uuid":        {id},
		"X-Docker-Expose-Session-Name":        {"loktar"},
		"X-Docker-Expose-Session-Sharedkey":   {""},
		"X-Docker-Expose-Session-Grpc-Method": {"/grpc.health.v1.Health/Check"},
	})
	if err != nil {
		return "", err
	}
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: http.HandlerFunc(answerCall), Protocols: &protocols}
	go func() {
		_ = server.Serve(&oneConn{conn: conn, done: ctx.Done()}) // until ctx ends
		server.Close()
		conn.Close()
	}()
	return id, nil
}

// answerCall answers gRPC: health with SERVING, all else with UNIMPLEMENTED.
// Format: grpc/grpc, doc/PROTOCOL-HTTP2.md; grpc/health/v1/health.proto.
func answerCall(w http.ResponseWriter, r *http.Request) {
	_, _ = io.CopyN(io.Discard, r.Body, 64<<10)
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Trailer", "Grpc-Status")
	if r.URL.Path != "/grpc.health.v1.Health/Check" {
		w.Header().Set("Grpc-Status", "12")
		return
	}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write([]byte{0, 0, 0, 0, 2, 8, 1}) // not compressed, 2 bytes: status = SERVING
	w.Header().Set("Grpc-Status", "0")
}

// oneConn is a listener to which one connection comes.
type oneConn struct {
	mu   sync.Mutex
	conn net.Conn
	done <-chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	l.mu.Lock()
	conn := l.conn
	l.conn = nil
	l.mu.Unlock()
	if conn != nil {
		return conn, nil
	}
	<-l.done
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return &net.UnixAddr{Name: "buildkit", Net: "unix"} }

// trace writes what a StatusResponse of BuildKit tells: the steps' names once,
// their output, their errors. The fields are those of moby/buildkit,
// api/services/control/control.proto.
func (p *progress) trace(message []byte) {
	if p.names == nil {
		p.names = map[string]bool{}
	}
	_ = fields(message, func(number int, value []byte) {
		switch number {
		case 1: // vertexes
			p.vertex(value)
		case 3: // logs
			_ = fields(value, func(number int, text []byte) {
				if number == 4 {
					p.write(string(text))
				}
			})
		}
	})
}

func (p *progress) vertex(message []byte) {
	var name, failed string
	cached, started := false, false
	_ = fields(message, func(number int, value []byte) {
		switch number {
		case 3:
			name = string(value)
		case 4:
			cached = len(value) > 0 && value[0] != 0
		case 5:
			started = true
		case 7:
			failed = string(value)
		}
	})
	switch {
	case !started && !cached, strings.HasPrefix(name, "[internal]"), p.names[name]:
		name = ""
	case cached:
		p.names[name] = true
		name += " (cached)"
	}
	for _, line := range []string{name, failed} {
		if line = strings.TrimSpace(line); line != "" && !p.names[line] && len(p.names) < 10_000 {
			p.names[line] = true
			p.write(line + "\n")
		}
	}
}

var errWire = errors.New("not a message of protocol buffers")

// fields calls each with the fields of a message of protocol buffers. The
// value of a number is its varint. It never panics, whatever the message.
func fields(message []byte, each func(number int, value []byte)) error {
	for len(message) > 0 {
		tag, n := binary.Uvarint(message)
		if n <= 0 || tag>>3 == 0 || tag>>3 > 1<<29 {
			return errWire
		}
		message = message[n:]
		size := 0
		switch tag & 7 {
		case 0:
			if _, size = binary.Uvarint(message); size <= 0 {
				return errWire
			}
		case 1:
			size = 8
		case 5:
			size = 4
		case 2:
			length, n := binary.Uvarint(message)
			if n <= 0 || length > uint64(len(message)-n) {
				return errWire
			}
			message, size = message[n:], int(length)
		default:
			return errWire
		}
		if size > len(message) {
			return errWire
		}
		each(int(tag>>3), message[:size])
		message = message[size:]
	}
	return nil
}

package blob

import (
	"io"
	"net/http"
	"time"
)

// patient is an answer whose reader has stall for each piece of it.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
}

// piece is what is written at once.
const piece = 64 << 10

func (p *patient) Write(b []byte) (n int, err error) {
	for {
		// A server that cannot bound a write still can serve it.
		_ = p.control.SetWriteDeadline(time.Now().Add(p.stall))
		k := min(len(b), piece)
		m, err := p.ResponseWriter.Write(b[:k])
		n += m
		if b = b[k:]; err != nil || len(b) == 0 {
			return n, err
		}
	}
}

// ReadFrom has io.Copy take pieces, and not the server's own way, which knows
// no bound.
func (p *patient) ReadFrom(r io.Reader) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{p}, struct{ io.Reader }{r}, make([]byte, piece))
}

package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"time"

	"github.com/dudesons/loktar/checks"
)

const (
	// sendTimeout bounds one write to a reader that does not read.
	sendTimeout = 30 * time.Second
	// quiet is the longest silence on a stream, so that proxies keep it open.
	quiet = 15 * time.Second
)

// events streams a job as server-sent events:
//
//   - lines: rows of the log, as the page has them; the event's id is the mark
//     behind them, from which a reader that lost the stream goes on
//   - partial: the row of the last line while it has not ended; it takes the
//     place of the partial row before it, as does the next event of lines
//   - reset: the log is not the one that the reader knew; it begins anew
//   - state: the job's state, as JSON
//   - end: the job is done and its log is complete, as JSON like state
//
// A reader names where to begin by Last-Event-ID or the query's from; the
// log's start is where it begins else. Readers have a place in the file each,
// so a slow one delays nobody.
func (s *server) events(w http.ResponseWriter, r *http.Request) {
	id, ok := s.known(w, r)
	if !ok {
		return
	}
	from := mark{Line: 1}
	for _, text := range []string{r.Header.Get("Last-Event-ID"), r.URL.Query().Get("from")} {
		if text == "" {
			continue
		}
		if from, ok = parseMark(text); !ok {
			http.Error(w, "Last-Event-ID is not one that this server gave.", http.StatusBadRequest)
			return
		}
		break
	}
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		w.Header().Set("Retry-After", "30")
		http.Error(w, "Too many live pages are open. Reload the page later.", http.StatusServiceUnavailable)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	st := &stream{server: s, id: id, from: from, w: w, rc: http.NewResponseController(w)}
	defer st.close()
	if err := st.serve(r.Context()); err != nil && r.Context().Err() == nil && !errors.Is(err, errGone) {
		s.Log.Error().Err(err).Str("run", id.Run).Str("package", id.Package).Msg("live page ended")
	}
}

// errGone says that the reader is not there any more.
var errGone = errors.New("reader is gone")

// stream is one reader of one job.
type stream struct {
	*server
	id   checks.JobID
	from mark
	w    http.ResponseWriter
	rc   *http.ResponseController

	file    io.ReadSeekCloser
	log     *follower
	rows    []byte
	partial []byte // as it was last sent
	state   []byte // likewise
	sent    time.Time
	out     bytes.Buffer
}

func (st *stream) close() {
	if st.file != nil {
		st.file.Close()
	}
}

func (st *stream) serve(ctx context.Context) error {
	st.out.WriteString("retry: 2000\n\n")
	if err := st.send(); err != nil {
		return err
	}
	tick := time.NewTicker(st.Poll)
	defer tick.Stop()
	for {
		// The state comes before the log: when the job is done by then, the
		// log is complete.
		job, err := st.Store.Job(st.id)
		if err != nil {
			return err
		}
		if err := st.drain(ctx); err != nil {
			return err
		}
		state, err := json.Marshal(stateOf(job))
		if err != nil {
			return fmt.Errorf("encode state: %w", err)
		}
		if job.State == checks.StateDone {
			if st.log != nil {
				st.lines(st.log.rest(nil))
			}
			st.event("end", "", state)
			return st.send()
		}
		if !bytes.Equal(state, st.state) {
			st.state = state
			st.event("state", "", state)
		}
		if time.Since(st.sent) > quiet {
			st.out.WriteString(":\n\n")
		}
		if err := st.send(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// drain sends what the log has got since.
func (st *stream) drain(ctx context.Context) error {
	if st.log == nil {
		if err := st.open(); err != nil || st.log == nil {
			return err
		}
	}
	for ctx.Err() == nil {
		rows, n, err := st.log.next(st.rows[:0])
		st.rows = rows
		st.lines(rows)
		if n == 0 {
			if err != nil && !errors.Is(err, io.EOF) {
				return fmt.Errorf("read log: %w", err)
			}
			break
		}
		if err := st.send(); err != nil {
			return err
		}
	}
	st.rows = st.log.partial(st.rows[:0])
	if len(st.rows) > 0 && !bytes.Equal(st.rows, st.partial) {
		st.partial = append(st.partial[:0], st.rows...)
		st.event("partial", "", st.rows)
	}
	return nil
}

// open opens the log where the reader left off, if there is a log yet.
func (st *stream) open() error {
	f, err := st.Logs.Open(st.id.Run, st.id.Package)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	st.file = f
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("measure log: %w", err)
	}
	if st.from.Offset > size {
		st.from = mark{Line: 1}
		st.event("reset", "", []byte("{}"))
	}
	if _, err := f.Seek(st.from.Offset, io.SeekStart); err != nil {
		return fmt.Errorf("go on in log: %w", err)
	}
	st.log = newFollower(f, st.from)
	return nil
}

func (st *stream) lines(rows []byte) {
	if len(rows) > 0 {
		st.partial = st.partial[:0]
		st.event("lines", st.log.at.String(), rows)
	}
}

// event puts one event in the buffer. data has no carriage return.
func (st *stream) event(name, id string, data []byte) {
	if id != "" {
		fmt.Fprintf(&st.out, "id: %s\n", id)
	}
	fmt.Fprintf(&st.out, "event: %s\n", name)
	for line := range bytes.Lines(data) {
		st.out.WriteString("data: ")
		st.out.Write(bytes.TrimRight(line, "\n"))
		st.out.WriteByte('\n')
	}
	st.out.WriteByte('\n')
}

// send writes the buffer out.
func (st *stream) send() error {
	if st.out.Len() == 0 {
		return nil
	}
	// A server that cannot bound a write still can serve it.
	_ = st.rc.SetWriteDeadline(time.Now().Add(sendTimeout))
	_, err := st.w.Write(st.out.Bytes())
	if err == nil {
		err = st.rc.Flush()
	}
	st.out.Reset()
	st.sent = time.Now()
	if err != nil {
		return errGone
	}
	return nil
}

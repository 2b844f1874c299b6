package web_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/app/web"
	"github.com/dudesons/loktar/checks"
)

type event struct{ id, name, data string }

// reader reads one stream.
type reader struct {
	resp   *http.Response
	lines  *bufio.Reader
	cancel context.CancelFunc
}

func (s *site) stream(lastID string) *reader {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+jobPath+"/events", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	return &reader{resp, bufio.NewReader(resp.Body), cancel}
}

func (r *reader) close() {
	r.cancel()
	r.resp.Body.Close()
}

// next reads one event; an error ends the stream.
func (r *reader) next() (event, error) {
	var e event
	var data []string
	for {
		line, err := r.lines.ReadString('\n')
		if err != nil {
			return e, err
		}
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "" && e.name != "":
			e.data = strings.Join(data, "\n")
			return e, nil
		case name == "id":
			e.id = value
		case name == "event":
			e.name = value
		case name == "data":
			data = append(data, value)
		}
	}
}

var rowForm = regexp.MustCompile(`^<div class="l(?: own)?" id="L(\d+)"><a href="#L\d+" data-n="\d+"></a><i data-t="[^"]*"(?: title="[^"]*")?></i><span>(.*)</span></div>$`)

// textOf is the log's text that rows show; the first row's number must be n.
func textOf(t *testing.T, rows string, n *int) string {
	t.Helper()
	var b strings.Builder
	for row := range strings.SplitSeq(rows, "\n") {
		m := rowForm.FindStringSubmatch(row)
		if m == nil {
			t.Fatalf("row %q", row)
		}
		*n++
		if m[1] != fmt.Sprint(*n) {
			t.Fatalf("line %s comes as number %d", m[1], *n)
		}
		b.WriteString(html.UnescapeString(regexp.MustCompile(`</?span[^>]*>`).ReplaceAllString(m[2], "")) + "\n")
	}
	return b.String()
}

// A reader that loses the stream again and again, while the log grows in odd
// pieces, gets every byte once.
func TestResumeWithoutLossOrDoubling(t *testing.T) {
	s := newSite(t)
	random := rand.New(rand.NewPCG(1, 2))
	var log, want strings.Builder
	for i := range 3000 {
		text := fmt.Sprintf("line %d <%s> & 界", i, strings.Repeat("x", random.IntN(80)))
		color := ""
		if i%7 == 0 {
			color = "\x1b[3" + fmt.Sprint(i%8) + "m"
		}
		fmt.Fprintf(&log, "%s%s%s\n", stampText, color, text)
		want.WriteString(text + "\n")
	}
	// The log grows with each event that is read, so that there are many.
	written, tokens := make(chan struct{}), make(chan struct{}, 1<<16)
	go func() {
		defer close(written)
		rest := log.String()
		for len(rest) > 0 {
			<-tokens
			n := min(len(rest), 1+random.IntN(2000))
			s.log("awesome_lib", rest[:n])
			rest = rest[n:]
		}
		s.store.finish("awesome_lib", checks.Result{Outcome: checks.OutcomePassed})
	}()
	var got strings.Builder
	lastID, lines, resumed, ended := "", 0, 0, false
	cut := rand.New(rand.NewPCG(3, 4))
	for !ended {
		r := s.stream(lastID)
		tokens <- struct{}{}
		for left := 1 + cut.IntN(6); left > 0 && !ended; {
			e, err := r.next()
			if err != nil {
				t.Fatal(err)
			}
			tokens <- struct{}{}
			switch e.name {
			case "lines":
				got.WriteString(textOf(t, e.data, &lines))
				lastID = e.id
				left--
			case "partial":
				if e.id != "" {
					t.Fatal("a line that has not ended moves the mark")
				}
			case "end":
				ended = true
			}
		}
		r.close()
		resumed++
	}
	<-written
	if got.String() != want.String() {
		t.Errorf("%d bytes of %d came through %d streams, or not the right ones", got.Len(), want.Len(), resumed)
	}
	if resumed < 5 {
		t.Errorf("only %d streams", resumed)
	}
}

func TestColourGoesOnAfterResume(t *testing.T) {
	s := newSite(t)
	s.log("awesome_lib", stampText+"\x1b[1;31mred\n"+stampText+"still red\n")
	s.store.finish("awesome_lib", checks.Result{Outcome: checks.OutcomePassed})
	mark := fmt.Sprintf("%d-2-1;31", len(stampText+"\x1b[1;31mred\n"))
	r := s.stream(mark)
	defer r.close()
	e, err := r.next()
	if err != nil || !strings.Contains(e.data, `<span class="term-fg31 term-fg1">still red</span>`) {
		t.Errorf("%v %v", e, err)
	}
}

func TestStreamTellsOfStateAndEnd(t *testing.T) {
	s := newSite(t)
	s.store.jobs[0].State, s.store.jobs[0].Needs = checks.StateQueued, []string{"a", "b"}
	r := s.stream("")
	defer r.close()
	e, err := r.next()
	if err != nil || e.name != "state" || !strings.Contains(e.data, `"Waiting"`) || !strings.Contains(e.data, "a and b passed") {
		t.Fatalf("%v %v", e, err)
	}
	s.store.mu.Lock()
	s.store.jobs[0].State = checks.StateRunning
	s.store.mu.Unlock()
	if e, err = r.next(); err != nil || e.name != "state" || !strings.Contains(e.data, `"Running"`) {
		t.Fatalf("%v %v", e, err)
	}
	s.log("awesome_lib", stampText+"half")
	if e, err = r.next(); err != nil || e.name != "partial" || !strings.Contains(e.data, "<span>half</span>") {
		t.Fatalf("%v %v", e, err)
	}
	s.log("awesome_lib", " done")
	if e, err = r.next(); err != nil || e.name != "partial" || !strings.Contains(e.data, "<span>half done</span>") {
		t.Fatalf("%v %v", e, err)
	}
	s.store.finish("awesome_lib", checks.Result{Outcome: checks.OutcomeTimedOut})
	if e, err = r.next(); err != nil || e.name != "lines" || e.id != fmt.Sprintf("%d-2-", len(stampText+"half done")) {
		t.Fatalf("%v %v", e, err)
	}
	if e, err = r.next(); err != nil || e.name != "end" || !strings.Contains(e.data, `"Timed out"`) {
		t.Fatalf("%v %v", e, err)
	}
	if _, err = r.next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
}

func TestStreamStartsAnewOnAnotherLog(t *testing.T) {
	s := newSite(t)
	s.log("awesome_lib", stampText+"new\n")
	s.store.finish("awesome_lib", checks.Result{Outcome: checks.OutcomePassed})
	r := s.stream("99999-7-")
	defer r.close()
	for _, want := range []string{"reset", "lines", "end"} {
		if e, err := r.next(); err != nil || e.name != want {
			t.Fatalf("%v %v; want %s", e, err, want)
		}
	}
}

func TestBadMarksAreRefused(t *testing.T) {
	s := newSite(t)
	for _, id := range []string{"x", "-1-1-", "1-1", "1-1-31m", "1-1-<b>", strings.Repeat("9", 16) + "-1-", "1-1-" + strings.Repeat("1", 61)} {
		if resp, _ := s.get(jobPath+"/events", "Last-Event-ID", id); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %d", id, resp.StatusCode)
		}
	}
}

func TestStreamsAreBounded(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.Streams = 1 })
	r := s.stream("")
	if _, err := r.next(); err != nil {
		t.Fatal(err)
	}
	if resp, _ := s.get(jobPath + "/events"); resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("one stream too many: %d", resp.StatusCode)
	}
	r.close()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodHead, s.url+jobPath+"/events", nil)
	for deadline := time.Now().Add(5 * time.Second); ; {
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the place of a reader that left was not given back")
		}
	}
}

// A reader that does not read holds up neither the log nor other readers, and
// has all of it once it reads.
func TestSlowReaderDelaysNobody(t *testing.T) {
	s := newSite(t)
	slow := s.stream("")
	defer slow.close()
	for range 200 {
		s.log("awesome_lib", stampText+strings.Repeat("y", 8000)+"\n")
	}
	s.store.finish("awesome_lib", checks.Result{Outcome: checks.OutcomePassed})
	quick := s.stream("")
	defer quick.close()
	for _, r := range []*reader{quick, slow} {
		lines := 0
		for {
			e, err := r.next()
			if err != nil {
				t.Fatal(err)
			}
			if e.name == "end" {
				break
			}
			if e.name == "lines" {
				textOf(t, e.data, &lines)
			}
		}
		if lines != 200 {
			t.Errorf("the reader got %d lines", lines)
		}
	}
}

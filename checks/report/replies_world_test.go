package report_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/report"
)

// replies is a store of replies in memory, with errors to order.
type replies struct {
	mu       sync.Mutex
	all      []checks.Reply
	failRead []error // answers of the next Replies; nil succeeds
	failDone []error // likewise of ReplyDone
}

func (s *replies) add(all ...checks.Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, all...)
}

func (s *replies) left() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}

func (s *replies) Replies(limit int) ([]checks.Reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := shift(&s.failRead); err != nil {
		return nil, err
	}
	return append([]checks.Reply(nil), s.all[:min(limit, len(s.all))]...), nil
}

func (s *replies) ReplyDone(_ context.Context, delivery string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := shift(&s.failDone); err != nil {
		return err
	}
	for i := range s.all {
		if s.all[i].Delivery == delivery {
			s.all = append(s.all[:i:i], s.all[i+1:]...)
			break
		}
	}
	return nil
}

func shift(errs *[]error) error {
	if len(*errs) == 0 {
		return nil
	}
	err := (*errs)[0]
	*errs = (*errs)[1:]
	return err
}

// talk is a GitHub of comments and reactions, with errors to order.
type talk struct {
	mu        sync.Mutex
	reactions []checks.Reaction
	comments  []string
	finds     int
	since     time.Time // of the last FindComment

	failReact, failComment, failFind []error
	lost                             bool          // a Comment that fails is posted all the same
	late                             time.Duration // and shows after so long
	hangs                            bool          // Comment ends with its context alone, and is posted
}

func (h *talk) React(_ context.Context, _ int64, _ checks.Repo, _ int64, content checks.Reaction) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := shift(&h.failReact); err != nil {
		return err
	}
	h.reactions = append(h.reactions, content)
	return nil
}

func (h *talk) Comment(ctx context.Context, _ int64, _ checks.Repo, _ int, body string) error {
	if h.hangs {
		h.post(body)
		<-ctx.Done()
		return ctx.Err()
	}
	h.mu.Lock()
	err := shift(&h.failComment)
	h.mu.Unlock()
	switch {
	case err == nil:
		h.post(body)
	case h.lost && h.late > 0:
		time.AfterFunc(h.late, func() { h.post(body) })
	case h.lost:
		h.post(body)
	}
	return err
}

func (h *talk) post(body string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.comments = append(h.comments, body)
}

func (h *talk) FindComment(_ context.Context, _ int64, _ checks.Repo, _ int, marker string, since time.Time) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.finds++
	h.since = since
	if err := shift(&h.failFind); err != nil {
		return false, err
	}
	for _, c := range h.comments {
		if strings.Contains(c, marker) {
			return true, nil
		}
	}
	return false, nil
}

// log is what a replier logged.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.b.String(), text)
}

// replier runs one; stop ends it and tells how long that took.
func replier(s report.ReplyStore, h report.ReplySink, l *log) (r *report.Replier, stop func() time.Duration) {
	r = report.NewReplier(report.ReplierOptions{Store: s, Sink: h, Log: zerolog.New(l)})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	return r, func() time.Duration {
		began := time.Now()
		cancel()
		<-done
		return time.Since(began)
	}
}

func aReply(delivery string) checks.Reply {
	return checks.Reply{
		Delivery: delivery, Installation: 7, Repo: checks.Repo{ID: 1, Owner: "acme", Name: "pets"}, Number: 3, Comment: 11,
		Reaction: checks.ReactionRefused, Body: "Only people who may write to this repository can do that.", Since: time.Now(),
	}
}

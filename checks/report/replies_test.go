package report_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
)

var (
	slow    = checks.Errorf(checks.KindUnavailable, nil, "reset")
	refused = checks.Errorf(checks.KindRefused, nil, "Resource not accessible by integration")
	gone    = checks.Errorf(checks.KindNotFound, nil, "Not Found")
)

func TestRepliesOnce(t *testing.T) {
	silent := func(r *checks.Reply) { r.Body = "" }
	for _, tt := range []struct {
		name                 string
		change               func(*checks.Reply)
		sink                 *talk
		store                *replies
		reactions, comments  int
		finds                int
		logged               string
		atLeast, settledSoon time.Duration
	}{
		{name: "at once", reactions: 1, comments: 1, settledSoon: time.Second},
		{name: "a reaction alone", change: silent, reactions: 1, settledSoon: time.Second},
		{name: "no reaction", change: func(r *checks.Reply) { r.Reaction = "" }, comments: 1, settledSoon: time.Second},
		{name: "GitHub is away for a while", sink: &talk{failReact: []error{slow, errors.New("odd")}, failComment: []error{slow, slow}},
			reactions: 1, comments: 1, finds: 2, logged: "again_in"},
		{name: "an answer is lost", sink: &talk{failComment: []error{slow}, lost: true}, reactions: 1, comments: 1, finds: 1},
		{name: "an answer is lost and the comment shows late", sink: &talk{failComment: []error{slow}, lost: true, late: 8 * time.Second},
			reactions: 1, comments: 1, finds: 1},
		{name: "looking fails too", sink: &talk{failComment: []error{slow}, lost: true, failFind: []error{slow, slow}}, reactions: 1, comments: 1, finds: 3},
		{name: "the reaction is refused", sink: &talk{failReact: []error{refused}}, comments: 1, logged: "Issues: read and write", settledSoon: time.Second},
		{name: "the comment is refused", sink: &talk{failComment: []error{refused}}, reactions: 1, logged: "Issues: read and write", settledSoon: time.Second},
		{name: "the comment asked with is gone", sink: &talk{failReact: []error{gone}}, comments: 1, logged: "Not Found", settledSoon: time.Second},
		{name: "both are refused", sink: &talk{failReact: []error{gone}, failComment: []error{gone}}, logged: "given up", settledSoon: time.Second},
		{name: "the comment is refused, the reaction late", sink: &talk{failReact: []error{slow, slow}, failComment: []error{refused}}, reactions: 1},
		{name: "GitHub asks for patience", sink: &talk{failComment: []error{later{slow}}}, reactions: 1, comments: 1, finds: 1, atLeast: 10 * time.Minute},
		{name: "the store is away", store: &replies{failDone: []error{slow, slow}}, reactions: 1, comments: 1},
		{name: "the store cannot be read", store: &replies{failRead: []error{slow, slow}}, reactions: 1, comments: 1, finds: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, h, l := tt.store, tt.sink, &log{}
				if s == nil {
					s = &replies{}
				}
				if h == nil {
					h = &talk{}
				}
				r, stop := replier(s, h, l)
				defer stop()
				synctest.Wait()
				reply := aReply("d-1")
				if tt.change != nil {
					tt.change(&reply)
				}
				s.add(reply)
				r.Wake()
				began := time.Now()
				for s.left() > 0 && time.Since(began) < time.Hour {
					time.Sleep(100 * time.Millisecond)
				}
				took := time.Since(began)
				if s.left() > 0 || took < tt.atLeast || tt.settledSoon > 0 && took > tt.settledSoon {
					t.Errorf("%d left after %v", s.left(), took)
				}
				time.Sleep(time.Hour)
				if len(h.reactions) != tt.reactions || len(h.comments) != tt.comments || h.finds != tt.finds {
					t.Errorf("%d reactions, %d comments, looked %d times; want %d, %d, %d", len(h.reactions), len(h.comments), h.finds, tt.reactions, tt.comments, tt.finds)
				}
				if !l.has(tt.logged) {
					t.Errorf("the log lacks %q", tt.logged)
				}
			})
		})
	}
}

// TestACrashAfterTheComment has a second process find what the first posted.
func TestACrashAfterTheComment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h := &replies{failDone: []error{slow}}, &talk{}
		since := time.Now()
		s.add(aReply("d-1"), aReply("d-2"))
		_, stop := replier(s, h, &log{})
		synctest.Wait()
		stop() // one of the two was not ended
		if s.left() != 1 || len(h.comments) != 2 {
			t.Fatalf("%d left, %d comments", s.left(), len(h.comments))
		}
		_, stop = replier(s, h, &log{})
		defer stop()
		synctest.Wait()
		if s.left() != 0 || len(h.comments) != 2 {
			t.Errorf("%d left, comments %q", s.left(), h.comments)
		}
		if h.since.After(since) || since.Sub(h.since) > time.Hour {
			t.Errorf("looked for comments since %v, made after %v", h.since, since)
		}
	})
}

func TestARequestUnderWayDoesNotHoldUpTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h := &replies{}, &talk{hangs: true}
		s.add(aReply("d-1"))
		_, stop := replier(s, h, &log{})
		synctest.Wait()
		if took := stop(); took > 6*time.Second {
			t.Errorf("it took %v to end", took)
		}
		h.hangs = false
		_, stop = replier(s, h, &log{})
		defer stop()
		synctest.Wait()
		if s.left() != 0 || len(h.comments) != 1 {
			t.Errorf("%d left, %d comments", s.left(), len(h.comments))
		}
	})
}

func TestTheLastRepliesAreGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h := &replies{}, &talk{}
		_, stop := replier(s, h, &log{})
		synctest.Wait()
		for i := range 20 {
			s.add(aReply(fmt.Sprint("d-", i)))
		}
		stop()
		if s.left() != 0 || len(h.comments) != 20 {
			t.Errorf("%d left, %d comments", s.left(), len(h.comments))
		}
	})
}

func TestAnOldReplyIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h, l := &replies{}, &talk{}, &log{}
		for range 10_000 {
			h.failComment, h.failFind = append(h.failComment, slow), append(h.failFind, slow)
		}
		s.add(aReply("d-1"))
		_, stop := replier(s, h, l)
		defer stop()
		time.Sleep(23 * time.Hour)
		if s.left() != 1 {
			t.Error("it was given up within a day")
		}
		time.Sleep(2 * time.Hour)
		if s.left() != 0 || len(h.comments) != 0 || len(h.reactions) != 1 || !l.has("within a day") {
			t.Errorf("%d left, %d comments, %d reactions", s.left(), len(h.comments), len(h.reactions))
		}
	})
}

func TestRepliesThatWaitHideNoOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h := &replies{}, &talk{}
		for i := range 2500 {
			s.add(aReply(fmt.Sprint("d-", i)))
			h.failReact, h.failFind = append(h.failReact, later{slow}), append(h.failFind, later{slow})
		}
		r, stop := replier(s, h, &log{})
		defer stop()
		synctest.Wait()
		s.add(aReply("last"))
		r.Wake()
		synctest.Wait()
		if len(h.comments) != 1 || !strings.Contains(h.comments[0], "loktar:last") {
			t.Errorf("comments: %q", h.comments)
		}
	})
}

func TestCommentsBearTheirMarker(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		delivery := rapid.SampledFrom([]string{"72d3162e-cc78-11e3-81ab-4c9367dc0958", "--><b>@ann", "a\nb", strings.Repeat("é", 500)}).Draw(t, "delivery")
		body := strings.Repeat(rapid.SampledFrom([]string{"x", "é\n", "```\n"}).Draw(t, "piece"), rapid.SampledFrom([]int{1, 70_000}).Draw(t, "times"))
		posted(t, delivery, body)
	})
}

// posted gives one reply and looks at the comment that it became.
func posted(t *rapid.T, delivery, body string) {
	s, h := &replies{}, &talk{}
	reply := aReply(delivery)
	reply.Body = body
	s.add(reply)
	_, stop := replier(s, h, &log{})
	stop()
	if len(h.comments) != 1 {
		t.Fatalf("%d comments", len(h.comments))
	}
	got := h.comments[0]
	at := strings.LastIndex(got, "\n\n<!-- loktar:")
	if at < 0 || !strings.HasSuffix(got, " -->") || strings.Count(got[at:], ">") != 1 || utf8.RuneCountInString(got) > 65535 {
		t.Fatalf("a comment of %d characters ends with %q", utf8.RuneCountInString(got), got[max(0, len(got)-200):])
	}
	if len(body) < 10 && got[:at] != body {
		t.Fatalf("the body became %q", got[:at])
	}
}

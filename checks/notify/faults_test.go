package notify_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dudesons/loktar/app/slack/slacktest"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/report"
)

// TestSlackIsDown shows that a Slack that is down loses nothing: what happened
// meanwhile is told once, with its newest state.
func TestSlackIsDown(t *testing.T) {
	w := begin(t)
	var up atomic.Bool
	w.slack.Fail(func(string) *slacktest.Fault {
		if up.Load() {
			return nil
		}
		return &slacktest.Fault{Status: http.StatusServiceUnavailable}
	})
	for range 3 {
		r, jobs := w.run(ci(checks.WhenAlways), "api", "lib")
		w.commit(r, jobs)
		w.ends(&r, jobs, failed)
		w.ends(&r, jobs, failed, passed)
	}
	w.until("a few attempts", func() bool { return w.slack.Calls("chat.postMessage") > 2 })
	w.match("ci")
	up.Store(true)
	w.told()
	const done = `❌ .*api failed, 1 passed>\n>> ❌ [^\n]*`
	w.match("ci", done, done, done)
}

// TestOnePlaceDoesNotWait shows that a place which hangs keeps no other back.
func TestOnePlaceDoesNotWait(t *testing.T) {
	w := begin(t)
	w.slack.Fail(func(method string) *slacktest.Fault {
		if method == "webhook" {
			return &slacktest.Fault{Wait: time.Hour}
		}
		return nil
	})
	n := checks.Notify{Slack: []checks.SlackRule{{Webhook: "slow", On: []checks.When{checks.WhenAlways}}, {Channel: "#ci", On: []checks.When{checks.WhenAlways}}}}
	for range 5 {
		r, jobs := w.run(n, "api")
		w.ends(&r, jobs, passed)
	}
	w.until("#ci to be told of all", func() bool { return len(w.slack.Messages("ci")) == 5 })
	if rows, err := w.store.Notices(9); err != nil || len(rows) != 5 {
		t.Errorf("%d notices wait for the webhook (%v)", len(rows), err)
	}
}

// TestLimits shows that Slack's limits are obeyed: each message comes once,
// however often Slack says that it is too much, with and without a header.
func TestLimits(t *testing.T) {
	w := begin(t)
	var n atomic.Int64
	w.slack.Fail(func(string) *slacktest.Fault {
		switch n.Add(1) {
		case 2:
			return &slacktest.Fault{Status: http.StatusTooManyRequests, After: 1}
		case 5:
			return &slacktest.Fault{Status: http.StatusTooManyRequests, After: 1}
		}
		return nil
	})
	for range 6 {
		r, jobs := w.run(ci(checks.WhenAlways), "api")
		w.ends(&r, jobs, passed)
	}
	w.told()
	if got := len(w.slack.Messages("ci")); got != 6 {
		t.Errorf("%d messages of 6 runs", got)
	}
	if got := w.slack.Calls("chat.postMessage"); got != 8 {
		t.Errorf("%d calls for 6 messages and 2 refusals: who was asked to wait did not", got)
	}
}

// TestProgressIsTold shows that a message changes seldom while its run goes
// on, however much happens, and at once when it ends.
func TestProgressIsTold(t *testing.T) {
	w := begin(t)
	w.shut()
	w.progress = time.Hour
	w.open()
	r, jobs := w.run(ci(checks.WhenAlways), "a", "b", "c", "d")
	w.commit(r, jobs)
	w.told()
	for n := range 3 {
		w.ends(&r, jobs, []checks.Outcome{passed, passed, passed}[:n+1]...)
		// What comes later is told meanwhile.
		other, more := w.run(ci(checks.WhenAlways), "a")
		w.ends(&other, more, passed)
		w.until("the other run to be told", func() bool { return len(w.slack.Messages("ci")) == n+2 })
		if got := w.slack.Messages("ci")[0]; got.Edits > 1 {
			t.Fatalf("the message changed %d times within the hour", got.Edits)
		}
	}
	edits := w.slack.Messages("ci")[0].Edits
	w.ends(&r, jobs, passed, passed, passed, passed)
	w.until("the end to be told", func() bool { return w.slack.Messages("ci")[0].Edits > edits })
}

// TestLostAnswer shows that a message whose answer was lost is found where the
// App may read the channel, and comes twice where it may not.
func TestLostAnswer(t *testing.T) {
	for _, c := range []struct {
		may  bool
		want int
	}{{true, 2}, {false, 3}} {
		t.Run(fmt.Sprintf("may read is %t", c.may), func(t *testing.T) {
			w := begin(t)
			if c.may {
				w.slack.Allow(slacktest.Token, "channels:history")
			}
			w.whole(ci(checks.WhenAlways), []string{"api"}, passed) // from then on the channel's id is known
			var lost atomic.Bool
			w.slack.Fail(func(method string) *slacktest.Fault {
				if method == "chat.postMessage" && lost.CompareAndSwap(false, true) {
					return &slacktest.Fault{Lost: true}
				}
				return nil
			})
			w.whole(ci(checks.WhenAlways), []string{"api"}, failed)
			if got := w.slack.Messages("ci"); len(got) != c.want || len(got[len(got)-1].Replies) != 1 {
				t.Errorf("%d messages, want %d: %s", len(got), c.want, w.shows("ci"))
			}
		})
	}
}

// TestAnswerLostToACrash shows the same of a process that ends between a
// message and the note of it: what the store has then is that it was asked for.
func TestAnswerLostToACrash(t *testing.T) {
	w := begin(t)
	w.slack.Allow(slacktest.Token, "channels:history")
	w.whole(ci(checks.WhenAlways), []string{"api"}, passed)
	old := w.slack.Messages("ci")[0]
	r := w.whole(ci(checks.WhenAlways), []string{"api"}, failed)
	posts, err := w.store.Posts(r.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.stop()
	// The store as it was before the answer came.
	if err := w.store.Posted(t.Context(), r.ID, "#ci", checks.Post{Asked: posts["#ci"].Asked}); err != nil {
		t.Fatal(err)
	}
	jobs, err := w.store.Jobs(r.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.commit(r, jobs)
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	w.open()
	w.told()
	if got := w.slack.Messages("ci"); len(got) != 2 || got[0].Text != old.Text || got[1].Edits != 1 {
		t.Errorf("after the crash: %s", w.shows("ci"))
	}
	now, err := w.store.Posts(r.ID)
	if err != nil || now["#ci"].ID != posts["#ci"].ID || now["#ci"].Told != posts["#ci"].Told {
		t.Errorf("the store has %+v (%v), before it had %+v", now["#ci"], err, posts["#ci"])
	}
}

// TestStorm lets a fifth of all calls fail in any way, over restarts: each run
// has its message in the end, with its last state; where an answer was lost
// there may be one more.
func TestStorm(t *testing.T) {
	w := begin(t)
	w.slack.Allow(slacktest.Token, "channels:history")
	r := rand.New(rand.NewPCG(1, 2))
	var calm atomic.Bool
	var lost atomic.Int64
	faults := make(chan *slacktest.Fault, 1)
	next := func() *slacktest.Fault {
		switch r.IntN(20) {
		case 0:
			return &slacktest.Fault{Status: http.StatusBadGateway}
		case 1:
			return &slacktest.Fault{Reset: true}
		case 2:
			lost.Add(1)
			return &slacktest.Fault{Lost: true}
		case 3:
			return &slacktest.Fault{Error: "internal_error"}
		}
		return nil
	}
	faults <- next()
	w.slack.Fail(func(string) *slacktest.Fault {
		if calm.Load() {
			return nil
		}
		f := <-faults
		faults <- next()
		return f
	})
	const runs = 40
	for i := range runs {
		run, jobs := w.run(ci(checks.WhenAlways), "api", "lib")
		run.PullRequest.Number = i + 1
		w.commit(run, jobs)
		w.ends(&run, jobs, failed)
		w.ends(&run, jobs, failed, passed)
		if i%10 == 9 {
			w.shut()
			w.open()
		}
	}
	w.until("most to be told", func() bool { return len(w.slack.Messages("ci")) > runs/2 })
	calm.Store(true)
	w.told()
	last := map[string]int{}
	for _, m := range w.slack.Messages("ci") {
		if strings.Contains(m.Text, "api failed, 1 passed") && len(m.Replies) > 0 {
			number, _, _ := strings.Cut(m.Text[strings.Index(m.Text, "/pull/"):], "|")
			last[number]++
		}
	}
	if len(last) != runs {
		t.Errorf("%d of %d runs have a message with their last state", len(last), runs)
	}
	if extra := len(w.slack.Messages("ci")) - runs; extra < 0 || extra > int(lost.Load()) {
		t.Errorf("%d messages too many, and %d answers were lost", extra, lost.Load())
	}
	t.Logf("%d messages of %d runs, %d answers lost, %d calls", len(w.slack.Messages("ci")), runs, lost.Load(), w.slack.Calls("chat.postMessage")+w.slack.Calls("chat.update"))
}

func TestComment(t *testing.T) {
	w := begin(t)
	only := checks.Notify{Comment: checks.WhenFailure}
	w.whole(only, []string{"api"}, passed)
	if c := w.talk.all(); len(c) != 0 {
		t.Fatalf("nothing failed, and there is %q", c)
	}
	w.talk.lost = true
	w.whole(only, []string{"api", "lib"}, failed, passed)
	w.whole(only, []string{"api", "lib"}, passed, passed)
	c := w.talk.all()
	if len(c) != 1 || !strings.Contains(c[0], "✅ **2 packages passed") || !strings.Contains(c[0], "runs/run3") {
		t.Fatalf("the comment is %q", c)
	}

	// The end of an older run leaves it alone.
	old, jobs := w.run(only, "api")
	w.commit(old, jobs)
	w.whole(only, []string{"api"}, passed)
	w.ends(&old, jobs, failed)
	w.told()
	if c := w.talk.all(); len(c) != 1 || !strings.Contains(c[0], "runs/run5") {
		t.Fatalf("after an older run ended the comment is %q", c)
	}

	// Somebody deletes it: the next end writes another.
	w.talk.mu.Lock()
	clear(w.talk.comments)
	w.talk.mu.Unlock()
	w.whole(only, []string{"api"}, failed)
	if c := w.talk.all(); len(c) != 1 || !strings.Contains(c[0], "❌ **api failed**") {
		t.Fatalf("after it was deleted the comment is %q", c)
	}

	// Without the permission it is given up, and not tried at each run.
	w.talk.mu.Lock()
	w.talk.err = checks.Errorf(checks.KindRefused, nil, "Give the App the permission.")
	before := w.talk.calls
	w.talk.mu.Unlock()
	w.given(w.whole(only, []string{"api"}, passed), "comment", "Give the App the permission.")
	w.given(w.whole(only, []string{"api"}, passed), "comment", "within the hour")
	if n := w.talk.calls - before; n != 1 {
		t.Errorf("GitHub was asked %d times", n)
	}

	w.talk.mu.Lock()
	w.talk.err = nil
	w.talk.mu.Unlock()

	// Comments count as writes, and leave the last of the hour to checks.
	budget := report.NewBudget(report.Limits{Minute: 10, Hour: 10})
	budget.Spend(7, time.Now(), 10)
	w.shut()
	w.budget = budget
	w.open()
	poor, jobs := w.run(only, "api")
	poor.PullRequest.Number = 9
	before = w.talk.calls
	w.ends(&poor, jobs, failed)
	w.until("the run to be read", func() bool { rows, err := w.store.Notices(9); return err == nil && len(rows) == 1 })
	w.shut()
	if w.talk.calls != before {
		t.Error("a comment was written that the budget had no room for")
	}
	w.budget = nil
	w.open()
	w.told()
	if c := w.talk.all(); len(c) != 2 {
		t.Errorf("with room again there is %q", c)
	}

	never, jobs := w.run(checks.Notify{Comment: checks.WhenNever, Slack: ci(checks.WhenAlways).Slack}, "api")
	never.PullRequest.Number = 6
	w.ends(&never, jobs, failed)
	w.told()
	if c := w.talk.all(); len(c) != 2 {
		t.Errorf("a pull request that wants none has a comment: %q", c)
	}
}

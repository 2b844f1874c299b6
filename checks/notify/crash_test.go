package notify_test

import (
	"os"
	"os/exec"
	"sync/atomic"
	"testing"

	"github.com/dudesons/loktar/app/slack/slacktest"
	"github.com/dudesons/loktar/checks"
)

// The child of TestSIGKILL finds its store and its Slack in these.
const (
	childStore = "LOKTAR_TEST_NOTIFY_STORE"
	childSlack = "LOKTAR_TEST_NOTIFY_SLACK"
)

// TestSIGKILL kills a process that tells people, in the middle of its calls:
// when Slack has the message and the process has not heard of it, and before.
// The next process tells on: each run has one message in the end, whose thread
// says what failed.
func TestSIGKILL(t *testing.T) {
	if dir := os.Getenv(childStore); dir != "" {
		w := &world{t: t, dir: dir, slack: slacktest.At(os.Getenv(childSlack)), token: slacktest.Token, talk: &talk{}}
		w.open()
		w.told()
		w.shut()
		return
	}
	w := begin(t)
	w.slack.Allow(slacktest.Token, "channels:history")
	w.whole(ci(checks.WhenAlways), []string{"api"}, passed) // from then on the channel's id is known
	const runs = 12
	for i := range runs {
		r, jobs := w.run(ci(checks.WhenAlways), "api")
		r.PullRequest.Number = 10 + i
		w.stop()
		w.ends(&r, jobs, failed)
	}
	w.shut()
	t.Cleanup(func() { w.open() }) // for the world's own end

	var calls, kills atomic.Int64
	var child atomic.Pointer[os.Process]
	kill := func() {
		kills.Add(1)
		if err := child.Load().Kill(); err != nil {
			t.Errorf("kill: %v", err)
		}
	}
	w.slack.Fail(func(method string) *slacktest.Fault {
		switch n := calls.Add(1); {
		case kills.Load() >= 10:
			return nil
		case n%3 == 0 && method == "chat.postMessage":
			return &slacktest.Fault{Then: kill, Lost: true}
		case n%5 == 0:
			kill()
			return &slacktest.Fault{Reset: true}
		}
		return nil
	})
	for attempt := 0; ; attempt++ {
		if attempt > 15 {
			t.Fatal("it comes to no end")
		}
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSIGKILL$", "-test.timeout=60s")
		cmd.Env = append(os.Environ(), childStore+"="+w.dir, childSlack+"="+w.slack.URL)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		child.Store(cmd.Process)
		if cmd.Wait() == nil {
			break
		}
	}
	if kills.Load() < 5 {
		t.Errorf("the child was killed %d times only", kills.Load())
	}
	got := w.slack.Messages("ci")
	if len(got) != 1+runs {
		t.Errorf("%d messages of %d runs after %d kills: %s", len(got), 1+runs, kills.Load(), w.shows("ci"))
	}
	for _, m := range got[1:] {
		if len(m.Replies) == 0 {
			t.Errorf("nothing stands below %q", m.Text)
		}
	}
}

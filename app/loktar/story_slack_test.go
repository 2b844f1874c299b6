package main

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dudesons/loktar/app/slack/slacktest"
)

// slack FILE: start a workspace of Slack with the channels #ci, #other, #team,
// #secret and #releases, the bot in all of them, whose address stands in FILE
// for SLACK_URL from now on. $SLACK_TOKEN is the bot's token, and $SLACK_HOOK a
// webhook of #releases.
func (w *world) slack(ts *testscript.TestScript, _ bool, args []string) {
	w.people = slacktest.Start(w.t)
	for _, name := range []string{"other", "team", "secret", "releases"} {
		w.people.Add(name, true)
	}
	path := ts.MkAbs(args[0])
	ts.Check(os.WriteFile(path, []byte(strings.ReplaceAll(ts.ReadFile(args[0]), "SLACK_URL", w.people.URL)), 0o600))
	ts.Setenv("SLACK_TOKEN", slacktest.Token)
	ts.Setenv("SLACK_HOOK", w.people.Hook("releases"))
}

// told CHANNEL [REGEXP [REPLY]]: the channel's last message comes to match, and
// its last reply. Without a pattern the channel has no message.
func (w *world) told(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) == 1 {
		if all := w.people.Messages(args[0]); len(all) != 0 {
			ts.Fatalf("#%s has %+v", args[0], all)
		}
		return
	}
	what := fmt.Sprintf("#%s to say %q", args[0], args[1:])
	defer func() {
		for _, m := range w.people.Messages(args[0]) {
			ts.Logf("#%s: %s, with %d replies", args[0], m.Text, len(m.Replies))
		}
	}()
	w.until(ts, what, func() bool {
		all := w.people.Messages(args[0])
		if len(all) == 0 || !regexp.MustCompile(args[1]).MatchString(all[len(all)-1].Text) {
			return false
		}
		replies := all[len(all)-1].Replies
		return len(args) == 2 || len(replies) > 0 && regexp.MustCompile(args[2]).MatchString(replies[len(replies)-1].Text)
	})
	for _, m := range w.people.Messages(args[0]) {
		if m.Shouts() {
			ts.Fatalf("a message calls people by name: %q", m.Text)
		}
	}
}

// messages CHANNEL COUNT: the channel comes to have so many, their replies not
// counted.
func (w *world) messages(ts *testscript.TestScript, _ bool, args []string) {
	w.until(ts, args[1]+" messages in #"+args[0], func() bool {
		return strconv.Itoa(len(w.people.Messages(args[0]))) == args[1]
	})
}

// workspace down|up: no call to Slack succeeds any more, or all do.
func (w *world) workspace(ts *testscript.TestScript, _ bool, args []string) {
	switch args[0] {
	case "down":
		w.people.Fail(func(string) *slacktest.Fault { return &slacktest.Fault{Status: http.StatusServiceUnavailable} })
	case "up":
		w.people.Fail(nil)
	default:
		ts.Fatalf("workspace is down or up, not %s", args[0])
	}
}

// sticky COUNT REGEXP: the pull request comes to have so many comments, the
// last of which matches.
func (w *world) sticky(ts *testscript.TestScript, _ bool, args []string) {
	w.until(ts, "a comment that says "+args[1], func() bool {
		all := w.hub.Comments(w.name, w.number)
		return strconv.Itoa(len(all)) == args[0] && regexp.MustCompile(args[1]).MatchString(all[len(all)-1].Body)
	})
}

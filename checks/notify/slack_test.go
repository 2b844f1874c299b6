package notify_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/app/slack/slacktest"
	"github.com/dudesons/loktar/checks"
)

const (
	passed = checks.OutcomePassed
	failed = checks.OutcomeFailed
)

// match holds that a channel shows messages, oldest first, each with its
// replies, that match these.
func (w *world) match(channel string, want ...string) {
	w.t.Helper()
	var got []string
	for _, m := range w.slack.Messages(channel) {
		text := m.Text
		for _, r := range m.Replies {
			text += "\n>> " + r.Text
		}
		got = append(got, text)
	}
	ok := len(got) == len(want)
	for i := 0; ok && i < len(want); i++ {
		ok = regexp.MustCompile(`(?s)^(?:` + want[i] + `)$`).MatchString(got[i])
	}
	if !ok {
		w.t.Fatalf("#%s has\n%q, want\n%q", channel, got, want)
	}
}

func TestOneMessageARun(t *testing.T) {
	w := begin(t)
	r, jobs := w.run(ci(checks.WhenFailure), "api", "lib", "web")
	w.commit(r, jobs)
	w.told()
	w.match("ci")
	// The first red one decides: people need not wait for the others.
	w.ends(&r, jobs, failed)
	w.told()
	const head = `❌ \*acme/pets\* <https://github.com/acme/pets/pull/5\|#5> Add cats: <https://loktar.example.com/runs/run1\|`
	w.match("ci", head+`1 of 3 packages done, 1 failed>`)
	w.ends(&r, jobs, failed, passed, checks.OutcomeErrored)
	w.told()
	w.match("ci", head+`api failed, 1 could not be run by Loktar, 1 passed>\n>> `+
		`❌ <https://loktar.example.com/runs/run1/api\|api>: Failed after 1.0 s with exit code 2.\n`+
		`⚠️ <https://loktar.example.com/runs/run1/web\|web>: Loktar could not run it.`)
	if m := w.slack.Messages("ci")[0]; m.Edits == 0 || m.Shouts() {
		t.Errorf("the message %+v", m)
	}
	// What says the same is not said again.
	calls := w.slack.Calls("chat.update") + w.slack.Calls("chat.postMessage")
	w.commit(r, jobs)
	w.told()
	if now := w.slack.Calls("chat.update") + w.slack.Calls("chat.postMessage"); now != calls {
		t.Errorf("%d calls, %d before", now, calls)
	}
}

func TestWhenPeopleAreTold(t *testing.T) {
	w := begin(t)
	two := []string{"api", "lib"}
	w.whole(ci(checks.WhenFixed, checks.WhenFailure), two, passed, passed)
	w.match("ci")
	w.whole(ci(checks.WhenFixed), two, failed, passed)
	w.match("ci")
	// One that was stopped says nothing, so that the next is seen beside the red.
	w.whole(ci(checks.WhenFixed), two, checks.OutcomeSuperseded, checks.OutcomeCancelled)
	w.whole(ci(checks.WhenFixed), two, passed, passed)
	w.match("ci", `✅ .*2 packages passed.*>, fixed: api`)
	w.whole(ci(checks.WhenFixed), two, passed, passed)
	w.match("ci", `✅ .*, fixed: api`)
	w.whole(ci(checks.WhenFailure), two, checks.OutcomeErrored, passed)
	w.match("ci", `✅ .*`, `⚠️ .*1 could not be run by Loktar, 1 passed> \(a fault of Loktar, not of the code\)\n>> ⚠️ .*`)
	w.whole(ci(checks.WhenAlways), two, checks.OutcomeCancelled, checks.OutcomeCancelled)
	w.match("ci", `✅ .*`, `⚠️ .*`, `🚫 .*2 stopped>`)
}

func TestPublished(t *testing.T) {
	w := begin(t)
	r, jobs := w.run(ci(checks.WhenPublished), "lib", "lib / publish")
	r.PullRequest, r.Push = nil, &checks.Push{Ref: "refs/heads/main", After: r.HeadSHA, DefaultBranch: "main"}
	jobs[1].Release = &checks.Release{Package: "lib", Key: "k"}
	w.ends(&r, jobs, passed)
	w.told()
	w.match("ci")
	now := time.Now().UTC()
	jobs[1].State, jobs[1].Finished, r.Finished = checks.StateDone, now, now
	jobs[1].Result = checks.Result{Outcome: passed, Version: "7"}
	w.commit(r, jobs)
	w.told()
	w.match("ci", `📦 \*acme/pets\* <https://github.com/acme/pets/tree/main\|main>: <[^>]*\|2 packages passed[^>]*>, published: <https://loktar.example.com/runs/run1/lib%20%2F%20publish\|lib> 7`)
}

// TestFixedOnABranch shows that a push which passes fixes what it tested, and
// nothing else.
func TestFixedOnABranch(t *testing.T) {
	w := begin(t)
	push := func(packages []string, outcomes ...checks.Outcome) {
		r, jobs := w.run(ci(checks.WhenFixed), packages...)
		r.PullRequest, r.Push = nil, &checks.Push{Ref: "refs/heads/main", After: r.HeadSHA}
		w.ends(&r, jobs, outcomes...)
		w.told()
	}
	push([]string{"api", "lib"}, failed, passed)
	push([]string{"web"}, passed)
	w.match("ci")
	push([]string{"web", "api"}, passed, passed)
	w.match("ci", `✅ .*fixed: api`)
}

func TestRulesOfOneChannel(t *testing.T) {
	w := begin(t)
	n := checks.Notify{Slack: []checks.SlackRule{
		{Channel: "#ci", On: []checks.When{checks.WhenFailure}, Packages: []string{"li*"}},
		{Channel: "#ci", On: []checks.When{checks.WhenAlways}, Packages: []string{"web"}, Events: []checks.NotifyEvent{checks.NotifyPush}},
	}}
	w.whole(n, []string{"api", "lib", "web"}, failed, passed, failed)
	w.match("ci")
	w.whole(n, []string{"api", "lib", "web"}, failed, failed, failed)
	w.match("ci", `❌ .*\|lib failed>\n>> ❌ [^\n]*\|lib>[^\n]*`)
}

func TestWebhook(t *testing.T) {
	w := begin(t)
	n := checks.Notify{Slack: []checks.SlackRule{{Webhook: "releases", On: []checks.When{checks.WhenAlways}}}}
	r, jobs := w.run(n, "api", "lib")
	w.ends(&r, jobs, failed)
	w.told()
	w.match("general")
	w.ends(&r, jobs, failed, passed)
	w.told()
	w.commit(r, jobs)
	w.told()
	w.match("general", `❌ .*api failed, 1 passed>`)
	w.slack.Unhook()
	r = w.whole(n, []string{"api"}, failed)
	w.given(r, "webhook releases", "There is no such channel")
}

// given holds that a place was given up, for a reason that says this.
func (w *world) given(r checks.Run, place, why string) {
	w.t.Helper()
	posts, err := w.store.Posts(r.ID)
	if err != nil || !strings.Contains(posts[place].GivenUp, why) || why == "" && posts[place].GivenUp != "" {
		w.t.Fatalf("%s is given up because of %q (%v), want %q", place, posts[place].GivenUp, err, why)
	}
}

// TestRefusals shows that what Slack refuses for good is given up with a word
// for the run's page, and that later runs are told once it is mended.
func TestRefusals(t *testing.T) {
	w := begin(t)
	fail := func(channel string) checks.Run {
		n := checks.Notify{Slack: []checks.SlackRule{{Channel: channel, On: []checks.When{checks.WhenFailure}}, {Channel: "#ci", On: []checks.When{checks.WhenFailure}}}}
		return w.whole(n, []string{"api"}, failed)
	}
	w.given(fail("#nosuch"), "#nosuch", "channel_not_found. There is no such channel")
	w.given(fail("#general"), "#general", "not_in_channel. Invite the App")
	w.slack.Change("general", func(c *slacktest.Channel) { c.Archived = true })
	w.given(fail("#general"), "#general", "is_archived")
	if n := len(w.slack.Messages("ci")); n != 3 {
		t.Errorf("#ci has %d messages: one place kept another from being told", n)
	}
	w.slack.Revoke(slacktest.Token, "token_revoked")
	w.given(fail("#nosuch"), "#ci", "token_revoked. The server's token")
	w.slack.Allow("xoxb-2-second")
	w.mu.Lock()
	w.token = "xoxb-2-second"
	w.mu.Unlock()
	w.given(fail("#nosuch"), "#ci", "")
	if n := len(w.slack.Messages("ci")); n != 4 {
		t.Errorf("#ci has %d messages after the repair", n)
	}
}

func TestMessageThatCannotBeChanged(t *testing.T) {
	w := begin(t)
	r, jobs := w.run(ci(checks.WhenAlways), "api", "lib")
	w.commit(r, jobs)
	w.told()
	w.slack.Window(time.Nanosecond)
	w.ends(&r, jobs, failed)
	w.told()
	w.ends(&r, jobs, failed, passed)
	w.told()
	w.match("ci", `🔄 .*0 of 2 packages done>\n>> ❌ .*api failed, 1 passed>\n>> ❌ .*exit code 2.`)

	// Somebody deleted it: nobody wants it back.
	w.slack.Window(0)
	r, jobs = w.run(ci(checks.WhenAlways), "api")
	w.commit(r, jobs)
	w.told()
	w.slack.Delete("ci", w.slack.Messages("ci")[1].TS)
	w.ends(&r, jobs, failed)
	w.told()
	w.match("ci", `🔄 .*`)
	w.given(r, "#ci", "Somebody deleted the message")
}

func TestHostileNames(t *testing.T) {
	w := begin(t)
	r, jobs := w.run(ci(checks.WhenAlways), "api")
	r.PullRequest.Title = "<!channel> <@U1> @here *bold* `code` <https://evil.example|x> & :tada:\n> quote #general \u202e"
	r.PullRequest.Head.Branch, r.Sender.Login = "<!here>", "<!everyone>"
	w.ends(&r, jobs, failed)
	w.told()
	w.match("ci", `.*#5> &lt;!channel&gt; &lt;@\x{200b}U1&gt; @\x{200b}here ∗bold∗ ˋcodeˋ &lt;https꞉//evil.example\|x&gt; &amp; ꞉tada: &gt; quote #general �: <.*`)
	for _, m := range w.slack.Messages("ci") {
		if m.Shouts() {
			t.Errorf("somebody is called: %q", m.Text)
		}
	}

	r, jobs = w.run(ci(checks.WhenAlways), "api")
	r.PullRequest, r.Push = nil, &checks.Push{Ref: "refs/heads/<!channel>|x>/a b?#", After: r.HeadSHA}
	w.ends(&r, jobs, failed)
	w.told()
	w.match("ci", `.*`, `❌ \*acme/pets\* <https://github.com/acme/pets/tree/%3C%21channel%3E%7Cx%3E/a%20b%3F%23\|&lt;!channel&gt;¦x&gt;/a b\?#>: .*`)
}

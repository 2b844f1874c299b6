package configs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSlack(t *testing.T) {
	token := write(t, "token", "xoxb-1\n")
	file := write(t, "loktar.yml", `slack:
  token_file: `+token+`
  channels:
    "#ci": {repositories: [acme/*], on: failure}
    "#te*": {allow: [acme/pets, "globex/*"]}
    C0123456789: {repositories: [acme/docs]}
  webhooks:
    hook: {url_env: HOOK, repositories: [acme/pets]}
`)
	t.Setenv("HOOK", "https://hooks.slack.com/services/T/B/secret")
	c := load(t, file, enough(t, "HOOK=https://hooks.slack.com/services/T/B/secret"))
	names := func(owner, repo string) (out []string) {
		for _, ch := range c.Slack.ChannelsOf(owner, repo) {
			out = append(out, ch.Name)
		}
		return out
	}
	for repo, want := range map[string][]string{"acme/pets": {"#ci", "hook"}, "ACME/docs": {"#ci", "C0123456789"}, "globex/x": nil} {
		owner, name, _ := strings.Cut(repo, "/")
		if diff := cmp.Diff(want, names(owner, name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", repo, diff)
		}
	}
	for _, a := range []struct {
		owner, repo, channel string
		want                 bool
	}{
		{"acme", "pets", "#team", true}, {"acme", "pets", "#ci", false}, {"acme", "docs", "#team", false},
		{"Globex", "x", "#te", true}, {"globex", "x", "hook", false}, {"acme", "pets", "#x-team", false},
	} {
		if got := c.Slack.Allows(a.owner, a.repo, a.channel); got != a.want {
			t.Errorf("%+v: %v", a, got)
		}
	}
	if s, err := c.Slack.Token(); err != nil || s.Reveal() != "xoxb-1" {
		t.Errorf("the token is %q (%v)", s.Reveal(), err)
	}
	overwrite(t, token, []byte("xoxb-2"))
	if s, err := c.Slack.Token(); err != nil || s.Reveal() != "xoxb-2" {
		t.Errorf("the new token is %q (%v)", s.Reveal(), err)
	}
	if s, err := c.Slack.Webhook("hook"); err != nil || !strings.HasSuffix(s.Reveal(), "/secret") {
		t.Errorf("the webhook is %q (%v)", s.Reveal(), err)
	}
	if _, err := c.Slack.Webhook("other"); err == nil {
		t.Error("there is a webhook of another name")
	}
	if (Config{}).Slack.Used() || !c.Slack.Used() {
		t.Error("Slack counts as used where it is not, or the other way round")
	}
}

func TestSlackProblems(t *testing.T) {
	hook := write(t, "hook", "not an address: hush")
	for name, c := range map[string]struct {
		file string
		want []string
	}{
		"a token in the file": {"slack: xoxb-1-hush\n", []string{"FILE:1: slack has to hold keys; no secret stands in this file"}},
		"a token as a path":   {"slack: {token_file: xoxb-1-hush}\n", []string{"FILE:1: slack.token_file cannot be read"}},
		"no token":            {"slack: {channels: {'#ci': {repositories: [acme/*]}}}\n", []string{"FILE:1: slack.token_file is not set, and there are channels"}},
		"keys": {"slack:\n  tokenfile: x\n  channels:\n    ci: {repository: [a/b]}\n    '#CI': {}\n    '#a*': {repositories: [a/b]}\n    '#b': {allow: ['*'], on: [red], events: [], packages: ['a b']}\n  token_env: TOKEN\n", []string{
			"slack.tokenfile is not a key of Slack; did you mean `token_file`?",
			"FILE:4: slack.channels has a name that is no channel",
			"slack.channels.repository is not a key of a channel; did you mean `repositories`?",
			"FILE:6: slack.channels.#a*.repositories stands below a name with `*`",
			"slack.channels.#b.allow \"*\" names no owner",
			"slack.channels.#b.on \"red\" is nothing that is told of",
			"slack.channels.#b.events is an empty list",
			"slack.channels.#b.packages \"a b\" is not the name of a package",
		}},
		"webhooks": {"slack: {webhooks: {a: {url_file: " + hook + ", repositories: [a/b]}, b: {repositories: [a/b]}, c: {url_env: HOOK}, d: {url_file: 'https://hooks.slack.com/hush'}}}\n", []string{
			"slack.webhooks.a.url_file", "does not hold the address of a webhook",
			"slack.webhooks.b.url_file is not set", "slack.webhooks.c.repositories is not set", "slack.webhooks.d.url_file cannot be read",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			file := write(t, "loktar.yml", c.file)
			_, err := Load(file, enough(t, "TOKEN=x", "HOOK=https://hooks.slack.com/services/T"))
			if err == nil {
				t.Fatal("it is taken")
			}
			text := strings.ReplaceAll(err.Error(), file, "FILE")
			for _, w := range c.want {
				if !strings.Contains(text, w) {
					t.Errorf("the error does not say %q:\n%s", w, text)
				}
			}
			if strings.Contains(text, "hush") {
				t.Errorf("the error shows a secret:\n%s", text)
			}
		})
	}
}

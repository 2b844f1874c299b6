package configs

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/dudesons/loktar/configs/internal/value"
)

// slack is the key of the map that has how people are told of runs in Slack.
// It has no variables.
const slack = "slack"

// Slack is a workspace of Slack, and who is told of which runs there. It may be
// printed: it holds no secret, but says where they are.
type Slack struct {
	// URL is the root of the Web API; "" is Slack's own.
	URL string
	// Message and Details are templates; "" is the usual text.
	Message, Details string
	// Channels are in the order of the file, webhooks after the others.
	Channels []SlackChannel

	token secretSource
}

// SlackChannel is a channel, or an incoming webhook to one.
type SlackChannel struct {
	// Name is "#" and a name, in which "*" stands for any characters, or the
	// channel's id. Of a webhook it is what the configuration calls it.
	Name    string
	Webhook bool
	// Repositories are those whose runs are told there: OWNER/NAME or OWNER/*.
	Repositories []string
	// On, Events and Packages are as in loktar.json; nil is what it says there.
	On, Events, Packages []string
	// Allow are the repositories whose loktar.json may name the channel.
	Allow []string

	source secretSource
	label  string
}

// HasToken reports whether a bot's token is configured.
func (s Slack) HasToken() bool { return s.token.key != "" }

// Used reports whether anything of Slack is configured.
func (s Slack) Used() bool { return s.HasToken() || len(s.Channels) > 0 }

// Token is the bot's token. It is read anew each time. The error holds no
// secret.
func (s Slack) Token() (Secret, error) { return s.token.read() }

// Webhook is the address of the incoming webhook of that name, likewise.
func (s Slack) Webhook(name string) (Secret, error) {
	for _, c := range s.Channels {
		if c.Webhook && c.Name == name {
			return c.source.read()
		}
	}
	return Secret{}, fmt.Errorf("%s.webhooks has no %s", slack, name)
}

func (s secretSource) read() (Secret, error) {
	text, err := s.text()
	if err != nil {
		return Secret{}, fmt.Errorf("%s %w", s.key, err)
	}
	return NewSecret(strings.TrimSpace(text)), nil
}

// ChannelsOf are the channels and webhooks that are told of a repository's runs.
func (s Slack) ChannelsOf(owner, repo string) []SlackChannel {
	return slices.DeleteFunc(slices.Clone(s.Channels), func(c SlackChannel) bool {
		return !Registry{Repositories: c.Repositories}.allows(owner + "/" + repo)
	})
}

// Allows reports whether the loktar.json of a repository may have the channel
// told.
func (s Slack) Allows(owner, repo, channel string) bool {
	return slices.ContainsFunc(s.Channels, func(c SlackChannel) bool {
		ok, err := path.Match(c.Name, channel)
		return !c.Webhook && err == nil && ok && Registry{Repositories: c.Allow}.allows(owner+"/"+repo)
	})
}

var (
	slackKeys   = []string{"token_file", "token_env", "url", "message", "details", "channels", "webhooks"}
	channelKeys = []string{repositories, "on", "events", "packages", "allow"}
	webhookKeys = []string{"url_file", "url_env", repositories, "on", "events", "packages"}
	slackOn     = []string{"failure", "fixed", "published", "always"}
	slackEvents = []string{"pull_request", "push", "tag", "merge_group"}
)

// talking checks what the file says of Slack.
func (l *loader) talking(c *Config) {
	if l.slack == nil {
		return
	}
	s := &c.Slack
	if l.slack.kind != yaml.MappingNode {
		l.complain(slack, l.slack.source, "has to hold keys; no secret stands in this file: write below it `token_file:` with the path of one, and `channels:`")
		return
	}
	for name, part := range l.parts(slack, *l.slack, slackKeys, "Slack") {
		switch part.name {
		case "token_file", "token_env":
			l.secretSource(&s.token, name, part)
		case "url":
			l.oneValue(name, part, func(v string) (err error) {
				s.URL, err = webURL(v, "https://slack.com/api")
				return err
			})
		case "message":
			l.oneValue(name, part, func(v string) error { s.Message = v; return nil })
		case "details":
			l.oneValue(name, part, func(v string) error { s.Details = v; return nil })
		case "channels", "webhooks":
			if part.kind != yaml.MappingNode {
				l.complain(name, part.source, "has to hold "+part.name+"; write a name with a colon on a line of its own below it, in quotes where it begins with `#`, and its keys below that")
				continue
			}
			for _, p := range part.parts {
				s.Channels = append(s.Channels, l.slackChannel(name, p, part.name == "webhooks"))
			}
		}
	}
	slices.SortStableFunc(s.Channels, func(a, b SlackChannel) int {
		switch {
		case a.Webhook == b.Webhook:
			return 0
		case b.Webhook:
			return -1
		}
		return 1
	})
	if i := slices.IndexFunc(s.Channels, func(c SlackChannel) bool { return !c.Webhook }); i >= 0 && !s.HasToken() {
		l.complain(slack+".token_file", l.slack.source, "is not set, and there are channels; write the path of the file that has the bot's token, or the name of its variable as `token_env`")
	}
}

// slackChannel reads one channel or webhook.
func (l *loader) slackChannel(group string, p setting, webhook bool) SlackChannel {
	c := SlackChannel{Name: p.name, Webhook: webhook, label: group + "." + p.name}
	keys, what := channelKeys, "a channel"
	if webhook {
		keys, what = webhookKeys, "a webhook"
	}
	if err := checkSlackName(p.name, webhook); err != nil {
		c.label = group
		l.problems = append(l.problems, Problem{Key: group, Source: p.source, Message: err.Error()})
	}
	if first := l.layer[c.label]; first != "" && c.label != group {
		l.complain(c.label, p.source, "is there twice; remove one of the two, the other is at "+first)
	}
	l.layer[c.label] = p.source
	if p.kind != yaml.MappingNode {
		l.complain(c.label, p.source, "has to hold keys; write below it one of "+strings.Join(keys, ", "))
		return c
	}
	for name, part := range l.parts(c.label, p, keys, what) {
		switch part.name {
		case "url_file", "url_env":
			l.secretSource(&c.source, name, part)
		case repositories:
			c.Repositories = l.listOf(name, part, checkHeard)
		case "allow":
			c.Allow = l.listOf(name, part, checkHeard)
		case "on":
			c.On = l.listOf(name, part, oneOf("nothing that is told of", slackOn))
		case "events":
			c.Events = l.listOf(name, part, oneOf("no kind of run", slackEvents))
		case "packages":
			c.Packages = l.listOf(name, part, checkPattern)
		}
	}
	switch {
	case webhook && c.source.key == "":
		l.complain(c.label+".url_file", p.source, "is not set; write the path of the file that has the webhook's address, or the name of its variable as `url_env`")
	case webhook && c.Repositories == nil:
		l.complain(c.label+"."+repositories, p.source, "is not set; list whose runs are told there, for example [acme/pets, \"acme/*\"]")
	case !webhook && c.Repositories == nil && c.Allow == nil:
		l.complain(c.label+"."+repositories, p.source, "is not set; list whose runs are told there, for example [acme/pets, \"acme/*\"], or as `allow` whose loktar.json may name the channel")
	case !webhook && strings.Contains(c.Name, "*") && c.Repositories != nil:
		l.complain(c.label+"."+repositories, p.source, "stands below a name with `*`, which is many channels; write `allow`, or the whole name")
	}
	return c
}

func checkSlackName(name string, webhook bool) error {
	if webhook {
		if !registryName().MatchString(name) {
			return errors.New("has a name that is none; write a short one of letters, digits, `-`, `_` and `.`")
		}
		return nil
	}
	if err := value.Channel(strings.ReplaceAll(name, "*", "x")); err != nil {
		return errors.New("has a name that is no channel; write `\"#name\":`, in small letters and in quotes, or the channel's id")
	}
	return nil
}

// checkHeard refuses what is neither OWNER/NAME nor OWNER/*.
func checkHeard(v string) error {
	if strings.Trim(v, "*/") == "" {
		return errors.New("names no owner; write OWNER/NAME or OWNER/*")
	}
	return checkRepository(v)
}

func oneOf(not string, words []string) func(string) error {
	return func(v string) error {
		if slices.Contains(words, v) {
			return nil
		}
		return errors.New("is " + not + value.Say(value.Nearest(v, words, nil), "write one of "+strings.Join(words, ", ")))
	}
}

// parts gives the settings below label that have one of these keys, each once
// and with a value, under its whole name. It complains of all others.
func (l *loader) parts(label string, m setting, keys []string, what string) func(func(string, setting) bool) {
	return func(yield func(string, setting) bool) {
		there := map[string]string{}
		for _, s := range m.parts {
			name := label + "." + s.name
			switch {
			case !slices.Contains(keys, s.name):
				l.complain(name, s.source, "is not a key of "+what+value.Say(value.Nearest(s.name, keys, nil), "write one of "+strings.Join(keys, ", ")))
			case s.kind == 0: // as if it were not there
			case there[s.name] != "":
				l.complain(name, s.source, "is there twice; remove one of the two, the other is at "+there[s.name])
			default:
				there[s.name] = s.source
				if !yield(name, s) {
					return
				}
			}
		}
	}
}

func (l *loader) oneValue(name string, s setting, set func(string) error) {
	if s.kind != yaml.ScalarNode {
		l.complain(name, s.source, "has to be one value; write it on the line of the key")
		return
	}
	if err := set(strings.TrimSpace(s.value)); err != nil {
		l.problems = append(l.problems, Problem{Key: name, Source: s.source, Value: shown(key{name: name}, s.value), Message: err.Error()})
	}
}

// secretSource reads where a secret is. What may be the secret itself is not
// shown.
func (l *loader) secretSource(to *secretSource, name string, s setting) {
	if s.kind != yaml.ScalarNode {
		l.complain(name, s.source, "has to be one value; write it on the line of the key")
		return
	}
	if to.key != "" {
		l.complain(name, s.source, "stands beside "+to.key+"; remove one of the two")
		return
	}
	text, scratch := strings.TrimSpace(s.value), Registry{}
	hidden, set := notAPath(text), setSecretFile
	if strings.HasSuffix(name, "_env") {
		hidden, set = notAVariable(text), setSecretEnv
	}
	err := set(l, &scratch, text)
	if err == nil && strings.HasPrefix(s.name, "url_") {
		err = l.webhookAddress(scratch.secret)
	}
	if err != nil {
		v := shown(key{}, text)
		if hidden {
			v = ""
		}
		l.problems = append(l.problems, Problem{Key: name, Source: s.source, Value: v, Message: err.Error()})
	}
	scratch.secret.key = name
	*to = scratch.secret
}

// webhookAddress refuses what is no address.
func (l *loader) webhookAddress(s secretSource) error {
	text := ""
	if s.file != "" {
		text, _ = secretOf(s.file) // it was read just now
	} else {
		for _, v := range l.environ {
			if after, ok := strings.CutPrefix(v, s.env+"="); ok {
				text = after
			}
		}
	}
	if u, err := url.Parse(strings.TrimSpace(text)); err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.String())) {
		return errors.New("does not hold the address of a webhook; it begins with https://hooks.slack.com/")
	}
	return nil
}

func (l *loader) listOf(name string, s setting, check func(string) error) []string {
	if !l.registryFormed(registryKey{list: func(*Registry) *[]string { return nil }}, name, s) {
		return []string{}
	}
	out := s.listed(check, func(source, text string, err error) {
		l.problems = append(l.problems, Problem{Key: name, Source: source, Value: shown(key{}, text), Message: err.Error()})
	})
	if s.empty() {
		l.complain(name, s.source, "is an empty list; write at least one, or remove the key")
	}
	return out
}

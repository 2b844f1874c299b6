package checks

import (
	"path"
	"slices"
	"time"
)

// Notify is who is told of runs, beside GitHub's checks.
type Notify struct {
	Slack []SlackRule `json:"slack,omitempty"`
	// Comment says when a pull request gets a comment of ours, one that is
	// kept up to date: WhenFailure, WhenAlways or WhenNever; empty where
	// nothing is said.
	Comment When `json:"comment,omitempty"`
}

// Nobody reports whether there is no one to tell.
func (n *Notify) Nobody() bool { return n == nil || len(n.Slack) == 0 && !n.Comments() }

// Comments reports whether pull requests get a comment at all.
func (n *Notify) Comments() bool { return n.Comment != "" && n.Comment != WhenNever }

// SlackRule says of which runs a channel is told.
type SlackRule struct {
	// Channel is "#" and a name, or the channel's id. It is empty where
	// Webhook is the name that the server's configuration has for an incoming
	// webhook, which has a channel of its own.
	Channel string `json:"channel,omitempty"`
	Webhook string `json:"webhook,omitempty"`
	On      []When `json:"on"`
	// Packages are names, with "*" for any characters: the rule is about
	// these alone. None means all.
	Packages []string `json:"packages,omitempty"`
	// Events are the kinds of run; none means all.
	Events []NotifyEvent `json:"events,omitempty"`
}

// When is something about a run that people want to hear of.
type When string

// What there is to hear of.
const (
	// WhenFailure: a package failed, or could not be tested.
	WhenFailure When = "failure"
	// WhenFixed: all passed, and did not the last time.
	WhenFixed When = "fixed"
	// WhenPublished: a version was published.
	WhenPublished When = "published"
	// WhenAlways: there is a run.
	WhenAlways When = "always"
	// WhenNever: nothing at all.
	WhenNever When = "never"
)

// Whens are what a channel can be told of.
var Whens = []When{WhenFailure, WhenFixed, WhenPublished, WhenAlways}

// NotifyEvent is a kind of run, by what it is of.
type NotifyEvent string

// The kinds of run.
const (
	NotifyPull  NotifyEvent = "pull_request"
	NotifyPush  NotifyEvent = "push"
	NotifyTag   NotifyEvent = "tag"
	NotifyGroup NotifyEvent = "merge_group"
)

// NotifyEvents are all of them.
var NotifyEvents = []NotifyEvent{NotifyPull, NotifyPush, NotifyTag, NotifyGroup}

// NotifyEvent is what kind of run it is; empty when that is not known.
func (r *Run) NotifyEvent() NotifyEvent {
	switch {
	case r.PullRequest != nil:
		return NotifyPull
	case r.MergeGroup != nil:
		return NotifyGroup
	case r.Push != nil && r.Push.Tag() != "":
		return NotifyTag
	case r.Push != nil:
		return NotifyPush
	}
	return ""
}

// Means reports whether the rule is about runs of this kind.
func (s *SlackRule) Means(e NotifyEvent) bool {
	return len(s.Events) == 0 || slices.Contains(s.Events, e)
}

// Covers reports whether the rule is about the package of that name, or of
// which it is the release.
func (s *SlackRule) Covers(name string) bool {
	return len(s.Packages) == 0 || slices.ContainsFunc(s.Packages, func(glob string) bool {
		ok, err := path.Match(glob, name) // names hold no slash
		return err == nil && ok
	})
}

// Place is what the rule's messages are kept apart by: one of a run for each.
func (s *SlackRule) Place() string {
	if s.Webhook != "" {
		return "webhook " + s.Webhook
	}
	return s.Channel
}

// NoticeRow says that a run has a state that people were not told. It carries
// no text: who tells them renders the state of that moment.
type NoticeRow struct {
	Run string
	// Rev grows with every change of the run.
	Rev uint64
	// Since is when the row was made, or made anew after it was ended.
	Since time.Time
}

// Post is what one place was told of a run.
type Post struct {
	// Asked is when a message was sent first; its answer may be lost.
	Asked time.Time `json:"asked,omitzero"`
	// Channel and ID are the message's, as the place knows them; empty until
	// it answered.
	Channel string `json:"channel,omitempty"`
	ID      string `json:"id,omitempty"`
	// Told is what it says, as a hash.
	Told string `json:"told,omitempty"`
	// Details: what belongs below it was said.
	Details bool `json:"details,omitempty"`
	// Frozen: the place does not let it be changed any more.
	Frozen bool `json:"frozen,omitempty"`
	// GivenUp is why the place is told no more of this run: a sentence for
	// anyone. Empty while it is.
	GivenUp string `json:"given_up,omitempty"`
}

package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/dudesons/loktar/checks"
)

// skew is how far Slack's clock may be behind ours.
const skew = 2 * time.Minute

// patience is how long one message is tried that a place always fails at.
const patience = 3 * 24 * time.Hour

// slack tells one channel of one run: it sends the message when there first
// is something to tell, and changes it from then on.
func (n *Notifier) slack(ctx context.Context, t *told) {
	run, jobs, post, ok := n.read(t)
	if !ok || post.GivenUp != "" {
		return
	}
	var rules []checks.SlackRule
	for _, r := range run.Notify.Slack {
		if r.Place() == t.unit.place && r.Means(run.NotifyEvent()) {
			rules = append(rules, r)
		}
	}
	about := covered(rules, jobs)
	if len(about) == 0 && (run.Verdict == nil || !slices.ContainsFunc(rules, func(r checks.SlackRule) bool { return len(r.Packages) == 0 })) {
		return
	}
	was := post
	state, fixed, some, err := n.state(&run, about, rules)
	if err != nil {
		t.err = err
		return
	}
	to := rules[0]
	if post.ID == "" && (!wanted(&run, rules, jobs, some) || to.Webhook != "" && !run.Done()) {
		return
	}
	if left := n.o.Progress - time.Since(t.changed); post.ID != "" && !run.Done() && left > 0 {
		t.early = left
		return
	}
	facts := n.facts(&run, about, state, fixed)
	text := n.o.Slack.Text(facts)
	switch {
	case post.ID == "":
		err = n.send(ctx, t, to, &post, text)
	case post.Told != digest(text):
		err = n.change(ctx, t, &run, to, &post, text)
	}
	if err == nil && run.Done() && !post.Details && post.Channel != "" && t.early == 0 {
		err = n.details(ctx, t, &post, facts)
	}
	if t.called && !run.Done() {
		t.changed = time.Now()
	}
	if err != nil || post != was {
		n.settle(ctx, t, post, err)
	}
}

// read is what is known of the run; ok is false when there is nothing to do, as
// of a run whose record is damaged.
func (n *Notifier) read(t *told) (run checks.Run, jobs []checks.Job, post checks.Post, ok bool) {
	var posts map[string]checks.Post
	defer func() {
		if checks.KindOf(t.err) == checks.KindDamaged {
			n.unreadable(t.row.Run, t.err)
			t.err = nil
		}
	}()
	if run, t.err = n.o.Store.Run(t.row.Run); t.err != nil || run.Notify == nil {
		return
	}
	t.over = run.Done()
	if jobs, t.err = n.o.Store.Jobs(run.ID); t.err != nil {
		return
	}
	if posts, t.err = n.o.Store.Posts(run.ID); t.err != nil {
		return
	}
	return run, jobs, posts[t.unit.place], true
}

// state is how a run stands, also beside earlier ones: some reports whether
// anything is fixed, and names are the packages that are.
func (n *Notifier) state(run *checks.Run, jobs []checks.Job, rules []checks.SlackRule) (s State, names []string, some bool, err error) {
	s = standing(run, jobs)
	if !run.Done() || s != StatePassed && s != StatePublished {
		return s, nil, false, nil
	}
	names, some, err = n.fixed(run, jobs, rules)
	if some && s == StatePassed {
		s = StateFixed
	}
	return s, names, some, err
}

// wanted reports whether one of the rules wants to hear of the run. What a rule
// is about decides, not what others are.
func wanted(run *checks.Run, rules []checks.SlackRule, jobs []checks.Job, fixed bool) bool {
	for i := range rules {
		own := covered(rules[i:i+1], jobs)
		if len(own) == 0 && run.Verdict == nil {
			continue
		}
		s := standing(run, own)
		for _, on := range rules[i].On {
			switch {
			case on == checks.WhenAlways,
				on == checks.WhenFailure && s.bad(),
				on == checks.WhenFixed && fixed,
				on == checks.WhenPublished && count(own).published > 0:
				return true
			}
		}
	}
	return false
}

// send posts the message. Where an earlier attempt may have posted it unknown
// to us, it is looked for first, as far as the App may read the channel.
func (n *Notifier) send(ctx context.Context, t *told, to checks.SlackRule, post *checks.Post, text string) (err error) {
	mark := t.row.Run + " " + to.Place()
	if !post.Asked.IsZero() && !t.sure && to.Webhook == "" {
		if err := n.find(ctx, t, to, post, mark); err != nil || post.ID != "" {
			return err
		}
	}
	if post.Asked.IsZero() {
		post.Asked = time.Now().UTC()
		if err := n.o.Store.Posted(ctx, t.row.Run, t.unit.place, *post); err != nil {
			return err
		}
	}
	t.called = true
	post.Channel, post.ID, err = n.o.Slack.Post(ctx, to, text, mark)
	t.sure = !errors.Is(err, ErrLost) && !errors.Is(err, context.DeadlineExceeded)
	if err == nil {
		if to.Webhook != "" {
			post.ID = "sent" // it cannot be found again
		}
		post.Told = digest(text)
	}
	return err
}

// find looks for a message whose answer was lost. What it says is not known,
// so that it is changed to what it should say.
func (n *Notifier) find(ctx context.Context, t *told, to checks.SlackRule, post *checks.Post, mark string) error {
	channel := to.Channel
	if strings.HasPrefix(channel, "#") {
		id, err := n.o.Store.ChannelID(channel)
		if err != nil || id == "" {
			return err
		}
		channel = id
	}
	t.called = true
	id, err := n.o.Slack.Find(ctx, channel, mark, post.Asked.Add(-skew))
	if errors.Is(err, ErrBlind) || checks.KindOf(err) == checks.KindRefused {
		n.o.Log.Info().Err(err).Str("run", t.row.Run).Str("place", t.unit.place).Msg("cannot look whether a message is there; it may come twice")
		return nil
	}
	if err == nil && id != "" {
		post.Channel, post.ID, t.early = channel, id, time.Millisecond
	}
	return err
}

// change has the message say what is so now. One that cannot be changed is
// left as it is, and the end of the run is told in its thread.
func (n *Notifier) change(ctx context.Context, t *told, run *checks.Run, to checks.SlackRule, post *checks.Post, text string) error {
	if to.Webhook != "" || post.Frozen && !run.Done() {
		return nil
	}
	t.called = true
	if !post.Frozen {
		err := n.o.Slack.Update(ctx, post.Channel, post.ID, text)
		if !errors.Is(err, ErrFrozen) {
			if err == nil {
				post.Told = digest(text)
			}
			return err
		}
		if post.Frozen = true; !run.Done() {
			return nil
		}
	}
	err := n.o.Slack.Reply(ctx, post.Channel, post.ID, text)
	if err == nil {
		post.Told = digest(text)
	}
	return err
}

// details says below the message what does not fit into it.
func (n *Notifier) details(ctx context.Context, t *told, post *checks.Post, f Facts) error {
	if text := n.o.Slack.Details(f); text != "" {
		t.called = true
		if err := n.o.Slack.Reply(ctx, post.Channel, post.ID, text); err != nil {
			return err
		}
	}
	post.Details = true
	return nil
}

// settle stores what a place was told, and gives up what it will never take.
func (n *Notifier) settle(ctx context.Context, t *told, post checks.Post, err error) {
	switch kind := checks.KindOf(err); {
	case err == nil:
	case kind == checks.KindRefused, kind == checks.KindNotFound:
		post.GivenUp = checks.PublicText(err, "The message was refused.")
		n.o.Log.Error().Err(err).Str("run", t.row.Run).Str("place", t.unit.place).Msg("people cannot be told of this run; given up")
	case time.Since(t.row.Since) > patience:
		post.GivenUp = "It could not be told for three days. " + checks.PublicText(err, "")
		n.o.Log.Error().Err(err).Str("run", t.row.Run).Str("place", t.unit.place).Msg("people could not be told of this run for three days; given up")
	default:
		t.err = err
	}
	if t.err != nil && post.ID == "" {
		return // nothing is new
	}
	// What was told counts also when the time for telling is over.
	bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	if err := n.o.Store.Posted(bound, t.row.Run, t.unit.place, post); err != nil {
		t.err = err
	}
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:12])
}

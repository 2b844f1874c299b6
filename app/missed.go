package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/app/github"
	"github.com/dudesons/loktar/app/webhook"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store"
)

const (
	// lookEvery is how often missed deliveries are looked for, and lookAgain how
	// soon after a look that failed; after each further one, twice as late.
	lookEvery = 5 * time.Minute
	lookAgain = 20 * time.Second
	// keptByGitHub is how long GitHub keeps deliveries.
	keptByGitHub = 3 * 24 * time.Hour
	// lookBack is how far a server looks back that never looked before.
	lookBack = time.Hour
	// lookSlack is how far GitHub's clock may be from ours.
	lookSlack = 10 * time.Minute
	// maxAsked is how often one delivery is asked for again.
	maxAsked = 5
)

// missedHub is what GitHub knows of what it could not tell.
type missedHub interface {
	Undelivered(ctx context.Context, since time.Time) ([]github.Delivery, error)
	Redeliver(ctx context.Context, d github.Delivery) error
	Installed(ctx context.Context) (map[int64][]checks.Repo, error)
	OpenPulls(ctx context.Context, installation int64, repo checks.Repo, since time.Time) ([]checks.PullRequest, error)
	DefaultBranch(ctx context.Context, installation int64, repo checks.Repo) (branch, sha string, err error)
}

// missed finds what GitHub told while nobody heard it. Deliveries that failed
// are asked for again. GitHub forgets them after three days and may have lost
// some, so at the start the open pull requests are looked at too that changed
// since the server last heard all, and the heads of default branches. What was
// heard before is not run again: a delivery is known by its GUID, a pull request
// and a branch by their heads.
type missed struct {
	store  *store.Store
	hub    missedHub
	policy func(checks.Repo) checks.Policy
	wake   func()
	log    zerolog.Logger
	every  time.Duration
	slack  time.Duration // see lookSlack

	asked  map[string]int // by GUID, of those that are still undelivered
	pulls  sweep
	pushes sweep
	waited bool // for what was asked for at the start
}

func newMissed(s *store.Store, hub missedHub, policy func(checks.Repo) checks.Policy, wake func(), log zerolog.Logger) *missed {
	return &missed{store: s, hub: hub, policy: policy, wake: wake, log: log, every: lookEvery, slack: lookSlack,
		asked: map[string]int{}, pulls: sweep{listed: map[int64]bool{}}, pushes: sweep{listed: map[int64]bool{}}}
}

// sweep is one look at all repositories.
type sweep struct {
	done   bool
	listed map[int64]bool // repositories that need no second look
}

// run looks at the start and then now and then, until ctx is done.
func (m *missed) run(ctx context.Context) {
	again := lookAgain
	for {
		wait := m.every
		if err := m.look(ctx); err == nil {
			again = lookAgain
		} else if ctx.Err() == nil {
			m.log.Warn().Err(err).Msg("cannot look for what was missed; trying again")
			wait = min(again, m.every)
			again = min(2*again, m.every)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (m *missed) look(ctx context.Context) error {
	began := time.Now()
	// What GitHub would deliver again could not be kept either. That it was
	// asked for in vain meanwhile says nothing about it.
	if err := m.store.Writable(ctx); err != nil {
		clear(m.asked)
		return err
	}
	seen, err := m.store.Seen()
	if err != nil {
		return err
	}
	since := began.Add(-lookBack)
	if !seen.IsZero() {
		since = seen.Add(-m.slack)
	}
	if oldest := began.Add(-keptByGitHub); since.Before(oldest) {
		since = oldest
	}
	heard, asked, err := m.deliveries(ctx, since, began)
	if err != nil {
		return err
	}
	// A server that never heard anything has missed nothing.
	if seen.IsZero() {
		m.pulls.done, m.pushes.done = true, true
	}
	if !m.pulls.done || !m.pushes.done {
		if err := m.sweep(ctx, seen.Add(-m.slack), asked > 0); err != nil {
			return err
		}
	}
	return m.store.See(ctx, heard)
}

// sweep looks at all repositories: at the pull requests that changed since, and
// at the heads of branches. What GitHub still has comes first, and in its order:
// where more comes, branches are looked at once it had the time.
func (m *missed) sweep(ctx context.Context, since time.Time, comes bool) error {
	installed, err := m.hub.Installed(ctx)
	errs := []error{err, m.pulls.over(installed, func(installation int64, repo checks.Repo) error {
		return m.findPulls(ctx, installation, repo, since)
	})}
	if comes && !m.waited {
		m.waited = true
	} else {
		errs = append(errs, m.pushes.over(installed, func(installation int64, repo checks.Repo) error {
			return m.findPush(ctx, installation, repo)
		}))
		m.pushes.done = errors.Join(errs...) == nil
	}
	m.pulls.done = errors.Join(errs[:2]...) == nil
	return errors.Join(errs...)
}

// over has look see each repository, once: what was seen is not seen again when
// another fails. An error of kind checks.KindNotFound or checks.KindRefused is
// for good.
func (s *sweep) over(installed map[int64][]checks.Repo, look func(installation int64, repo checks.Repo) error) error {
	var errs []error
	for installation, repos := range installed {
		for _, repo := range repos {
			if s.done || s.listed[repo.ID] {
				continue
			}
			err := look(installation, repo)
			if k := checks.KindOf(err); err != nil && k != checks.KindNotFound && k != checks.KindRefused {
				errs = append(errs, err)
				continue
			}
			s.listed[repo.ID] = true
		}
	}
	return errors.Join(errs...)
}

// deliveries asks again for what could not be delivered since. All is heard
// until the time that it returns: now, or when the first went that did not come
// yet. asked is how many will come if GitHub can.
func (m *missed) deliveries(ctx context.Context, since, now time.Time) (heard time.Time, asked int, err error) {
	all, err := m.hub.Undelivered(ctx, since)
	if err != nil {
		return heard, 0, err
	}
	maps.DeleteFunc(m.asked, func(guid string, _ int) bool {
		return !slices.ContainsFunc(all, func(d github.Delivery) bool { return d.GUID == guid })
	})
	heard = now
	for _, d := range all {
		if _, known, err := m.store.Delivery(d.GUID); err != nil {
			return heard, asked, err
		} else if known || !webhook.Heeds(d.Event) || m.asked[d.GUID] >= maxAsked {
			continue
		}
		if d.At.Before(heard) {
			heard = d.At
		}
		log := m.log.With().Str("delivery", d.GUID).Str("event", d.Event).Logger()
		switch err := m.hub.Redeliver(ctx, d); checks.KindOf(err) {
		case checks.KindNotFound, checks.KindRefused:
			m.asked[d.GUID] = maxAsked
			log.Warn().Err(err).Msg("a missed delivery cannot be had")
		default:
			if err != nil {
				log.Warn().Err(err).Msg("cannot ask for a missed delivery yet")
				continue
			}
			m.asked[d.GUID]++
			asked++
			log.Info().Msg("asked GitHub for a missed delivery")
		}
	}
	return heard, asked, nil
}

// findPulls takes up the open pull requests that changed since and whose head
// has no run.
func (m *missed) findPulls(ctx context.Context, installation int64, repo checks.Repo, since time.Time) error {
	pulls, err := m.hub.OpenPulls(ctx, installation, repo, since)
	if err != nil {
		return err
	}
	for _, pr := range pulls {
		if err := m.take(ctx, installation, repo, pr); err != nil {
			return err
		}
	}
	return nil
}

// take has a pull request planned unless its head has a run.
func (m *missed) take(ctx context.Context, installation int64, repo checks.Repo, pr checks.PullRequest) error {
	runs, err := m.store.RunsOf(repo.ID, pr.Head.SHA)
	if err != nil {
		return err
	}
	ev := checks.Event{
		Delivery: fmt.Sprintf("found-%d-%d-%s", repo.ID, pr.Number, pr.Head.SHA), Kind: checks.EventPullRequest, Name: checks.FoundPullRequest,
		Received: time.Now().UTC(), Installation: installation, Repo: repo, Sender: pr.Author, HeadSHA: pr.Head.SHA, PullRequest: &pr,
	}
	for _, r := range runs {
		if r.Target() == ev.Target() {
			return nil
		}
	}
	fresh, err := m.store.Accept(ctx, ev)
	if err != nil || !fresh {
		return err
	}
	m.log.Info().Str("repo", repo.FullName()).Int("pull", pr.Number).Msg("found a pull request whose head nobody told of")
	m.wake()
	return nil
}

// findPush has the push planned that brought the default branch of repo where it
// is, if it is tested or published, was known, and is not where the last push
// brought it that was heard of. Which commits came in between is not told: what
// is owed is published at the newest.
func (m *missed) findPush(ctx context.Context, installation int64, repo checks.Repo) error {
	policy := m.policy(repo)
	if !policy.Publish && len(policy.Branches) == 0 {
		return nil
	}
	branch, sha, err := m.hub.DefaultBranch(ctx, installation, repo)
	if err != nil {
		return err
	}
	push := checks.Push{Ref: "refs/heads/" + branch, After: sha, DefaultBranch: branch}
	last, found, err := m.store.LatestFresh(checks.Target{Repo: repo.ID, Ref: push.Ref})
	if err != nil || !found || last.HeadSHA == sha {
		return err
	}
	push.Before = last.HeadSHA
	fresh, err := m.store.Accept(ctx, checks.Event{
		Delivery: fmt.Sprintf("found-%d-%d-%s", repo.ID, last.Seq, sha), Kind: checks.EventPush, Name: checks.FoundPush,
		Received: time.Now().UTC(), Installation: installation, Repo: repo, HeadSHA: sha, Push: &push,
	})
	if err != nil || !fresh {
		return err
	}
	m.log.Info().Str("repo", repo.FullName()).Str("branch", branch).Str("commit", checks.ShortSHA(sha)).Msg("found a push to the default branch that nobody told of")
	m.wake()
	return nil
}

package app

import (
	"context"
	"errors"
	"fmt"
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
}

// missed finds what GitHub told while nobody heard it. Deliveries that failed
// are asked for again. GitHub forgets them after three days and may have lost
// some, so at the start the open pull requests are looked at too that changed
// since the server last heard all. What was heard before is not run again: a
// delivery is known by its GUID, a pull request by its head.
type missed struct {
	store *store.Store
	hub   missedHub
	wake  func()
	log   zerolog.Logger
	every time.Duration
	slack time.Duration // see lookSlack

	asked  map[string]int // by GUID
	looked bool           // at the open pull requests
	listed map[int64]bool // repositories whose open pull requests were taken up
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
	heard, err := m.deliveries(ctx, since, began)
	if err != nil {
		return err
	}
	// A server that never heard anything has missed nothing.
	if !m.looked && !seen.IsZero() {
		if err := m.pulls(ctx, seen.Add(-m.slack)); err != nil {
			return err
		}
	}
	m.looked = true
	return m.store.See(ctx, heard)
}

// deliveries asks again for what could not be delivered since. All is heard
// until the time that it returns: now, or when the first went that did not come
// yet.
func (m *missed) deliveries(ctx context.Context, since, now time.Time) (heard time.Time, err error) {
	all, err := m.hub.Undelivered(ctx, since)
	if err != nil {
		return heard, err
	}
	heard = now
	for _, d := range all {
		if _, known, err := m.store.Delivery(d.GUID); err != nil {
			return heard, err
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
			log.Info().Msg("asked GitHub for a missed delivery")
		}
	}
	return heard, nil
}

// pulls takes up the open pull requests that changed since and whose head has
// no run. What was listed once is not listed again when another fails.
func (m *missed) pulls(ctx context.Context, since time.Time) error {
	installed, err := m.hub.Installed(ctx)
	errs := []error{err}
	for installation, repos := range installed {
		for _, repo := range repos {
			if m.listed[repo.ID] {
				continue
			}
			pulls, err := m.hub.OpenPulls(ctx, installation, repo, since)
			if k := checks.KindOf(err); err != nil && k != checks.KindNotFound && k != checks.KindRefused {
				errs = append(errs, err)
				continue
			}
			for _, pr := range pulls {
				if err := m.take(ctx, installation, repo, pr); err != nil {
					return err
				}
			}
			m.listed[repo.ID] = true
		}
	}
	return errors.Join(errs...)
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

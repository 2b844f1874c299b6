package app

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/app/github"
	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/notify"
	"github.com/dudesons/loktar/checks/report"
	"github.com/dudesons/loktar/configs"
	"github.com/dudesons/loktar/runner/source"
	"github.com/dudesons/loktar/store"
)

// inProcess carries requests to a hub without a network.
type inProcess struct{ hub http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	p.hub.ServeHTTP(w, r)
	return w.Result(), nil
}

// TestAllWritesAreWithinTheBudget has checks, comments that are kept up to
// date, replies, tags and releases be written at the same time, far more than
// the budget has room for, through a restart: no minute and no hour has more
// than it says, and the verdicts wait for nothing.
func TestAllWritesAreWithinTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const minute, hour, pulls, packages, versions, replies = 40, 160, 4, 25, 12, 15
		hub, err := minihub.New(minihub.Options{
			Dir: t.TempDir(), URL: "http://hub", WritesPerMinute: minute, WritesPerHour: hour,
			Permissions: map[string]string{"metadata": "read", "checks": "write", "contents": "write", "pull_requests": "read", "issues": "write"},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer hub.Close()
		w := &writer{t: t, hub: hub, path: filepath.Join(t.TempDir(), "loktar.db"), limits: report.Limits{Minute: minute, Hour: hour}}
		repo, err := hub.CreateRepo("acme", "pets")
		if err != nil {
			t.Fatal(err)
		}
		w.installation = hub.Install("acme")
		w.repo = checks.Repo{ID: repo.ID(), Owner: "acme", Name: "pets"}
		first, err := repo.Commit(t.Context(), minihub.Commit{Files: map[string]string{"README": "x"}, Message: "Begin"})
		if err != nil {
			t.Fatal(err)
		}
		stop := w.start()
		for i := range pulls {
			branch := "topic-" + strconv.Itoa(i)
			head, err := repo.Commit(t.Context(), minihub.Commit{Branch: branch, From: "main", Files: map[string]string{branch: "x"}})
			if err != nil {
				t.Fatal(err)
			}
			number, err := repo.OpenPull(t.Context(), minihub.NewPull{Title: branch, Head: branch})
			if err != nil {
				t.Fatal(err)
			}
			w.run(uint64(i+1), number, head, packages)
		}
		for i := range replies {
			comment, err := repo.Comment(t.Context(), 1+i%pulls, "acme", "/loktar retry")
			if err != nil {
				t.Fatal(err)
			}
			w.commit(checks.Commit{Replies: []checks.Reply{{
				Delivery: "d" + strconv.Itoa(i), Installation: w.installation, Repo: w.repo, Number: 1 + i%pulls, Comment: comment,
				Reaction: checks.ReactionDone, Body: "Done.", Since: time.Now(),
			}}})
		}
		var announcing sync.WaitGroup
		for i := range versions {
			announcing.Go(func() { w.announce(i, first) })
		}
		time.Sleep(3 * time.Minute)
		for i := range pulls {
			w.end(uint64(i+1), packages)
			synctest.Wait()
			w.verdict(uint64(i + 1))
		}
		time.Sleep(5 * time.Minute)
		announcing.Wait()
		stop()
		stop = w.start()
		time.Sleep(3 * time.Hour)
		stop()

		got := hub.App().Writes("acme")
		if got.Refused > 0 || got.Minute > minute || got.Hour > hour {
			t.Errorf("%+v, of %d a minute and %d an hour", got, minute, hour)
		}
		if got.Minute < minute/2 || got.Hour < hour/2 {
			t.Errorf("%+v: the budget of %d a minute and %d an hour was hardly used", got, minute, hour)
		}
		if n := len(hub.Releases("acme/pets")); n != versions {
			t.Errorf("%d releases, want %d", n, versions)
		}
		comments := 0
		for i := range pulls {
			for _, c := range hub.Comments("acme/pets", i+1) {
				if strings.HasSuffix(c.Author, "[bot]") {
					comments++
				}
			}
		}
		if comments != replies+pulls {
			t.Errorf("%d comments of ours, want %d", comments, replies+pulls)
		}
		t.Logf("%+v", got)
	})
}

// bare is a repository without a history.
type bare struct{ still }

func (bare) History(context.Context, int64, checks.Repo, source.Range) (source.History, error) {
	return source.History{}, nil
}

// writer is all of a server that writes to GitHub, and a store of its own.
type writer struct {
	t            *testing.T
	hub          *minihub.Hub
	path         string
	limits       report.Limits
	installation int64
	repo         checks.Repo

	store    *store.Store
	releases *releases
	wake     func()
}

// start opens the store and starts what writes.
func (w *writer) start() (stop func()) {
	w.t.Helper()
	s, err := store.Open(w.path, store.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	app, err := github.New(github.Options{AppID: w.hub.App().ID(), Key: w.hub.App().PrivateKeyPEM(), APIURL: "http://hub/api/v3", Transport: inProcess{w.hub}})
	if err != nil {
		w.t.Fatal(err)
	}
	b := report.NewBudget(w.limits)
	b.Keep(func(installation int64, n int) {
		if err := s.Wrote(context.Background(), installation, n); err != nil {
			w.t.Error(err)
		}
	})
	log := zerolog.Nop()
	r := report.New(report.Options{Store: s, Sink: app, BaseURL: "http://x", Budget: b, Log: log})
	replier := report.NewReplier(report.ReplierOptions{Store: s, Sink: app, Budget: b, Log: log})
	n := notify.New(notify.Options{Store: s, Comments: app, Budget: b, BaseURL: "http://x", GitHubURL: "http://hub", Log: log})
	w.store, w.wake = s, func() { r.Wake(); replier.Wake(); n.Wake() }
	w.releases = &releases{store: s, log: log, announcer: app, historian: bare{}, budget: b, cfg: configs.Config{GitHub: configs.GitHub{URL: "http://hub"}}}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { r.Run(ctx) })
	all.Go(func() { replier.Run(ctx) })
	all.Go(func() { n.Run(ctx) })
	return func() {
		cancel()
		all.Wait()
		if err := s.Close(); err != nil {
			w.t.Error(err)
		}
	}
}

func (w *writer) commit(c checks.Commit) {
	w.t.Helper()
	if err := w.store.Commit(context.Background(), c); err != nil {
		w.t.Fatal(err)
	}
	w.wake()
}

// run begins a run of n packages of a pull request.
func (w *writer) run(seq uint64, number int, head string, n int) {
	c := checks.Commit{Runs: []checks.Run{{
		ID: fmt.Sprintf("run%d", seq), Seq: seq, Installation: w.installation, Repo: w.repo, HeadSHA: head, Created: time.Now(),
		PullRequest: &checks.PullRequest{Number: number}, Notify: &checks.Notify{Comment: checks.WhenAlways},
	}}}
	run := &c.Runs[0]
	for i := range n {
		j := checks.Job{Run: run.ID, Index: i, Package: checks.Package{Name: fmt.Sprintf("p%02d", i)}, State: checks.StateQueued, Queued: time.Now()}
		run.Packages = append(run.Packages, j.Package.Name)
		c.Jobs, c.Dirty = append(c.Jobs, j), append(c.Dirty, checks.CheckKey{Run: run.ID, Name: j.Package.Name})
	}
	c.Dirty = append(c.Dirty, checks.CheckKey{Run: run.ID, Name: checks.AggregateName})
	w.commit(c)
}

// end ends a run and all its packages.
func (w *writer) end(seq uint64, n int) {
	run, err := w.store.Run(fmt.Sprintf("run%d", seq))
	if err != nil {
		w.t.Fatal(err)
	}
	jobs, err := w.store.Jobs(run.ID)
	if err != nil || len(jobs) != n {
		w.t.Fatalf("%d jobs (%v)", len(jobs), err)
	}
	run.Finished = time.Now()
	c := checks.Commit{Runs: []checks.Run{run}, Dirty: []checks.CheckKey{{Run: run.ID, Name: checks.AggregateName}}}
	for _, j := range jobs {
		j.State, j.Finished, j.Result = checks.StateDone, time.Now(), checks.Result{Outcome: checks.OutcomePassed}
		c.Jobs, c.Dirty = append(c.Jobs, j), append(c.Dirty, checks.CheckKey{Run: run.ID, Name: j.Package.Name})
	}
	w.commit(c)
}

// verdict wants the end of a run to be at GitHub.
func (w *writer) verdict(seq uint64) {
	run, err := w.store.Run(fmt.Sprintf("run%d", seq))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, c := range w.hub.CheckRuns("acme/pets", run.HeadSHA) {
		if c.Name == checks.AggregateName && c.Status == "completed" {
			return
		}
	}
	w.t.Errorf("the verdict of run %d waits", seq)
}

// announce tags and releases a version until GitHub took it.
func (w *writer) announce(i int, commit string) {
	name := fmt.Sprintf("lib%d", i)
	pub := checks.Publication{Repo: w.repo.ID, Package: name, Number: 1, Version: "1.0", Commit: commit}
	job := checks.Job{Package: checks.Package{Name: name, Dir: name, BuildInfo: checks.BuildInfo{GitTag: "{{.Name}}/v{{.Version}}", GitHubRelease: true}},
		Release: &checks.Release{Package: name}}
	run := checks.Run{ID: "main", Repo: w.repo, Installation: w.installation}
	for {
		_, err := w.releases.announce(context.Background(), run, job, pub, checks.Result{Outcome: checks.OutcomePassed})
		if err == nil {
			return
		}
		if checks.KindOf(err) != checks.KindUnavailable {
			w.t.Error(err)
			return
		}
		time.Sleep(time.Minute)
	}
}

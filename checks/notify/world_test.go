package notify_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/app/slack"
	"github.com/dudesons/loktar/app/slack/slacktest"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/notify"
	"github.com/dudesons/loktar/checks/report"
	"github.com/dudesons/loktar/store"
)

// world is the real store, the real client of Slack and the stand-in.
type world struct {
	t     *testing.T
	dir   string
	store *store.Store
	slack *slacktest.Workspace
	o     notify.Options
	n     *notify.Notifier
	stop  func()
	seq   uint64
	mu    sync.Mutex
	token string
	hook  string
	talk  *talk

	budget   *report.Budget
	progress time.Duration // 0 is in a hurry too
}

func begin(t *testing.T) *world {
	w := &world{t: t, dir: t.TempDir(), slack: slacktest.Start(t), token: slacktest.Token, stop: func() {}, talk: &talk{}}
	w.hook = w.slack.Hook("general")
	w.open()
	t.Cleanup(func() { w.shut() })
	return w
}

// open opens the store and starts a notifier that is in a hurry.
func (w *world) open() {
	w.t.Helper()
	s, err := store.Open(filepath.Join(w.dir, "loktar.db"), store.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	texts, err := slack.ParseTexts("", "")
	if err != nil {
		w.t.Fatal(err)
	}
	w.store = s
	w.o = notify.Options{
		Store: s, Comments: w.talk, Budget: w.budget, BaseURL: "https://loktar.example.com", GitHubURL: "https://github.com",
		Gap: time.Millisecond, Progress: max(w.progress, 2*time.Millisecond), Log: zerolog.New(zerolog.NewTestWriter(w.t)),
		Slack: slack.New(slack.Options{URL: w.slack.URL, Texts: texts, Log: zerolog.Nop(),
			Token: func() (string, error) {
				w.mu.Lock()
				defer w.mu.Unlock()
				return w.token, nil
			},
			Webhook: func(string) (string, error) { return w.hook, nil },
		}),
	}
	w.n = notify.New(w.o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); w.n.Run(ctx) }()
	w.stop = func() { cancel(); <-done }
}

func (w *world) shut() {
	w.t.Helper()
	w.stop()
	if err := w.store.Close(); err != nil {
		w.t.Error(err)
	}
}

func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			w.t.Fatalf("waited in vain for %s; #ci has %s", what, w.shows("ci"))
		}
		select {
		case <-w.t.Context().Done():
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// told waits until nothing waits to be told.
func (w *world) told() {
	w.t.Helper()
	w.until("all to be told", func() bool {
		rows, err := w.store.Notices(9)
		return err == nil && len(rows) == 0
	})
}

func (w *world) shows(channel string) string {
	var b strings.Builder
	for _, m := range w.slack.Messages(channel) {
		fmt.Fprintf(&b, "\n%s", m.Text)
		for _, r := range m.Replies {
			fmt.Fprintf(&b, "\n    %s", r.Text)
		}
	}
	return b.String()
}

// run is a run of pull request 5 and its jobs, which are queued.
func (w *world) run(n checks.Notify, packages ...string) (checks.Run, []checks.Job) {
	w.seq++
	now := time.Now().UTC()
	repo := checks.Repo{ID: 11, Owner: "acme", Name: "pets"}
	r := checks.Run{
		ID: fmt.Sprintf("run%d", w.seq), Seq: w.seq, Repo: repo, Installation: 7, HeadSHA: fmt.Sprintf("%040d", w.seq), Created: now,
		Trigger: "pull_request.opened", Sender: checks.User{ID: 1, Login: "ann"}, Notify: &n,
		PullRequest: &checks.PullRequest{Number: 5, Title: "Add cats", Author: checks.User{ID: 1, Login: "ann"},
			Head: checks.Ref{Branch: "cats", Repo: repo}, Base: checks.Ref{Branch: "main", Repo: repo}},
	}
	var jobs []checks.Job
	for i, p := range packages {
		jobs = append(jobs, checks.Job{Run: r.ID, Index: i, State: checks.StateQueued, Queued: now,
			Package: checks.Package{Name: p, Dir: p, TestType: checks.TestMake, Timeout: time.Minute}})
	}
	return r, jobs
}

func (w *world) commit(r checks.Run, jobs []checks.Job) {
	w.t.Helper()
	err := w.store.Commit(w.t.Context(), checks.Commit{Runs: []checks.Run{r}, Jobs: jobs, Dirty: []checks.CheckKey{{Run: r.ID, Name: checks.AggregateName}}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.n.Wake()
}

// ends gives the jobs these outcomes, in their order, and ends the run when
// none is left.
func (w *world) ends(r *checks.Run, jobs []checks.Job, outcomes ...checks.Outcome) {
	w.t.Helper()
	now := time.Now().UTC()
	for i, o := range outcomes {
		jobs[i].State, jobs[i].Started, jobs[i].Finished = checks.StateDone, now.Add(-time.Second), now
		jobs[i].Result = checks.Result{Outcome: o}
		if o == checks.OutcomeFailed {
			jobs[i].Result.ExitCode = 2
		}
	}
	if len(outcomes) == len(jobs) {
		r.Finished = now
	}
	w.commit(*r, jobs)
}

// whole makes a run that is over at once.
func (w *world) whole(n checks.Notify, packages []string, outcomes ...checks.Outcome) checks.Run {
	w.t.Helper()
	r, jobs := w.run(n, packages...)
	w.ends(&r, jobs, outcomes...)
	w.told()
	return r
}

func ci(on ...checks.When) checks.Notify {
	return checks.Notify{Slack: []checks.SlackRule{{Channel: "#ci", On: on}}}
}

// talk is a GitHub of comments, with an error to order.
type talk struct {
	mu       sync.Mutex
	comments map[int64]string
	pulls    map[int64]int
	next     int64
	err      error // of all calls that write
	lost     bool  // the next comment is written, and its answer is lost
	calls    int
}

var errLost = errors.New("connection reset")

func (k *talk) CreateComment(_ context.Context, _ int64, _ checks.Repo, number int, body string) (int64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.calls++; k.err != nil {
		return 0, k.err
	}
	if k.comments == nil {
		k.comments, k.pulls = map[int64]string{}, map[int64]int{}
	}
	k.next++
	k.pulls[k.next] = number
	k.comments[k.next] = body
	if k.lost {
		k.lost = false
		return 0, errLost
	}
	return k.next, nil
}

func (k *talk) EditComment(_ context.Context, _ int64, _ checks.Repo, id int64, body string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.calls++; k.err != nil {
		return k.err
	}
	if k.comments[id] == "" {
		return checks.Errorf(checks.KindNotFound, nil, "No comment.")
	}
	k.comments[id] = body
	return nil
}

func (k *talk) FindOwnComment(_ context.Context, _ int64, _ checks.Repo, number int, marker string) (int64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id, body := range k.comments {
		if k.pulls[id] == number && strings.Contains(body, marker) {
			return id, nil
		}
	}
	return 0, nil
}

func (k *talk) all() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []string
	for _, c := range k.comments {
		out = append(out, c)
	}
	return out
}

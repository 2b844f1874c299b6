// Package notify tells people of runs beside GitHub's checks: in channels of
// Slack, in one message a run, and in one comment a pull request. It drains
// the store's notices: what waits long is told once, with its newest state;
// what fails is tried again, and no place waits for another.
package notify

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/report"
)

// Store is what there is to tell, and what was told. Its methods are safe for
// concurrent use.
type Store interface {
	// Notices lists at most limit rows, oldest first.
	Notices(limit int) ([]checks.NoticeRow, error)
	// NoticeDone ends the row of a run, which stays when it has a newer Rev.
	NoticeDone(ctx context.Context, run string, rev uint64) error
	// Posts are what each place was told of the run; Posted changes that of one.
	Posts(run string) (map[string]checks.Post, error)
	Posted(ctx context.Context, run, place string, p checks.Post) error
	// ChannelID is the id that a channel had by its last message, or empty.
	ChannelID(name string) (string, error)
	// PullComment is the id of our comment on a pull request, 0 for none.
	PullComment(repo int64, number int) (int64, error)
	SetPullComment(ctx context.Context, repo int64, number int, id int64) error

	Run(id string) (checks.Run, error)
	Jobs(run string) ([]checks.Job, error)
	// Latest is the newest run of a target that was not outdated when it was
	// made; Earlier are those before a Seq, newest first.
	Latest(t checks.Target) (run checks.Run, found bool, err error)
	Earlier(t checks.Target, seq uint64, limit int) ([]checks.Run, error)
}

// Slack is a workspace. An error of kind checks.KindRefused is for good: the
// same call will never succeed. Any other is tried again, after RetryAfter if
// the error has that method. Its methods are safe for concurrent use.
type Slack interface {
	// Text is the message of a run, and Details what belongs below it, empty
	// when nothing does: both in Slack's own form, and safe as they are.
	Text(f Facts) string
	Details(f Facts) string
	// Post sends a message, in which mark does not show; channel and id are
	// what it is found by. A webhook tells neither.
	Post(ctx context.Context, to checks.SlackRule, text, mark string) (channel, id string, err error)
	// Update changes a message. It fails with ErrFrozen when Slack lets nobody
	// change it any more.
	Update(ctx context.Context, channel, id, text string) error
	// Reply answers a message in its thread.
	Reply(ctx context.Context, channel, id, text string) error
	// Find looks for a message of ours that bears mark, sent since: its id is
	// empty when there is none. It fails with ErrBlind when the App may not
	// read the channel.
	Find(ctx context.Context, channel, mark string, since time.Time) (id string, err error)
}

// Comments are those of pull requests. The kinds of its errors are as Slack's;
// checks.KindNotFound is a comment or a pull request that is gone.
type Comments interface {
	// CreateComment writes a comment and returns its id, EditComment changes
	// one, and FindOwnComment is one of ours that has marker in it, 0 for none.
	CreateComment(ctx context.Context, installation int64, repo checks.Repo, number int, body string) (int64, error)
	EditComment(ctx context.Context, installation int64, repo checks.Repo, id int64, body string) error
	FindOwnComment(ctx context.Context, installation int64, repo checks.Repo, number int, marker string) (int64, error)
}

// Errors that a Slack adds to its own.
var (
	// ErrLost: a message was sent, and its answer did not come.
	ErrLost = errors.New("the answer was lost")
	// ErrFrozen: the message cannot be changed any more.
	ErrFrozen = errors.New("the message cannot be changed any more")
	// ErrBlind: the App may not read the channel.
	ErrBlind = errors.New("the channel cannot be read")
)

// Options are what a Notifier is made of. Store and Comments are required.
type Options struct {
	Store Store
	// Slack is nil where none is configured.
	Slack    Slack
	Comments Comments
	// Budget is what comments are counted in and wait for; nil counts nothing.
	Budget *report.Budget
	// BaseURL is where the pages of runs are, GitHubURL where repositories
	// are, both without a final slash.
	BaseURL, GitHubURL string
	// Workers is how many places are told at once; 0 means 8.
	Workers int
	// Gap is the least time between two calls for one channel, and Progress
	// that between two changes of a message while its run goes on; 0 means 1.1 s
	// and 5 s. Slack takes a message a second in each channel, and fifty
	// changes a minute in all.
	Gap, Progress time.Duration
	Log           zerolog.Logger
}

// Notifier tells people. Make it with New.
type Notifier struct {
	o    Options
	wake chan struct{}
	ends chan told

	// What follows belongs to Run's goroutine.
	known map[string]*notice // by run
	lanes map[string]*lane
	busy  int
	again time.Time // the store failed: not to be asked before
	muted map[int64]time.Time
}

const (
	// batch bounds how many rows one turn looks at, beside those under way.
	batch = 2000
	// lastWords is how long people are told after Run's context is done.
	lastWords = 5 * time.Second
	// callTimeout bounds what is done for one place at once.
	callTimeout = time.Minute
	// mute is how long a repository gets no comment after GitHub refused one.
	mute = time.Hour
)

// New makes a notifier; Run starts it.
func New(o Options) *Notifier {
	if o.Workers == 0 {
		o.Workers = 8
	}
	if o.Gap == 0 {
		o.Gap = 1100 * time.Millisecond
	}
	if o.Progress == 0 {
		o.Progress = 5 * time.Second
	}
	return &Notifier{
		o: o, wake: make(chan struct{}, 1), ends: make(chan told),
		known: map[string]*notice{}, lanes: map[string]*lane{}, muted: map[int64]time.Time{},
	}
}

// Wake tells the notifier that the store has rows. It never blocks. Safe to
// call concurrently.
func (n *Notifier) Wake() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Run tells people until ctx is done, and then for at most five seconds what
// is due at that time. Rows that are left the next process tells. Call it once.
func (n *Notifier) Run(ctx context.Context) {
	work, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(n.dispatch(work))
		select {
		case <-ctx.Done():
			defer time.AfterFunc(lastWords, end).Stop()
			for n.dispatch(work); n.busy > 0; n.dispatch(work) {
				n.ended(<-n.ends)
			}
			return
		case <-n.wake:
		case <-timer.C:
		case t := <-n.ends:
			n.ended(t)
		}
	}
}

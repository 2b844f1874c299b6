package report

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
)

// ReplyStore keeps the replies that are to be given. Its methods are safe for
// concurrent use.
type ReplyStore interface {
	// Replies lists at most limit replies that wait, oldest first.
	Replies(limit int) ([]checks.Reply, error)
	// ReplyDone ends the reply to a delivery: it is not listed again.
	ReplyDone(ctx context.Context, delivery string) error
}

// ReplySink is where replies show. Its errors are of kind checks.KindRefused
// or checks.KindNotFound when the same call will never succeed, and nothing
// was done; any other is tried again, after RetryAfter if the error has that
// method. Its methods are safe for concurrent use.
type ReplySink interface {
	// React puts our reaction on a comment. The same again changes nothing.
	React(ctx context.Context, installation int64, repo checks.Repo, comment int64, content checks.Reaction) error
	// Comment writes a comment on a pull request.
	Comment(ctx context.Context, installation int64, repo checks.Repo, number int, body string) error
	// FindComment reports whether a comment of ours (anybody can write the
	// same text) on a pull request, written since, has marker in its body.
	FindComment(ctx context.Context, installation int64, repo checks.Repo, number int, marker string, since time.Time) (bool, error)
}

// ReplierOptions are what a Replier is made of. Store and Sink are required.
type ReplierOptions struct {
	Store ReplyStore
	Sink  ReplySink
	// Workers is how many replies are under way at once; 0 means 4.
	Workers int
	// Budget is what replies are counted in and wait for; nil counts nothing.
	Budget *Budget
	Log    zerolog.Logger
}

// Replier gives the replies to comments, each once: what an earlier process
// may have posted, or a request whose answer was lost, is looked for first.
// Make it with NewReplier.
type Replier struct {
	o    ReplierOptions
	wake chan struct{}
	ends chan given

	// What follows belongs to Run's goroutine.
	known map[string]*progress // by delivery
	busy  int
	read  bool // the store was read once: what is new since is our own
}

// progress is how far a reply got.
type progress struct {
	flight  bool
	due     time.Time
	backoff *backoff.ExponentialBackOff // nil before the first failure
	steps
}

// steps are the parts of a reply that need nothing more.
type steps struct {
	reacted, spoken bool
	// doubted: the comment may be there unknown to us.
	doubted bool
}

// given is the end of one attempt at a reply.
type given struct {
	reply checks.Reply
	steps
	done bool // the store knows that it is over
	errs []error
	// lost: a comment was sent, and its answer did not come.
	lost bool
}

const (
	// batch bounds how many replies one turn looks at, beside those that are
	// known.
	batch = 2000
	// replyAge is how old a reply may get: one that comes later helps nobody.
	replyAge = 24 * time.Hour
	// lookBack is how far GitHub's clock may be behind ours.
	lookBack = 10 * time.Minute
	// settleGap is how long a comment whose answer was lost is given to show
	// before it is looked for.
	settleGap = 10 * time.Second
	// replyPatience is how long a reply waits for the budget in the place of
	// another installation's; then it is tried again later.
	replyPatience = 10 * time.Second
)

// NewReplier makes a replier; Run starts it.
func NewReplier(o ReplierOptions) *Replier {
	if o.Workers == 0 {
		o.Workers = 4
	}
	return &Replier{o: o, wake: make(chan struct{}, 1), ends: make(chan given), known: map[string]*progress{}}
}

// Wake tells the replier that the store has replies. It never blocks. Safe to
// call concurrently.
func (r *Replier) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run gives replies until ctx is done, and then for at most five seconds those
// that are due at that time. What is left the next process gives. Call it once.
func (r *Replier) Run(ctx context.Context) {
	work, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(r.dispatch(work))
		select {
		case <-ctx.Done():
			defer time.AfterFunc(lastWords, end).Stop()
			for r.dispatch(work); r.busy > 0; r.dispatch(work) {
				r.ended(<-r.ends)
			}
			return
		case <-r.wake:
		case <-timer.C:
		case g := <-r.ends:
			r.ended(g)
		}
	}
}

// dispatch begins what is due and returns how long the loop may sleep.
func (r *Replier) dispatch(ctx context.Context) time.Duration {
	next := time.Hour
	if r.busy >= r.o.Workers || ctx.Err() != nil {
		return next
	}
	limit := batch + len(r.known)
	if !r.read {
		limit = 1 << 30 // all that an earlier process left
	}
	replies, err := r.o.Store.Replies(limit)
	if err != nil {
		r.o.Log.Error().Err(err).Msg("cannot read the replies; trying again")
		return time.Second
	}
	for _, reply := range replies {
		if r.known[reply.Delivery] == nil {
			r.known[reply.Delivery] = &progress{steps: steps{doubted: !r.read}}
		}
	}
	r.read = true
	for _, reply := range replies {
		p := r.known[reply.Delivery]
		if p.flight {
			continue
		}
		if r.busy >= r.o.Workers {
			return next
		}
		if left := time.Until(p.due); left > 0 {
			next = min(next, left)
			continue
		}
		if age := time.Since(reply.Since); age > replyAge && (!p.reacted || !p.spoken) {
			p.reacted, p.spoken = true, true
			r.log(reply).Error().Dur("age", age).Msg("a reply could not be given within a day; given up")
		}
		p.flight = true
		r.busy++
		go func() { r.ends <- r.give(ctx, reply, p.steps) }()
	}
	return next
}

// ended takes the end of an attempt: done, or tried again later.
func (r *Replier) ended(g given) {
	p := r.known[g.reply.Delivery]
	r.busy--
	p.flight, p.steps = false, g.steps
	if g.done {
		delete(r.known, g.reply.Delivery)
		return
	}
	if p.backoff == nil {
		p.backoff = NewBackoff()
	}
	gap := Pause(p.backoff, g.errs...)
	if g.lost {
		gap = max(gap, settleGap)
	}
	p.due = time.Now().Add(gap)
	r.log(g.reply).Warn().Err(errors.Join(g.errs...)).Dur("again_in", gap).Msg("cannot give a reply yet")
}

func (r *Replier) log(reply checks.Reply) *zerolog.Logger {
	log := r.o.Log.With().Str("delivery", reply.Delivery).Str("repo", reply.Repo.FullName()).Int("pull", reply.Number).Logger()
	return &log
}

// Package storetest is the conformance suite of Loktar's store: what every
// implementation must do, whatever it keeps its data in.
package storetest

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store"
)

// Store is what an implementation offers. The doc comments of package store
// say what each method promises.
type Store interface {
	InstanceID() string
	Close() error

	Accept(ctx context.Context, ev checks.Event) (fresh bool, err error)
	Pending(limit int) ([]checks.Event, error)
	Delivery(guid string) (store.DeliveryRecord, bool, error)

	Commit(ctx context.Context, c checks.Commit) error
	Active() (runs []checks.Run, jobs map[string][]checks.Job, lastSeq uint64, err error)
	Run(id string) (checks.Run, error)
	Jobs(run string) ([]checks.Job, error)
	Job(id checks.JobID) (checks.Job, error)
	RunsOf(repo int64, headSHA string) ([]checks.Run, error)
	Recent(limit int) ([]checks.Run, error)
	Latest(t checks.Target) (run checks.Run, found bool, err error)
	LatestFresh(t checks.Target) (run checks.Run, found bool, err error)
	Durations(repo int64) (map[string]time.Duration, error)
	TestHistories(repo int64, pkg string) ([]checks.TestHistory, error)
	Proofs(repo int64, scopes []checks.Scope, want map[string]string) (map[string]checks.Proof, error)

	Outbox(limit int) ([]checks.OutboxRow, error)
	Delivered(ctx context.Context, key checks.CheckKey, rev uint64, checkRunID int64) error
	Discard(ctx context.Context, key checks.CheckKey, rev uint64, why string) error
	CheckRunID(key checks.CheckKey) (int64, error)
	Wrote(ctx context.Context, installation int64, n int) error
	Written(since time.Time) ([]checks.Written, error)

	Replies(limit int) ([]checks.Reply, error)
	ReplyDone(ctx context.Context, delivery string) error

	Earlier(t checks.Target, seq uint64, limit int) ([]checks.Run, error)
	Notices(limit int) ([]checks.NoticeRow, error)
	NoticeDone(ctx context.Context, run string, rev uint64) error
	Posts(run string) (map[string]checks.Post, error)
	Posted(ctx context.Context, run, place string, p checks.Post) error
	ChannelID(name string) (string, error)
	PullComment(repo int64, number int) (int64, error)
	SetPullComment(ctx context.Context, repo int64, number int, id int64) error

	Reserve(ctx context.Context, p checks.Publication, floor int64, version func(number int64) (string, error)) (checks.Publication, error)
	Published(ctx context.Context, p checks.Publication) error
	GiveUp(ctx context.Context, p checks.Publication) error
	Claim(ctx context.Context, what string, repo checks.Repo) (holder checks.Repo, err error)
	LastPublished(repo int64, pkg string) (p checks.Publication, found bool, err error)
	Publications(repo int64, pkg string, limit int) ([]checks.Publication, error)
	Owed(repo int64) ([]checks.Publication, error)
}

// Open opens the store that lives in dir, an empty folder the first time. now
// is its clock. It fails the test by itself when it cannot.
type Open func(t testing.TB, dir string, now func() time.Time) Store

// Run runs the suite. The crash test starts the test binary again and has it
// run the same test, so Run is called once from a test function of its own.
func Run(t *testing.T, open Open) {
	tests := []struct {
		name string
		test func(*testing.T, Open)
	}{
		{"Inbox", testInbox},
		{"Expiry", testExpiry},
		{"Runs", testRuns},
		{"Targets", testTargets},
		{"LargeRun", testLargeRun},
		{"Refusals", testRefusals},
		{"Durations", testDurations},
		{"Outbox", testOutbox},
		{"Written", testWritten},
		{"Replies", testReplies},
		{"Notices", testNotices},
		{"Moves", testMoves},
		{"Publications", testPublications},
		{"PublicationRefusals", testPublicationRefusals},
		{"PublicationNumbers", testPublicationNumbers},
		{"Claims", testClaims},
		{"Proofs", testProofs},
		{"ProofsModel", testProofsModel},
		{"Findings", testFindings},
		{"TestHistories", testHistories},
		{"Reopen", testReopen},
		{"Context", testContext},
		{"Concurrency", testConcurrency},
		{"Model", testModel},
		{"Crash", testCrash},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, open) })
	}
}

// clock is a clock that moves when it is told to.
type clock struct{ t time.Time }

func newClock() *clock { return &clock{time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }

// fresh opens a store in a folder of its own and closes it with the test.
func fresh(t *testing.T, open Open) Store {
	t.Helper()
	s := open(t, t.TempDir(), newClock().now)
	t.Cleanup(func() { mustClose(t, s) })
	return s
}

// fataler is the common part of testing.TB and *rapid.T.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func mustClose(t fataler, s Store) {
	t.Helper()
	must(t, s.Close())
}

func must(t fataler, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func get[T any](v T, err error) func(fataler) T {
	return func(t fataler) T {
		t.Helper()
		must(t, err)
		return v
	}
}

// same compares what was stored with what was meant; no slice and an empty
// one are the same.
func same(t fataler, what string, got, want any) {
	t.Helper()
	if reflect.DeepEqual(got, want) {
		return // as cmp.Diff finds out in many times the time
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("%s (-want +got):\n%s", what, d)
	}
}

func wantKind(t fataler, err error, k checks.Kind) {
	t.Helper()
	if err == nil || checks.KindOf(err) != k {
		t.Fatalf("error %v of kind %q, want kind %q", err, checks.KindOf(err), k)
	}
}

package store_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store"
)

var acme = checks.Repo{ID: 11, Owner: "acme", Name: "shop"}

// fullRuns are two runs of two packages each, that go on.
func fullRuns() (c checks.Commit) {
	for i, id := range []string{"one", "two"} {
		r := checks.Run{
			ID: id, Seq: uint64(i + 1), Repo: acme, Installation: 7, HeadSHA: shaA, Created: time.Now(), Packages: []string{"lib", "api"},
			PullRequest: &checks.PullRequest{Number: i + 1}, Notify: &checks.Notify{Comment: checks.WhenAlways},
		}
		c.Runs = append(c.Runs, r)
		for k, name := range r.Packages {
			c.Jobs = append(c.Jobs, checks.Job{Run: id, Index: k, Package: checks.Package{Name: name}, State: checks.StateDone,
				Result: checks.Result{Outcome: checks.OutcomePassed, Findings: &checks.Findings{Unplaced: []string{"a remark"}}}})
			c.Dirty = append(c.Dirty, checks.CheckKey{Run: id, Name: name})
		}
		c.Dirty = append(c.Dirty, checks.CheckKey{Run: id, Name: checks.AggregateName})
	}
	for _, name := range []string{"lib", "api"} {
		c.Durations = append(c.Durations, checks.PackageDuration{Repo: 11, Package: name, Duration: time.Minute})
		c.Proofs = append(c.Proofs, checks.ScopedProof{Repo: 11, Scope: checks.ScopeMain, Package: name, Proof: checks.Proof{Key: "k", Passed: time.Now()}})
		c.Tests = append(c.Tests, checks.ScopedTestHistory{Repo: 11, Package: "lib", TestHistory: checks.TestHistory{Name: name, Outcomes: []checks.TestOutcome{{}}}})
	}
	c.Moves = []checks.Move{{Repo: acme, Installation: 8, At: time.Now().Add(-time.Hour)}}
	return c
}

// fillAll puts two records of each kind into a store.
func fillAll(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	errs := []error{s.See(ctx, time.Now()), s.Wrote(ctx, 7, 3), s.Wrote(ctx, 8, 2), s.SetPullComment(ctx, 11, 1, 71), s.SetPullComment(ctx, 11, 2, 72)}
	c := fullRuns()
	for i := range 2 {
		guid := fmt.Sprint("planned", i)
		_, err := s.Accept(ctx, checks.Event{Delivery: guid, Repo: acme})
		errs = append(errs, err, s.Commit(ctx, checks.Commit{Planned: guid, Note: "no run"}))
		_, err = s.Accept(ctx, checks.Event{Delivery: fmt.Sprint("pending", i), Repo: acme})
		errs = append(errs, err)
		c.Replies = append(c.Replies, checks.Reply{Delivery: fmt.Sprint("reply", i), Repo: acme, Installation: 7, Since: time.Now()})
	}
	errs = append(errs, s.Commit(ctx, c), s.Posted(ctx, "one", "#ci", checks.Post{ID: "1", Channel: "C1"}), s.Posted(ctx, "two", "#ci", checks.Post{ID: "2", Channel: "C1"}))
	lost := checks.CheckKey{Run: "one", Name: "gone"}
	errs = append(errs, s.Commit(ctx, checks.Commit{Dirty: []checks.CheckKey{lost}}))
	rows, err := s.Outbox(99)
	errs = append(errs, err, s.Discard(ctx, lost, rows[len(rows)-1].Rev, "It is gone."))
	for i, err := range errs {
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
}

// reads is what can be read in a store, one line each.
func reads(t *testing.T, s *store.Store) []string {
	t.Helper()
	var out []string
	add := func(err error, format string, args ...any) {
		if err != nil {
			t.Errorf("%s: %v", format, err)
			return
		}
		out = append(out, fmt.Sprintf(format, args...))
	}
	pending, err := s.Pending(99)
	for _, ev := range pending {
		add(err, "pending %s", ev.Delivery)
	}
	add(err, "pending")
	replies, err := s.Replies(99)
	for _, r := range replies {
		add(err, "reply %s", r.Delivery)
	}
	add(err, "replies")
	rows, err := s.Outbox(99)
	for _, r := range rows {
		add(err, "row %s", r.Key)
	}
	add(err, "outbox")
	notices, err := s.Notices(99)
	for _, r := range notices {
		add(err, "notice %s", r.Run)
	}
	add(err, "notices")
	active, jobs, last, err := s.Active()
	for _, r := range active {
		add(err, "active %s", r.ID)
		for _, j := range jobs[r.ID] {
			add(nil, "job %s %s", j.ID(), j.State)
		}
	}
	add(err, "active, the last is %d", last)
	recent, err := s.Recent(99)
	add(err, "recent %d", len(recent))
	of, err := s.RunsOf(11, shaA)
	add(err, "runs %d", len(of))
	for pull := range 2 {
		r, found, err := s.Latest(checks.Target{Repo: 11, Pull: pull + 1})
		add(err, "latest %s %t", r.ID, found)
		earlier, err := s.Earlier(checks.Target{Repo: 11, Pull: pull + 1}, 99, 9)
		add(err, "earlier %d", len(earlier))
		id, err := s.PullComment(11, pull+1)
		add(err, "comment %d", id)
	}
	for _, run := range []string{"one", "two"} {
		for _, name := range []string{"lib", "api"} {
			j, err := s.Job(checks.JobID{Run: run, Package: name})
			add(err, "job %s of %s %s %t", name, run, j.State, j.Result.Findings != nil)
			_, err = s.CheckRunID(checks.CheckKey{Run: run, Name: name})
			add(err, "id")
		}
		r, err := s.Run(run)
		if k := checks.KindOf(err); err == nil || k != checks.KindDamaged {
			add(err, "run %s", r.ID)
		}
		posts, err := s.Posts(run)
		if k := checks.KindOf(err); err == nil || k != checks.KindDamaged {
			add(err, "posts %d", len(posts))
		}
	}
	for _, guid := range []string{"planned0", "planned1", "pending0"} {
		_, known, err := s.Delivery(guid)
		add(err, "delivery %s %t", guid, known)
	}
	durations, err := s.Durations(11)
	add(err, "durations %d", len(durations))
	tests, err := s.TestHistories(11, "lib")
	add(err, "tests %d", len(tests))
	proofs, err := s.Proofs(11, []checks.Scope{checks.ScopeMain}, map[string]string{"lib": "k", "api": "k"})
	add(err, "proofs %d", len(proofs))
	written, err := s.Written(time.Now().Add(-time.Hour))
	add(err, "written %d", len(written))
	seen, err := s.Seen()
	add(err, "seen %t", !seen.IsZero())
	discards, err := s.Discards(9)
	add(err, "discards %d", len(discards))
	add(s.Kept(time.Time{}, func(int64, string) error { return nil }), "kept")
	return out
}

// TestNoRecordKeepsOthersFromBeingRead damages each record of a store in turn:
// at most what is said by that one record is missing from what is read, all that
// is written is taken, and the operator is told.
func TestNoRecordKeepsOthersFromBeingRead(t *testing.T) {
	template := filepath.Join(t.TempDir(), "loktar.db")
	s, err := store.Open(template, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	fillAll(t, s)
	whole := reads(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(template)
	if err != nil {
		t.Fatal(err)
	}
	for i, place := range places(t, template) {
		garbage := []string{"{", "", "[\"\x00\xff\"]"}[i%3]
		t.Run(fmt.Sprintf("%s/%q/%q", place.bucket, place.key, garbage), func(t *testing.T) {
			t.Parallel()
			testDamage(t, file, place, garbage, whole)
		})
	}
}

// place is where a record is.
type place struct{ bucket, key string }

// places are those of all records that tell something beside their key. What
// the store is, and what was published, is left out: there an error stays.
func places(t *testing.T, path string) (all []place) {
	t.Helper()
	edit(t, path, func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			return b.ForEach(func(k, v []byte) error {
				switch {
				case len(v) == 0, string(k) == "schema", string(k) == "instance", string(name) == "channels":
				default:
					all = append(all, place{string(name), string(k)})
				}
				return nil
			})
		})
	})
	return all
}

func testDamage(t *testing.T, file []byte, p place, garbage string, whole []string) {
	dir := t.TempDir()
	path := filepath.Join(dir, "loktar.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	edit(t, path, func(tx *bolt.Tx) error { return tx.Bucket([]byte(p.bucket)).Put([]byte(p.key), []byte(garbage)) })
	var told []string
	s := open(t, dir, store.Options{Damaged: func(err error) { told = append(told, err.Error()) }})
	first := reads(t, s)
	if missing := less(whole, first); len(missing) > 12 || len(first) < len(whole)/2 {
		t.Errorf("missing are %q", missing)
	}
	// All is written over, as a server does that goes on.
	c := fullRuns()
	for i := range c.Runs {
		if i == 1 {
			c.Runs[i].Finished = time.Now()
		}
	}
	c.Refuted = c.Proofs[:1]
	pending, err := s.Pending(99)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for i, ev := range pending {
		if err := s.Commit(ctx, checks.Commit{Planned: ev.Delivery, Note: "no run"}); err != nil {
			t.Errorf("end event %d: %v", i, err)
		}
	}
	if err := s.Commit(ctx, c); err != nil {
		t.Errorf("commit: %v", err)
	}
	for _, id := range []int64{7, 8} {
		if err := s.Wrote(ctx, id, 1); err != nil {
			t.Error(err)
		}
	}
	// All that waits is worked off.
	for range 3 {
		rows, err := s.Outbox(99)
		if err != nil {
			t.Fatal(err)
		}
		for i, row := range rows {
			if err := s.Delivered(ctx, row.Key, row.Rev, int64(i+1)); err != nil {
				t.Error(err)
			}
		}
		notices, err := s.Notices(99)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range notices {
			if err := s.NoticeDone(ctx, n.Run, n.Rev); err != nil {
				t.Error(err)
			}
		}
		replies, err := s.Replies(99)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range replies {
			if err := s.ReplyDone(ctx, r.Delivery); err != nil {
				t.Error(err)
			}
		}
	}
	for _, line := range reads(t, s) {
		for _, queue := range []string{"pending ", "reply ", "row ", "notice "} {
			if strings.HasPrefix(line, queue) {
				t.Errorf("%s stays for ever", line)
			}
		}
	}
	aside, err := s.Damaged()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range aside {
		if r.Bucket != p.bucket || string(r.Key) != p.key || !bytes.Equal(r.Bytes, []byte(garbage)) {
			t.Errorf("set aside is %+v", r)
		}
	}
	// What these lead to is found without, and nobody asks for the last.
	unseen := p.bucket == "replyids" || p.bucket == "runids" || strings.HasSuffix(p.key, "gone")
	if !unseen && (len(told) != 1 || !strings.Contains(told[0], p.bucket)) {
		t.Errorf("the operator is told %q", told)
	}
}

// less is what of all is not in some, counted.
func less(all, some []string) (missing []string) {
	left := slices.Clone(some)
	for _, line := range all {
		if i := slices.Index(left, line); i >= 0 {
			left = slices.Delete(left, i, i+1)
		} else {
			missing = append(missing, line)
		}
	}
	return missing
}

// TestADamagedJobIsNoPass has the record of a job be lost: the run that it is of
// does not pass without it.
func TestADamagedJobIsNoPass(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "loktar.db")
	s, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	fillAll(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	edit(t, path, func(tx *bolt.Tx) error { return tx.Bucket([]byte("jobs")).Put([]byte(seq(1)+"lib"), []byte("{")) })
	s = open(t, dir, store.Options{})
	jobs, err := s.Jobs("one")
	if err != nil || len(jobs) != 2 {
		t.Fatalf("%+v (%v)", jobs, err)
	}
	j := jobs[1]
	if j.ID() != (checks.JobID{Run: "one", Package: "lib"}) || j.State != checks.StateDone || j.Result.Outcome != checks.OutcomeErrored {
		t.Errorf("%+v", j)
	}
}

package store_test

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store"
)

// oldFile puts the store of an earlier schema into dir. The files in testdata
// were written by the last code of each.
func oldFile(t *testing.T, dir string, schema int) (path string) {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("testdata/schema%d.db.gz", schema))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "loktar.db")
	if err := os.WriteFile(path, all, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMigrateFiles opens stores that earlier code wrote: all that was in them is
// read, and what is new since is taken.
func TestMigrateFiles(t *testing.T) {
	for schema := 3; schema <= 5; schema++ {
		t.Run(fmt.Sprint(schema), func(t *testing.T) {
			dir := t.TempDir()
			path := oldFile(t, dir, schema)
			wantSchema(t, path, fmt.Sprint(schema))
			s := open(t, dir, store.Options{Damaged: func(err error) { t.Error(err) }})
			wantOld(t, s, schema)
			wantNew(t, s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			wantSchema(t, path, "6")
		})
	}
}

func wantSchema(t *testing.T, path, want string) {
	t.Helper()
	edit(t, path, func(tx *bolt.Tx) error {
		if got := string(tx.Bucket([]byte("meta")).Get([]byte("schema"))); got != want {
			t.Errorf("the schema is %q, want %q", got, want)
		}
		return nil
	})
}

// wantOld wants all that the files in testdata hold.
func wantOld(t *testing.T, s *store.Store, schema int) {
	t.Helper()
	want := func(what string, got any, err error, want string) {
		t.Helper()
		if text := fmt.Sprint(got); err != nil || text != want {
			t.Errorf("%s: %s (%v), want %s", what, text, err, want)
		}
	}
	noon := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	if len(s.InstanceID()) != 26 {
		t.Errorf("the instance is %q", s.InstanceID())
	}

	one, err := s.Run("one")
	wantOne := checks.Run{
		ID: "one", Seq: 1, Delivery: "g1", Trigger: "pull_request.opened", Sender: checks.User{ID: 3, Login: "ann"}, Installation: 7, Repo: acme,
		PullRequest: &checks.PullRequest{Number: 5, Title: "Sell more", Author: checks.User{ID: 3, Login: "ann"},
			Head: checks.Ref{SHA: shaA, Branch: "more", Repo: acme}, Base: checks.Ref{SHA: shaB, Branch: "main", Repo: acme}},
		HeadSHA: shaA, BaseSHA: shaB, Tree: shaB, Created: noon, Finished: noon.Add(time.Minute), Packages: []string{"lib"}, Remarks: []string{"a remark"},
	}
	if schema >= 5 {
		wantOne.Notify = &checks.Notify{Slack: []checks.SlackRule{{Channel: "#ci", On: []checks.When{checks.WhenAlways}}}, Comment: checks.WhenAlways}
	}
	if d := cmp.Diff(wantOne, one); d != "" || err != nil {
		t.Errorf("run one (%v):\n%s", err, d)
	}
	three, err := s.Run("three")
	want("run three", []any{three.Repo.FullName(), three.Installation, three.RerunOf, three.Verdict.Title}, err, "[globex/plaza 8 one A conflict]")
	runs, jobs, last, err := s.Active()
	if len(runs) != 1 || len(jobs["two"]) != 2 {
		t.Fatalf("active are %+v with %+v", runs, jobs)
	}
	want("active", []any{runs[0].ID, *runs[0].Push, jobs["two"][0].Package.Name, jobs["two"][1].Needs, jobs["two"][1].State, last}, err,
		"[two {refs/heads/main "+shaA+" "+shaB+" main} lib [lib] queued 3]")
	job, err := s.Job(checks.JobID{Run: "one", Package: "lib"})
	want("job", []any{job.Result.Outcome, job.Result.Detail, job.Finished, job.Package.Dir, job.Package.Timeout, job.Result.Findings == nil}, err,
		"[passed Fine. 2026-09-01 12:01:00 +0000 UTC libs/lib 1h0m0s true]")
	wantIDs(t, s, shaA, "one")
	wantIDs(t, s, shaB, "two")
	wantLatest(t, s, checks.Target{Repo: 11, Pull: 5}, "one")
	wantLatest(t, s, checks.Target{Repo: 12, Pull: 5}, "three")
	wantLatest(t, s, checks.Target{Repo: 11, Ref: "refs/heads/main"}, "two")
	_, found, err := s.LatestFresh(checks.Target{Repo: 12, Pull: 5})
	want("the run that is no re-run", found, err, "false")

	pending, err := s.Pending(9)
	guids := []string{}
	for _, ev := range pending {
		guids = append(guids, ev.Delivery)
	}
	want("pending", guids, err, "[g4 g5]")
	d, known, err := s.Delivery("g1")
	want("delivery", []any{d.Note, d.Pending, known}, err, "[one false true]")
	rows, err := s.Outbox(9)
	keys := []string{}
	for _, r := range rows {
		keys = append(keys, r.Key.String())
	}
	want("outbox", keys, err, "[one/loktar two/lib]")
	id, err := s.CheckRunID(checks.CheckKey{Run: "one", Name: "lib"})
	want("check run", id, err, "501")
	discards, err := s.Discards(9)
	if len(discards) != 1 || discards[0].Key.Run != "three" || discards[0].Why != "The repository is gone." || err != nil {
		t.Errorf("discards %+v (%v)", discards, err)
	}
	replies, err := s.Replies(9)
	if len(replies) != 1 || replies[0].Delivery != "g1" || replies[0].Comment != 55 || replies[0].Body != "Done." || err != nil {
		t.Errorf("replies %+v (%v)", replies, err)
	}
	durations, err := s.Durations(11)
	want("durations", durations, err, "map[lib:1m0s]")

	p, found, err := s.LastPublished(11, "lib")
	want("published", []any{p.Version, p.Key, p.Number, found, p.Items[0].URL}, err, "[1.0 p1 1 true https://example.com/lib.whl]")
	owed, err := s.Owed(11)
	if len(owed) != 1 || owed[0].Version != "1.1" || owed[0].Commit != shaB || err != nil {
		t.Errorf("owed %+v (%v)", owed, err)
	}

	if schema >= 4 {
		proofs, err := s.Proofs(11, []checks.Scope{checks.ScopeMain}, map[string]string{"lib": "k1"})
		// It is as old as the file, and may not count any more.
		if time.Since(noon) < checks.ProofTime {
			want("proof", proofs["lib"].Image, err, "sha256:1")
		}
		holder, err := s.Claim(t.Context(), "registry lib", checks.Repo{ID: 99, Owner: "mallory", Name: "x"})
		want("claim", holder, err, fmt.Sprint(acme))
	}
	if schema >= 5 {
		posts, err := s.Posts("one")
		want("post", []any{posts["#ci"].ID, posts["#ci"].Told, posts["#ci"].Asked}, err, "[1.2 h 2026-09-01 12:00:00 +0000 UTC]")
		channel, err := s.ChannelID("#ci")
		want("channel", channel, err, "C1")
		comment, err := s.PullComment(11, 5)
		want("comment", comment, err, "71")
		notices, err := s.Notices(9)
		if len(notices) != 1 || notices[0].Run != "one" || err != nil {
			t.Errorf("notices %+v (%v)", notices, err)
		}
	}
}

// wantNew wants a store to take what is new since the oldest of the files.
func wantNew(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	run := checks.Run{ID: "new", Seq: 4, Repo: acme, HeadSHA: shaA, Created: time.Now(), PullRequest: &checks.PullRequest{Number: 5}, Notify: &checks.Notify{Comment: checks.WhenAlways}}
	err := s.Commit(ctx, checks.Commit{
		Runs:   []checks.Run{run},
		Jobs:   []checks.Job{{Run: "new", Package: checks.Package{Name: "lib"}, Result: checks.Result{Findings: &checks.Findings{Unplaced: []string{"x"}}}}},
		Dirty:  []checks.CheckKey{{Run: "new", Name: checks.AggregateName}},
		Proofs: []checks.ScopedProof{{Repo: 11, Scope: checks.ScopeMain, Package: "lib", Proof: checks.Proof{Key: "k2", Passed: time.Now()}}},
		Tests:  []checks.ScopedTestHistory{{Repo: 11, Package: "lib", TestHistory: checks.TestHistory{Name: "TestX", Outcomes: []checks.TestOutcome{{}}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	wantIDs(t, s, shaA, "new", "one")
	job, err := s.Job(checks.JobID{Run: "new", Package: "lib"})
	if err != nil || job.Result.Findings == nil {
		t.Errorf("findings of %+v (%v)", job, err)
	}
	notices, err := s.Notices(9)
	if err != nil || !slices.ContainsFunc(notices, func(r checks.NoticeRow) bool { return r.Run == "new" }) {
		t.Errorf("notices %+v (%v)", notices, err)
	}
	proofs, err := s.Proofs(11, []checks.Scope{checks.ScopeMain}, map[string]string{"lib": "k2"})
	if err != nil || len(proofs) != 1 {
		t.Errorf("proofs %+v (%v)", proofs, err)
	}
	p, err := s.Reserve(ctx, checks.Publication{Repo: 11, Package: "lib", Key: "p3"}, 0, func(n int64) (string, error) { return fmt.Sprint("1.", n), nil })
	if err != nil || p.Number != 3 {
		t.Errorf("reserved %+v (%v)", p, err)
	}
}

// envMigrate holds the folder of the store, and how it is to be migrated, in a
// child of TestSIGKILLInAMigration.
const envMigrate = "LOKTAR_TEST_MIGRATE"

// TestSIGKILLInAMigration kills a process that migrates: before the commit, and
// somewhere in it. The next opens what it left, and nothing is lost.
func TestSIGKILLInAMigration(t *testing.T) {
	if how, dir, ok := strings.Cut(os.Getenv(envMigrate), " "); ok {
		store.Migrated(func() {
			fmt.Println("migrated")
			if how == "stops" {
				select {}
			}
		})
		_, err := store.Open(filepath.Join(dir, "loktar.db"), store.Options{})
		t.Fatalf("opened (%v)", err)
	}
	kill := func(dir, how string, after time.Duration) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSIGKILLInAMigration$")
		cmd.Env = append(os.Environ(), envMigrate+"="+how+" "+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil || line != "migrated\n" {
			t.Errorf("the child says %q (%v)", line, err)
		}
		<-time.After(after)
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
	}
	for schema := 3; schema <= 5; schema++ {
		dir := t.TempDir()
		path := oldFile(t, dir, schema)
		kill(dir, "stops", 0)
		wantSchema(t, path, fmt.Sprint(schema))
		s := open(t, dir, store.Options{})
		wantOld(t, s, schema)
		for range 4 {
			dir := t.TempDir()
			oldFile(t, dir, schema)
			kill(dir, "goes-on", rand.N(5*time.Millisecond))
			wantOld(t, open(t, dir, store.Options{}), schema)
		}
	}
}

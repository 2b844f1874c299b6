package store_test

import (
	"encoding/binary"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store"
)

var (
	shaA = strings.Repeat("a", 40)
	shaB = strings.Repeat("b", 40)
)

// seq is a number as it is in keys.
func seq(n uint64) string { return string(binary.BigEndian.AppendUint64(nil, n)) }

// schema1 is a file of schema 1, key by key, as that schema's code wrote it:
// of pull request 5 the run "one", which ended, "two", which did not, and
// "three", which ran an outdated head again; the event of pull request 6
// waits.
func schema1() map[string]map[string]string {
	const (
		noon = `"2026-09-01T12:00:00Z"`
		repo = `{"id":11,"owner":"acme","name":"shop"}`
	)
	pull := func(number string) string {
		return `"pull_request":{"number":` + number + `,"title":"Sell more","author":{"id":3,"login":"ann"},` +
			`"head":{"sha":"` + shaA + `","branch":"more","repo":` + repo + `},` +
			`"base":{"sha":"` + shaB + `","branch":"main","repo":` + repo + `}}`
	}
	run := func(id, seq, guid, sha, rest string) string {
		return `{"id":"` + id + `","seq":` + seq + `,"delivery":"` + guid + `","trigger":"pull_request.opened",` +
			`"sender":{"id":3,"login":"ann"},"installation":7,"repo":` + repo + `,` + pull("5") + `,` +
			`"head_sha":"` + sha + `","base_sha":"` + shaB + `",` + rest + `"packages":["lib"]}`
	}
	job := func(run string) string {
		return `{"run":"` + run + `","package":{"name":"lib","dir":"lib","test_type":"make","timeout":0,"network":false,"reuse":false},` +
			`"index":0,"state":"queued","queued":` + noon + `}`
	}
	delivery := func(rest string) string { return `{"received":` + noon + `,` + rest + `}` }
	headA, headB := seq(11)+"\x28"+shaA, seq(11)+"\x28"+shaB
	planned := seq(uint64(time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC).UnixNano()))
	return map[string]map[string]string{
		"meta": {"instance": "fogbsolkegdyopkz52rui3r7ib", "schema": "1"},
		"inbox": {seq(4): `{"delivery":"g4","kind":"pull_request","name":"pull_request.opened","received":` + noon + `,` +
			`"installation":7,"repo":` + repo + `,"sender":{"id":3,"login":"ann"},"head_sha":"` + shaA + `",` + pull("6") + `}`},
		"deliveries": {
			"g1": delivery(`"note":"one","seq":1`), "g2": delivery(`"note":"two","seq":2`),
			"g3": delivery(`"note":"three","seq":3`), "g4": delivery(`"pending":true,"seq":4`),
		},
		"expiry": {planned + "g1": "", planned + "g2": "", planned + "g3": ""},
		"runs": {
			seq(1):   run("one", "1", "g1", shaA, `"created":`+noon+`,"finished":"2026-09-01T12:01:00Z",`),
			seq(2):   run("two", "2", "g2", shaA, `"created":`+noon+`,`),
			seq(300): run("three", "300", "g3", shaB, `"rerun_of":"one","outdated":"`+shaB+`","created":`+noon+`,"finished":"2026-09-01T12:01:00Z",`),
		},
		"runids":    {"one": seq(1) + headA, "two": seq(2) + headA, "three": seq(300) + headB},
		"active":    {seq(2): ""},
		"heads":     {headA + seq(1): "", headA + seq(2): "", headB + seq(300): ""},
		"jobs":      {seq(1) + "lib": job("one"), seq(2) + "lib": job("two"), seq(300) + "lib": job("three")},
		"outbox":    {seq(2): `{"key":{"run":"two","name":"lib"},"rev":2,"since":` + noon + `}`},
		"checks":    {"one\x00lib": `{"id":501}`, "two\x00lib": `{"row":2}`, "three\x00lib": `{}`},
		"discards":  {seq(1): `{"key":{"run":"three","name":"lib"},"rev":3,"at":` + noon + `,"why":"The repository is gone."}`},
		"durations": {seq(11) + "lib": `{"ns":60000000000}`},
	}
}

// writeSchema1 makes the file path of schema 1.
func writeSchema1(t *testing.T, path string) {
	t.Helper()
	sequences := map[string]uint64{"inbox": 4, "outbox": 3, "discards": 1}
	edit(t, path, func(tx *bolt.Tx) error {
		for name, records := range schema1() {
			b, err := tx.CreateBucket([]byte(name))
			if err != nil {
				return err
			}
			if err := b.SetSequence(sequences[name]); err != nil {
				return err
			}
			for k, v := range records {
				if err := b.Put([]byte(k), []byte(v)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// TestMigrateFromSchema1 shows that nothing is lost and that runs of schema 1
// are found by their pull request, as later ones are.
func TestMigrateFromSchema1(t *testing.T) {
	dir := t.TempDir()
	writeSchema1(t, filepath.Join(dir, "loktar.db"))
	s := open(t, dir, store.Options{})
	if s.InstanceID() != "fogbsolkegdyopkz52rui3r7ib" {
		t.Errorf("the instance is %q now", s.InstanceID())
	}
	target := checks.Target{Repo: 11, Pull: 5}
	wantLatest(t, s, target, "two")
	wantLatest(t, s, checks.Target{Repo: 11, Pull: 6}, "")
	wantIDs(t, s, shaA, "two", "one")
	wantIDs(t, s, shaB, "three")

	three, err := s.Run("three")
	if err != nil {
		t.Fatal(err)
	}
	if three.RerunOf != "one" || three.Outdated != shaB || three.PullRequest.Number != 5 || three.Repo.FullName() != "acme/shop" {
		t.Errorf("run three is %+v now", three)
	}
	runs, jobs, last, err := s.Active()
	if err != nil || len(runs) != 1 || runs[0].ID != "two" || len(jobs["two"]) != 1 || last != 300 {
		t.Errorf("active are %v with %v, last %d (%v)", runs, jobs, last, err)
	}
	evs, err := s.Pending(9)
	if err != nil || len(evs) != 1 || evs[0].Delivery != "g4" || evs[0].PullRequest.Number != 6 {
		t.Errorf("pending are %+v (%v)", evs, err)
	}
	rows, err := s.Outbox(9)
	if err != nil || len(rows) != 1 || rows[0].Rev != 2 {
		t.Errorf("outbox is %+v (%v)", rows, err)
	}

	// What is written from now on stands beside it, and in place of it.
	two := runs[0]
	two.HeadSHA, two.PullRequest.Number = shaB, 6
	move := checks.Move{Repo: checks.Repo{ID: 11, Owner: "globex", Name: "store"}, Installation: 8, At: two.Created}
	err = s.Commit(t.Context(), checks.Commit{
		Planned: "g4", Note: "two", Runs: []checks.Run{two}, Moves: []checks.Move{move},
		Replies: []checks.Reply{{Delivery: "g4", Repo: two.Repo, Since: two.Created}},
	})
	if err != nil {
		t.Fatal(err)
	}
	wantLatest(t, s, target, "one")
	wantLatest(t, s, checks.Target{Repo: 11, Pull: 6}, "two")
	wantIDs(t, s, shaA, "one")
	wantIDs(t, s, shaB, "three", "two")
	one, err := s.Run("one")
	if err != nil || one.Repo != move.Repo || one.PullRequest.Base.Repo != move.Repo || one.Installation != 8 {
		t.Errorf("after a move run one is %+v (%v)", one, err)
	}
	replies, err := s.Replies(9)
	if err != nil || len(replies) != 1 || replies[0].Repo != move.Repo {
		t.Errorf("replies are %+v (%v)", replies, err)
	}
}

// TestMigrateTwice shows that a file is migrated once.
func TestMigrateTwice(t *testing.T) {
	dir := t.TempDir()
	writeSchema1(t, filepath.Join(dir, "loktar.db"))
	for range 2 {
		s := open(t, dir, store.Options{})
		wantLatest(t, s, checks.Target{Repo: 11, Pull: 5}, "two")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMigrateDamaged shows that a file that cannot be migrated stays as it is.
func TestMigrateDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "loktar.db")
	writeSchema1(t, path)
	edit(t, path, func(tx *bolt.Tx) error { return tx.Bucket([]byte("runs")).Put([]byte(seq(7)), []byte("{")) })
	_, err := store.Open(path, store.Options{})
	if err == nil || !strings.Contains(err.Error(), "migrate "+path+" from schema 1 to 6: decode run 0000000000000007") {
		t.Fatalf("error %v does not say what is damaged", err)
	}
	edit(t, path, func(tx *bolt.Tx) error {
		if got := string(tx.Bucket([]byte("meta")).Get([]byte("schema"))); got != "1" || tx.Bucket([]byte("targets")) != nil {
			t.Errorf("the file has schema %s and is changed", got)
		}
		return nil
	})
}

// wantLatest wants the run id as the newest of target; "" is none.
func wantLatest(t *testing.T, s *store.Store, target checks.Target, id string) {
	t.Helper()
	run, found, err := s.Latest(target)
	if err != nil || run.ID != id || found != (id != "") {
		t.Errorf("newest run of %+v is %q, %t (%v); want %q", target, run.ID, found, err, id)
	}
}

func wantIDs(t *testing.T, s *store.Store, sha string, want ...string) {
	t.Helper()
	runs, err := s.RunsOf(11, sha)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range runs {
		got = append(got, r.ID)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("runs of %s (-want +got):\n%s", sha, d)
	}
}

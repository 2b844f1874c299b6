package storetest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
)

// envCrash holds the folder of the store in a child of the crash test.
const envCrash = "LOKTAR_STORETEST_CRASH"

// announced is what killed processes said after their calls had returned.
type announced struct {
	accepted map[string]bool   // deliveries
	planned  map[uint64]bool   // commits, by the run's Seq
	answered map[uint64]bool   // replies that are done
	versions map[string]string // by the publication's key
	done     map[string]bool   // keys of publications that are done
}

// testCrash kills a process that writes, at a random moment and several
// times, and looks whether all that it had announced is there, and nothing by
// half.
func testCrash(t *testing.T, open Open) {
	if dir := os.Getenv(envCrash); dir != "" {
		crashChild(t, open, dir)
		return
	}
	dir := t.TempDir()
	a := announced{map[string]bool{}, map[uint64]bool{}, map[uint64]bool{}, map[string]string{}, map[string]bool{}}
	for round := range 4 {
		killedChild(t, dir, round, 1+rand.IntN(400), &a)
		checkSurvivors(t, open, dir, a)
		checkVersions(t, open, dir, a)
	}
	t.Logf("%d deliveries, %d commits, %d replies and %d versions (%d published) announced by killed processes, all found",
		len(a.accepted), len(a.planned), len(a.answered), len(a.versions), len(a.done))
}

func checkSurvivors(t *testing.T, open Open, dir string, a announced) {
	t.Helper()
	s := open(t, dir, time.Now)
	defer mustClose(t, s)
	inbox := map[string]bool{}
	for _, ev := range get(s.Pending(1 << 20))(t) {
		inbox[ev.Delivery] = true
	}
	for guid := range a.accepted {
		if !inbox[guid] {
			t.Errorf("delivery %s was announced and is lost", guid)
		}
		accept(t, s, event(guid), false)
	}

	// A commit is there whole or not at all.
	runs, jobs, last, err := s.Active()
	must(t, err)
	for seq := range a.planned {
		if seq > last {
			t.Errorf("commit %d was announced and is lost; the last is %d", seq, last)
		}
	}
	replies, rows := map[string]bool{}, map[checks.CheckKey]bool{}
	for _, r := range get(s.Replies(1 << 20))(t) {
		replies[r.Delivery] = true
	}
	for _, row := range get(s.Outbox(1 << 20))(t) {
		rows[row.Key] = true
	}
	for i, r := range runs {
		want := crashCommit(uint64(i + 1))
		wantRun := want.Runs[0]
		wantRun.Repo, wantRun.PullRequest.Base.Repo = want.Moves[0].Repo, want.Moves[0].Repo
		wantRun.Installation = want.Moves[0].Installation
		same(t, "run", r, wantRun)
		same(t, "jobs of "+r.ID, jobs[r.ID], want.Jobs)
		latest(t, s, r.Target(), &wantRun)
		settled(t, s, want.Planned, true, false, r.ID)
		for _, k := range want.Dirty {
			if !rows[k] {
				t.Errorf("run %s is there without the outbox row of %s", r.ID, k.Name)
			}
			delete(rows, k)
		}
		// A reply may be done without a word of it, but for those that stay.
		waits := replies[want.Planned]
		if a.answered[r.Seq] && waits || !crashAnswers(r.Seq) && !waits {
			t.Errorf("run %s is there; that its reply waits is %t", r.ID, waits)
		}
		delete(replies, want.Planned)
	}
	if len(rows) > 0 || len(replies) > 0 {
		t.Errorf("there are %d outbox rows and %d replies of no run", len(rows), len(replies))
	}
	lost := crashCommit(last + 1)
	if _, known, err := s.Delivery(lost.Planned); err != nil || known && !inbox[lost.Planned] {
		t.Errorf("delivery %s is planned and has no run (error: %v)", lost.Planned, err)
	}
	latest(t, s, lost.Runs[0].Target(), nil)
}

// crashCommit is the commit that makes the run seq: a plan with all that can
// come of an event, in a repository of its own that moves at once.
func crashCommit(seq uint64) checks.Commit {
	r := run(seq, shaA)
	r.Repo.ID, r.PullRequest = int64(1000+seq), pull(5)
	r.PullRequest.Base.Repo = r.Repo
	answer := reply(r.Delivery)
	answer.Repo = r.Repo
	return checks.Commit{
		Planned: r.Delivery,
		Note:    r.ID,
		Runs:    []checks.Run{r},
		Jobs:    []checks.Job{job(r, 0, "lib"), job(r, 1, "api")},
		Dirty:   []checks.CheckKey{key(r, "lib"), key(r, "api"), key(r, checks.AggregateName)},
		Replies: []checks.Reply{answer},
		Moves:   []checks.Move{move(r.Repo.ID, "globex", "store", 8, someTime)},
	}
}

// crashAnswers reports whether the reply of the run seq is ended.
func crashAnswers(seq uint64) bool { return seq%3 != 0 }

// killedChild starts this test binary on the store in dir, kills it once it
// has announced a commit and n deliveries, and adds what it announced to a.
func killedChild(t *testing.T, dir string, round, n int, a *announced) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$", "-test.count=1")
	cmd.Env = append(os.Environ(), envCrash+"="+dir, fmt.Sprintf("%s_ROUND=%d", envCrash, round))
	cmd.Stderr = os.Stderr
	// The child ends by itself when this pipe does.
	_, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	accepted, planned, reserved, killed := 0, 0, 0, false
	for lines.Scan() {
		verb, what, _ := strings.Cut(lines.Text(), " ")
		seq, _ := strconv.ParseUint(what, 10, 64)
		switch verb {
		case "accepted":
			a.accepted[what] = true
			accepted++
		case "planned":
			a.planned[seq] = true
			planned++
		case "answered":
			a.answered[seq] = true
		case "reserved":
			key, version, _ := strings.Cut(what, " ")
			a.versions[key] = version
			reserved++
		case "published":
			a.done[what] = true
		}
		if !killed && accepted >= n && planned > 0 && reserved > 0 {
			killed = true
			must(t, cmd.Process.Kill())
		}
	}
	err = cmd.Wait()
	if !killed {
		t.Fatalf("the child ended by itself after %d deliveries: %v", accepted, err)
	}
}

// crashChild accepts, commits, ends replies and publishes without end, from several
// goroutines, and announces each after its call returned.
func crashChild(t *testing.T, open Open, dir string) {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	s := open(t, dir, time.Now)
	_, _, last, err := s.Active()
	must(t, err)
	var mu sync.Mutex
	announce := func(verb string, what any, err error) {
		if err != nil {
			panic(err)
		}
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(verb, what)
	}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				guid := fmt.Sprintf("%s-%d-%d", os.Getenv(envCrash+"_ROUND"), w, i)
				_, err := s.Accept(context.Background(), event(guid))
				announce("accepted", guid, err)
			}
		})
	}
	wg.Go(func() {
		for seq := last + 1; ; seq++ {
			c := crashCommit(seq)
			// It is known already when an earlier process was killed here.
			if _, err := s.Accept(context.Background(), event(c.Planned)); err != nil {
				panic(err)
			}
			announce("planned", seq, s.Commit(context.Background(), c))
			if crashAnswers(seq) {
				announce("answered", seq, s.ReplyDone(context.Background(), c.Planned))
			}
		}
	})
	crashPublish(s, &wg, announce)
	wg.Wait()
}

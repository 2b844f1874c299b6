package storetest

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
)

func testRuns(t *testing.T, open Open) {
	s := fresh(t, open)
	runs, jobs, last, err := s.Active()
	must(t, err)
	same(t, "no run", []any{runs, jobs, last}, []any{[]checks.Run{}, map[string][]checks.Job{}, uint64(0)})

	r1, r2, r3 := run(1, shaA), run(2, shaB), run(300, shaA)
	r3.Repo.ID = 12
	// The order of the names is not the order of the plan.
	lib, api := job(r1, 0, "lib"), job(r1, 1, "api")
	api.Needs = []string{"lib"}
	// One that is tried again at a moment that is to come.
	must(t, lib.Start(someTime))
	must(t, lib.Repeat(checks.Result{Outcome: checks.OutcomeErrored, Cause: checks.CauseImageUnpullable, Detail: "No registry."}, someTime, someTime.Add(time.Second)))
	must(t, s.Commit(t.Context(), checks.Commit{Runs: []checks.Run{r1}, Jobs: []checks.Job{api, lib}}))
	web := job(r2, 0, "web")
	must(t, s.Commit(t.Context(), checks.Commit{Runs: []checks.Run{r3, r2}, Jobs: []checks.Job{web}}))

	runs, jobs, last, err = s.Active()
	must(t, err)
	same(t, "active runs", runs, []checks.Run{r1, r2, r3})
	same(t, "active jobs", jobs[r1.ID], []checks.Job{lib, api})
	same(t, "active jobs", jobs[r2.ID], []checks.Job{web})
	same(t, "active jobs", jobs[r3.ID], []checks.Job{})
	same(t, "last seq", last, uint64(300))
	same(t, "recent", get(s.Recent(2))(t), []checks.Run{r3, r2})
	same(t, "recent none", get(s.Recent(0))(t), []checks.Run{})
	same(t, "runs of A", get(s.RunsOf(11, shaA))(t), []checks.Run{r1})
	same(t, "runs of A elsewhere", get(s.RunsOf(12, shaA))(t), []checks.Run{r3})
	same(t, "runs of a part of A", get(s.RunsOf(11, shaA[:8]))(t), []checks.Run{})
	same(t, "a job", get(s.Job(api.ID()))(t), api)

	// A second run of the same commit, and the first one ends.
	r4 := run(301, shaA)
	must(t, lib.Start(someTime))
	must(t, lib.Finish(checks.Result{Outcome: checks.OutcomeFailed, ExitCode: 2, Detail: "make ci exited with 2."}, someTime.Add(time.Second)))
	r1.Finished = someTime.Add(time.Minute)
	must(t, s.Commit(t.Context(), checks.Commit{Runs: []checks.Run{r1, r4}, Jobs: []checks.Job{lib}}))
	runs, _, last, err = s.Active()
	must(t, err)
	same(t, "active runs", runs, []checks.Run{r2, r3, r4})
	same(t, "last seq", last, uint64(301))
	same(t, "runs of A", get(s.RunsOf(11, shaA))(t), []checks.Run{r4, r1})
	same(t, "a finished run", get(s.Run(r1.ID))(t), r1)
	same(t, "its jobs", get(s.Jobs(r1.ID))(t), []checks.Job{lib, api})

	// A run whose commit was not known at first moves in the index.
	r4.HeadSHA = shaB
	must(t, s.Commit(t.Context(), checks.Commit{Runs: []checks.Run{r4}}))
	same(t, "runs of A", get(s.RunsOf(11, shaA))(t), []checks.Run{r1})
	same(t, "runs of B", get(s.RunsOf(11, shaB))(t), []checks.Run{r4, r2})

	_, err = s.Run("nobody")
	wantKind(t, err, checks.KindNotFound)
	_, err = s.Jobs("nobody")
	wantKind(t, err, checks.KindNotFound)
	_, err = s.Job(checks.JobID{Run: r1.ID, Package: "nobody"})
	wantKind(t, err, checks.KindNotFound)
	_, err = s.Job(checks.JobID{Run: "nobody", Package: "lib"})
	wantKind(t, err, checks.KindNotFound)
}

// testLargeRun commits a run of 5,000 jobs and then changes two of them.
func testLargeRun(t *testing.T, open Open) {
	s := fresh(t, open)
	r := run(1, shaA)
	c := checks.Commit{Runs: []checks.Run{r}}
	for i := range 5000 {
		j := job(r, i, fmt.Sprintf("package-%d", i))
		c.Jobs = append(c.Jobs, j)
		c.Dirty = append(c.Dirty, key(r, j.Package.Name))
	}
	must(t, s.Commit(t.Context(), c))
	for _, i := range []int{0, 4321} {
		must(t, c.Jobs[i].Start(someTime))
		must(t, s.Commit(t.Context(), checks.Commit{Jobs: []checks.Job{c.Jobs[i]}}))
	}
	same(t, "5,000 jobs", get(s.Jobs(r.ID))(t), c.Jobs)
	if n := len(get(s.Outbox(math.MaxInt))(t)); n != 5000 {
		t.Fatalf("%d rows in the outbox, want 5,000", n)
	}
}

// testRefusals shows that a commit that is refused leaves nothing behind.
func testRefusals(t *testing.T, open Open) {
	s := fresh(t, open)
	r1, r2 := run(1, shaA), run(2, shaA)
	must(t, s.Commit(t.Context(), checks.Commit{Runs: []checks.Run{r1}}))
	accept(t, s, event("g"), true)

	taken, moved, unnamed, endless := run(3, shaA), r1, run(4, shaA), job(r2, 0, "lib")
	taken.Seq, moved.Seq, unnamed.ID = 1, 9, ""
	endless.Package.Resources.CPUs = math.NaN()
	for name, tt := range map[string]struct {
		commit checks.Commit
		kind   checks.Kind
	}{
		"another run's number": {checks.Commit{Runs: []checks.Run{taken}}, checks.KindRefused},
		"a new number":         {checks.Commit{Runs: []checks.Run{moved}}, checks.KindRefused},
		"a run without an id":  {checks.Commit{Runs: []checks.Run{unnamed}}, checks.KindRefused},
		"a job without a run":  {checks.Commit{Jobs: []checks.Job{job(run(8, shaA), 0, "lib")}}, checks.KindNotFound},
		"a job without a name": {checks.Commit{Jobs: []checks.Job{job(r2, 0, "")}}, checks.KindRefused},
		"a job not of JSON":    {checks.Commit{Jobs: []checks.Job{endless}}, checks.KindInternal},
		"a check run without a name": {
			checks.Commit{Dirty: []checks.CheckKey{{Run: r1.ID}}}, checks.KindRefused},
		"a duration without a package": {
			checks.Commit{Durations: []checks.PackageDuration{{Repo: 1, Duration: 1}}}, checks.KindRefused},
		"a reply without a delivery": {checks.Commit{Replies: []checks.Reply{reply("")}}, checks.KindRefused},
		"a move without an owner":    {checks.Commit{Moves: []checks.Move{move(11, "", "b", 8, someTime)}}, checks.KindRefused},
	} {
		t.Run(name, func(t *testing.T) {
			c := tt.commit
			c.Planned = "g"
			c.Runs = append([]checks.Run{r2}, c.Runs...)
			c.Dirty = append([]checks.CheckKey{key(r2, "lib")}, c.Dirty...)
			c.Durations = append([]checks.PackageDuration{{Repo: 11, Package: "lib", Duration: 1}}, c.Durations...)
			c.Replies = append([]checks.Reply{reply("g")}, c.Replies...)
			c.Moves = append([]checks.Move{move(11, "globex", "store", 8, someTime)}, c.Moves...)
			wantKind(t, s.Commit(t.Context(), c), tt.kind)

			_, err := s.Run(r2.ID)
			wantKind(t, err, checks.KindNotFound)
			same(t, "recent", get(s.Recent(9))(t), []checks.Run{r1})
			same(t, "outbox", get(s.Outbox(9))(t), []checks.OutboxRow{})
			same(t, "durations", get(s.Durations(11))(t), map[string]time.Duration{})
			same(t, "replies", get(s.Replies(9))(t), []checks.Reply{})
			settled(t, s, "g", true, true, "")
		})
	}
}

func testDurations(t *testing.T, open Open) {
	s := fresh(t, open)
	observe := func(repo int64, name string, d time.Duration) {
		t.Helper()
		must(t, s.Commit(t.Context(), checks.Commit{Durations: []checks.PackageDuration{{Repo: repo, Package: name, Duration: d}}}))
	}
	same(t, "nothing known", get(s.Durations(11))(t), map[string]time.Duration{})
	observe(11, "lib", 10*time.Second)
	observe(11, "api", time.Minute)
	observe(12, "lib", time.Hour)
	observe(11, "api", 0)
	same(t, "first seen", get(s.Durations(11))(t), map[string]time.Duration{"lib": 10 * time.Second, "api": time.Minute})

	observe(11, "lib", 20*time.Second)
	once := get(s.Durations(11))(t)["lib"]
	if once <= 10*time.Second || once >= 20*time.Second {
		t.Fatalf("after 10 s and 20 s: %s, want something between", once)
	}
	for range 50 {
		observe(11, "lib", 20*time.Second)
	}
	if d := get(s.Durations(11))(t)["lib"]; d < 19*time.Second || d > 20*time.Second {
		t.Fatalf("after many times 20 s: %s", d)
	}
	same(t, "the other repository", get(s.Durations(12))(t), map[string]time.Duration{"lib": time.Hour})
}

package plan_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/plan"
)

func TestRemainingPath(t *testing.T) {
	mk := func(name string, needs ...string) *checks.Job {
		return &checks.Job{Package: pkg(name), Needs: needs, State: checks.StateQueued}
	}
	none, done := mk("none"), mk("done", "a")
	none.Package.TestType = checks.TestNone
	done.State = checks.StateDone
	jobs := []*checks.Job{mk("a"), mk("short", "a"), mk("b", "a", "gone"), mk("c", "a"), mk("d", "b", "c"), none, done, mk("new", "none")}
	past := map[string]time.Duration{"short": 1, "zz": time.Hour, "a": 5 * time.Second, "b": 10 * time.Second, "c": 2 * time.Second, "d": 3 * time.Second, "done": time.Hour, "none": time.Hour, "old": -1}
	want := map[string]time.Duration{
		"a": 18 * time.Second, "b": 13 * time.Second, "c": 5 * time.Second, "d": 3 * time.Second, "short": 1,
		"done": 0, "new": 5 * time.Second, "none": 5 * time.Second,
	}
	got := plan.RemainingPath(jobs, past)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got := plan.RemainingPath([]*checks.Job{jobs[0], jobs[2]}, nil)["a"]; got != 2*time.Minute {
		t.Errorf("of unknown packages: %s", got)
	}
}

func TestNext(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	cand := func(name string, repo int64, seq uint64, index int, remaining time.Duration) plan.Candidate {
		return plan.Candidate{Job: checks.JobID{Package: name}, Repo: repo, Seq: seq, Index: index, Remaining: remaining}
	}
	of := func(installation int64, c plan.Candidate) plan.Candidate {
		c.Installation = installation
		return c
	}
	for name, c := range map[string]struct {
		ready  []plan.Candidate
		shares plan.Shares
		want   string
	}{
		"none":                        {nil, plan.Shares{}, ""},
		"the longest path":            {[]plan.Candidate{cand("a", 1, 1, 0, 1), cand("b", 1, 2, 1, 2)}, plan.Shares{}, "b"},
		"then the oldest run":         {[]plan.Candidate{cand("a", 1, 2, 0, 1), cand("b", 1, 1, 1, 1)}, plan.Shares{}, "b"},
		"then the first in the plan":  {[]plan.Candidate{cand("a", 1, 1, 1, 1), cand("b", 1, 1, 0, 1)}, plan.Shares{}, "b"},
		"the fewest running":          {[]plan.Candidate{cand("a", 1, 1, 0, 9), cand("b", 2, 2, 0, 1)}, plan.Shares{Repos: map[int64]plan.Share{1: {Running: 2}, 2: {Running: 1, Served: at(9)}}}, "b"},
		"then served longest ago":     {[]plan.Candidate{cand("a", 1, 1, 0, 9), cand("b", 2, 2, 0, 1)}, plan.Shares{Repos: map[int64]plan.Share{1: {Served: at(5)}, 2: {Served: at(4)}}}, "b"},
		"never served is longest ago": {[]plan.Candidate{cand("a", 1, 1, 0, 9), cand("b", 2, 2, 0, 1)}, plan.Shares{Repos: map[int64]plan.Share{1: {Served: at(5)}}}, "b"},
		"then the oldest waiting run": {[]plan.Candidate{cand("a", 2, 2, 0, 9), cand("b", 1, 3, 0, 9), cand("c", 1, 1, 0, 1)}, plan.Shares{}, "b"},
		"installations come first": {[]plan.Candidate{of(1, cand("a", 1, 1, 0, 9)), of(1, cand("b", 2, 2, 0, 9)), of(2, cand("c", 3, 3, 0, 1))},
			plan.Shares{Installations: map[int64]plan.Share{1: {Running: 1}}, Repos: map[int64]plan.Share{3: {Running: 1}}}, "c"},
		"then its repositories": {[]plan.Candidate{of(1, cand("a", 1, 1, 0, 9)), of(1, cand("b", 2, 2, 0, 1)), of(2, cand("c", 3, 3, 0, 1))},
			plan.Shares{Installations: map[int64]plan.Share{2: {Running: 1}}, Repos: map[int64]plan.Share{1: {Running: 1}}}, "b"},
	} {
		t.Run(name, func(t *testing.T) {
			for range len(c.ready) + 1 { // the order does not matter
				got := ""
				if i := plan.Next(c.ready, c.shares); i >= 0 {
					got = c.ready[i].Job.Package
				}
				if got != c.want {
					t.Errorf("picked %q, want %q", got, c.want)
				}
				if len(c.ready) > 0 {
					c.ready = append(c.ready[1:], c.ready[0])
				}
			}
		})
	}
}

// world is a server's slots and several runs, driven by Next alone.
type world struct {
	runs   []checks.Run
	jobs   map[string][]*checks.Job
	byName map[string]map[string]*checks.Job
	paths  map[string]map[string]time.Duration
	shares plan.Shares
	clock  time.Time
}

func drawWorld(t *rapid.T) *world {
	w := &world{jobs: map[string][]*checks.Job{}, byName: map[string]map[string]*checks.Job{}, paths: map[string]map[string]time.Duration{}, shares: plan.Shares{Installations: map[int64]plan.Share{}, Repos: map[int64]plan.Share{}}, clock: time.Unix(1, 0)}
	past := map[string]time.Duration{}
	for r := range rapid.IntRange(1, 5).Draw(t, "runs") {
		run := checks.Run{ID: fmt.Sprintf("r%d", r), Seq: uint64(r + 1), Repo: checks.Repo{ID: int64(rapid.IntRange(1, 4).Draw(t, "repo"))}}
		run.Installation = run.Repo.ID % 2
		w.byName[run.ID] = map[string]*checks.Job{}
		for i := range rapid.IntRange(1, 8).Draw(t, "jobs") {
			j := &checks.Job{Run: run.ID, Package: pkg(fmt.Sprintf("p%d", i)), Index: i, State: checks.StateQueued}
			for d := range i {
				if rapid.IntRange(0, 2).Draw(t, "need") == 0 {
					j.Needs = append(j.Needs, fmt.Sprintf("p%d", d))
				}
			}
			past[j.Package.Name] = time.Duration(rapid.IntRange(0, 9).Draw(t, "past")) * time.Second
			w.jobs[run.ID] = append(w.jobs[run.ID], j)
			w.byName[run.ID][j.Package.Name] = j
		}
		w.paths[run.ID] = plan.RemainingPath(w.jobs[run.ID], past)
		w.runs = append(w.runs, run)
	}
	return w
}

func (w *world) ready() []plan.Candidate {
	var out []plan.Candidate
	for _, run := range w.runs {
		for _, j := range w.jobs[run.ID] {
			if checks.Ready(j, w.byName[run.ID]) {
				out = append(out, plan.Candidate{Job: j.ID(), Installation: run.Installation, Repo: run.Repo.ID, Seq: run.Seq, Index: j.Index, Remaining: w.paths[run.ID][j.Package.Name]})
			}
		}
	}
	return out
}

// Driven by Next, whatever fails and in whatever order jobs end: no job starts
// before its needs passed, no slot is idle while a job is ready, no installation
// gets a second slot while another that could use it has fewer, nor one of its
// repositories, an installation that waits is served within a turn of the
// other, and every run ends.
func TestScheduling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		slots := rapid.IntRange(1, 4).Draw(t, "slots")
		var running []*checks.Job
		repoOf := map[string]int64{}
		for _, run := range w.runs {
			repoOf[run.ID] = run.Repo.ID
		}
		waiting := map[int64]int{} // picks that went to others while it waited, with no job running
		for {
			for len(running) < slots {
				ready := w.ready()
				i := plan.Next(ready, w.shares)
				if i < 0 {
					if len(ready) > 0 {
						t.Fatal("a slot stays idle")
					}
					break
				}
				c := ready[i]
				for _, other := range ready {
					if got, less := w.shares.Installations[c.Installation].Running, w.shares.Installations[other.Installation].Running; less < got {
						t.Fatalf("installation %d has %d, %d has %d and waits", c.Installation, got, other.Installation, less)
					}
					if got, less := w.shares.Repos[c.Repo].Running, w.shares.Repos[other.Repo].Running; less < got && other.Installation == c.Installation {
						t.Fatalf("repository %d has %d, %d has %d and waits", c.Repo, got, other.Repo, less)
					}
					if other.Repo == c.Repo && other.Remaining > c.Remaining {
						t.Fatalf("%v was picked before the longer %v", c, other)
					}
				}
				j := w.byName[c.Job.Run][c.Job.Package]
				for _, n := range j.Needs {
					if !w.byName[c.Job.Run][n].Result.Outcome.Passed() {
						t.Fatalf("%s starts before %s passed", j.ID(), n)
					}
				}
				if err := j.Start(w.clock); err != nil {
					t.Fatal(err)
				}
				w.clock = w.clock.Add(time.Second)
				w.shares.Repos[c.Repo] = plan.Share{Running: w.shares.Repos[c.Repo].Running + 1, Served: w.clock}
				w.shares.Installations[c.Installation] = plan.Share{Running: w.shares.Installations[c.Installation].Running + 1, Served: w.clock}
				running = append(running, j)
				waits := map[int64]bool{}
				for _, other := range ready {
					waits[other.Installation] = other.Installation != c.Installation && w.shares.Installations[other.Installation].Running == 0
				}
				for id := range int64(2) {
					if !waits[id] {
						waiting[id] = 0
					} else if waiting[id]++; waiting[id] > 1 {
						t.Fatalf("installation %d waited while others were served %d times", id, waiting[id])
					}
				}
			}
			if len(running) == 0 {
				break
			}
			k := rapid.IntRange(0, len(running)-1).Draw(t, "ends")
			j := running[k]
			running = slices.Delete(running, k, k+1)
			outcome := rapid.SampledFrom([]checks.Outcome{passed, passed, passed, failed, errored}).Draw(t, "outcome")
			if err := j.Finish(checks.Result{Outcome: outcome}, w.clock); err != nil {
				t.Fatal(err)
			}
			gives(w.shares.Repos, repoOf[j.Run])
			gives(w.shares.Installations, repoOf[j.Run]%2)
			for i := range w.runs {
				if w.runs[i].ID == j.Run {
					checks.Settle(&w.runs[i], w.jobs[j.Run], w.clock)
				}
			}
		}
		for _, run := range w.runs {
			if !run.Done() {
				t.Fatalf("run %s never ended", run.ID)
			}
		}
	})
}

func gives(shares map[int64]plan.Share, id int64) {
	share := shares[id]
	share.Running--
	shares[id] = share
}

func BenchmarkSchedule(b *testing.B) {
	const n = 10000
	jobs := make([]*checks.Job, n)
	ready := make([]plan.Candidate, n)
	past := map[string]time.Duration{}
	for i := range jobs {
		jobs[i] = &checks.Job{Package: pkg(fmt.Sprintf("p%d", i)), Index: i, State: checks.StateQueued}
		for _, back := range []int{1, 17, 400} {
			if i >= back {
				jobs[i].Needs = append(jobs[i].Needs, jobs[i-back].Package.Name)
			}
		}
		past[jobs[i].Package.Name] = time.Duration(i) * time.Millisecond
		ready[i] = plan.Candidate{Repo: int64(i % 7), Seq: uint64(i / 100), Index: i % 100, Remaining: time.Duration(i * 7919 % n)}
	}
	b.Run("RemainingPath", func(b *testing.B) {
		for b.Loop() {
			plan.RemainingPath(jobs, past)
		}
	})
	b.Run("Next", func(b *testing.B) {
		for b.Loop() {
			plan.Next(ready, plan.Shares{Repos: map[int64]plan.Share{1: {Running: 1}}})
		}
	})
}

// BenchmarkMake plans 100,000 changed files on 10,000 packages, without and
// with a graph that is kept.
func BenchmarkMake(b *testing.B) {
	m, files := monorepo(10000, 10)
	ch := change(m, files...)
	var planner plan.Planner
	cold := func(ev checks.Event, ch checks.Change) (checks.Plan, error) { return new(plan.Planner).Make(ev, ch) }
	for _, c := range []struct {
		name string
		do   func(checks.Event, checks.Change) (checks.Plan, error)
	}{{"cold", cold}, {"warm", planner.Make}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if p, err := c.do(pullRequest(), ch); err != nil || len(p.Jobs) != len(m.Packages) {
					b.Fatal(err, len(p.Jobs))
				}
			}
		})
	}
}

// BenchmarkMakeRequired plans a change that affects 10 of 5,000 packages, all
// of which are required. Its floor is the same change with nothing required,
// in the same run; x-floor is the ratio.
func BenchmarkMakeRequired(b *testing.B) {
	const n, affected = 5000, 10
	names := make([]string, n)
	free, said := manifest(), manifest()
	for i := range names {
		p := pkg(fmt.Sprintf("pkg%04d", i))
		names[i] = p.Name
		free.Packages = append(free.Packages, p)
		p.Required = true
		said.Packages = append(said.Packages, p)
	}
	var files []string
	for _, name := range names[:affected] {
		files = append(files, name+"/x")
	}
	rules, unlisted := change(free, files...), change(free, files...)
	rules.RequiredOurs = names
	for i := range n {
		unlisted.RequiredOurs = append(unlisted.RequiredOurs, fmt.Sprintf("%0255d", i))
	}
	for _, c := range []struct {
		name   string
		change checks.Change
		jobs   int
	}{{"by-loktar.json", change(said, files...), n}, {"by-rules", rules, n}, {"by-rules-not-listed", unlisted, n + affected}} {
		b.Run(c.name, func(b *testing.B) {
			var planner plan.Planner
			var floor, work time.Duration
			timed := func(ch checks.Change, jobs int) time.Duration {
				began := time.Now()
				p, err := planner.Make(pullRequest(), ch)
				took := time.Since(began)
				if err != nil || len(p.Jobs) != jobs {
					b.Fatal(err, len(p.Jobs))
				}
				return took
			}
			timed(c.change, c.jobs) // both graphs are kept from here on
			timed(change(free, files...), affected)
			b.ReportAllocs()
			for b.Loop() {
				floor += timed(change(free, files...), affected)
				work += timed(c.change, c.jobs)
			}
			b.ReportMetric(float64(work.Microseconds())/float64(b.N)/1e3, "make-ms")
			b.ReportMetric(float64(floor.Microseconds())/float64(b.N)/1e3, "floor-ms")
			b.ReportMetric(float64(work)/float64(floor), "x-floor")
		})
	}
}

package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
)

func testFindings(t *testing.T, open Open) {
	clk, dir := newClock(), t.TempDir()
	s := open(t, dir, clk.now)
	r := run(1, shaA)
	lib, api := job(r, 0, "lib"), job(r, 1, "api")
	lib.Result.Findings = &checks.Findings{
		Tests:       checks.TestCounts{Passed: 3, Failed: 1},
		Failed:      []checks.FailedTest{{Name: "t", Path: "lib/a.go", Line: 3, Message: "<no>\n✗"}},
		Slowest:     []checks.SlowTest{{Name: "u", Took: time.Second}},
		Annotations: []checks.Annotation{{Path: "lib/a.go", StartLine: 3, EndLine: 3, Level: "failure", Message: "no"}},
		Log:         strings.Repeat("a line of the log\n", 1000), Cut: 7,
		Flaky: []checks.FlakyTest{{Name: "t", History: []checks.TestOutcome{{Inputs: "i", Red: true, Run: "r", At: someTime}}}},
	}
	want := *lib.Result.Findings
	must(t, s.Commit(t.Context(), checks.Commit{Runs: []checks.Run{r}, Jobs: []checks.Job{lib, api}}))
	is := func(name string, want *checks.Findings) {
		t.Helper()
		same(t, "findings of "+name, get(s.Job(checks.JobID{Run: r.ID, Package: name}))(t).Result.Findings, want)
	}
	is("lib", &want)
	is("api", nil)
	for _, j := range get(s.Jobs(r.ID))(t) {
		if j.Result.Findings != nil {
			t.Errorf("%s has findings among all jobs", j.ID())
		}
	}
	// A job that is written again without any keeps them.
	lib.Result.Findings = nil
	lib.Attempt = 2
	must(t, s.Commit(t.Context(), checks.Commit{Jobs: []checks.Job{lib}}))
	mustClose(t, s)
	s = open(t, dir, clk.now)
	defer func() { mustClose(t, s) }()
	is("lib", &want)

	// Old ones make room for those of later runs.
	clk.advance(91 * 24 * time.Hour)
	later := run(2, shaA)
	web := job(later, 0, "web")
	web.Result.Findings = &checks.Findings{Cut: 1}
	must(t, s.Commit(t.Context(), checks.Commit{Runs: []checks.Run{later}, Jobs: []checks.Job{web}}))
	is("lib", nil)
	same(t, "findings", get(s.Job(web.ID()))(t).Result.Findings, &checks.Findings{Cut: 1})
}

func testHistories(t *testing.T, open Open) {
	s := open(t, t.TempDir(), newClock().now)
	defer mustClose(t, s)
	history := func(repo int64, pkg, test string, n int) checks.ScopedTestHistory {
		h := checks.ScopedTestHistory{Repo: repo, Package: pkg, TestHistory: checks.TestHistory{Name: test}}
		for i := range n {
			h.Outcomes = append(h.Outcomes, checks.TestOutcome{Inputs: "i", Red: i%2 == 0, Run: fmt.Sprint("r", i), Commit: shaA, At: someTime})
		}
		return h
	}
	all := []checks.ScopedTestHistory{history(11, "lib", "a", 1), history(11, "lib", "b c/d", 2), history(11, "lib2", "a", 3), history(12, "lib", "a", 4)}
	must(t, s.Commit(t.Context(), checks.Commit{Tests: all}))
	same(t, "histories", get(s.TestHistories(11, "lib"))(t), []checks.TestHistory{all[0].TestHistory, all[1].TestHistory})
	same(t, "histories", get(s.TestHistories(11, "li"))(t), []checks.TestHistory(nil))
	must(t, s.Commit(t.Context(), checks.Commit{Tests: []checks.ScopedTestHistory{history(11, "lib", "a", 0), history(11, "lib", "none", 0)}}))
	same(t, "histories", get(s.TestHistories(11, "lib"))(t), []checks.TestHistory{all[1].TestHistory})
	same(t, "histories", get(s.TestHistories(12, "lib"))(t), []checks.TestHistory{all[3].TestHistory})
	for _, bad := range []checks.ScopedTestHistory{history(11, "", "a", 1), history(11, "lib", " ", 1), history(11, "lib", "a\x00b", 1), history(11, "lib", strings.Repeat("x", 5000), 1)} {
		wantKind(t, s.Commit(t.Context(), checks.Commit{Tests: []checks.ScopedTestHistory{bad}}), checks.KindRefused)
	}
}

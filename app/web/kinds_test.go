package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
)

// change puts another run in the place of the site's.
func (s *site) change(f func(*checks.Run)) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	r := s.store.runs[runID]
	f(&r)
	s.store.runs[runID] = r
}

func TestRunsWithoutAPullRequest(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*checks.Run)
		want   []string
	}{
		{"branch", func(r *checks.Run) { r.Trigger, r.Push = "push", &checks.Push{Ref: "refs/heads/main"} },
			[]string{"<h1>Branch <bdi>main</bdi>", "<dt>Branch</dt><dd><bdi>main</bdi></dd>", "a push by ann", "compared with", "acme/shop main</title>"}},
		{"new branch", func(r *checks.Run) { r.BaseSHA, r.Push = "", &checks.Push{Ref: "refs/heads/main"} }, []string{"<h1>Branch <bdi>main</bdi>"}},
		{"tag", func(r *checks.Run) { r.Push = &checks.Push{Ref: "refs/tags/v1"} }, []string{"<h1>Tag <bdi>v1</bdi>"}},
		{"other ref", func(r *checks.Run) { r.Push = &checks.Push{Ref: "refs/notes/x"} }, []string{"<h1>Ref <bdi>refs/notes/x</bdi>"}},
		{"merge group", func(r *checks.Run) {
			r.Trigger, r.MergeGroup = "merge_group.checks_requested", &checks.MergeGroup{BaseRef: "refs/heads/main"}
		}, []string{"<h1>Merge queue <bdi>main</bdi>", "the merge queue by ann", "to come after"}},
		{"hostile", func(r *checks.Run) { r.Push = &checks.Push{Ref: "refs/heads/<script>alert(1)</script>"} }, []string{"&lt;script&gt;alert(1)"}},
		{"nothing known", func(*checks.Run) {}, []string{"<h1>Run "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			s.change(func(r *checks.Run) { r.PullRequest = nil; tt.change(r) })
			for _, path := range []string{"/runs/" + runID, jobPath} {
				resp, body := s.get(path)
				if resp.StatusCode != http.StatusOK || strings.Contains(body, "<script>alert") || strings.Contains(body, "tested merged into") || !strings.HasSuffix(body, "</html>\n") {
					t.Errorf("%s: %d\n%s", path, resp.StatusCode, body)
				}
				if path != jobPath {
					contains(t, body, tt.want...)
				}
			}
		})
	}
}

func TestRunPageOfARerunFromAFork(t *testing.T) {
	s := newSite(t)
	s.change(func(r *checks.Run) {
		r.Trigger, r.RerunOf, r.Outdated = "check_run.requested_action", "OLDRUN", "feedfeedfeedfeed"
		r.Sender, r.Approved = checks.User{ID: 2, Login: "<i>bob"}, &checks.User{ID: 1, Login: "<b>ann"}
		r.Remarks = []string{"<script>eve</script> asked for a re-run, and may not write here"}
	})
	_, body := s.get("/runs/" + runID)
	contains(t, body, "the &#34;Re-run failed&#34; button by &lt;i&gt;bob", `href="../runs/OLDRUN"`, "this exact commit was approved by <bdi>&lt;b&gt;ann</bdi>; its steps have no secrets",
		`the pull request is at <span class="mono">feedfeed</span> now`, "Asked for and not done", "&lt;script&gt;eve&lt;/script&gt; asked")
	_, body = s.get(jobPath)
	contains(t, body, "This commit is outdated", "this exact commit was approved by")

	s.change(func(r *checks.Run) { r.Approved, r.Outdated, r.Remarks = nil, "", nil })
	_, body = s.get("/runs/" + runID)
	contains(t, body, "<dt>From a fork</dt><dd>its steps have no secrets</dd>")
	if strings.Contains(body, "outdated") || strings.Contains(body, "Asked for and not done") {
		t.Error("the page warns of nothing")
	}
	s.change(func(r *checks.Run) {
		r.Verdict = &checks.Verdict{Conclusion: checks.ConclusionActionRequired, Title: "Waiting for approval", Summary: "x"}
	})
	if _, body = s.get("/runs/" + runID); strings.Contains(body, "have no secrets") {
		t.Error("the page speaks of the steps of a run that has none")
	}
}

func TestOutcomesWithoutATest(t *testing.T) {
	s := newSite(t)
	s.store.jobs = nil
	add := func(pkg string, r checks.Result) {
		s.job(pkg, checks.StateDone)
		j := &s.store.jobs[len(s.store.jobs)-1]
		j.Started, j.Result, j.Reasons = time.Time{}, r, nil
	}
	add("lib", checks.Result{Outcome: checks.OutcomePassed})
	add("far", checks.Result{Outcome: checks.OutcomeUnaffected})
	add("old", checks.Result{Outcome: checks.OutcomeNeutral, Detail: "It has a <newer> check."})
	add("cli", checks.Result{Outcome: checks.OutcomeBlocked, Detail: "Not tested. The check `loktar` says why."})
	s.change(func(r *checks.Run) { r.Finished = created.Add(time.Second) })
	_, body := s.get("/runs/" + runID)
	contains(t, body, "1 of 3 could not be run", "1 required package not affected: reported as skipped", `<a href="../runs/`+runID+`/far">far</a>`,
		">Not run here<", "It has a &lt;newer&gt; check.", ">Not tested<", "The check <code>loktar</code> says why.")
	if strings.Contains(body, ">Not affected<") || strings.Count(body, `<td class="name">`) != 3 {
		t.Error("what is not affected is a row")
	}
	_, body = s.get("/runs/" + runID + "/far")
	contains(t, body, ">Not affected<", "reported as skipped", "the job never ran")
}

func TestStateOfARun(t *testing.T) {
	passed, failed, skipped := checks.OutcomePassed, checks.OutcomeFailed, checks.OutcomeSkipped
	far, neutral, stopped := checks.OutcomeUnaffected, checks.OutcomeNeutral, checks.OutcomeCancelled
	for _, tt := range []struct {
		outcomes []checks.Outcome
		want     string
	}{
		{nil, "good\">Nothing affected"},
		{[]checks.Outcome{far}, "good\">Nothing affected"},
		{[]checks.Outcome{passed, far}, "good\">Passed"},
		{[]checks.Outcome{passed, far, passed}, "good\">All 2 passed"},
		{[]checks.Outcome{passed, skipped}, "good\">1 of 2 passed"},
		{[]checks.Outcome{skipped, far}, "none\">Skipped"},
		{[]checks.Outcome{skipped, neutral}, "none\">Neutral"},
		{[]checks.Outcome{passed, stopped, neutral}, "none\">Stopped"},
		{[]checks.Outcome{passed, failed, far}, "bad\">1 of 2 failed"},
	} {
		s := newSite(t)
		s.store.jobs = nil
		for i, o := range tt.outcomes {
			s.job("p"+string(rune('a'+i)), checks.StateDone)
			s.store.jobs[i].Result.Outcome = o
		}
		s.change(func(r *checks.Run) { r.Finished = created.Add(time.Second) })
		if _, body := s.get("/runs/" + runID); !strings.Contains(body, `<span class="badge `+tt.want+"</span></h1>") {
			t.Errorf("%v: no badge %s", tt.outcomes, tt.want)
		}
	}
}

package web_test

import (
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
)

func TestFindingsOnPages(t *testing.T) {
	s := newSite(t)
	s.store.finish("awesome_lib", checks.Result{Outcome: checks.OutcomeFailed, Findings: &checks.Findings{
		Tests:    checks.TestCounts{Passed: 30, Failed: 2, Errors: 1},
		Failed:   []checks.FailedTest{{Name: "a<b>", Path: "awesome_lib/a.py", Line: 9, Message: "<script>alert(1)</script>\nno"}, {Name: "c"}},
		Slowest:  []checks.SlowTest{{Name: "slow<i>", Took: 3 * time.Second}},
		Flaky:    []checks.FlakyTest{{Name: "shaky<u>", History: []checks.TestOutcome{{Red: true, Run: "OLD", At: created}, {Run: runID, At: created}}}},
		Unplaced: []string{"<s>"}, UnplacedMore: 3, Notes: []string{"<q>"},
	}})
	_, page := s.get(jobPath)
	contains(t, page, "<p>2 failed, 1 with errors, 30 passed.</p>", "<bdi>a&lt;b&gt;</bdi>", `<a class="mono" href="https://github.com/acme/shop/blob/0123456789abcdef0123456789abcdef01234567/awesome_lib/a.py#L9" rel="noopener noreferrer"><bdi>awesome_lib/a.py:9</bdi></a>`,
		"&lt;script&gt;alert(1)&lt;/script&gt;\nno</pre>", `<p class="dim">and 1 more</p>`, "<bdi>slow&lt;i&gt;</bdi> 3.0 s",
		`<bdi>shaky&lt;u&gt;</bdi> is flaky: with the same inputs it was <a href="../../runs/OLD/awesome_lib">red</a> on `, "<bdi>&lt;s&gt;</bdi>", "<li>and 3 more</li>", "<bdi>&lt;q&gt;</bdi>")
	if tests, log := strings.Index(page, `id="findings"`), strings.Index(page, `id="log"`); tests < 0 || tests > log {
		t.Errorf("tests at %d, log at %d", tests, log)
	}
	s.store.finish("awesome_lib", checks.Result{Outcome: checks.OutcomePassed, Findings: &checks.Findings{Log: "x"}})
	if _, page := s.get(jobPath); strings.Contains(page, `id="findings"`) {
		t.Errorf("a section without anything in it:\n%s", page)
	}
}

package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
)

func findings() *checks.Findings {
	return &checks.Findings{
		Tests: checks.TestCounts{Passed: 1200, Failed: 2, Errors: 1, Skipped: 4},
		Failed: []checks.FailedTest{
			{Name: "tests.test_pets.test_cat", Path: "libs/lib/tests/test_pets.py", Line: 9, Message: "AssertionError: assert 4 == 3\n +  where 4 = legs('cat')"},
			{Name: "a`b|c", Message: "@octocat <b>"},
		},
		Slowest:     []checks.SlowTest{{Name: "slow", Took: 12 * time.Second}, {Name: "less", Took: 400 * time.Millisecond}},
		Flaky:       []checks.FlakyTest{{Name: "shaky", History: []checks.TestOutcome{{Red: true, Run: "r0", At: noon}, {Run: "r1", At: noon.Add(time.Hour)}}}},
		Annotations: []checks.Annotation{{Path: "libs/lib/tests/test_pets.py", StartLine: 9, EndLine: 9, Level: "failure", Message: "no"}},
		Unplaced:    []string{"/usr/include/stdio.h:1: error: no"}, UnplacedMore: 1234,
		LeftOut: 7, Notes: []string{"x.xml is not a report."},
		Log: "make ci\n```\n</details> @octocat\nmake: *** [Makefile:2: ci] Error 1", Cut: 1500,
	}
}

func TestFindings(t *testing.T) {
	j := ended(testJob("lib"), checks.Result{Outcome: checks.OutcomeFailed, ExitCode: 2, Detail: "`make ci` exited with 2.", Findings: findings()}, 3*time.Second)
	j.Reasons = nil
	cr := Package(testRun(), j, base)
	if want := "Failed after 3.0 s: 3 of 1,207 tests failed"; cr.Title != want {
		t.Errorf("title %q, want %q", cr.Title, want)
	}
	want := "`make ci` exited with 2.\n\n" +
		"**Tested:** `abcdef0` merged into `main` at `0123456`\n\n" +
		"**Tests:** 2 failed, 1 with errors, 1200 passed, 4 skipped\n\n" +
		"- ❌ `tests.test_pets.test_cat` at `libs/lib/tests/test_pets.py:9`\n" +
		"  AssertionError: assert 4 == 3 + where 4 = legs('cat')\n" +
		"- ❌ <code>a&#96;b&#124;c</code>\n" +
		"  @&#8203;octocat &lt;b&gt;\n" +
		"- and 1 more failed test\n\n" +
		"- 🎲 `shaky` is flaky: with the same inputs it was [red](https://ci.example.org/runs/r0/lib) on Jan 2, 12:00:00 UTC, [green](https://ci.example.org/runs/r1/lib) on Jan 2, 13:00:00 UTC\n\n" +
		"**Slowest tests:** `slow` 12 s, `less` 0.4 s\n\n" +
		"**Not on a file of the repository:**\n\n- /usr/include/stdio.h:1: error: no\n- and 1,234 more remarks\n\n" +
		"1 annotation shown on the files; 7 less bad ones are left out.\n\n" +
		"> ⚠️ x.xml is not a report.\n>\n\n" +
		"[Open the log](https://ci.example.org/runs/r1/lib)\n"
	if diff := cmp.Diff(want, cr.Summary); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	text := "**The failing part of the log**, without the 1,500 lines before it ([all of it](https://ci.example.org/runs/r1/lib)):\n\n" +
		"````text\nmake ci\n```\n</details> @octocat\nmake: *** [Makefile:2: ci] Error 1\n````\n"
	if diff := cmp.Diff(text, cr.Text); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(findings().Annotations, cr.Annotations); diff != "" {
		t.Error(diff)
	}
	j.State = checks.StateQueued // what an earlier attempt told says nothing yet
	if cr := Package(testRun(), j, base); cr.Text != "" || cr.Annotations != nil || strings.Contains(cr.Summary, "Tests") {
		t.Errorf("of a job that waits: %+v", cr)
	}
}

// TestAnnotationsOfManyPackages: in a large run each check is written once.
func TestAnnotationsOfManyPackages(t *testing.T) {
	f := &checks.Findings{}
	for i := range 200 {
		f.Annotations = append(f.Annotations, checks.Annotation{Path: "a", StartLine: i + 1, EndLine: i + 1, Level: "failure", Message: "m"})
	}
	j := ended(testJob("lib"), checks.Result{Outcome: checks.OutcomeFailed, Findings: f}, time.Second)
	for packages, want := range map[int]int{1: 200, 20: 200, 21: 50, 1000: 50} {
		run := testRun()
		for i := range packages {
			run.Packages = append(run.Packages, fmt.Sprint("p", i))
		}
		cr := Package(run, j, base)
		if len(cr.Annotations) != want || want < 200 != strings.Contains(cr.Summary, "50 annotations shown on the files; 150 less bad ones are left out.") {
			t.Errorf("%d packages: %d annotations; %s", packages, len(cr.Annotations), cr.Summary)
		}
	}
}

// anyFindings are hostile, and no longer than findings get.
var anyFindings = rapid.Custom(func(t *rapid.T) *checks.Findings {
	if rapid.Bool().Draw(t, "none") {
		return nil
	}
	short := func(s string, most int) string { return s[:min(len(s), most)] }
	f := &checks.Findings{Tests: checks.TestCounts{Failed: rapid.IntRange(0, 1e6).Draw(t, "failed")}, LeftOut: rapid.IntRange(0, 9).Draw(t, "left out")}
	for range rapid.IntRange(0, 30).Draw(t, "tests") {
		f.Failed = append(f.Failed, checks.FailedTest{Name: short(words.Draw(t, "name"), 200), Path: words.Draw(t, "path"), Message: short(words.Draw(t, "message"), 300)})
		f.Unplaced = append(f.Unplaced, short(words.Draw(t, "unplaced"), 300))
		f.Flaky = append(f.Flaky, checks.FlakyTest{Name: short(words.Draw(t, "flaky"), 200), History: []checks.TestOutcome{{Red: true, Run: "r"}}})
	}
	f.Log = strings.Join(rapid.SliceOfN(words, 0, 6).Draw(t, "log"), "\n")
	return f
})

func TestAnyFindingsFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := ended(testJob("lib"), checks.Result{Outcome: checks.OutcomeFailed, Findings: anyFindings.Draw(t, "findings")}, time.Second)
		cr := Package(anyRun.Draw(t, "run"), j, base)
		within(t, cr)
		if !strings.HasSuffix(cr.Summary, "[Open the log](https://ci.example.org/runs/r1/lib)\n") {
			t.Fatalf("the summary hides its end: %.300q", cr.Summary[max(0, len(cr.Summary)-300):])
		}
		if cr.Text == "" {
			return
		}
		// The fence that the text opens is closed by its own end alone.
		_, rest, ok := strings.Cut(cr.Text, "\n\n`")
		fence := "`" + rest[:max(0, strings.Index(rest, "text\n"))]
		lines := strings.Split(strings.TrimRight(cr.Text, "\n"), "\n")
		shut := 0
		for _, l := range lines {
			if strings.HasPrefix(strings.TrimLeft(l, " "), fence) && strings.Trim(l, "` ") == "" {
				shut++
			}
		}
		if !ok || strings.Trim(fence, "`") != "" || shut != 1 {
			t.Fatalf("fence %q is closed %d times: %.300q", fence, shut, cr.Text)
		}
	})
}

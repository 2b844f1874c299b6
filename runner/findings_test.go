package runner_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

// TestRunFindings runs a test that leaves a report and prints what a compiler
// says, with a secret in all of it.
func TestRunFindings(t *testing.T) {
	left := t.TempDir()
	writeIn(t, left, "junit.xml", `<testsuite><testcase classname="pkg.sub.Some_hunter22hunter22" name="no"><failure message="hunter22hunter22 is wrong">    at a (pkg/sub/a.js:7:1)</failure></testcase><testcase name="yes" time="3"/></testsuite>`)
	writeIn(t, left, "other.xml", "<html>")
	f := setUp(t, 1)
	for _, name := range []string{"pkg/main.c", "pkg/sub/a.js", "deep/only/here.c"} {
		writeIn(t, f.lender.dir, name, "x")
	}
	exit := runner.Exit{Code: 2, Step: 1}
	f.sandbox.do = func(ctx context.Context, task runner.Task, out runner.Output) (runner.Exit, error) {
		say := func(lines string) { _, _ = io.WriteString(out, lines) }
		out.Heading("where it runs")
		out.Step("first")
		say("main.c:1:1: error: said by what passed\n")
		out.Step("second")
		say("\x1b[31mmain.c:3:5: error: no hunter22hunter22 here\x1b[0m\n")
		say("/workspace/pkg/../pkg/main.c:4: warning: w\nonly/here.c:5: error: far\nmissing.c:1: error: nowhere\n")
		say("half a line")
		out.Heading("Stopping")
		out.Step("make clean")
		say("main.c:9:9: error: of cleaning up\n")
		_, _, err := runner.CollectFrom(ctx, openFolder(t, left), task.Artifacts)
		return exit, err
	}
	f.Runner = runner.New(runner.Options{Sandbox: f.sandbox, Workspaces: f.lender, LogDir: f.logs,
		Secrets: func(context.Context, checks.Run, checks.Job) (map[string]string, error) {
			return map[string]string{"PASSWORD": "hunter22hunter22"}, nil
		},
		Keep: func(context.Context, runner.KeptFile) (string, error) { return "sum", nil },
	})
	j := checks.Job{Run: "run1", Attempt: 1, Package: checks.Package{Name: "p", Dir: "pkg", TestType: checks.TestCommand,
		Commands: []string{"first", "second"}, Clean: []string{"make clean"}, Reports: []string{"*.xml"}, Secrets: []string{"PASSWORD"}}}
	r, err := f.Run(t.Context(), checks.Run{ID: "run1", HeadSHA: "abc", Tree: "def", Repo: checks.Repo{ID: 5}}, j)
	if err != nil || r.Findings == nil {
		t.Fatalf("%+v, %v", r, err)
	}
	var got []string
	for _, a := range r.Findings.Annotations {
		got = append(got, a.Level+" "+a.Path+" "+strings.ReplaceAll(a.Message, "\n", "/"))
	}
	want := []string{
		"failure pkg/sub/a.js *** is wrong//    at a (pkg/sub/a.js:7:1)",
		"failure pkg/main.c said by what passed",
		"failure pkg/main.c no *** here",
		"failure deep/only/here.c far",
		"warning pkg/main.c w",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("annotations:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if c := r.Findings.Tests; c.Failed != 1 || c.Passed != 1 || r.Findings.Failed[0].Name != "pkg.sub.Some_***.no" {
		t.Errorf("tests: %+v, %+v", c, r.Findings.Failed)
	}
	if len(r.Findings.Notes) != 1 || !strings.HasPrefix(r.Findings.Notes[0], "other.xml is not a report") {
		t.Errorf("notes: %q", r.Findings.Notes)
	}
	if len(r.Findings.Unplaced) != 1 || r.Findings.Unplaced[0] != "missing.c:1: error: nowhere" {
		t.Errorf("unplaced: %q", r.Findings.Unplaced)
	}
	log := "main.c:3:5: error: no *** here\n/workspace/pkg/../pkg/main.c:4: warning: w\nonly/here.c:5: error: far\nmissing.c:1: error: nowhere\nhalf a line"
	if r.Findings.Log != log {
		t.Errorf("log: %q, want %q", r.Findings.Log, log)
	}

	// A second attempt has its own log, and a green one none.
	writeIn(t, left, "junit.xml", "")
	j.Attempt = 2
	exit = runner.Exit{Code: 1}
	f.sandbox.do = func(_ context.Context, _ runner.Task, out runner.Output) (runner.Exit, error) {
		out.Step("first")
		_, _ = io.WriteString(out, "main.c:8:1: error: again\n")
		return exit, nil
	}
	again := func() *checks.Findings {
		t.Helper()
		r, err := f.Run(t.Context(), checks.Run{ID: "run1", HeadSHA: "abc", Tree: "def", Repo: checks.Repo{ID: 5}}, j)
		if err != nil {
			t.Fatal(err)
		}
		return r.Findings
	}
	if found := again(); found == nil || len(found.Annotations) != 1 || found.Annotations[0].StartLine != 8 || found.Log != "main.c:8:1: error: again" {
		t.Errorf("the second attempt: %+v", found)
	}
	exit = runner.Exit{}
	if found := again(); found != nil {
		t.Errorf("a green attempt: %+v", found)
	}
}

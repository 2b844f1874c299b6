package command_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/command"
	"github.com/dudesons/loktar/checks/markdown"
)

func TestParse(t *testing.T) {
	for line, want := range map[string]command.Command{
		"/loktar retry":            {Verb: command.Retry},
		"  /loktar\tretest  ":      {Verb: command.Retest},
		"/loktar cancel":           {Verb: command.Cancel},
		"/loktar why web-front":    {Verb: command.Why, Package: "web-front"},
		"/loktar   why   pet_api ": {Verb: command.Why, Package: "pet_api"},
	} {
		if got, err := command.Parse(line); err != nil || got != want {
			t.Errorf("%q: %+v, %v", line, got, err)
		}
	}
	for line, want := range map[string]string{
		"/loktar":             "`/loktar` is not a command. The commands are `/loktar retry`",
		"/loktar retyr":       "`/loktar retyr` is not a command",
		"/loktar retry lib":   "`/loktar retry lib` is not a command",
		"/loktar why":         "Name a package: `/loktar why PACKAGE`.",
		"/loktar why a b":     "is not a command",
		"/loktarretry":        "is not a command",
		"":                    "is not a command",
		"/loktar `x` @ann <b": "is not a command",
	} {
		_, err := command.Parse(line)
		if checks.KindOf(err) != checks.KindRefused || !strings.Contains(checks.PublicText(err, ""), want) {
			t.Errorf("%q: %v, want %q", line, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"/loktar why a", "/loktar `", "/loktar why \x00", "/loktar @x <!--"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		c, err := command.Parse(line)
		switch {
		case err == nil && c.Verb == command.Why:
			if c.Package == "" || strings.ContainsAny(c.Package, " \t\n") {
				t.Fatalf("%q: package %q", line, c.Package)
			}
		case err == nil:
			if c.Package != "" {
				t.Fatalf("%q: %+v", line, c)
			}
		case len(checks.PublicText(err, "")) > 1000 || !utf8.ValidString(checks.PublicText(err, "")):
			t.Fatalf("%q: the answer is %q", line, checks.PublicText(err, ""))
		}
	})
}

func TestAnswers(t *testing.T) {
	run := checks.Run{HeadSHA: "0123456789abcdef", Unaffected: []string{"doc"}}
	jobs := []checks.Job{
		{Package: checks.Package{Name: "lib"}, State: checks.StateDone, Reasons: []checks.Reason{{Kind: checks.ReasonFile, Dir: "lib", Subject: "a|<b>.go"}}},
		{Package: checks.Package{Name: "api"}, State: checks.StateQueued, Needs: []string{"lib"}, Reasons: []checks.Reason{{Kind: checks.ReasonDependency, Subject: "lib"}}},
		{Package: checks.Package{Name: "req"}, State: checks.StateDone, Result: checks.Result{Outcome: checks.OutcomeUnaffected}},
	}
	pointers := []*checks.Job{&jobs[0], &jobs[1], &jobs[2]}
	outdated := run
	outdated.Outdated = "fedcba9876543210"
	waits := run
	waits.Verdict, waits.Unaffected = &checks.Verdict{Title: "Waiting for approval: from a fork"}, nil
	for _, c := range []struct{ got, want string }{
		{command.Reasons(run, jobs, "lib"), "`lib` is affected at `0123456`:\n\n- " + markdown.Text("lib changed: a|<b>.go") + "\n"},
		{command.Reasons(run, jobs, "api"), "`api` is affected at `0123456`:\n\n- depends on lib\n\nIt is tested after `lib`, which it needs.\n"},
		{command.Reasons(run, jobs, "doc"), "`doc` is not affected at `0123456`: no changed file is its own or in its `inputs`, and it depends on no package that is affected."},
		{command.Reasons(run, jobs, "req"), "`req` is not affected at `0123456`: no changed file is its own or in its `inputs`, and it depends on no package that is affected."},
		{command.Reasons(run, jobs, "lbi"), "There is no package `lbi` in `loktar.json` at `0123456`. Names are case-sensitive."},
		{command.Reasons(waits, nil, "lib"), "Nothing is known of `lib` at `0123456`. Waiting for approval: from a fork. The check `loktar` says more."},
		{command.Reasons(waits, []checks.Job{{Package: checks.Package{Name: "req"}, Result: checks.Result{Outcome: checks.OutcomeBlocked}}}, "req"), "Nothing is known of `req` at `0123456`. Waiting for approval: from a fork. The check `loktar` says more."},
		{command.Started(run, pointers), "Testing 1 package at `0123456`: `api`. The check `loktar` shows how it goes."},
		{command.Started(run, pointers[:1]), "There is nothing to run at `0123456`. The check `loktar` says why."},
		{command.Started(outdated, pointers), "Testing 1 package at `0123456`: `api`. The check `loktar` shows how it goes. This commit is outdated: the pull request is at `fedcba9` now."},
		{command.Started(waits, nil), "Nothing runs at `0123456`. Waiting for approval: from a fork. The check `loktar` says more."},
		{command.Cancelled(0), "Nothing of this pull request runs or waits."},
		{command.Cancelled(2), "Cancelled 2 packages."},
	} {
		if c.got != c.want {
			t.Errorf("got  %q\nwant %q", c.got, c.want)
		}
	}
}

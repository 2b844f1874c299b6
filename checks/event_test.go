package checks_test

import (
	"testing"

	"github.com/dudesons/loktar/checks"
)

func TestUntrusted(t *testing.T) {
	ours, theirs := checks.Repo{ID: 1, Owner: "acme", Name: "shop"}, checks.Repo{ID: 2, Owner: "eve", Name: "shop"}
	renamed := checks.Repo{ID: 1, Owner: "acme", Name: "store"}
	for name, c := range map[string]struct {
		head, base checks.Repo
		want       bool
	}{
		"ours":                  {ours, ours, false},
		"ours, renamed between": {renamed, ours, false},
		"another's":             {theirs, ours, true},
		"same name, another id": {checks.Repo{ID: 3, Owner: "acme", Name: "shop"}, ours, true},
		"gone":                  {checks.Repo{}, ours, true},
		"neither is known":      {checks.Repo{}, checks.Repo{}, true},
	} {
		pr := checks.PullRequest{Head: checks.Ref{Repo: c.head}, Base: checks.Ref{Repo: c.base}}
		if got := (&checks.Run{PullRequest: &pr}).Untrusted(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if (&checks.Run{}).Untrusted() {
		t.Error("what is no pull request is the repository's own")
	}
}

func TestTargets(t *testing.T) {
	repo := checks.Repo{ID: 1}
	pr, group := &checks.PullRequest{Number: 7}, &checks.MergeGroup{HeadRef: "refs/heads/gh-readonly-queue/main/pr-7", BaseRef: "refs/heads/main"}
	push := &checks.Push{Ref: "refs/heads/main"}
	for name, c := range map[string]struct {
		event checks.Event
		want  checks.Target
	}{
		"a pull request":  {checks.Event{Repo: repo, PullRequest: pr}, checks.Target{Repo: 1, Pull: 7}},
		"a push":          {checks.Event{Repo: repo, Push: push}, checks.Target{Repo: 1, Ref: "refs/heads/main"}},
		"a merge group":   {checks.Event{Repo: repo, MergeGroup: group}, checks.Target{Repo: 1, Ref: "refs/heads/gh-readonly-queue/main/pr-7"}},
		"neither":         {checks.Event{Repo: repo, CheckRun: &checks.CheckRunRef{Name: "a"}}, checks.Target{Repo: 1}},
		"no repository":   {checks.Event{}, checks.Target{}},
		"a pull and push": {checks.Event{Repo: repo, PullRequest: pr, Push: push}, checks.Target{Repo: 1, Pull: 7}},
	} {
		run := checks.Run{Repo: c.event.Repo, PullRequest: c.event.PullRequest, Push: c.event.Push, MergeGroup: c.event.MergeGroup}
		if e, r := c.event.Target(), run.Target(); e != c.want || r != c.want {
			t.Errorf("%s: event %+v, run %+v", name, e, r)
		}
	}
}

func TestRefNames(t *testing.T) {
	for ref, want := range map[string][2]string{
		"refs/heads/main":           {"main", ""},
		"refs/heads/a/b":            {"a/b", ""},
		"refs/tags/v1":              {"", "v1"},
		"refs/heads/refs/tags/v1":   {"refs/tags/v1", ""},
		"refs/heads/":               {"", ""},
		"refs/notes/commits":        {"", ""},
		"main":                      {"", ""},
		"":                          {"", ""},
		"refs/heads/\xff x\n":       {"\xff x\n", ""},
		"refs/tags/refs/heads/main": {"", "refs/heads/main"},
	} {
		p := checks.Push{Ref: ref}
		if got := [2]string{p.Branch(), p.Tag()}; got != want {
			t.Errorf("%q: %q", ref, got)
		}
		g := checks.MergeGroup{BaseRef: ref}
		if got := g.Branch(); got != want[0] {
			t.Errorf("a merge group to %q: %q", ref, got)
		}
	}
}

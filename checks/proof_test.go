package checks_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
)

func TestScopes(t *testing.T) {
	here, there := checks.Repo{ID: 1}, checks.Repo{ID: 2}
	main := &checks.Push{Ref: "refs/heads/main", DefaultBranch: "main"}
	pull := func(head checks.Repo) *checks.PullRequest {
		return &checks.PullRequest{Number: 7, Head: checks.Ref{Repo: head}, Base: checks.Ref{Repo: here}}
	}
	for name, c := range map[string]struct {
		pr          *checks.PullRequest
		push        *checks.Push
		group       *checks.MergeGroup
		read, write []checks.Scope
	}{
		"the default branch":  {nil, main, nil, []checks.Scope{"main", "tree/t"}, []checks.Scope{"main"}},
		"another branch":      {nil, &checks.Push{Ref: "refs/heads/x", DefaultBranch: "main"}, nil, []checks.Scope{"main", "refs/heads/x", "tree/t"}, []checks.Scope{"refs/heads/x", "tree/t"}},
		"a tag of its name":   {nil, &checks.Push{Ref: "refs/tags/main", DefaultBranch: "main"}, nil, []checks.Scope{"main", "refs/tags/main", "tree/t"}, []checks.Scope{"refs/tags/main", "tree/t"}},
		"nobody knows":        {nil, &checks.Push{Ref: "refs/heads/"}, nil, []checks.Scope{"main", "refs/heads/", "tree/t"}, []checks.Scope{"refs/heads/", "tree/t"}},
		"a pull request":      {pull(here), nil, nil, []checks.Scope{"main", "pull/7", "tree/t"}, []checks.Scope{"pull/7", "tree/t"}},
		"a fork":              {pull(there), nil, nil, []checks.Scope{"main", "tree/t"}, nil},
		"a fork that is gone": {pull(checks.Repo{}), nil, nil, []checks.Scope{"main", "tree/t"}, nil},
		"a merge queue":       {nil, nil, &checks.MergeGroup{BaseRef: "refs/heads/main"}, []checks.Scope{"main", "tree/t"}, []checks.Scope{"tree/t"}},
	} {
		if got := checks.ReadScopes(checks.Event{PullRequest: c.pr, Push: c.push, MergeGroup: c.group}, "t"); !slices.Equal(got, c.read) {
			t.Errorf("%s reads %q, want %q", name, got, c.read)
		}
		if got := checks.WriteScopes(&checks.Run{PullRequest: c.pr, Push: c.push, MergeGroup: c.group, Tree: "t"}); !slices.Equal(got, c.write) {
			t.Errorf("%s writes %q, want %q", name, got, c.write)
		}
		want := c.read
		if c.write == nil {
			want = nil
		}
		if got := checks.RefuteScopes(&checks.Run{PullRequest: c.pr, Push: c.push, MergeGroup: c.group, Tree: "t"}); !slices.Equal(got, want) {
			t.Errorf("%s takes back from %q, want %q", name, got, want)
		}
	}
}

// TestNoProofCrossesTrust: what a stranger's run writes nobody reads, and what
// one pull request or branch writes no other reads, but for the very tree.
func TestNoProofCrossesTrust(t *testing.T) {
	event := rapid.Custom(func(r *rapid.T) checks.Event {
		ev := checks.Event{Repo: checks.Repo{ID: 1}}
		switch rapid.IntRange(0, 2).Draw(r, "kind") {
		case 0:
			ev.PullRequest = &checks.PullRequest{Number: rapid.IntRange(1, 3).Draw(r, "number"),
				Head: checks.Ref{Repo: checks.Repo{ID: int64(rapid.IntRange(0, 2).Draw(r, "head"))}}, Base: checks.Ref{Repo: checks.Repo{ID: 1}}}
		case 1:
			ev.Push = &checks.Push{Ref: rapid.SampledFrom([]string{"refs/heads/main", "refs/heads/pull/1", "refs/tags/main", "refs/heads/tree/t"}).Draw(r, "ref"), DefaultBranch: "main"}
		default:
			ev.MergeGroup = &checks.MergeGroup{}
		}
		return ev
	})
	rapid.Check(t, func(r *rapid.T) {
		from, to := event.Draw(r, "from"), event.Draw(r, "to")
		run := checks.Run{Repo: from.Repo, PullRequest: from.PullRequest, Push: from.Push, MergeGroup: from.MergeGroup, Tree: "one"}
		read := checks.ReadScopes(to, "other")
		isMain := from.Push != nil && from.Push.Ref == "refs/heads/main"
		for _, s := range checks.WriteScopes(&run) {
			switch {
			case run.Untrusted():
				r.Fatalf("a stranger writes %q", s)
			case slices.Contains(read, s) && !isMain && from.Target() != to.Target():
				r.Fatalf("%v reads %q of %v", to.Target(), s, from.Target())
			}
		}
	})
}
